"""A call tied to a customer: the app's proof replaces what the number suggested."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from caller_id.tied import AppProof, tied_caller
from caller_id.types import Authentication, Caller, NumberTrust, Segment

WHEN = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
PROOF = AppProof("c-1", Segment.SELECT, "app-pin", WHEN, "en", "cards/blocked")
OWNER = Caller("+48600100200", NumberTrust.TRUNK, segment=Segment.SME, language="pl", tenure_years=7.0, customer_ref="c-1")


def test_the_customer_is_proven_with_level_and_time() -> None:
    caller = tied_caller(Caller(), PROOF)
    assert (caller.authentication, caller.level, caller.authenticated_at) == (Authentication.APP, "app-pin", WHEN)
    assert (caller.customer_ref, caller.segment, caller.language, caller.screen) == ("c-1", Segment.SELECT, "en", "cards/blocked")


def test_the_same_customer_keeps_the_hints_of_their_number() -> None:
    assert tied_caller(OWNER, PROOF).tenure_years == 7.0
    assert tied_caller(OWNER, PROOF).number == "+48600100200"


def test_another_customer_than_the_numbers_owner_gets_none_of_the_owners_hints() -> None:
    caller = tied_caller(replace(OWNER, customer_ref="c-2"), PROOF)
    assert (caller.customer_ref, caller.tenure_years, caller.segment) == ("c-1", None, Segment.SELECT)

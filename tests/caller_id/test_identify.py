"""From an INVITE to a `Caller`."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caller_id.directory import Customer, DirectoryError
from caller_id.identify import identify, known_caller
from caller_id.phone_numbers import parse_number
from caller_id.rules import UNTRUSTED, CallerIdRules
from caller_id.types import Authentication, Caller, NumberTrust, Segment

PRIVATE = Customer(Segment.PRIVATE_BANKING, "en", 12.0, "C-1")
NUMBER = "+48600100200"
FROM = f"sip:{NUMBER}@pbx.example"
TO = "sip:+48221234567@bank.example"


class Directory:
    """Knows one number; or fails."""

    def __init__(self, *customers: Customer, error: Exception | None = None) -> None:
        self.customers = customers
        self.error = error

    async def look_up(self, number: str) -> Sequence[Customer]:
        if self.error:
            raise self.error
        return self.customers if number == NUMBER else ()


async def test_a_known_number_from_a_trunk_gives_its_hints_and_no_authentication() -> None:
    """Number, trust and authentication stay three facts."""
    assert await identify({}, FROM, TO, CallerIdRules(), directory=Directory(PRIVATE)) == Caller(
        number=NUMBER,
        trust=NumberTrust.TRUNK,
        segment=Segment.PRIVATE_BANKING,
        language="en",
        tenure_years=12.0,
        customer_ref="C-1",
        dialled="+48221234567",
        authentication=Authentication.NONE,
    )


async def test_a_number_nobody_vouches_for_gives_no_hint() -> None:
    """Anyone can write the number of a Private Banking customer into From."""
    caller = await identify({}, FROM, TO, UNTRUSTED, directory=Directory(PRIVATE))
    assert (caller.number, caller.trust, caller.segment, caller.customer_ref) == (NUMBER, NumberTrust.NONE, Segment.MASS, None)


@pytest.mark.parametrize("sender", [f"<tel:{NUMBER};ext=12>", f"sip:{NUMBER};ext=12@x", f"sip:{NUMBER}x12@x"])
async def test_an_extension_is_not_taken_for_the_customer_whose_switchboard_it_is(sender: str) -> None:
    caller = await identify({}, sender, TO, CallerIdRules(), directory=Directory(PRIVATE))
    assert (caller.number, caller.extension, caller.trust) == (NUMBER, "12", NumberTrust.TRUNK)
    assert (caller.segment, caller.language, caller.tenure_years, caller.customer_ref) == (Segment.MASS, None, None, None)


async def test_a_withheld_number_is_served_as_anyones() -> None:
    """It may be a spoofed one that the operator hid: no personalisation."""
    caller = await identify(
        {"privacy": "id", "p-asserted-identity": f"<{FROM}>"}, FROM, TO, CallerIdRules(), directory=Directory(PRIVATE)
    )
    assert (caller.number, caller.withheld, caller.trust, caller.segment) == (None, True, NumberTrust.NONE, Segment.MASS)


@pytest.mark.parametrize("error", [DirectoryError("file gone"), RuntimeError("the bank's own code")])
async def test_a_failing_directory_costs_the_hint_and_not_the_call(error: Exception) -> None:
    """The caller is then anyone."""
    caller = await identify({}, FROM, TO, CallerIdRules(), directory=Directory(error=error))
    assert (caller.number, caller.segment) == (NUMBER, Segment.MASS)


@pytest.mark.parametrize(
    ("number", "language"),
    [("+48600100209", None), ("+380671234567", "uk"), ("+447700900123", "en"), ("+4915112345678", None), ("4021", None)],
)
async def test_a_foreign_number_hints_at_a_language(number: str, language: str | None) -> None:
    """Where callers of that country would not follow Polish; the customer's own language goes before it."""
    caller = await identify({}, f"sip:{number}@x", TO, CallerIdRules(), directory=Directory(PRIVATE))
    assert caller.language == language


@pytest.mark.parametrize(("to", "dialled"), [(TO, "+48221234567"), ("sip:19999@bank.example", "19999"), ("sip:hotline@x", None)])
async def test_the_dialled_number_tells_the_line(to: str, dialled: str | None) -> None:
    """As E.164, or a short code's digits."""
    assert (await identify({}, FROM, to, CallerIdRules())).dialled == dialled


def test_a_text_conversation_can_play_any_caller() -> None:
    """With a number given by hand and what the directory says of it."""
    caller = known_caller(parse_number("600 100 200"), NumberTrust.TRUNK, PRIVATE)
    assert (caller.number, caller.segment) == (NUMBER, Segment.PRIVATE_BANKING)


@given(
    st.dictionaries(st.sampled_from(["p-asserted-identity", "from", "privacy", "remote-party-id", "diversion"]), st.text()),
    st.one_of(st.text(), st.just(FROM)),
    st.text(),
    st.booleans(),
)
async def test_nothing_in_an_invite_raises_and_no_hint_comes_without_trust(
    headers: dict[str, str], from_uri: str, to_uri: str, trusted: bool
) -> None:
    """Whatever a peer sends."""
    caller = await identify(headers, from_uri, to_uri, CallerIdRules(trusted=trusted, verstat=True), directory=Directory(PRIVATE))
    if caller.trust is NumberTrust.NONE:
        assert (caller.segment, caller.customer_ref, caller.tenure_years) == (Segment.MASS, None, None)
    if not trusted:
        assert caller.trust is NumberTrust.NONE

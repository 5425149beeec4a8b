"""A telephone call that brings a ticket is its customer's, once; a bad one changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from caller_id.types import Authentication, Caller, NumberTrust, Segment
from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, open_probe, start_bot
from tests.voicebot.identity.bank import APP, Bank, opened, order
from tests.voicebot.state.servers import StateServer
from voicebot.calls.tying import by_header
from voicebot.endpoints.leg import CallOffer
from voicebot.state.shared import SharedState

__all__ = ["open_probe", "start_bot"]

CALLER = Caller("+48600100200", NumberTrust.TRUNK, segment=Segment.MASS, customer_ref="c-1", tenure_years=3.0)


@pytest.fixture
async def bank(shared: SharedState, tmp_path: Path) -> AsyncIterator[Bank]:
    async with opened(shared, tmp_path) as running:
        yield running


async def test_the_ticket_of_an_invite_ties_the_call_and_only_one(bank: Bank, start_bot: StartBot, open_probe: OpenProbe) -> None:
    """As it comes over the wire."""
    issued = await bank.identity.tickets.issue(APP, order(language="pl", screen="cards"))
    bot, tie = await start_bot(), by_header(bank.identity.tickets, bank.identity.audit)
    seen = []
    for call in ("k1", "k2"):
        probe = await open_probe(bot)
        probe.invite(headers=(f"X-Ticket: {issued.token}",))
        leg = await bot.leg()
        seen.append(await tie(CALLER, leg.offer, call))
        await leg.hang_up()
    first, second = seen
    assert (first.authentication, first.customer_ref, first.level) == (Authentication.APP, "c-4711", "app-biometric")
    assert (first.segment, first.screen, first.tenure_years) == (Segment.SELECT, "cards", None)
    assert second == CALLER


@pytest.mark.parametrize("header", ["", " ", "x", "a.b.c", "e" * 5000, "ż"])
async def test_what_is_no_ticket_changes_nothing(bank: Bank, header: str) -> None:
    assert (
        await by_header(bank.identity.tickets, bank.identity.audit)(CALLER, CallOffer("r", "f", "t", {"x-ticket": header}), "k1")
        == CALLER
    )


async def test_a_call_without_one_asks_nobody_and_with_the_state_away_it_goes_on(bank: Bank, server: StateServer) -> None:
    issued = await bank.identity.tickets.issue(APP, order())
    server.kill()
    tie = by_header(bank.identity.tickets, bank.identity.audit)
    assert await tie(CALLER, CallOffer("r", "f", "t"), "k1") == CALLER
    assert await tie(CALLER, CallOffer("r", "f", "t", {"x-ticket": issued.token}), "k1") == CALLER

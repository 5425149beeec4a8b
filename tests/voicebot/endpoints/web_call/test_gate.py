"""Who reaches the stack by this machine's own address: apps with a session, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.voicebot.endpoints.contract.far_end import QUEUE
from tests.voicebot.endpoints.contract.web_call import AppStack
from tests.voicebot.endpoints.sip.conftest import settings
from tests.voicebot.endpoints.sip.sip_probe import Probe
from tests.voicebot.endpoints.web_call.bank import ADDRESS, needs_address, until
from tests.voicebot.endpoints.web_call.test_offer import LINES, text
from voicebot.endpoints.leg import TransferOutcome
from voicebot.endpoints.sip.settings import APP_SESSION
from voicebot.endpoints.sip.trace import Invite
from voicebot.endpoints.web_call.dialog import AppDialogs, AppStacks, Refused
from voicebot.endpoints.web_call.offer import Offer
from voicebot.endpoints.web_call.settings import WebCallSettings

pytestmark = needs_address
OFFER = Offer.parse(text(*LINES)).sdp()


@pytest.fixture
async def stack() -> AsyncIterator[AppStack]:
    """Its trunk is elsewhere."""
    app = AppStack(settings(host=ADDRESS, own_calls=True, peers=("198.51.100.0/24",)), WebCallSettings(enabled=True, connect_s=1))
    await app.start()
    yield app
    await app.close()


async def test_an_unknown_session_is_refused(stack: AppStack) -> None:
    dialogs = await AppDialogs.open(stack.sip.address, stack.web.settings.user)
    for headers in ({APP_SESSION: "guessed"}, {APP_SESSION: ""}, {}):
        with pytest.raises(Refused):
            await dialogs.new(headers).invite(OFFER, 5)
    await until(lambda: stack.web.counts.live == 0)
    assert stack.web.counts.refused == 3
    assert stack.apps.empty()
    dialogs.close()


async def test_no_app_can_be_sent_elsewhere(stack: AppStack) -> None:
    """And its endpoint says so, for whoever puts callers through."""
    dialogs = await AppDialogs.open(stack.sip.address, stack.web.settings.user)
    calling = asyncio.create_task(dialogs.new({APP_SESSION: "known"}).invite(OFFER, 10))
    leg = await asyncio.wait_for(stack.apps.get(), 10)
    assert not leg.offer.takes_refer
    assert await leg.transfer(QUEUE, 1.0) == TransferOutcome(False, "refused")
    await leg.hang_up()
    with pytest.raises(Refused):
        await calling
    assert await leg.transfer(QUEUE, 1.0) == TransferOutcome(False, "gone")
    dialogs.close()


async def test_this_machine_is_no_peer_of_the_trunk(stack: AppStack) -> None:
    """The gate lets its packets in for the apps' account; no other account takes its calls."""
    assert ADDRESS is not None
    probe = await Probe.open(stack.sip.address, ADDRESS)
    probe.invite(probe.offer())
    assert (await probe.final("INVITE")).status >= 400
    assert stack.trunk.empty()
    assert stack.sip.counts.refused == 1
    await probe.close()


async def test_a_call_of_which_nothing_is_known_is_not_the_only_trunks(stack: AppStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be this machine's own: it is served, and its headers vouch for nobody."""

    async def unknown(call_id: str, timeout_s: float = 0.5) -> Invite:
        return Invite()

    monkeypatch.setattr(stack.sip.trace, "invite", unknown)
    assert ADDRESS is not None
    probe = await Probe.open(stack.sip.address, ADDRESS)
    probe.invite(probe.offer())
    leg = await asyncio.wait_for(stack.trunk.get(), 10)
    assert (leg.offer.trunk, leg.offer.caller_id.trusted) == (None, False)
    await probe.close()


async def test_a_peer_of_the_trunk_cannot_take_an_apps_call_without_its_session() -> None:
    assert ADDRESS is not None
    app = AppStack(settings(host=ADDRESS, own_calls=True, peers=(f"{ADDRESS}/32",)), WebCallSettings(enabled=True))
    await app.start()
    try:
        dialogs = await AppDialogs.open(app.sip.address, app.web.settings.user)
        with pytest.raises(Refused):
            await dialogs.new({APP_SESSION: "guessed"}).invite(OFFER, 5)
        dialogs.close()
        probe = await Probe.open(app.sip.address, ADDRESS)
        probe.invite(probe.offer())
        await until(lambda: app.trunk.qsize() == 1)  # the trunk's own calls go on beside
        await probe.close()
    finally:
        await app.close()


async def test_an_invite_that_nobody_answers_is_given_up() -> None:
    assert ADDRESS is not None
    dialogs = await AppDialogs.open((ADDRESS, 9), "app-call")
    dialog = dialogs.new({})
    with pytest.raises(Refused) as refused:
        await dialog.invite(OFFER, 0.3)
    assert refused.value.status == 408
    assert dialog.ended.is_set()
    dialogs.close()


async def test_calls_are_spread_over_the_processes_that_are_there() -> None:
    """One that is being started anew gets none while another has place."""
    assert ADDRESS is not None
    there = AppDialogs((ADDRESS, 0), "app-call")
    stacks = AppStacks([there, gone := await AppDialogs.open((ADDRESS, 9), "app-call")])
    try:
        assert [stacks.new({}).wire for _ in range(4)] == [there, gone, there, gone]
        gone.send("OPTIONS sip:app-call SIP/2.0\r\n\r\n")
        async with asyncio.timeout(10):
            while not gone.away:
                await asyncio.sleep(0.01)
        assert [stacks.new({}).wire for _ in range(2)] == [there, there]
    finally:
        stacks.close()

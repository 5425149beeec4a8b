"""Blind transfer: what counts as handed over, and what sends the caller to the default queue (RFC 3515, RFC 5589)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, end_of, settings
from tests.voicebot.endpoints.sip.sip_probe import Message, Probe
from voicebot.endpoints.leg import TransferOutcome, TransferTarget
from voicebot.endpoints.sip.leg import SipLeg
from voicebot.softphone import CallScript, Keys, OnTransfer, UntilEnded, run_script_process

QUEUE = TransferTarget("card_emergency")
QUEUE_URI = "sip:card_emergency@127.0.0.1:5999"
ADDRESS = "sip:{queue}@127.0.0.1:5999"
FINAL = "terminated;reason=noresource"
FarEnd = Callable[[Probe, Message], Awaitable[None]]


async def _transfer(
    start_bot: StartBot, open_probe: OpenProbe, far_end: FarEnd, timeout_s: float = 5.0
) -> tuple[SipLeg, TransferOutcome]:
    bot = await start_bot(settings(transfer_settle_s=0.3, queue_address=ADDRESS))
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    transfer = asyncio.create_task(leg.transfer(QUEUE, timeout_s))
    refer = await probe.asked("REFER")
    assert refer.headers["refer-to"] == QUEUE_URI
    await far_end(probe, refer)
    return leg, await transfer


async def _accept(probe: Probe, refer: Message) -> None:
    probe.reply(refer, "202 Accepted")
    probe.notify(refer, "SIP/2.0 100 Trying")


async def _complete(probe: Probe, refer: Message) -> None:
    await _accept(probe, refer)
    probe.notify(refer, "SIP/2.0 200 OK", FINAL)
    probe.reply(await probe.asked("BYE"), "200 OK")


async def _take_over_and_leave(probe: Probe, refer: Message) -> None:
    probe.reply(refer, "202 Accepted")
    await probe.bye()


async def _fail_later(probe: Probe, refer: Message) -> None:
    await _accept(probe, refer)
    probe.notify(refer, "SIP/2.0 486 Busy Here", FINAL)


async def _refuse(probe: Probe, refer: Message) -> None:
    probe.reply(refer, "603 Decline")


async def _unavailable(probe: Probe, refer: Message) -> None:
    probe.reply(refer, "503 Service Unavailable")


async def _no_such_method(probe: Probe, refer: Message) -> None:
    probe.reply(refer, "405 Method Not Allowed", headers=("Allow: INVITE, ACK, BYE, CANCEL",))


async def _say_nothing(probe: Probe, refer: Message) -> None:
    pass


async def _accept_and_say_nothing(probe: Probe, refer: Message) -> None:
    probe.reply(refer, "202 Accepted")


async def _hang_up(probe: Probe, refer: Message) -> None:
    await probe.bye()


async def _give_up(probe: Probe, refer: Message) -> None:
    await _accept(probe, refer)
    probe.notify(refer, "SIP/2.0 487 Request Terminated", FINAL)
    await probe.bye()


@pytest.mark.parametrize(
    ("far_end", "timeout_s", "outcome"),
    [
        pytest.param(_complete, 5, TransferOutcome(True, status=200), id="the queue answered"),
        pytest.param(_accept, 5, TransferOutcome(True, status=100), id="the queue is being called"),
        pytest.param(_take_over_and_leave, 5, TransferOutcome(True, status=202), id="the far end took over and left"),
        pytest.param(_refuse, 5, TransferOutcome(False, "refused", 603, unable=True), id="refused"),
        pytest.param(_no_such_method, 5, TransferOutcome(False, "refused", 405, unable=True), id="no such method"),
        pytest.param(_unavailable, 5, TransferOutcome(False, "refused", 503), id="no service"),
        pytest.param(_fail_later, 5, TransferOutcome(False, "refused", 486), id="the queue is busy"),
        pytest.param(_say_nothing, 0.4, TransferOutcome(False, "timeout", unable=True), id="no answer"),
        pytest.param(_accept_and_say_nothing, 0.4, TransferOutcome(False, "timeout"), id="accepted and nothing more"),
        pytest.param(_hang_up, 5, TransferOutcome(False, "gone"), id="the caller hung up"),
        pytest.param(_give_up, 5, TransferOutcome(False, "gone", 487), id="the caller hung up while being put through"),
    ],
)
async def test_outcome(
    start_bot: StartBot, open_probe: OpenProbe, far_end: FarEnd, timeout_s: float, outcome: TransferOutcome
) -> None:
    _, seen = await _transfer(start_bot, open_probe, far_end, timeout_s)
    assert seen == outcome


async def test_a_leg_handed_over_ends_as_transferred(start_bot: StartBot, open_probe: OpenProbe) -> None:
    leg, _ = await _transfer(start_bot, open_probe, _complete)
    assert (await end_of(leg)).cause == "transferred"


async def test_after_a_refusal_the_call_goes_on_and_can_be_transferred_elsewhere(
    start_bot: StartBot, open_probe: OpenProbe
) -> None:
    bot = await start_bot(settings(transfer_settle_s=0.3))
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    seen = []
    for far_end in (_refuse, _say_nothing, _complete):
        transfer = asyncio.create_task(leg.transfer(QUEUE, 0.5))
        refer = await probe.expect(lambda found: found.method == "REFER" and found.headers["cseq"] not in seen)
        seen.append(refer.headers["cseq"])
        await far_end(probe, refer)
        outcome = await transfer
    assert outcome.ok
    assert (await end_of(leg)).cause == "transferred"


@pytest.mark.parametrize("name", ["q@h;transport=tcp?", "<q", "a b", 'a"b'])
async def test_a_target_that_cannot_travel_is_unreachable(start_bot: StartBot, open_probe: OpenProbe, name: str) -> None:
    bot = await start_bot()
    leg = await bot.connect(await open_probe(bot))
    assert await leg.transfer(TransferTarget("cards", name), 1) == TransferOutcome(False, "unreachable")
    assert not leg.ended.is_set()


async def test_a_call_that_is_over_cannot_be_transferred(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    await probe.bye()
    await end_of(leg)
    assert await leg.transfer(QUEUE, 1) == TransferOutcome(False, "gone")


async def test_a_refer_from_the_far_end_dials_nobody(start_bot: StartBot, open_probe: OpenProbe) -> None:
    """Whoever could make us dial could phone at the bank's cost."""
    bot = await start_bot()
    probe = await open_probe(bot)
    await bot.connect(probe)
    probe.send(probe.request("REFER", headers=(f"Refer-To: <sip:+48700000000@{probe.host}:{probe.sip.port}>",)))
    seen: list[Message] = []
    while not seen or "terminated" not in seen[-1].headers["subscription-state"]:
        seen.append(await probe.asked("NOTIFY"))
        probe.reply(seen[-1], "200 OK")
    assert seen[-1].body.startswith("SIP/2.0 603 ")
    await probe.bye()


@pytest.mark.parametrize(
    ("manners", "outcome", "put_through"),
    [
        (OnTransfer.ACCEPT, TransferOutcome(True, status=200), True),
        (OnTransfer.REFUSE, TransferOutcome(False, "refused", 603), False),
        (OnTransfer.IGNORE, TransferOutcome(True, status=100), False),
        (OnTransfer.HANG_UP, TransferOutcome(False, "gone", 487), False),
    ],
)
async def test_a_real_phone_is_put_through(
    start_bot: StartBot, manners: OnTransfer, outcome: TransferOutcome, put_through: bool
) -> None:
    """The scripted caller is a whole SIP stack in another process; accepting, it really calls the queue's name."""
    bot = await start_bot(settings(transfer_settle_s=0.3, queue_address=ADDRESS))
    script = CallScript(f"sip:802@{bot.address[0]}:{bot.address[1]}", (Keys("1"), UntilEnded(1.0)), on_transfer=manners)
    calling = asyncio.create_task(run_script_process([script]))
    leg = await asyncio.wait_for(bot.ringing.get(), 20)
    await leg.answer()
    await leg.next_event()
    seen = await leg.transfer(QUEUE, 3)
    (report,) = await calling
    assert seen == outcome
    assert report.transfer_target == QUEUE_URI
    assert report.put_through is put_through

"""The desk: a hand-off is seen through whatever fails on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from caller_id.types import Caller, CallRate, NumberTrust, Segment
from dialogs.data.bundle import load_bundle
from dialogs.events import HandOff, HandOffResult
from tests.voicebot.endpoints.memory_leg import MemoryLeg
from tests.voicebot.handoff.receiver import Receiver, receiving
from tests.voicebot.state.servers import StateServer
from voicebot.endpoints.leg import TransferOutcome, TransferTarget
from voicebot.handoff import service
from voicebot.handoff.callback_service import CallbackService
from voicebot.handoff.callbacks import Callback, CallbackStore, Served
from voicebot.handoff.service import HandOffService
from voicebot.handoff.store import HandOffStore
from voicebot.handoff.webhook import Webhook
from voicebot.state.shared import SharedState

CALLER = Caller("+48600100200", NumberTrust.TRUNK, segment=Segment.SELECT)
ACTION = HandOff("cards", priority=10, segment="select", intent="card_block", words="zgubiłem kartę", tried=("open",))


BUNDLE = load_bundle()


def name_of(queue: str) -> str:
    return {"cards": "q-cards", "general": "q-general"}[queue]


def desk(shared: SharedState, webhook: Webhook | None = None) -> HandOffService:
    return HandOffService(HandOffStore(shared), webhook, name_of, callbacks=CallbackService(CallbackStore(shared), BUNDLE))


async def hand_off(at: HandOffService, action: HandOff = ACTION, leg: MemoryLeg | None = None) -> HandOffResult:
    return await at.hand_off(action, leg=leg or MemoryLeg(), caller=CALLER, call_id="c1")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


async def test_a_transfer_goes_to_the_queues_address_and_the_record_is_there(shared: SharedState, other: SharedState) -> None:
    """The agent's screen finds it by the reference, in any process."""
    at, leg = desk(shared), MemoryLeg()
    assert await hand_off(at, leg=leg) == HandOffResult(ok=True, queue="cards")
    assert leg.transferred_to == ["q-cards"]
    ref = at.last_ref("c1")
    assert ref is not None
    kept = await HandOffStore(other).get(ref)
    assert kept is not None
    assert (kept.queue, kept.priority, kept.intent, kept.words, kept.call_ref) == (
        "cards",
        10,
        "card_block",
        "zgubiłem kartę",
        "ref",
    )


@pytest.mark.parametrize("reason", ["refused", "timeout", "unreachable", "gone"])
async def test_a_failed_transfer_says_why(shared: SharedState, reason: str) -> None:
    """The dialogue then tries the default queue."""
    leg = MemoryLeg()
    leg.outcomes = [TransferOutcome(ok=False, reason=reason, status=486)]
    assert await hand_off(desk(shared), leg=leg) == HandOffResult(ok=False, queue="cards", reason=reason)


async def test_a_queue_without_an_address_and_a_broken_leg_are_failures_and_not_errors(shared: SharedState) -> None:
    """The dialogue must get an answer: the caller waits."""

    class Broken(MemoryLeg):
        async def transfer(self, target: TransferTarget, timeout_s: float) -> TransferOutcome:
            raise RuntimeError("stack gone")

    assert await hand_off(desk(shared), HandOff("nowhere")) == HandOffResult(ok=False, queue="nowhere", reason="failed")
    assert await hand_off(desk(shared), leg=Broken()) == HandOffResult(ok=False, queue="cards", reason="failed")


@pytest.mark.parametrize("trouble", ["kill", "freeze"])
async def test_the_caller_is_put_through_while_the_state_server_is_away(
    server: StateServer, shared: SharedState, trouble: str
) -> None:
    """And the record is kept here."""
    at = desk(shared)
    getattr(server, trouble)()
    assert (await hand_off(at)).ok
    if trouble == "freeze":
        server.thaw()


async def test_the_webhook_tells_what_routing_needs_and_nothing_personal(shared: SharedState, receiver: Receiver) -> None:
    """The rest is behind the reference and its token."""
    webhook = Webhook(receiver.url, "a secret of the bank")
    await webhook.start()
    at = desk(shared, webhook)
    await hand_off(at)
    await receiver.received(1)
    await webhook.close()
    (message,) = receiver.messages()
    assert message["event"] == "handoff.transfer"
    assert message["data"]["ref"] == at.last_ref("c1")
    assert {"queue": "cards", "priority": 10, "segment": "select", "call_ref": "ref"}.items() <= message["data"].items()
    assert (message["data"]["barred"], message["data"]["too_often"]) == (False, None)
    assert "600100200" not in str(message)
    assert "zgubiłem" not in str(message)


async def test_the_banks_systems_know_of_a_transfer_before_it_is_asked_for(
    shared: SharedState, other: SharedState, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent's screen knows the call when it rings: announced, and found by the PBX's own reference."""
    monkeypatch.setattr(service, "ANNOUNCE_S", 20.0)
    webhook, leg = Webhook(receiver.url, "a secret of the bank"), MemoryLeg()
    await webhook.start()
    leg.offer = replace(leg.offer, headers={"x-call-ref": "1764236400.17"})
    known: list[object] = []

    async def look(target: TransferTarget) -> TransferOutcome:
        kept = await HandOffStore(other).find("1764236400.17")
        known.append((kept is not None and kept.ref == target.ref, [each["data"]["x_call_ref"] for each in receiver.messages()]))
        return TransferOutcome(ok=True)

    leg.on_transfer = look
    await hand_off(desk(shared, webhook), leg=leg)
    await webhook.close()
    assert known == [(True, ["1764236400.17"])]


async def test_a_receiver_that_answers_nothing_keeps_no_caller(shared: SharedState, receiver: Receiver) -> None:
    """Two wait for a moment; then nobody does until it answers again."""
    receiver.stuck = asyncio.Event()
    webhook = Webhook(receiver.url, "a secret of the bank")
    await webhook.start()
    at = desk(shared, webhook)
    try:
        with capture_logs() as lines:
            async with asyncio.timeout(20):
                for _ in range(5):
                    assert (await hand_off(at)).ok
        assert len([line for line in lines if line.get("code") == "handoff.webhook_slow"]) == 2
    finally:
        receiver.stuck.set()
        await webhook.close()


async def test_the_agent_and_the_banks_systems_learn_of_a_barred_number_and_one_that_calls_too_often(
    shared: SharedState, receiver: Receiver
) -> None:
    """How many calls, in which time; and whose extension it is."""
    webhook = Webhook(receiver.url, "a secret of the bank")
    await webhook.start()
    at = desk(shared, webhook)
    marked = replace(CALLER, barred=True, too_often=CallRate(23, 3600), extension="12")
    await at.hand_off(ACTION, leg=MemoryLeg(), caller=marked, call_id="c1")
    await receiver.received(1)
    await webhook.close()
    (message,) = receiver.messages()
    assert (message["data"]["barred"], message["data"]["too_often"]) == (True, {"calls": 23, "within_s": 3600})
    ref = at.last_ref("c1")
    assert ref is not None
    kept = await HandOffStore(shared).get(ref)
    assert kept is not None
    assert (kept.barred, kept.too_often, kept.extension) == (True, CallRate(23, 3600), "12")


async def test_a_callback_keeps_its_place_and_the_caller_is_not_transferred(shared: SharedState, receiver: Receiver) -> None:
    """The queue calls back."""
    webhook = Webhook(receiver.url, "a secret of the bank")
    await webhook.start()
    at, leg = desk(shared, webhook), MemoryLeg()
    result = await hand_off(at, HandOff("cards", call_back="+48600100200", kind="callback"), leg)
    assert result == HandOffResult(ok=True, queue="cards", reason="callback")
    assert leg.transferred_to == []
    assert [each.number for each in await CallbackStore(shared).waiting("cards")] == ["+48600100200"]
    await receiver.received(1)
    await webhook.close()
    assert receiver.messages()[0]["event"] == "handoff.callback"


@pytest.mark.parametrize("number", ["+48225550100", "+48700123456", "+4860", "anonymous"])
async def test_a_callback_to_a_number_that_must_not_be_called_is_refused(
    shared: SharedState, receiver: Receiver, number: str
) -> None:
    """A caller may show the hotline's own number, or one that costs: the dialogue offers something else, and nobody is told."""
    webhook = Webhook(receiver.url, "a secret of the bank")
    await webhook.start()
    result = await hand_off(desk(shared, webhook), HandOff("cards", call_back=number, kind="callback"))
    await webhook.close()
    assert result == HandOffResult(ok=False, queue="cards", reason="refused")
    assert await CallbackStore(shared).waiting("cards") == []
    assert receiver.messages() == []


async def test_a_message_is_taken_without_a_transfer(shared: SharedState) -> None:
    """It becomes a case of the bank's."""
    leg = MemoryLeg()
    at = desk(shared)
    assert (await hand_off(at, HandOff("complaints", kind="message", words="proszę o kontakt"), leg)).ok
    assert leg.transferred_to == []
    ref = at.last_ref("c1")
    assert ref is not None
    kept = await HandOffStore(shared).get(ref)
    assert kept is not None
    assert kept.words == "proszę o kontakt"


async def test_the_latest_reference_of_a_call_is_told(shared: SharedState) -> None:
    """A refused transfer is followed by another hand-off."""
    at = desk(shared)
    assert at.last_ref("c1") is None
    await hand_off(at)
    first = at.last_ref("c1")
    await hand_off(at, HandOff("general"))
    assert at.last_ref("c1") not in (None, first)


@pytest.mark.parametrize(
    ("caller", "ended"),
    [
        (Caller("+48600100200", NumberTrust.TRUNK), True),
        (Caller("+48600100200", NumberTrust.ATTESTED), True),
        (Caller("+48600100200", NumberTrust.NONE), False),
        (Caller("+48600100200", NumberTrust.TRUNK, withheld=True), False),
        (Caller("+48600100201", NumberTrust.TRUNK), False),
        (Caller(None, NumberTrust.NONE, withheld=True), False),
    ],
)
async def test_only_a_number_that_the_network_vouches_for_ends_a_callback(
    shared: SharedState, caller: Caller, ended: bool
) -> None:
    """Anybody can show a number; a promise is not broken for that."""
    at = desk(shared)
    await hand_off(at, HandOff("cards", call_back="+48600100200", kind="callback"))
    promised = at.last_ref("c1")
    assert await at.rang_again("cards", caller=caller, call_id="c2") == ([promised] if ended else [])
    assert (await CallbackStore(shared).waiting("cards") == []) is ended


async def test_behind_an_office_number_it_may_be_a_colleague_who_rings(shared: SharedState) -> None:
    at = desk(shared)
    await hand_off(at, HandOff("cards", call_back="+48223344556", kind="callback"))
    assert await at.rang_again("cards", caller=Caller("+48223344556", NumberTrust.TRUNK), call_id="c2") == []
    assert len(await CallbackStore(shared).waiting("cards")) == 1


async def test_whatever_goes_wrong_with_callbacks_the_caller_is_through(
    shared: SharedState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing raises."""
    await hand_off(at := desk(shared), HandOff("cards", call_back="+48600100200", kind="callback"))

    async def broken(self: CallbackStore, callback: Callback, served: Served) -> bool:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(CallbackStore, "serve", broken)
    assert await at.rang_again("cards", caller=CALLER, call_id="c2") == []

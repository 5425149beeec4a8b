"""What once broke a call in the driver: the order at the start, hold, lost turns, slow hang-ups, a stop of the service."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from caller_id.types import Caller
from dialogs.events import (
    Action,
    CallStarted,
    CollectKeys,
    Conditions,
    ConditionsChanged,
    Event,
    HandOff,
    HandOffResult,
    HangUp,
    Heard,
    HungUp,
    KeyPressed,
    Listen,
    Resumed,
    Say,
    Silence,
    Switch,
)
from nlu.types import Decision, Hypothesis, Understanding
from tests.voicebot.conversation.test_driver import GREETING, Answer, Room, Scripted, greet_then, heard, house, taken_over
from voicebot.conversation.driver import CallDriver
from voicebot.conversation.rescue import ANNOUNCE, APOLOGY
from voicebot.conversation.session import utc_now
from voicebot.conversation.settings import DriverSettings
from voicebot.conversation.stage import SpeechLost
from voicebot.records.journal import Journal


def unstarted(answer: Answer, **settings: object) -> tuple[CallDriver, Room, Scripted]:
    room, conversation = Room(True), Scripted(answer)

    async def understood(hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        return Understanding(hypotheses[0].text, "balance", 0.9, Decision.ACCEPT)

    driver = CallDriver(
        conversation=conversation,
        stage=room,
        understand=understood,
        hand_over=taken_over,
        backchannel=lambda text, listen: False,
        journal=Journal("c1", started=utc_now()),
        settings=replace(DriverSettings("general"), **settings),  # type: ignore[arg-type]
    )
    room.driver = driver
    return driver, room, conversation


async def test_a_key_pressed_before_the_call_has_started_comes_after_it() -> None:
    driver, _, conversation = unstarted(lambda event: [HangUp("done")] if event == KeyPressed("2") else [])
    driver.key("1")
    driver.key("2")
    driver.start(CallStarted(Caller()))
    await asyncio.wait_for(driver.run(), 5)
    assert conversation.events == [CallStarted(Caller()), KeyPressed("1"), KeyPressed("2")]


async def test_on_hold_nothing_is_said_counted_or_transferred_and_the_question_comes_again() -> None:
    def answer(event: Event) -> list[Action]:
        match event:
            case Resumed():
                return [replace(GREETING, mark="m2"), Listen(no_input_s=0.05)]
            case Silence():
                return [HangUp("goodbye")]
        return []

    driver, room, conversation = house(greet_then(answer, no_input_s=0.01), holds=True)
    running = asyncio.create_task(driver.run())
    await room.speaking.wait()
    driver.hold(True)
    driver.speech_started(over_bot=False)  # the far end's music
    driver.recognised(heard("la la la"))
    driver.key("5")
    driver.playback_stopped("m1", finished=True, played_s=1.0)
    driver.hold(False)
    while len(room.said) < 2:
        room.speaking.clear()
        await asyncio.wait_for(room.speaking.wait(), 5)
    room.finish()
    await asyncio.wait_for(running, 5)
    assert [type(event) for event in conversation.events[:2]] == [CallStarted, Resumed]
    assert not [event for event in conversation.events if isinstance(event, Heard | KeyPressed)]
    assert room.log[0] == "stop"


async def test_what_a_queue_answers_while_the_caller_is_on_hold_counts_after_it() -> None:
    answered = asyncio.Event()

    async def slow(action: HandOff) -> HandOffResult:
        await answered.wait()
        return HandOffResult(ok=False, queue=action.queue, reason="refused")

    def answer(event: Event) -> list[Action]:
        match event:
            case CallStarted():
                return [HandOff("cards"), Listen()]
            case HandOffResult():
                return [HangUp("apology")]
        return []

    driver, room, conversation = house(answer, hand_over=slow)
    running = asyncio.create_task(driver.run())
    await room.listening.wait()
    driver.hold(True)
    answered.set()
    driver.hold(False)
    await asyncio.wait_for(running, 5)
    assert [type(event) for event in conversation.events] == [CallStarted, HandOffResult]


async def test_a_good_transfer_ends_a_call_that_is_still_on_hold() -> None:
    """A transfer puts the caller on hold; the far end need not take the call back before we end it."""
    answered = asyncio.Event()

    async def slow(action: HandOff) -> HandOffResult:
        await answered.wait()
        return HandOffResult(ok=True, queue=action.queue)

    def answer(event: Event) -> list[Action]:
        match event:
            case CallStarted():
                return [HandOff("cards"), Listen()]
            case HandOffResult():
                return [HangUp("handed_over")]
        return []

    driver, room, _ = house(answer, hand_over=slow)
    running = asyncio.create_task(driver.run())
    await room.listening.wait()
    driver.hold(True)
    answered.set()
    await asyncio.wait_for(running, 5)
    assert driver.outcome == "handed_over"


async def test_a_service_that_stops_puts_a_caller_on_hold_through() -> None:
    handed: list[str] = []

    async def taken(action: HandOff) -> HandOffResult:
        handed.append(action.queue)
        return HandOffResult(ok=True, queue=action.queue)

    driver, room, _ = house(greet_then(lambda event: []), hand_over=taken)
    running = asyncio.create_task(driver.run())
    await room.listening.wait()
    driver.hold(True)
    driver.put_through_now("shutdown")
    await asyncio.sleep(0)
    for _ in range(50):
        for say in list(driver._speaking):
            driver.playback_stopped(say, finished=True, played_s=1.0)
        if running.done():
            break
        await asyncio.sleep(0.01)
    await asyncio.wait_for(running, 5)
    assert handed == ["general"]


async def test_a_call_that_is_held_for_ever_ends() -> None:
    driver, room, _ = unstarted(greet_then(lambda event: []), max_hold_s=0.02)
    driver.start(CallStarted(Caller()))
    driver.hold(True)
    await asyncio.wait_for(driver.run(), 5)
    assert driver.outcome == "held_too_long"
    assert "hang_up" in room.log


async def test_a_leg_that_does_not_end_is_not_handed_over_again() -> None:
    """The queue has the caller already: a hang-up that takes too long must not start the rescue."""

    def answer(event: Event) -> list[Action]:
        match event:
            case CallStarted():
                return [HandOff("cards")]
            case HandOffResult(ok=True):
                return [HangUp("handed_over")]
        return []

    class Stuck(Room):
        async def hang_up(self) -> None:
            raise TimeoutError

    driver, _, conversation = house(answer)
    stuck = Stuck()
    stuck.driver = driver
    driver._stage = stuck
    await asyncio.wait_for(driver.run(), 5)
    assert driver.outcome == "handed_over"
    assert stuck.said == []
    assert [type(event) for event in conversation.events] == [CallStarted, HandOffResult]


async def test_speech_that_begins_before_keys_are_collected_does_not_stop_silence_for_good() -> None:
    understanding, may_understand = asyncio.Event(), asyncio.Event()

    async def slow(hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        understanding.set()
        await may_understand.wait()
        return Understanding(hypotheses[0].text, "balance", 0.9, Decision.ACCEPT)

    def answer(event: Event) -> list[Action]:
        match event:
            case Heard():
                return [CollectKeys(9, timeout_s=0.02)]
            case Silence():
                return [HangUp("done")]
        return []

    driver, _, _ = house(greet_then(answer), understand=slow)
    running = asyncio.create_task(driver.run())
    driver.recognised(heard("saldo"))
    await understanding.wait()
    driver.speech_started(over_bot=False)
    may_understand.set()
    await asyncio.wait_for(running, 5)
    assert driver.outcome == "done"


async def test_a_turn_whose_end_is_never_reported_is_given_up() -> None:
    def answer(event: Event) -> list[Action]:
        return [HangUp("done")] if isinstance(event, Silence) else []

    driver, room, _ = house(greet_then(answer, no_input_s=0.02))
    driver.speech_started(over_bot=False)
    running = asyncio.create_task(driver.run())
    await room.listening.wait()
    driver._facts.put(SpeechLost(1))
    await asyncio.wait_for(running, 5)
    assert driver.outcome == "done"


async def test_a_stop_of_the_service_puts_the_caller_through_with_a_sentence() -> None:
    driver, room, _ = house(greet_then(lambda event: []))
    running = asyncio.create_task(driver.run())
    await room.listening.wait()
    driver.put_through_now("shutdown")
    await asyncio.wait_for(running, 5)
    assert (room.said[-1], driver.outcome) == (ANNOUNCE, "handed_over")


async def test_a_stop_of_the_service_awaits_a_transfer_under_way() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()
    handed: list[str] = []

    async def slow(action: HandOff) -> HandOffResult:
        handed.append(action.queue)
        begun.set()
        await may_end.wait()
        return HandOffResult(ok=True, queue=action.queue)

    def answer(event: Event) -> list[Action]:
        match event:
            case CallStarted():
                return [HandOff("card_emergency", priority=10)]
            case HandOffResult():
                return [HangUp("handed_over")]
        return []

    driver, room, _ = house(answer, hand_over=slow)
    running = asyncio.create_task(driver.run())
    await begun.wait()
    driver.put_through_now("shutdown")
    may_end.set()
    await asyncio.wait_for(running, 5)
    assert (handed, room.said, driver.outcome) == (["card_emergency"], [], "handed_over")


async def test_an_end_that_was_not_the_callers_doing_is_not_recorded_as_theirs() -> None:
    driver, _, _ = house(greet_then(lambda event: []), holds=True)
    driver.hung_up("shutdown")
    await asyncio.wait_for(driver.run(), 5)
    assert driver.outcome == "shutdown"


async def test_conditions_that_change_during_the_call_are_told_before_the_next_event() -> None:
    now = [Conditions()]
    driver, _, conversation = unstarted(
        lambda event: [HangUp("done")] if event == KeyPressed("2") else [], conditions=lambda: now[0]
    )
    driver.start(CallStarted(Caller()))
    driver.key("1")
    running = asyncio.create_task(driver.run())
    while len(conversation.events) < 2:
        await asyncio.sleep(0)
    closed = Conditions(waits=(("cards", 61.0),), switches=(Switch("closure", "anna", "2026-11-26T10:00:00+00:00", "loans"),))
    now[0] = closed
    driver.key("2")
    await asyncio.wait_for(running, 5)
    assert conversation.events[1:] == [KeyPressed("1"), ConditionsChanged(closed), KeyPressed("2")]


async def test_a_wait_that_changes_by_seconds_is_no_news() -> None:
    now = [Conditions(waits=(("cards", 61.0),))]
    driver, _, conversation = unstarted(
        lambda event: [HangUp("done")] if event == KeyPressed("2") else [], conditions=lambda: now[0]
    )
    driver.start(CallStarted(Caller(), conditions=now[0]))
    now[0] = Conditions(waits=(("cards", 75.0),))
    driver.key("2")
    await asyncio.wait_for(driver.run(), 5)
    assert not [event for event in conversation.events if isinstance(event, ConditionsChanged)]


async def test_a_dialogue_that_breaks_at_the_end_of_the_call_keeps_nobody() -> None:
    """The leg is gone: there is nobody to say sorry to."""

    def answer(event: Event) -> list[Action]:
        if isinstance(event, HungUp):
            raise RuntimeError("a bug")
        return []

    driver, room, _ = house(greet_then(answer), holds=True)
    driver.hung_up("hangup")
    await asyncio.wait_for(driver.run(), 5)
    assert (room.said, driver.outcome) == (["greeting"], "caller_hung_up")


async def test_a_dialogue_that_breaks_at_a_good_result_hands_nobody_over_twice() -> None:
    handed: list[str] = []

    async def taken(action: HandOff) -> HandOffResult:
        handed.append(action.queue)
        return HandOffResult(ok=True, queue=action.queue)

    def answer(event: Event) -> list[Action]:
        if isinstance(event, HandOffResult):
            raise RuntimeError("a bug")
        return [HandOff("cards")] if isinstance(event, CallStarted) else []

    driver, room, _ = house(answer, hand_over=taken)
    await asyncio.wait_for(driver.run(), 5)
    assert (handed, room.said, driver.outcome) == (["cards"], [], "handed_over")


@pytest.mark.parametrize(
    ("results", "handed", "said", "outcome"),
    [
        (["taken"], ["cards"], [], "handed_over"),
        (["refused", "taken"], ["cards", "general"], [ANNOUNCE], "handed_over"),
        (["refused", "refused"], ["cards", "general"], [ANNOUNCE, APOLOGY], "apology"),
        (["gone"], ["cards"], [], "caller_gone"),
        (["callback", "taken"], ["cards", "general"], [ANNOUNCE], "handed_over"),
    ],
)
async def test_a_dialogue_that_breaks_during_a_hand_off_awaits_its_result(
    results: list[str], handed: list[str], said: list[str], outcome: str
) -> None:
    """One transfer at a time; and a refusal is answered by the default queue, not by an apology."""
    tried: list[str] = []
    broke = asyncio.Event()

    async def answers(action: HandOff) -> HandOffResult:
        tried.append(action.queue)
        await broke.wait()
        reason = results[len(tried) - 1]
        return HandOffResult(ok=reason in ("taken", "callback"), queue=action.queue, reason=reason)

    def answer(event: Event) -> list[Action]:
        match event:
            case CallStarted():
                return [HandOff("cards"), Listen()]
            case KeyPressed():
                asyncio.get_running_loop().call_soon(broke.set)
                raise RuntimeError("a bug")
        return []

    driver, room, _ = house(answer, hand_over=answers)
    driver.key("1")
    await asyncio.wait_for(driver.run(), 5)
    assert (tried, room.said, driver.outcome) == (handed, said, outcome)


class Unwell(Room):
    """A stage of which one command fails."""

    def __init__(self, command: str) -> None:
        super().__init__()
        self._command = command

    async def say(self, say: Say) -> None:
        self._trouble("say")
        await super().say(say)

    async def stop_speaking(self) -> None:
        self._trouble("stop_speaking")
        await super().stop_speaking()

    async def listen(self, listen: Listen | None) -> None:
        self._trouble("listen")
        await super().listen(listen)

    def _trouble(self, command: str) -> None:
        if command == self._command:
            raise RuntimeError("the stage broke")


@pytest.mark.parametrize("command", ["say", "stop_speaking", "listen"])
async def test_a_stage_that_fails_costs_nobody_the_human(command: str) -> None:
    handed: list[str] = []

    async def taken(action: HandOff) -> HandOffResult:
        handed.append(action.queue)
        return HandOffResult(ok=True, queue=action.queue)

    def answer(event: Event) -> list[Action]:
        match event:
            case CallStarted():
                return [GREETING, Listen()]
            case HandOffResult(ok=True):
                return [HangUp("handed_over")]
        raise RuntimeError("a bug")

    driver, _, _ = house(answer, hand_over=taken)
    driver._stage = unwell = Unwell(command)
    unwell.driver = driver
    driver.key("1")
    await asyncio.wait_for(driver.run(), 5)
    assert (handed, driver.outcome) == (["general"], "handed_over")


async def test_when_the_conversation_of_last_resort_breaks_as_well_whoever_runs_the_call_is_told() -> None:
    """They can still put the caller through."""

    def answer(event: Event) -> list[Action]:
        raise RuntimeError("a bug")

    class Mad(Room):
        async def hang_up(self) -> None: ...

    driver, _, _ = house(answer)
    driver._stage = mad = Mad()
    mad.driver = driver
    driver._handing_over.begin = breaks  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="it broke"):
        await asyncio.wait_for(driver.run(), 5)


def breaks(action: HandOff) -> None:
    raise RuntimeError("it broke")

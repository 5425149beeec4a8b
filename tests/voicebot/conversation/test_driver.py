"""The call driver: one ordered stream, honest silence, and a caller who always ends at a human."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from audio.types import Reading, Recognition
from caller_id.types import Caller
from dialogs.events import (
    Action,
    CallStarted,
    CollectKeys,
    Event,
    Failed,
    HandOff,
    HandOffResult,
    HangUp,
    Heard,
    HungUp,
    Interrupted,
    KeyPressed,
    Listen,
    Prompt,
    PromptFinished,
    Say,
    Silence,
    StopRecording,
)
from nlu.types import Decision, Hypothesis, Understanding
from voicebot.conversation.driver import CallDriver
from voicebot.conversation.handing_over import STILL
from voicebot.conversation.rescue import ANNOUNCE, APOLOGY
from voicebot.conversation.settings import DriverSettings
from voicebot.conversation.stage import Prove, Recognised, TakeCode
from voicebot.pipeline.turns import is_backchannel
from voicebot.records.journal import Journal

CODE_DIGITS = 9
GREETING = Say((Prompt("greeting"),), "pl", mark="m1")
Answer = Callable[[Event], list[Action]]


class Scripted:
    """A conversation that answers by a function and keeps what it was told."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.events: list[Event] = []

    def handle(self, event: Event, now: datetime) -> list[Action]:
        self.events.append(event)
        return self.answer(event)


@dataclass
class Room:
    """A stage that speaks in no time, or (with `holds`) only when told to."""

    holds: bool = False
    said: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    driver: CallDriver | None = None
    waiting: list[str] = field(default_factory=list)
    listening: asyncio.Event = field(default_factory=asyncio.Event)
    speaking: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def told(self) -> CallDriver:
        assert self.driver is not None
        return self.driver

    async def say(self, say: Say) -> None:
        self.said.append(say.prompts[0].id)
        self.waiting.append(say.mark)
        self.speaking.set()
        if not self.holds:
            self.finish()

    def finish(self) -> None:
        for mark in self.waiting:
            self.told.playback_stopped(mark, finished=True, played_s=1.0)
        self.waiting.clear()

    async def stop_speaking(self) -> None:
        self.log.append("stop")
        for mark in self.waiting:
            self.told.playback_stopped(mark, finished=False, played_s=0.5)
        self.waiting.clear()

    async def resume_speaking(self) -> None:
        self.log.append("resume")

    async def listen(self, listen: Listen | None) -> None:
        self.listening.set()

    async def stop_recording(self) -> None:
        self.log.append("stop_recording")

    async def hang_up(self) -> None:
        self.log.append("hang_up")


async def understood(hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
    return Understanding(hypotheses[0].text, "balance", 0.9, Decision.ACCEPT)


async def taken_over(action: HandOff) -> HandOffResult:
    return HandOffResult(ok=True, queue=action.queue)


async def refused(action: HandOff) -> HandOffResult:
    return HandOffResult(ok=False, queue=action.queue, reason="refused")


def house(
    answer: Answer,
    *,
    holds: bool = False,
    understand: object = understood,
    hand_over: object = taken_over,
    max_call_s: float = 60,
    max_say_s: float = 90,
    understand_s: float = 2,
    journal: Journal | None = None,
    authorise: Prove | None = None,
    take_code: TakeCode | None = None,
    typing: Callable[[bool], None] = lambda _: None,
    still_s: float = 0.0,
    entertained: Callable[[], bool] = lambda: False,
) -> tuple[CallDriver, Room, Scripted]:
    room, conversation = Room(holds), Scripted(answer)
    driver = CallDriver(
        conversation=conversation,
        stage=room,
        understand=understand,  # type: ignore[arg-type]
        hand_over=hand_over,  # type: ignore[arg-type]
        backchannel=lambda text, listen: is_backchannel(text, listen.expect),
        authorise=authorise,
        take_code=take_code,
        typing=typing,
        entertained=entertained,
        journal=journal or Journal("c1", started=datetime.now(UTC)),
        settings=DriverSettings(
            "general",
            max_call_s=max_call_s,
            max_say_s=max_say_s,
            understand_s=understand_s,
            code_digits=CODE_DIGITS,
            still_s=still_s,
        ),
    )
    room.driver = driver
    driver.start(CallStarted(Caller()))
    return driver, room, conversation


def heard(text: str, *, over_bot: bool = False, speech_s: float = 1.0) -> Recognised:
    readings = (Reading(text, 0.9),) if text else ()
    return Recognised(Recognition(readings), final=True, over_bot=over_bot, speech_s=speech_s)


def greet_then(answer: Answer, *, no_input_s: float = 5.0) -> Answer:
    def reply(event: Event) -> list[Action]:
        if isinstance(event, CallStarted):
            return [GREETING, Listen(no_input_s=no_input_s)]
        return answer(event)

    return reply


async def test_silence_is_counted_only_after_the_prompt_was_heard() -> None:
    """The no-input timer starts at the end of the bot's speech, and rings once."""

    def answer(event: Event) -> list[Action]:
        return [HangUp("goodbye")] if isinstance(event, Silence) else []

    driver, room, conversation = house(greet_then(answer, no_input_s=0.05), holds=True)
    running = asyncio.create_task(driver.run())
    await room.speaking.wait()
    await asyncio.sleep(0.15)
    assert not any(isinstance(event, Silence) for event in conversation.events)
    room.finish()
    await running
    assert conversation.events[-2:] == [PromptFinished("m1"), Silence(0.05)]
    assert driver.outcome == "goodbye"


async def test_a_key_stops_the_bot_and_the_interruption_comes_before_the_key() -> None:
    def answer(event: Event) -> list[Action]:
        return [HangUp("done")] if isinstance(event, KeyPressed) else []

    driver, room, conversation = house(greet_then(answer), holds=True)
    running = asyncio.create_task(driver.run())
    await room.speaking.wait()
    driver.key("9")
    await running
    assert conversation.events[1:] == [Interrupted("m1", 0.5), KeyPressed("9")]


async def test_a_sign_of_attention_over_the_bot_is_no_answer_and_the_bot_goes_on() -> None:
    def answer(event: Event) -> list[Action]:
        return [HangUp("done")] if isinstance(event, Heard) else []

    driver, room, conversation = house(greet_then(answer), holds=True)
    running = asyncio.create_task(driver.run())
    await room.speaking.wait()
    driver.speech_started(over_bot=True)
    driver.recognised(heard("mhm", over_bot=True))
    driver.speech_started(over_bot=True)
    driver.recognised(heard("saldo proszę", over_bot=True))
    await running
    assert room.log == ["resume", "stop", "hang_up"]
    assert [type(event) for event in conversation.events[1:]] == [Interrupted, Heard]


async def test_a_noise_without_words_does_not_count_and_longer_speech_without_words_does() -> None:
    def answer(event: Event) -> list[Action]:
        return [HangUp("done")] if isinstance(event, Heard) else []

    driver, _, conversation = house(greet_then(answer))
    driver.recognised(heard("", speech_s=0.2))
    driver.recognised(heard("", speech_s=1.2))
    await driver.run()
    assert [event for event in conversation.events if isinstance(event, Heard)] == [Heard(text="")]


async def test_an_unusable_classifier_is_told_to_the_dialogue_and_the_call_goes_on() -> None:
    async def broken(hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        raise RuntimeError("model file is gone")

    def answer(event: Event) -> list[Action]:
        return [HangUp("done")] if isinstance(event, Failed) else []

    driver, _, conversation = house(greet_then(answer), understand=broken)
    driver.recognised(heard("saldo"))
    await driver.run()
    assert Heard(text="", confidence=0.9) in conversation.events
    assert conversation.events[-1] == Failed("classifier", "nlu.failed")


async def test_a_classifier_that_does_not_answer_in_time_is_done_without() -> None:
    """The caller waits no longer than `understand_s`."""

    async def never(hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        await asyncio.Event().wait()
        raise AssertionError

    def answer(event: Event) -> list[Action]:
        return [HangUp("done")] if isinstance(event, Failed) else []

    driver, _, conversation = house(greet_then(answer), understand=never, understand_s=0.01)
    driver.recognised(heard("ile mam na koncie"))
    await driver.run()
    assert Heard("", confidence=0.9) in conversation.events
    assert conversation.events[-1] == Failed("classifier", "nlu.failed")


async def test_playback_that_is_never_reported_counts_as_heard() -> None:
    """No call hangs on its voice."""

    def answer(event: Event) -> list[Action]:
        return [GREETING] if isinstance(event, CallStarted) else [HangUp("done")]

    driver, _, conversation = house(answer, holds=True, max_say_s=0.01)
    await driver.run()
    assert conversation.events[1:] == [PromptFinished("m1")]


async def test_secret_keys_are_in_no_journal_and_others_are() -> None:
    """Not even how many there were."""

    def answer(event: Event) -> list[Action]:
        match event:
            case CallStarted():
                return [CollectKeys(4, secret=True)]
            case KeyPressed("#"):
                return [Listen()]
            case KeyPressed("0"):
                return [HangUp("done")]
            case _:
                return []

    journal = Journal("c1", started=datetime.now(UTC))
    driver, _, conversation = house(answer, journal=journal)
    for key in "4321#0":
        driver.key(key)
    await driver.run()
    assert [event.key for event in conversation.events if isinstance(event, KeyPressed)] == list("4321#0")
    assert [line["key"] for line in journal.lines if line.get("type") == "KeyPressed"] == ["0"]


async def test_a_number_may_be_said_where_the_dialogue_takes_one_and_is_in_no_journal() -> None:
    def answer(event: Event) -> list[Action]:
        match event:
            case CallStarted():
                return [CollectKeys(15, by_voice=True, language="pl")]
            case Heard(number="601234567"):
                return [HangUp("done")]
            case _:
                return []

    journal = Journal("c1", started=datetime.now(UTC))
    driver, _, _ = house(answer, journal=journal)
    driver.recognised(heard("sześć zero jeden dwa trzy cztery pięć sześć siedem"))
    await asyncio.wait_for(driver.run(), 5)
    assert driver.outcome == "done"
    assert "601234567" not in str(journal.lines)


async def test_when_the_dialogue_breaks_the_caller_is_put_through_to_the_default_queue() -> None:
    def answer(event: Event) -> list[Action]:
        raise RuntimeError("a bug")

    driver, room, _ = house(answer)
    await asyncio.wait_for(driver.run(), 5)
    assert (room.said, driver.outcome) == ([ANNOUNCE], "handed_over")


async def test_when_even_the_default_queue_refuses_the_caller_hears_an_apology() -> None:
    def answer(event: Event) -> list[Action]:
        raise RuntimeError("a bug")

    driver, room, _ = house(answer, hand_over=refused)
    await asyncio.wait_for(driver.run(), 5)
    assert (room.said, driver.outcome) == ([ANNOUNCE, APOLOGY], "apology")


def hand_over_then_hang_up(event: Event) -> list[Action]:
    if isinstance(event, CallStarted):
        return [HandOff("cards")]
    return [HangUp("handed_over")] if isinstance(event, HandOffResult) else []


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_caller_whose_transfer_takes_its_time_is_told_once() -> None:
    """The dialogue does not hear of it: it did not ask for it, and a replay of the record must not either."""
    answered = asyncio.Event()

    async def slow(action: HandOff) -> HandOffResult:
        await answered.wait()
        return HandOffResult(ok=True, queue=action.queue)

    journal = Journal("c1", started=datetime.now(UTC))
    driver, room, conversation = house(hand_over_then_hang_up, hand_over=slow, still_s=0.01, journal=journal)
    running = asyncio.create_task(driver.run())
    await until(lambda: room.said)
    driver.key("1")  # the caller presses something: nothing breaks
    await asyncio.sleep(0.1)
    answered.set()
    await asyncio.wait_for(running, 20)
    assert (room.said, driver.outcome) == ([STILL], "handed_over")
    assert [type(event) for event in conversation.events] == [CallStarted, KeyPressed, HandOffResult]
    assert [line["kind"] for line in journal.lines if line.get("kind") == "still_connecting"] == ["still_connecting"]


async def test_the_sentence_is_heard_to_its_end_before_the_call_is_let_go() -> None:
    """Handed over meanwhile or not."""
    answered = asyncio.Event()

    async def slow(action: HandOff) -> HandOffResult:
        await answered.wait()
        return HandOffResult(ok=True, queue=action.queue)

    driver, room, conversation = house(hand_over_then_hang_up, holds=True, hand_over=slow, still_s=0.01)
    running = asyncio.create_task(driver.run())
    await until(lambda: room.said)
    answered.set()
    await until(lambda: any(isinstance(event, HandOffResult) for event in conversation.events))
    assert room.log == []
    room.finish()
    await asyncio.wait_for(running, 20)
    assert room.log == ["hang_up"]


async def test_nothing_is_said_where_the_transfer_is_quick_or_somebody_else_speaks_to_the_caller() -> None:
    async def slow(action: HandOff) -> HandOffResult:
        await asyncio.sleep(0.1)
        return HandOffResult(ok=True, queue=action.queue)

    for driver, room, _ in (
        house(hand_over_then_hang_up, still_s=0.05),
        house(hand_over_then_hang_up, hand_over=slow, still_s=0.01, entertained=lambda: True),
        house(hand_over_then_hang_up, hand_over=slow),
    ):
        await asyncio.wait_for(driver.run(), 20)
        assert room.said == []


async def test_a_hand_over_that_raises_counts_as_refused() -> None:
    async def broken(action: HandOff) -> HandOffResult:
        raise OSError("no route")

    def answer(event: Event) -> list[Action]:
        if isinstance(event, CallStarted):
            return [HandOff("cards")]
        return [HangUp("apology")]

    driver, _, conversation = house(answer, hand_over=broken)
    await asyncio.wait_for(driver.run(), 5)
    assert conversation.events[-1] == HandOffResult(ok=False, queue="cards", reason="failed")


async def test_a_result_that_comes_with_the_end_of_the_leg_counts_before_it() -> None:
    """The far end takes the call over and the leg vanishes: that is a success, not a lost caller."""
    gone = asyncio.Event()

    async def taken_as_the_leg_ends(action: HandOff) -> HandOffResult:
        await gone.wait()
        return HandOffResult(ok=True, queue=action.queue)

    def answer(event: Event) -> list[Action]:
        match event:
            case CallStarted():
                return [HandOff("cards"), Listen()]
            case HandOffResult(ok=True):
                return [HangUp("handed_over")]
            case _:
                return []

    driver, room, _ = house(answer, hand_over=taken_as_the_leg_ends)
    running = asyncio.create_task(driver.run())
    await room.listening.wait()
    driver.hung_up("transferred")
    asyncio.get_running_loop().call_soon(gone.set)
    await asyncio.wait_for(running, 5)
    assert driver.outcome == "handed_over"


async def test_a_dialogue_that_asks_for_nothing_is_woken_by_silence() -> None:
    def answer(event: Event) -> list[Action]:
        return [HangUp("goodbye")] if isinstance(event, Silence) else []

    driver, _, conversation = house(
        greet_then(lambda event: answer(event) if isinstance(event, Silence) else [], no_input_s=0.05)
    )
    driver.recognised(heard("coś"))
    await asyncio.wait_for(driver.run(), 5)
    assert isinstance(conversation.events[-1], Silence)


async def test_the_longest_call_is_told_to_the_dialogue() -> None:
    def answer(event: Event) -> list[Action]:
        return [HangUp("done")] if event == Failed("max_length", "telephony.max_length") else []

    driver, _, _ = house(greet_then(answer), max_call_s=0.05)
    await asyncio.wait_for(driver.run(), 5)
    assert driver.outcome == "done"


async def test_the_caller_hanging_up_ends_the_call_at_every_stage() -> None:
    driver, _, conversation = house(greet_then(lambda event: []), holds=True)
    driver.hung_up("hangup")
    await asyncio.wait_for(driver.run(), 5)
    assert conversation.events[-1] == HungUp("hangup")
    assert driver.outcome == "caller_hung_up"


async def test_opting_out_of_the_recording_reaches_the_stage() -> None:
    def answer(event: Event) -> list[Action]:
        return [StopRecording(), HangUp("done")] if isinstance(event, KeyPressed) else []

    driver, room, _ = house(greet_then(answer))
    driver.key("0")
    await asyncio.wait_for(driver.run(), 5)
    assert "stop_recording" in room.log


async def test_a_secret_that_only_the_turn_before_names_is_told_to_nobody() -> None:
    """Neither to understanding, nor to the dialogue, nor to the journal; a partial result least of all."""
    seen: list[str] = []

    async def understands(hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        seen.extend(one.text for one in hypotheses)
        return await understood(hypotheses, language)

    def answer(event: Event) -> list[Action]:
        return [HangUp("done")] if isinstance(event, Heard) and event.text != "podam kod cvv" else []

    journal = Journal("c1", started=datetime.now(UTC))
    driver, _, conversation = house(greet_then(answer), understand=understands, journal=journal)
    running = asyncio.create_task(driver.run())
    driver.recognised(heard("podam kod cvv"))
    driver.recognised(Recognised(Recognition((Reading("siedem trzy", 0.5),)), final=False, over_bot=False))
    readings = (Reading("siedem trzy dziewięć", 0.9), Reading("siedem trzydzieści dziewięć", 0.1))
    driver.recognised(Recognised(Recognition(readings), final=True, over_bot=False, speech_s=1.0))
    await running
    said = [event.text for event in conversation.events if isinstance(event, Heard)]
    assert said == ["podam kod cvv", "<code>"]
    assert seen == said
    assert "siedem" not in repr(journal.lines)

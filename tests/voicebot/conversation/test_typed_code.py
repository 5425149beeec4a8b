"""Digits in a row may be a code: a menu key goes on being one, a code reaches nobody but who spends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.events import (
    Action,
    CallStarted,
    CheckCode,
    CodeResult,
    CodeTyped,
    Event,
    HandOff,
    Heard,
    HungUp,
    KeyPressed,
    Listen,
    Prompt,
    Say,
)
from tests.voicebot.conversation.test_driver import Room, Scripted, heard, house
from voicebot.conversation.driver import CallDriver
from voicebot.conversation.typed_code import TypedDigits
from voicebot.records.journal import Journal

SOON, NEVER = 0.01, 60.0
CODE = "848217703"


def talk(code_s: float) -> Callable[[Event], list[Action]]:
    """Asks, and asks again whatever happens."""

    def answer(event: Event) -> list[Action]:
        match event:
            case CodeTyped(whole=True):
                return [CheckCode()]
            case HungUp():
                return []
            case _:
                return [Listen(code_s=code_s)]

    return answer


class Desk:
    """Takes codes."""

    def __init__(self, result: CodeResult | None = None, error: Exception | None = None) -> None:
        self.taken: list[str] = []
        self._result, self._error = result or CodeResult(reason="code"), error

    async def __call__(self, code: str) -> CodeResult:
        self.taken.append(code)
        if self._error is not None:
            raise self._error
        return self._result


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def call(
    *acts: Callable[[CallDriver, Room, Scripted], Awaitable[None] | None],
    code_s: float = SOON,
    desk: Desk | None = None,
    answer: Callable[[Event], list[Action]] | None = None,
    typing: Callable[[bool], None] = lambda _: None,
) -> tuple[list[Event], Journal]:
    """A call in which the caller does these things: what the dialogue heard of it, and the journal."""
    journal = Journal("c1", started=datetime.now(UTC))
    driver, room, said = house(answer or talk(code_s), journal=journal, take_code=desk or Desk(), typing=typing)
    running = asyncio.create_task(driver.run())
    await room.listening.wait()
    for act in acts:
        done = act(driver, room, said)
        if isinstance(done, Awaitable):
            await done
    driver.hung_up("caller")
    await running
    return said.events, journal


def types(keys: str) -> Callable[[CallDriver, Room, Scripted], None]:
    def act(driver: CallDriver, room: Room, said: Scripted) -> None:
        for key in keys:
            driver.key(key)

    return act


def hears(*kinds: type[Event]) -> Callable[[CallDriver, Room, Scripted], Awaitable[None]]:
    """Wait until the dialogue has heard of these."""

    async def act(driver: CallDriver, room: Room, said: Scripted) -> None:
        await until(lambda: all(any(isinstance(event, kind) for event in said.events) for kind in kinds))

    return act


def pressed(events: list[Event]) -> str:
    return "".join(event.key for event in events if isinstance(event, KeyPressed))


@pytest.mark.parametrize("keys", [CODE, f"{CODE}#", f"81*{CODE}#", f"84821770399*{CODE}", f"8482*87*{CODE}#"])
async def test_a_code_is_checked_once_and_is_in_no_event_and_no_record(keys: str) -> None:
    desk = Desk()
    events, journal = await call(types(keys), hears(CodeTyped, CodeResult), desk=desk)
    assert desk.taken == [CODE]
    assert pressed(events) == ""
    assert not any(character in CODE for line in journal.lines for character in str(line.get("key", "")))
    assert CODE not in str(journal.lines)


@pytest.mark.parametrize("keys", ["1", "0", "9", "12", "1234"])
async def test_keys_of_a_menu_go_on_being_keys_and_count_at_once(keys: str) -> None:
    desk = Desk()
    events, _ = await call(types(keys), hears(KeyPressed), desk=desk, code_s=NEVER)
    assert pressed(events) == keys
    assert desk.taken == []


async def test_an_eight_alone_is_a_key_too() -> None:
    events, _ = await call(types("8"), hears(KeyPressed))
    assert pressed(events) == "8"


@pytest.mark.parametrize("keys", ["*", "#", "8#", "8*"])
async def test_star_and_hash_mean_what_they_mean_and_wait_for_nobody(keys: str) -> None:
    events, _ = await call(types(keys), hears(KeyPressed), code_s=NEVER)
    assert pressed(events) == keys


@pytest.mark.parametrize("keys", ["8821#", "88217703123#", "8821770312345678#", f"{CODE}1#", "8" * 500 + "#", "84051401359"])
async def test_a_pin_a_pesel_and_a_card_number_are_no_code_and_are_kept_nowhere(keys: str) -> None:
    desk = Desk()
    events, journal = await call(types(keys), hears(CodeTyped), desk=desk)
    assert [event for event in events if isinstance(event, CodeTyped)] == [CodeTyped(whole=False)]
    assert (desk.taken, pressed(events)) == ([], "")
    assert keys.strip("#") not in str(journal.lines)


async def test_where_no_code_is_asked_for_every_key_counts_at_once() -> None:
    events, _ = await call(types("48"), hears(KeyPressed), code_s=0.0)
    assert pressed(events) == "48"


async def test_digits_alone_end_by_a_pause_and_whoever_types_is_not_asked_meanwhile() -> None:
    """The silence of six seconds does not run while a number is typed."""
    typed = TypedDigits(8)
    assert typed.takes("8")
    assert typed.pause_s(1.5) == 1.5
    assert typed.takes("4")
    assert typed.pause_s(1.5) == 3.0
    for digit in "217703":
        typed.takes(digit)
    assert typed.pause_s(1.5) == 1.5
    driver, room, _ = house(talk(NEVER), take_code=Desk())
    running = asyncio.create_task(driver.run())
    await room.listening.wait()
    await until(lambda: driver._silence.running)
    driver.key("8")
    await until(lambda: driver._typed.under_way)
    assert not driver._silence.running
    driver.hung_up("caller")
    await running


async def test_who_reads_it_aloud_while_typing_is_not_taken_for_an_answer() -> None:
    desk = Desk()
    events, journal = await call(
        types("84821"),
        lambda driver, room, said: driver.speech_started(over_bot=False),
        lambda driver, room, said: driver.recognised(heard("czterdzieści osiem dwadzieścia jeden")),
        types("7703#"),
        hears(CodeResult),
        desk=desk,
        code_s=NEVER,
    )
    assert desk.taken == [CODE]
    assert not [event for event in events if isinstance(event, Heard)]
    assert [line["why"] for line in journal.lines if line.get("kind") == "ignored"] == ["typing"]


async def test_a_key_and_then_words_are_told_in_this_order() -> None:
    events, _ = await call(
        types("8"), lambda driver, room, said: driver.recognised(heard("saldo")), hears(KeyPressed, Heard), code_s=NEVER
    )
    names = [type(event).__name__ for event in events if isinstance(event, KeyPressed | Heard)]
    assert names == ["KeyPressed", "Heard"]


async def test_typed_over_the_greeting_the_bot_falls_silent_at_the_first_digit() -> None:
    greeting = Say((Prompt("greeting"),), "pl", "m1")
    stopped: list[list[str]] = []

    def answer(event: Event) -> list[Action]:
        return [greeting, Listen(code_s=NEVER)] if isinstance(event, CallStarted) else talk(NEVER)(event)

    driver, room, said = house(answer, holds=True, take_code=Desk())
    running = asyncio.create_task(driver.run())
    await room.speaking.wait()
    driver.key("8")
    await until(lambda: "stop" in room.log)
    stopped.append([type(event).__name__ for event in said.events])
    assert not [event for event in said.events if isinstance(event, KeyPressed)]
    for key in f"{CODE[1:]}#":
        driver.key(key)
    await until(lambda: any(isinstance(event, CodeResult) for event in said.events))
    driver.hung_up("caller")
    await running
    assert stopped == [["CallStarted", "Interrupted"]]


async def test_who_hangs_up_in_the_middle_has_typed_nothing() -> None:
    desk = Desk()
    events, journal = await call(types("848217"), desk=desk, code_s=NEVER)
    assert desk.taken == []
    assert not [event for event in events if isinstance(event, KeyPressed | CodeTyped)]
    assert "8482" not in str(journal.lines)


async def test_on_hold_what_was_typed_is_forgotten() -> None:
    desk = Desk()
    events, _ = await call(
        types("84821"),
        lambda driver, room, said: driver.hold(True),
        types("99"),
        lambda driver, room, said: driver.hold(False),
        types("87703#"),
        hears(CodeTyped),
        desk=desk,
        code_s=NEVER,
    )
    assert CodeTyped(whole=False) in events
    assert desk.taken == []


@pytest.mark.parametrize("desk", [Desk(error=OSError(f"away {CODE}")), None])
async def test_a_check_that_breaks_is_an_answer_as_well(desk: Desk | None) -> None:
    driver, room, said = house(talk(SOON), take_code=desk)
    running = asyncio.create_task(driver.run())
    await room.listening.wait()
    for key in CODE:
        driver.key(key)
    await until(lambda: any(isinstance(event, CodeResult) for event in said.events))
    driver.hung_up("caller")
    await running
    assert CodeResult(reason="unavailable") in said.events


async def test_typed_to_the_music_of_a_queue_no_digit_is_in_the_record() -> None:
    async def never(action: HandOff) -> None:
        await asyncio.Event().wait()

    def answer(event: Event) -> list[Action]:
        return [HandOff("cards")] if isinstance(event, CallStarted) else []

    journal = Journal("c1", started=datetime.now(UTC))
    driver, _, said = house(answer, hand_over=never, journal=journal)
    running = asyncio.create_task(driver.run())
    for key in CODE:
        driver.key(key)
    await until(lambda: len(pressed(said.events)) == len(CODE))
    driver._facts.put(HungUp("caller"))
    driver._handing_over._task.cancel()  # type: ignore[union-attr]
    await running
    assert {line["key"] for line in journal.lines if line.get("type") == "KeyPressed"} == {"•"}


async def test_nothing_is_recorded_while_a_number_is_typed() -> None:
    told: list[bool] = []
    await call(types(f"{CODE}#"), hears(CodeResult), typing=told.append, code_s=NEVER)
    assert told[0] is True
    assert told[-1] is False
    single: list[bool] = []
    await call(types("1"), hears(KeyPressed), typing=single.append)
    assert True not in single


@given(st.text("0123456789*#", max_size=40))
def test_whatever_is_typed_the_digits_are_keys_a_number_or_forgotten(keys: str) -> None:
    typed = TypedDigits(8)
    settled = [typed.settle() for key in keys if not typed.takes(key) or key == "#"] + [typed.settle()]
    assert not typed.under_way
    for events in settled:
        assert len([event for event in events if isinstance(event, KeyPressed)]) <= 1
        assert len([event for event in events if isinstance(event, CodeTyped)]) <= 1
    assert all(digit not in repr(typed) for digit in keys if digit.isdigit() and digit != "0")

"""The documented table of phases × facts, held against the call driver."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from caller_id.types import Caller
from dialogs.events import (
    Action,
    CallStarted,
    CollectKeys,
    Event,
    Failed,
    HandOff,
    HandOffResult,
    HungUp,
    KeyPressed,
    Listen,
    Prompt,
    Say,
)
from tests.docs.tables import table
from tests.voicebot.conversation.test_driver import heard, house
from voicebot.conversation.driver import CallDriver
from voicebot.conversation.stage import (
    Fact,
    HoldChanged,
    HoldTooLong,
    KeysPaused,
    PlaybackStarted,
    PlaybackStopped,
    PutThroughNow,
    SpeechLost,
    SpeechStarted,
    StillConnecting,
    TimerRang,
)

HEADING = "The call driver: phases and facts"
BEGINNINGS: dict[str, list[Action]] = {
    "awaiting an answer": [Listen()],
    "speaking": [Say((Prompt("greeting"),), "pl", "s1"), Listen()],
    "caller speaks": [Listen()],
    "a code is typed": [Listen(code_s=60.0)],
    "collecting keys": [CollectKeys(9)],
    "handing over": [HandOff("cards")],
    "on hold": [Listen()],
    "over": [],
}
AFTERWARDS: dict[str, Fact] = {
    "caller speaks": SpeechStarted(over_bot=False),
    "a code is typed": KeyPressed("8"),
    "on hold": HoldChanged(held=True),
    "over": HungUp("caller"),
}
FACTS: dict[str, Fact] = {
    "SpeechStarted": SpeechStarted(over_bot=False),
    "Recognised": heard("saldo"),
    "SpeechLost": SpeechLost(1),
    "KeyPressed": KeyPressed("1"),
    "KeysPaused": KeysPaused(1),
    "PlaybackStarted": PlaybackStarted("s1", 1.0),
    "PlaybackStopped": PlaybackStopped("s1", finished=True, played_s=1.0),
    "TimerRang": TimerRang(1, 6.0),
    "StillConnecting": StillConnecting(1),
    "HandOffResult": HandOffResult(ok=False, queue="cards", reason="refused"),
    "Failed": Failed("recogniser", "recogniser.failed"),
    "HoldChanged": HoldChanged(held=True),
    "HoldTooLong": HoldTooLong(1),
    "PutThroughNow": PutThroughNow("shutdown"),
    "HungUp": HungUp("caller"),
}


def snapshot(driver: CallDriver) -> str:
    silence = driver._silence
    parts = (
        driver._caller_talks,
        driver._speaking,
        repr(driver._typed),
        driver._handing_over.under_way,
        driver._hold.on,
        driver._hold.number,
    )
    return repr((*parts, silence.running, silence._number, driver._rescued, driver._over))


async def never(action: HandOff) -> HandOffResult:
    await asyncio.Event().wait()
    raise AssertionError


async def what_follows(phase: str, fact: str) -> str:
    """ "dialogue": it hears of it; "acts": the driver deals with it; "later": kept until the hold is over; "–": nothing."""
    begun = BEGINNINGS[phase]

    def answer(event: Event) -> list[Action]:
        return begun if isinstance(event, CallStarted) else []

    driver, room, conversation = house(answer, holds=True, hand_over=never)
    take: Callable[[Fact], Awaitable[None]] = driver._take
    await take(CallStarted(Caller()))
    if phase in AFTERWARDS:
        await take(AFTERWARDS[phase])
    if driver._over:
        return "–"  # the loop has ended
    events, log, said, before = len(conversation.events), list(room.log), list(room.said), snapshot(driver)
    kept = len(driver._hold._kept)
    await take(FACTS[fact])
    new = conversation.events[events:]
    changed = snapshot(driver) != before or room.log != log or room.said != said
    waits = len(driver._hold._kept) > kept
    await driver._handing_over.close()
    driver._silence.stop()
    driver._facts.close()
    if waits:
        return "later"
    return "dialogue" if new else ("acts" if changed else "–")


@pytest.mark.parametrize("phase", BEGINNINGS)
async def test_the_table_tells_what_the_driver_does(phase: str) -> None:
    told = table("architecture.md", HEADING)
    assert {fact: await what_follows(phase, fact) for fact in FACTS} == told[phase]


def test_the_table_has_every_phase() -> None:
    assert set(table("architecture.md", HEADING)) == set(BEGINNINGS)

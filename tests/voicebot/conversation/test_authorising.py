"""The app is asked beside the conversation: nobody is talked over, nothing is written of the words, nothing outlives the call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from dialogs.events import (
    Action,
    AuthorisationAsked,
    AuthorisationResult,
    Authorise,
    CallStarted,
    Event,
    HandOff,
    HungUp,
    KeyPressed,
    Listen,
    Prompt,
    Say,
)
from tests.voicebot.conversation.test_driver import heard, house
from voicebot.records.journal import Journal

PAIR = Say((Prompt("app_pair", (("pair", "zielony rower"),)),), "pl", "m2")


class App:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answer: asyncio.Future[AuthorisationResult] = asyncio.get_running_loop().create_future()
        self.given_up = False

    async def __call__(self, action: Authorise, shown: Callable[[AuthorisationAsked], None]) -> AuthorisationResult:
        shown(AuthorisationAsked("zielony rower", "pl"))
        self.asked.set()
        try:
            return await self.answer
        except asyncio.CancelledError:
            self.given_up = True
            raise


def conversation(event: Event) -> list[Action]:
    match event:
        case CallStarted():
            return [Listen(), Authorise("x")]
        case AuthorisationAsked():
            return [PAIR, Listen()]
        case AuthorisationResult():
            return [HandOff("general")]
        case _:
            return [Listen()]


async def test_the_caller_is_heard_while_the_app_is_asked_and_not_talked_over() -> None:
    app = App()
    driver, _, talk = house(conversation, authorise=app)
    running = asyncio.create_task(driver.run())
    await app.asked.wait()
    driver.speech_started(over_bot=False)
    app.answer.set_result(AuthorisationResult(True))
    driver.recognised(heard("już klikam"))
    while not any(isinstance(event, AuthorisationResult) for event in talk.events):
        await asyncio.sleep(0)
    driver.hung_up("caller")
    await running
    names = [type(event).__name__ for event in talk.events]
    assert names.index("Heard") < names.index("AuthorisationResult")
    assert driver.outcome != "open"


async def test_without_an_app_the_answer_comes_at_once() -> None:
    driver, _, talk = house(lambda event: conversation(event) if not isinstance(event, HungUp) else [])
    running = asyncio.create_task(driver.run())
    while not any(isinstance(event, AuthorisationResult) for event in talk.events):
        await asyncio.sleep(0)
    driver.hung_up("caller")
    await running
    assert AuthorisationResult(False, "unavailable") in talk.events


async def test_a_request_ends_with_the_call() -> None:
    app = App()
    driver, _, _ = house(conversation, authorise=app)
    running = asyncio.create_task(driver.run())
    await app.asked.wait()
    driver.hung_up("caller")
    await running
    assert app.given_up


async def test_a_request_ends_with_the_hand_over() -> None:
    app = App()

    def talk(event: Event) -> list[Action]:
        return [HandOff("general")] if isinstance(event, KeyPressed) else conversation(event)

    driver, _, _ = house(talk, authorise=app)
    running = asyncio.create_task(driver.run())
    await app.asked.wait()
    driver.key("2")
    while not app.given_up:
        await asyncio.sleep(0)
    driver.hung_up("caller")
    await running


async def test_an_app_that_breaks_is_an_answer_as_well() -> None:
    async def broken(action: Authorise, shown: Callable[[AuthorisationAsked], None]) -> AuthorisationResult:
        raise OSError("away")

    driver, _, talk = house(conversation, authorise=broken)
    running = asyncio.create_task(driver.run())
    while not any(isinstance(event, AuthorisationResult) for event in talk.events):
        await asyncio.sleep(0)
    driver.hung_up("caller")
    await running
    assert AuthorisationResult(False, "unavailable") in talk.events


def test_the_two_words_are_in_no_record() -> None:
    journal = Journal("c1", started=datetime.now(UTC))
    journal.happened(AuthorisationAsked("zielony rower"))
    journal.did(PAIR)
    assert "zielony" not in str(journal.lines)
    assert "zielony" not in repr(AuthorisationAsked("zielony rower"))
    assert [line["type"] for line in journal.lines] == ["AuthorisationAsked", "Say"]

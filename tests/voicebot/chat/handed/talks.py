"""What tests of chats that are handed over do again and again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from tests.voicebot.chat.bank import Bank, Customer, open_bank
from voicebot.chat.desks import Desks
from voicebot.chat.settings import ChatSettings
from voicebot.state.shared import SharedState

CARD = "4111 1111 1111 1111"


@asynccontextmanager
async def two_processes(
    shared: SharedState, other: SharedState, folder: Path, *, second: ChatSettings | None = None
) -> AsyncIterator[tuple[Bank, Bank]]:
    """Two web processes with one state server, whose agents are the test; `second`: the settings of the second."""
    (folder / "b").mkdir()
    async with (
        open_bank(shared, folder, answered=False) as one,
        open_bank(other, folder / "b", answered=False, settings=second) as two,
    ):
        yield one, two


async def hand_over(customer: Customer, words: str = "nie działa mi blik") -> dict[str, Any]:
    """The customer is handed over: what they were told."""
    await customer.until("options")
    return await (await customer.say(words)).until("handed_over")


async def until(condition: Any) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.01)


async def has_desk(desks: Desks) -> bool:
    """Whether somebody takes chats of the queue that customers are sent to here."""
    return await desks.refresh() and "payments" in desks.queues


def stored(folder: Path) -> str:
    """Everything in the call files."""
    return "".join(path.read_text() for path in (folder / "files").rglob("*.json"))


@asynccontextmanager
async def come_back(bank: Bank, handed: dict[str, Any], token: str | None = None) -> AsyncIterator[Customer]:
    """The customer's page connects again, to any process."""
    async with connect(f"ws://127.0.0.1:{bank.port}/chat/ws?resume", origin=bank.origin) as socket:  # type: ignore[arg-type]
        customer = Customer(socket)
        await customer.send("resume", ref=handed["ref"], token=token or handed["resume"])
        yield customer


async def has_lines(bank: Bank, ref: str, number: int) -> bool:
    return (await bank.chats.look(ref)).lines >= number

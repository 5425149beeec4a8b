"""Chats for the agents' desks: read once for all that hold a question, which is answered as soon as something has changed.

And which desks are there. A desk is a person: whoever closes the browser, loses the network, or logs out takes no chats any more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence

from starlette.requests import Request

from voicebot.accounts.users import User
from voicebot.chat.desks import Desks
from voicebot.chat.handed import Look
from voicebot.errors import StateError
from voicebot.tasks import is_set_within

EVERY_S = 0.5
HERE_S = 20.0
"""A desk that asks no more is gone after so long: it asks every four seconds, and the console may be started anew meanwhile."""
CLOSED_S = 6.0
"""The same where its connection ended: the agent may only be going to the next page."""


class ChatFeed:
    """Reads while somebody waits for a change."""

    def __init__(self, read: Callable[[], Awaitable[Sequence[Look]]], stopping: asyncio.Event) -> None:
        """`read` gives all chats that are not over; nothing is read any more by itself once we are `stopping`."""
        self._read = read
        self._stopping = stopping
        self._looks: Sequence[Look] = ()
        self._read_at = float("-inf")
        self._one_reads = asyncio.Lock()
        self._changed = asyncio.Event()
        self._waiting = 0
        self._reading: asyncio.Task[None] | None = None

    async def now(self) -> Sequence[Look]:
        """How they stand, half a second ago at most. Raises StateError."""
        async with self._one_reads:
            if asyncio.get_running_loop().time() - self._read_at >= EVERY_S:
                await self._look()
        return self._looks

    async def once(self, another: Callable[[Sequence[Look]], bool], seconds: float) -> None:
        """Wait until how they stand is `another`, for so long at most. While the state server is away nothing changes."""
        self._waiting += 1
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._keep_reading(), name="desk-chats")
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while not another(self._looks):
                        await self._changed.wait()
        finally:
            self._waiting -= 1

    async def _keep_reading(self) -> None:
        while self._waiting and not await is_set_within(self._stopping, EVERY_S):
            with contextlib.suppress(StateError):
                async with self._one_reads:
                    await self._look()

    async def _look(self) -> None:
        before, self._looks = self._looks, await self._read()
        self._read_at = asyncio.get_running_loop().time()
        if self._looks != before:
            self._changed.set()
            self._changed = asyncio.Event()


class DesksHere:
    """Says for each person at the console whose chats they take. Methods raise StateError."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks
        self._held: Counter[str] = Counter()

    async def here(self, user: User, queues: Collection[str]) -> None:
        """They take chats of these queues, and of no others; of none: they go home."""
        await self._desks.here(desk_name(user), queues, lease_s=HERE_S)

    @contextlib.contextmanager
    def holding(self, user: User) -> Iterator[None]:
        """They hold a question while the context lasts."""
        self._held[desk_name(user)] += 1
        try:
            yield
        finally:
            self._held[desk_name(user)] -= 1
            self._held += Counter()  # forgets those that hold none

    async def closed(self, user: User) -> None:
        """Their connection ended. Unless they are there by another one, or come back, they are gone soon."""
        if not self._held[desk_name(user)]:
            await self._desks.leaving(desk_name(user), CLOSED_S)


async def gone(request: Request) -> None:
    """Returns when the client has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def desk_name(user: User) -> str:
    """How this person's desk is called at the state server."""
    return f"console-{user.user_id[:16]}"

"""Messages from process to process while they run. The state server passes them on and keeps none of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from voicebot.errors import StateError, code_of
from voicebot.state.shared import PREFIX, SharedState
from voicebot.tasks import cancelled

CHANNEL = f"{PREFIX}relay"
_MOST_WAITING = 256
_AGAIN_S = 0.5
_QUIET_S = 10.0

_log = structlog.get_logger(__name__)

Ear = asyncio.Queue[str | None]
"""What was told under one name; None: something may have been missed."""


async def tell(shared: SharedState, name: str, told: str) -> None:
    """Tell whoever listens to this name now. Raises StateError."""

    async def publish(redis: Redis) -> None:
        await redis.publish(CHANNEL, f"{name} {told}")

    await shared.ask(publish)


class Relay:
    """Listens with one connection a process. A message is "<name> <anything>"; whoever listens to the name gets the anything.

    What comes while the connection is away is lost here: each listener is given None when it is back, and reads what is kept.
    """

    def __init__(self, shared: SharedState) -> None:
        self._shared = shared
        self._ears: dict[str, set[Ear]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; harmless when it has begun."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen_forever(), name="relay")

    async def close(self) -> None:
        """Stop."""
        task, self._task = self._task, None
        await cancelled(task)

    @contextmanager
    def listening(self, name: str) -> Iterator[Ear]:
        """What is told under this name, in order, while the context lasts."""
        ear: Ear = asyncio.Queue()
        self._ears.setdefault(name, set()).add(ear)
        try:
            yield ear
        finally:
            ears = self._ears[name]
            ears.discard(ear)
            if not ears:
                del self._ears[name]

    async def _listen_forever(self) -> None:
        while True:
            try:
                async for message in self._messages():
                    self._pass_on(message)
            except (RedisError, OSError, TimeoutError, StateError):
                pass  # the state server is away: whoever asks it something says so
            except Exception as error:
                _log.exception("the relay broke and begins again", code=code_of(error))
            await asyncio.sleep(_AGAIN_S)

    async def _messages(self) -> AsyncIterator[str | None]:
        """Messages from now on; None first. Ends when the connection says nothing at all any more."""
        listener = self._shared.listener()
        try:
            await listener.subscribe(CHANNEL)
            asked = False
            while True:
                message = await listener.get_message(timeout=_QUIET_S)
                if message is None:
                    if asked:
                        return
                    await listener.ping()
                    asked = True
                    continue
                asked = False
                if message["type"] == "subscribe":
                    yield None
                elif message["type"] == "message":
                    yield str(message["data"])
        finally:
            with suppress(RedisError, OSError, TimeoutError):
                await listener.aclose()  # type: ignore[no-untyped-call]

    def _pass_on(self, message: str | None) -> None:
        if message is None:
            for ears in self._ears.values():
                for ear in ears:
                    ear.put_nowait(None)
            return
        name, _, told = message.partition(" ")
        for ear in self._ears.get(name, ()):
            if ear.qsize() < _MOST_WAITING:
                ear.put_nowait(told)
            elif ear.qsize() == _MOST_WAITING:
                ear.put_nowait(None)

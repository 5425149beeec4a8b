"""The connection to the state server: bounded waiting, a circuit breaker, and writes that are never lost to its absence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline, PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    ClusterDownError,
    DataError,
    MovedError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from voicebot.errors import StateError, StateUnavailable
from voicebot.state.address import StateClient
from voicebot.state.breaker import CircuitBreaker
from voicebot.tasks import cancelled

T = TypeVar("T")
Write = Callable[[Pipeline], object]

DEADLINE_S = 0.2
_LATE_S = 0.01
_WAITS = 4
_MOST_AT_ONCE = 64
"""Questions; the client has a hundred connections, and one more than those would be taken for a server that is away."""
PREFIX = "voicebot:"
_MOST_PENDING = 50_000
_BATCH = 500
_TIME_S = 30.0

_log = structlog.get_logger(__name__)


class SharedState:
    """One pool of connections, used by everything that keeps shared state.

    `ask` is for answers a call waits for: it takes `deadline_s` at most (a few times that when this process itself is late), and
    no time at all while the server is known to be away.
    `write_later` is for everything else: the last write under a name is kept until the server has taken it.
    """

    def __init__(self, url: str, *, deadline_s: float = DEADLINE_S, breaker: CircuitBreaker | None = None) -> None:
        self._client = StateClient(
            url,
            decode_responses=True,
            socket_timeout=_WAITS * deadline_s,  # the last resort: `ask` counts
            socket_connect_timeout=_WAITS * deadline_s,
            retry=Retry(NoBackoff(), 0),  # a caller waits: the breaker and the writer decide about trying again
            protocol=2,
        )
        self._redis = self._client.redis
        self._deadline = deadline_s
        self._breaker = breaker or CircuitBreaker()
        self._pending: dict[str, Write] = {}
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._writer: asyncio.Task[None] | None = None
        self._asking: set[asyncio.Task[Any]] = set()
        self._places = asyncio.Semaphore(_MOST_AT_ONCE)
        self._ahead: float | None = None
        """Of the server's time of day, before our monotonic clock, in seconds."""
        self._timing: asyncio.Task[None] | None = None

    def now(self) -> float:
        """The server's time of day in seconds, which all processes share: a machine whose clock is stepped or wrong must not take
        the leases of others. Within questions and writes it is always the server's; before the first of them, this machine's own.
        """
        return time.time() if self._ahead is None else time.monotonic() + self._ahead

    @property
    def knows_time(self) -> bool:
        """Whether the server has told its time."""
        return self._ahead is not None

    @property
    def available(self) -> bool:
        """Whether the server answered when last asked."""
        return self._breaker.closed

    @property
    def pending(self) -> int:
        """Writes that wait for the server."""
        return len(self._pending)

    async def start(self) -> None:
        """Begin writing in the background."""
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_forever(), name="state-writer")
            self._timing = asyncio.create_task(self._keep_time(), name="state-time")

    async def close(self, grace_s: float = 1.0) -> None:
        """Write what waits, for `grace_s` at most, and disconnect."""
        if self._writer is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._drained.wait()
            await cancelled(self._writer, self._timing)
            self._writer = None
        await cancelled(*self._asking)
        await self._client.close()

    async def ask(self, question: Callable[[Redis], Awaitable[T]]) -> T:
        """The answer to `question`. Raises StateUnavailable within the deadline, at once while the breaker is open; StateError
        when the server refuses the question itself.
        """
        if not self._breaker.may_try():
            raise StateUnavailable("the state server is away; the call goes on with what this process knows")
        try:
            answer = await self._within_deadline(question)
        except (RedisError, OSError, TimeoutError) as error:
            if isinstance(error, ResponseError | DataError) and not isinstance(error, ReadOnlyError | OutOfMemoryError):
                self._answered()
                raise StateError(f"the state server refuses: {_refusal(error)}") from None
            was_available = self.available  # now: of many who asked together, one tells
            self._breaker.failed()
            if was_available and not self.available:
                _log.warning("state server away", code=StateUnavailable.code, error=type(error).__name__)
            raise StateUnavailable(f"the state server does not answer: {type(error).__name__}") from error
        self._answered()
        return answer

    def listener(self) -> PubSub:
        """A connection of its own for what is published; whoever asks for it closes it."""
        return self._redis.pubsub()

    async def _within_deadline(self, question: Callable[[Redis], Awaitable[T]]) -> T:
        """The answer, or TimeoutError. The question has a task of its own: the client's timeouts cancel the task they run in, and
        one that meets ours in the same instant must not end whoever asked, the writer least of all.
        """

        async def put() -> T:
            async with self._places:
                if self._ahead is None:
                    with suppress(ResponseError):  # who is not allowed to ask goes by their own clock
                        await self._learn_time()
                return await question(self._redis)

        asking = asyncio.create_task(put(), name="state-question")
        self._asking.add(asking)
        asking.add_done_callback(self._answered_late)
        clock = asyncio.get_running_loop().time
        try:
            for _ in range(_WAITS):
                due = clock() + self._deadline
                await asyncio.wait((asking,), timeout=self._deadline)
                if asking.done() or clock() - due < _LATE_S:
                    break  # else it was we who came late, as in a burst of calls: that tells nothing of the server
        finally:
            asking.cancel()  # nothing when it has ended; not awaited: the caller waits no longer than the deadline, see `close`
        if not asking.done() or asking.cancelled():
            raise TimeoutError
        return asking.result()

    def _answered_late(self, asking: asyncio.Task[Any]) -> None:
        """What a question says after its deadline is of no use; looking at it keeps the event loop from complaining."""
        self._asking.discard(asking)
        if not asking.cancelled():
            asking.exception()

    def _answered(self) -> None:
        was_available = self.available
        self._breaker.succeeded()
        if not was_available:
            _log.info("state server back", pending=self.pending)
            self._wake.set()

    def write_later(self, name: str, write: Write) -> None:
        """Write in the background, in the order of first mention; a later write under the same name replaces one that waits.

        `write` queues its commands on a pipeline. They may run twice, so they must be idempotent: set, not increment.
        """
        if len(self._pending) >= _MOST_PENDING and name not in self._pending:
            lost = next(iter(self._pending))
            del self._pending[lost]
            _log.error("state server away for too long: oldest write dropped", code=StateUnavailable.code)
        self._pending[name] = write
        self._drained.clear()
        self._wake.set()

    def waits(self, name: str) -> bool:
        """Whether a write under this name has not been taken by the server yet."""
        return name in self._pending

    def give_up(self, name: str) -> None:
        """Forget a write that waits under this name; harmless when none does."""
        self._pending.pop(name, None)

    async def flush(self) -> None:
        """Wait until nothing waits to be written."""
        await self._drained.wait()

    async def _keep_time(self) -> None:
        """For ever: what time it is at the server."""
        while True:
            with suppress(StateError):
                await self.ask(lambda _: self._learn_time())
            await asyncio.sleep(_TIME_S if self._ahead is not None else self._deadline)

    async def _learn_time(self) -> None:
        before = time.monotonic()
        seconds, micros = await self._redis.time()
        self._ahead = float(seconds) + float(micros) / 1e6 - (before + time.monotonic()) / 2

    async def _write_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            size = _BATCH
            while self._pending:
                batch = dict(islice(self._pending.items(), size))
                try:
                    await self._write_batch(batch)
                except StateUnavailable:
                    await asyncio.sleep(self._deadline)
                except Exception as error:  # a write that cannot even be sent: found by going one by one, and given up
                    if size == 1:
                        self._written(batch)
                        _log.error("a state write is impossible", code=StateError.code, error=type(error).__name__)
                    size = 1
            self._drained.set()

    async def _write_batch(self, batch: dict[str, Write]) -> None:

        async def write(redis: Redis) -> None:
            async with redis.pipeline(transaction=False) as pipeline:
                for each in batch.values():
                    each(pipeline)
                for answer in await pipeline.execute(raise_on_error=False):
                    _judge(answer)

        await self.ask(write)
        self._written(batch)

    def _written(self, batch: dict[str, Write]) -> None:
        """These wait no longer, unless a later write under the same name has taken their place meanwhile."""
        for name, each in batch.items():
            if self._pending.get(name) is each:
                del self._pending[name]


def _refusal(error: RedisError) -> str:
    """The server's words, without the command that they are about, which holds what was to be kept."""
    if isinstance(error, MovedError | AskError | ClusterDownError):
        return "it is a Redis Cluster, which keeps no two keys together: name one server in state.redis_url, or its sentinels"
    return str(error).rpartition("of pipeline caused error: ")[2].partition(", with args beginning with")[0]


def _judge(answer: object) -> None:
    """A refused write is logged and given up: trying again would not help. An absent or full server raises, to be tried again."""
    if isinstance(answer, ReadOnlyError | OutOfMemoryError) or (
        isinstance(answer, RedisError) and not isinstance(answer, ResponseError)
    ):
        raise answer
    if isinstance(answer, ResponseError):
        _log.error("the state server refused a write", code=StateError.code, why=_refusal(answer))

"""Tells the bank's systems of a hand-off as it happens: signed, tried again when it fails, and never in the way of the call."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import itertools
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
import structlog

from voicebot.handoff.undelivered import KEEP_S, Delivery, Undelivered
from voicebot.redaction import JsonValue
from voicebot.state.breaker import CircuitBreaker
from voicebot.tasks import cancelled

_WAITING = 1000
_SENDERS = 4
_TRIES = 6
_TIMEOUT = httpx.Timeout(5.0, connect=2.0)
_TRY_S = 8.0
"""So long it may take until a receiver has told the status, also one that answers byte by byte."""
_REST_S, _MOST_REST = 1.0, 64 * 1024
_LONGEST_RETRY_AFTER_S = 300.0
_AGAIN = frozenset({408, 425, 429})
_KEPT_AGAIN_S = 30.0
_KEPT_AT_ONCE = 200
_KEPT_EVERY_S = 0.01
"""Between two kept messages: thousands of them would else take the time that moves callers' audio."""
_CLOSE_S = 5.0
_AWAY = "away"
T = TypeVar("T")

_log = structlog.get_logger(__name__)


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The `X-Voicebot-Signature` of a delivery: "t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>." + body>".

    A receiver recomputes it with the shared secret, compares in constant time, and refuses old timestamps (replay).
    """
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def backoff(attempt: int) -> float:
    """Seconds before try number `attempt` + 1: doubling from half a second to half a minute, with jitter."""
    jitter = 0.5 + random.random()  # noqa: S311 - spreads load, guards nothing
    return min(30.0, 0.5 * 2.0**attempt) * jitter


@dataclass(eq=False, slots=True)
class _Message:
    """A delivery in this process."""

    delivery: Delivery
    file: Future[str | None]
    """The name of its file, once it is written; None when it could not be."""
    waited: bool = False
    """It comes from the disk: one try, then it waits there again."""
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """It was delivered, given up, or waits on the disk."""


class Webhook:
    """Posts JSON to one URL. `fire` returns at once, whatever the receiver and the disk do. A message is written to disk while it
    is tried for the first time, and stays there until the receiver takes it, for three days at most: whatever ends this process,
    another goes on. The same message may come twice (its answer was lost), always under the same id.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        client: httpx.AsyncClient | None = None,
        wait_before: Callable[[int], float] = backoff,
        clock: Callable[[], float] = time.time,
        undelivered: Undelivered | None = None,
        kept_again_s: float = _KEPT_AGAIN_S,
    ) -> None:
        """`clock` stamps the signature, which the receiver checks: the machine's own, in seconds.

        `undelivered` keeps what the receiver does not take, also over a restart; without it that is given up. What is kept is
        tried again every `kept_again_s`.
        """
        self._url = url
        self._secret = secret
        self._client = client or httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False)
        self._wait_before = wait_before
        self._clock = clock
        self._waiting: asyncio.PriorityQueue[tuple[bool, int, _Message]] = asyncio.PriorityQueue(_WAITING)
        self._order = itertools.count()
        self._senders: list[asyncio.Task[None]] = []
        self._under_way: set[_Message] = set()
        self._undelivered = undelivered
        self._disk = ThreadPoolExecutor(1, "webhook")  # its own: a disk that stands still stops nothing else
        self._prompt = CircuitBreaker(failures=2, pause_s=5.0, longest_pause_s=60.0)
        self._there = CircuitBreaker(failures=3, pause_s=min(0.5, kept_again_s / 2), longest_pause_s=kept_again_s / 2)
        self._not_before = 0.0
        self._back = asyncio.Event()
        self._again: set[asyncio.Task[None]] = set()
        self._closed = False
        self._kept_again_s = kept_again_s
        self.delivered = 0
        self.given_up = 0

    @property
    def kept(self) -> int:
        """How many wait on disk because the receiver did not take them."""
        return self._undelivered.count if self._undelivered is not None else 0

    async def start(self) -> None:
        """Begin delivering, first what an earlier run left."""
        if not self._senders:
            found = await self._claim()
            if found:
                ids = [each.delivery.id for each in found]
                _log.info("webhook messages of an earlier run are delivered now", count=len(found), ids=ids)
            self._senders = [asyncio.create_task(self._send_forever(), name="webhook") for _ in range(_SENDERS)]
            self._senders.append(asyncio.create_task(self._bring_back_forever(found), name="webhook-kept"))

    async def close(self, grace_s: float = 2.0) -> None:
        """Deliver what waits, for `grace_s` at most, and stop. What is left is kept, or given up and counted."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s if self._senders else 0):
                await self.settled()
        await cancelled(*self._senders, *self._again)
        self._senders = []
        left = sorted(self._under_way, key=lambda message: message.delivery.kept_since)
        self._under_way.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                if self._undelivered is not None:
                    await self._on_disk(self._undelivered.close)
        self._disk.shutdown(wait=False)
        self._tell_what_is_left(left)
        await self._client.aclose()

    def _tell_what_is_left(self, left: list[_Message]) -> None:
        kept = [each.delivery.id for each in left if each.file.done() and each.file.result() is not None]
        lost = [each.delivery.id for each in left if not each.file.done() or each.file.result() is None]
        if kept:
            _log.warning("webhook messages are kept for the next start", code="handoff.webhook", count=len(kept), ids=kept)
        if lost:
            self.given_up += len(lost)
            _log.error("webhook messages left undelivered at the end", code="handoff.webhook", count=len(lost), ids=lost)

    async def announce(self, event: str, delivery_id: str, data: Mapping[str, JsonValue], wait_s: float) -> None:
        """As `fire`, and wait until the message was tried once, for `wait_s` seconds at most. While the receiver is known to be
        slow or away nobody waits. Never raises but when cancelled.
        """
        message = self._accept(event, delivery_id, data)
        if message is None or wait_s <= 0 or not self._senders or not self._prompt.may_try():
            return
        try:
            async with asyncio.timeout(wait_s):
                await message.tried.wait()
            self._prompt.succeeded()
        except TimeoutError:
            self._prompt.failed()
            _log.warning("the receiver of webhooks is slow: the hand-off goes on", code="handoff.webhook_slow", id=delivery_id)

    def fire(self, event: str, delivery_id: str, data: Mapping[str, JsonValue]) -> None:
        """Deliver {"event", "id", "data"} in the background. Never raises, never waits."""
        self._accept(event, delivery_id, data)

    async def settled(self) -> None:
        """Wait until every message so far is delivered, given up, or left on the disk until the receiver is back."""
        for message in list(self._under_way):
            await message.over.wait()
        await self._on_disk(lambda: None)

    def _accept(self, event: str, delivery_id: str, data: Mapping[str, JsonValue]) -> _Message | None:
        body = json.dumps({"event": event, "id": delivery_id, "data": data}, ensure_ascii=False)
        delivery = Delivery(delivery_id, body, self._clock())
        if len(self._under_way) >= 2 * _WAITING or (file := self._write(delivery)) is None:
            self._give_up(delivery, "too many messages wait, or the service has stopped")
            return None
        message = _Message(delivery, file)
        self._under_way.add(message)
        try:
            self._waiting.put_nowait((False, next(self._order), message))
        except asyncio.QueueFull:
            message.tried.set()
            self._beside(message, self._put_aside_or_give_up(message, "too many messages wait"))
        return message

    def _write(self, delivery: Delivery) -> Future[str | None] | None:
        """Begin to write it down; None when we have stopped."""
        if self._undelivered is None:
            return _written(None)
        try:
            return self._disk.submit(self._undelivered.put, delivery)
        except RuntimeError:
            return None

    async def _on_disk(self, work: Callable[[], T]) -> T:
        """Work for the disk's thread, after all that it was given before. It is done also when we are stopped meanwhile."""
        return await asyncio.shield(asyncio.wrap_future(self._disk.submit(work)))

    async def _send_forever(self) -> None:
        while True:
            _, _, message = await self._waiting.get()
            problem = await self._first_try(message)
            if problem:
                # beside the senders: what comes next has its first try at once
                self._beside(message, self._try_again(message, problem))

    def _beside(self, message: _Message, trying: Awaitable[None]) -> None:
        again = asyncio.create_task(self._seen_through(message, trying), name="webhook-again")
        self._again.add(again)
        again.add_done_callback(self._again.discard)

    async def _first_try(self, message: _Message) -> str:
        """Why it is not settled: it is to be tried again, or put aside."""
        if not self._may_try():
            message.tried.set()
            return _AWAY
        try:
            return await self._try(message)
        except Exception as error:  # one odd message must not stop the rest
            self._broke(message, error)
            return ""

    async def _seen_through(self, message: _Message, trying: Awaitable[None]) -> None:
        try:
            await trying
        except Exception as error:  # as above
            self._broke(message, error)

    async def _try_again(self, message: _Message, problem: str) -> None:
        """Soon, some times; what came from the disk waits there, and so does what was not tried because the receiver is away."""
        if (message.waited or problem == _AWAY) and await self._put_aside(message, problem):
            return
        for attempt in range(1, _TRIES):
            await asyncio.sleep(self._wait_before(attempt - 1))
            if time.monotonic() < self._not_before and await self._put_aside(message, problem):
                return
            problem = await self._try(message)
            if not problem:
                return
        await self._put_aside_or_give_up(message, problem)

    async def _put_aside_or_give_up(self, message: _Message, problem: str) -> None:
        if not await self._put_aside(message, problem):
            self._give_up(message.delivery, problem)
            self._is_over(message)

    async def _put_aside(self, message: _Message, problem: str) -> bool:
        """Leave it on the disk until the receiver is back; False when it is not there, or was there for long enough."""
        name = await asyncio.shield(asyncio.wrap_future(message.file))
        if name is None or self._undelivered is None or self._clock() - message.delivery.kept_since > KEEP_S:
            return False
        undelivered = self._undelivered
        await self._on_disk(lambda: undelivered.leave(name))
        if not message.waited:
            _log.warning(
                "a webhook message is kept until the receiver takes it",
                code="handoff.webhook",
                id=message.delivery.id,
                problem=problem,
            )
        self._settle(message)
        return True

    async def _try(self, message: _Message) -> str:
        """Once: why the receiver did not take it; "" when it took it, or refused it for good."""
        delivery = message.delivery
        try:
            status, retry_after = await self._post(delivery)
        except (httpx.HTTPError, TimeoutError) as error:
            self._there.failed()
            return type(error).__name__
        finally:
            message.tried.set()
        problem = f"status {status}"
        if status >= 500 or status in _AGAIN:
            self._there.failed()
            if retry_after.isdecimal():
                self._not_before = time.monotonic() + min(float(retry_after), _LONGEST_RETRY_AFTER_S)
            return problem
        if not self._there.closed:
            self._back.set()
        self._there.succeeded()
        if 200 <= status < 300:
            self.delivered += 1
        else:
            self._give_up(delivery, problem)  # the receiver understood and refuses: trying again would not help
        self._is_over(message)
        return ""

    async def _post(self, delivery: Delivery) -> tuple[int, str]:
        """The status, and after how many seconds the receiver wants to be asked again. What else it says is only read, as far as
        it is short, so that the connection can be used again. Raises httpx.HTTPError, TimeoutError.
        """
        request = self._client.build_request("POST", self._url, content=delivery.body.encode(), headers=self._headers(delivery))
        async with asyncio.timeout(_TRY_S):
            response = await self._client.send(request, stream=True)
        try:
            with contextlib.suppress(httpx.HTTPError, TimeoutError):
                async with asyncio.timeout(_REST_S):
                    read = 0
                    async for piece in response.aiter_raw():
                        read += len(piece)
                        if read > _MOST_REST:
                            break
        finally:
            await response.aclose()
        return response.status_code, response.headers.get("retry-after", "")

    def _may_try(self) -> bool:
        return time.monotonic() >= self._not_before and self._there.may_try()

    def _broke(self, message: _Message, error: Exception) -> None:
        self.given_up += 1
        _log.error("webhook failed", code="handoff.webhook", id=message.delivery.id, error=type(error).__name__)
        self._is_over(message)

    def _is_over(self, message: _Message) -> None:
        """It was delivered, or given up: its file is deleted, or not written at all when the disk has not come to it yet."""
        if not message.file.cancel() and (undelivered := self._undelivered) is not None:

            def remove() -> None:
                if (name := message.file.result()) is not None:
                    undelivered.remove(name)

            self._disk.submit(remove)
        self._settle(message)

    def _settle(self, message: _Message) -> None:
        self._under_way.discard(message)
        message.over.set()

    async def _bring_back_forever(self, found: list[_Message]) -> None:
        """What is kept is tried again, behind what is new: all of it while the receiver takes messages, else one to find out."""
        while True:
            for message in found:
                await self._waiting.put((True, next(self._order), message))
                await asyncio.sleep(_KEPT_EVERY_S)
            for message in found:
                await message.over.wait()
            if len(found) < _KEPT_AT_ONCE or not self._is_there:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._kept_again_s):
                        await self._back.wait()
            self._back.clear()
            found = await self._claim()

    @property
    def _is_there(self) -> bool:
        return self._there.closed and time.monotonic() >= self._not_before

    async def _claim(self) -> list[_Message]:
        """Some of what is kept, to be tried now."""
        undelivered, most = self._undelivered, _KEPT_AT_ONCE if self._is_there else 1
        if undelivered is None:
            return []
        try:
            claimed = await self._on_disk(lambda: undelivered.claim(most))
        except OSError as error:
            _log.error("kept webhook messages cannot be read", code="handoff.webhook", why=error.strerror or type(error).__name__)
            return []
        found = [_Message(delivery, _written(name), waited=True) for name, delivery in claimed]
        self._under_way.update(found)
        return found

    def _give_up(self, delivery: Delivery, problem: str) -> None:
        self.given_up += 1
        _log.error("webhook message given up", code="handoff.webhook", id=delivery.id, problem=problem)

    def _headers(self, delivery: Delivery) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "X-Voicebot-Delivery": delivery.id,
            "X-Voicebot-Signature": signature(self._secret, int(self._clock()), delivery.body.encode()),
        }


def _written(name: str | None) -> Future[str | None]:
    """As if it had just been written."""
    file: Future[str | None] = Future()
    file.set_result(name)
    return file

"""Tells the bank's systems of a hand-off as it happens: signed, tried again when it fails, and never in the way of the call."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import httpx
import structlog

from voicebot.handoff.undelivered import Delivery, Undelivered
from voicebot.redaction import JsonValue
from voicebot.state.breaker import CircuitBreaker
from voicebot.tasks import cancelled

_WAITING = 1000
_SENDERS = 4
_TRIES = 6
_TIMEOUT = httpx.Timeout(5.0, connect=2.0)
_AGAIN = frozenset({408, 425, 429})
_KEPT_AGAIN_S = 30.0
_KEEP_S = 3 * 24 * 3600.0
"""What no try delivered for so long is given up."""
_MOST_KEPT = 20_000

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


class Webhook:
    """Posts JSON to one URL. `fire` returns at once, whatever the receiver does. What it does not take for a while is kept on
    disk and tried again for three days. The same message may come twice (its answer was lost), always under the same id.
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
        self._waiting: asyncio.Queue[Delivery] = asyncio.Queue(_WAITING)
        self._senders: list[asyncio.Task[None]] = []
        self._under_way: list[Delivery] = []
        self._undelivered = undelivered
        self._first_tries: dict[str, asyncio.Event] = {}
        self._prompt = CircuitBreaker(failures=2, pause_s=5.0, longest_pause_s=60.0)
        self._there = CircuitBreaker(failures=3, pause_s=min(0.5, kept_again_s / 2), longest_pause_s=kept_again_s / 2)
        self._back = asyncio.Event()
        self._again: set[asyncio.Task[bool]] = set()
        self._kept_again_s = kept_again_s
        self._on_disk: dict[str, Path] = {}
        """Files of messages that are tried again just now, by id: whatever ends us, they are there for the next start."""
        self.kept = 0
        """On disk, until the receiver is back."""
        self.delivered = 0
        self.given_up = 0

    async def start(self) -> None:
        """Begin delivering, first what an earlier run left."""
        if not self._senders:
            for delivery in await self._of_earlier_run():
                self._waiting.put_nowait(delivery)
            self._senders = [asyncio.create_task(self._send_forever(), name="webhook") for _ in range(_SENDERS)]
            if self._undelivered is not None:
                bringing = self._bring_back_forever(self._undelivered)
                self._senders.append(asyncio.create_task(bringing, name="webhook-kept"))

    async def close(self, grace_s: float = 2.0) -> None:
        """Deliver what waits, for `grace_s` at most, and stop. What is left is kept, or given up and counted."""
        try:
            async with asyncio.timeout(grace_s if self._senders else 0):
                await self.settled()
        except TimeoutError:
            pass
        await cancelled(*self._senders, *self._again)
        self._senders = []
        left = [*self._under_way, *(self._waiting.get_nowait() for _ in range(self._waiting.qsize()))]
        self._under_way.clear()
        if left:
            await self._leave(left)
        await self._client.aclose()

    async def _of_earlier_run(self) -> list[Delivery]:
        if self._undelivered is None:
            return []
        found = await asyncio.to_thread(self._undelivered.take, _WAITING // 2)
        if found:
            _log.info("webhook messages of an earlier run are delivered now", count=len(found), ids=[each.id for each in found])
        return found

    async def _leave(self, left: list[Delivery]) -> None:
        kept = {each.id for each in left if each.id in self._on_disk}
        if self._undelivered is not None:
            kept |= set(await asyncio.to_thread(self._undelivered.keep, [each for each in left if each.id not in kept]))
        lost = [each.id for each in left if each.id not in kept]
        if kept:
            _log.warning(
                "webhook messages are kept for the next start", code="handoff.webhook", count=len(kept), ids=sorted(kept)
            )
        if lost:
            self.given_up += len(lost)
            _log.error("webhook messages left undelivered at the end", code="handoff.webhook", count=len(lost), ids=lost)

    async def announce(self, event: str, delivery_id: str, data: Mapping[str, JsonValue], wait_s: float) -> None:
        """As `fire`, and wait until the message was tried once, for `wait_s` seconds at most. While the receiver is known to be
        slow or away nobody waits. Never raises but when cancelled.
        """
        if wait_s <= 0 or not self._senders or not self._prompt.may_try():
            self.fire(event, delivery_id, data)
            return
        tried = self._first_tries[delivery_id] = asyncio.Event()
        try:
            self.fire(event, delivery_id, data)
            async with asyncio.timeout(wait_s):
                await tried.wait()
            self._prompt.succeeded()
        except TimeoutError:
            self._prompt.failed()
            _log.warning("the receiver of webhooks is slow: the hand-off goes on", code="handoff.webhook_slow", id=delivery_id)
        finally:
            del self._first_tries[delivery_id]

    def fire(self, event: str, delivery_id: str, data: Mapping[str, JsonValue]) -> None:
        """Deliver {"event", "id", "data"} in the background. Never raises, never waits."""
        body = json.dumps({"event": event, "id": delivery_id, "data": data}, ensure_ascii=False)
        try:
            self._waiting.put_nowait(Delivery(delivery_id, body))
        except asyncio.QueueFull:
            self.given_up += 1
            _log.error("webhook has too many messages waiting; this one is given up", code="handoff.webhook", id=delivery_id)

    async def settled(self) -> None:
        """Wait until every message so far is delivered or given up."""
        await self._waiting.join()

    async def _send_forever(self) -> None:
        while True:
            delivery = await self._waiting.get()
            self._under_way.append(delivery)
            if not await self._is_settled(delivery, self._first_try(delivery)):
                # beside the senders: what comes next has its first try at once
                again = asyncio.create_task(self._is_settled(delivery, self._try_again(delivery)), name="webhook-again")
                self._again.add(again)
                again.add_done_callback(self._again.discard)

    async def _is_settled(self, delivery: Delivery, trying: Awaitable[bool]) -> bool:
        """Whether nothing is left to be done for it: it was delivered, given up, or is kept until later."""
        try:
            if not await trying:
                return False
        except asyncio.CancelledError:
            raise  # it stays under way: `close` counts it
        except Exception as error:  # one odd message must not stop the rest
            self.given_up += 1
            _log.error("webhook failed", code="handoff.webhook", id=delivery.id, error=type(error).__name__)
        self._under_way.remove(delivery)
        self._waiting.task_done()
        return True

    async def _bring_back_forever(self, undelivered: Undelivered) -> None:
        """What is kept is tried again: all of it when the receiver takes messages, else one to find out."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._kept_again_s):
                    await self._back.wait()
            self._back.clear()
            try:
                most, busy = _WAITING // 2 if self._there.closed else 1, set(self._on_disk.values())
                taking = asyncio.create_task(asyncio.to_thread(undelivered.take, most, busy))
                try:
                    await asyncio.shield(taking)
                finally:
                    self._under_way += (found := await taking)  # also when we are stopped meanwhile: `close` keeps them
                for delivery in found:
                    await self._waiting.put(delivery)
                    self._under_way.remove(delivery)
                self.kept = await asyncio.to_thread(undelivered.count)
            except OSError as error:
                _log.error("a kept webhook message cannot be read", code="handoff.webhook", why=str(error))

    async def _write_down(self, delivery: Delivery) -> None:
        """Put it on the disk, as long as it is tried; not one that was kept long enough, or where there is no place."""
        since = delivery.kept_since or self._clock()
        if self._undelivered is None or self.kept >= _MOST_KEPT or self._clock() - since > _KEEP_S:
            return
        putting = asyncio.create_task(asyncio.to_thread(self._undelivered.put, replace(delivery, kept_since=since)))
        try:
            await asyncio.shield(putting)
        finally:
            if (path := await putting) is not None:  # also when we are stopped meanwhile: `close` keeps no second one
                self._on_disk[delivery.id] = path

    async def _is_over(self, delivery: Delivery) -> None:
        """It was delivered, or refused for good."""
        if not self._there.closed:
            self._back.set()
        self._there.succeeded()
        path = self._on_disk.pop(delivery.id, None)
        if path is not None:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    def _put_aside(self, delivery: Delivery, problem: str) -> bool:
        """Leave it on the disk until the receiver is back; False when it is not there."""
        if self._on_disk.pop(delivery.id, None) is None:
            return False
        self.kept += 1
        if not delivery.kept_since:
            _log.warning(
                "a webhook message is kept until the receiver takes it", code="handoff.webhook", id=delivery.id, problem=problem
            )
        return True

    async def _first_try(self, delivery: Delivery) -> bool:
        """False when it is to be tried again soon."""
        if not self._there.may_try():
            await self._write_down(delivery)
            if self._put_aside(delivery, "away"):
                self._tried(delivery.id)
                return True
        problem = await self._try(delivery)
        if not problem:
            return True
        await self._write_down(delivery)
        return bool(delivery.kept_since) and self._put_aside(delivery, problem)

    async def _try_again(self, delivery: Delivery) -> bool:
        problem = ""
        for attempt in range(1, _TRIES):
            await asyncio.sleep(self._wait_before(attempt - 1))
            problem = await self._try(delivery)
            if not problem:
                return True
        if not self._put_aside(delivery, problem):
            self._give_up(delivery, problem)
        return True

    async def _try(self, delivery: Delivery) -> str:
        """Once: why the receiver did not take it; "" when it took it, or refused it for good."""
        try:
            response = await self._client.post(self._url, content=delivery.body.encode(), headers=self._headers(delivery))
        except httpx.HTTPError as error:
            self._there.failed()
            return type(error).__name__
        finally:
            self._tried(delivery.id)
        problem = f"status {response.status_code}"
        if response.status_code >= 500 or response.status_code in _AGAIN:
            self._there.failed()
            return problem
        await self._is_over(delivery)
        if response.is_success:
            self.delivered += 1
        else:
            self._give_up(delivery, problem)  # the receiver understood and refuses: trying again would not help
        return ""

    def _give_up(self, delivery: Delivery, problem: str) -> None:
        self.given_up += 1
        _log.error("webhook message given up", code="handoff.webhook", id=delivery.id, problem=problem)

    def _tried(self, delivery_id: str) -> None:
        waiting = self._first_tries.get(delivery_id)
        if waiting is not None:
            waiting.set()

    def _headers(self, delivery: Delivery) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "X-Voicebot-Delivery": delivery.id,
            "X-Voicebot-Signature": signature(self._secret, int(self._clock()), delivery.body.encode()),
        }

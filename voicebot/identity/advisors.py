"""The advisor proven to the customer: the desk says who is calling whom, the customer's app asks, and it times out by itself."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import structlog
from redis.asyncio import Redis

from caller_id.word_pairs import language_of_pair, new_pair
from dialogs.wire import Codec, Instant, WireError
from voicebot.errors import StateError
from voicebot.identity.audit import Audit
from voicebot.metrics.registry import Metrics
from voicebot.state.orderly import Orderly
from voicebot.state.shared import PREFIX

LATELY_S = 3600
"""So long after a call the hotline still says that it was ours, to the customer who asks."""

_log = structlog.get_logger(__name__)

# the customer's entry goes with its id: an earlier call's end must not end a later call
_END = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1], KEYS[2]) end return 0"
# written only where the same call is still there, and for no longer
_UPDATE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'KEEPTTL')
return 1
"""


@dataclass(frozen=True, slots=True)
class AdvisorCall:
    """A call of the bank to a customer."""

    id: str
    """For the desk."""
    customer: str
    advisor: str
    """The name that the app shows."""
    matter: str
    """An intent of the bundle."""
    call: str
    """The desk's own reference of the call."""
    language: str
    words: str
    """The advisor says them, and the app shows them."""
    until: Instant
    client: str
    push: str = ""
    """What came of a request to the app: asked, confirmed, refused, expired…; "" where none was wanted."""


_codec = Codec(AdvisorCall)


class AdvisorProofs:
    """Kept by the state server under hashes of the customer's reference and of the id. Raises StateError while it is away: then
    nothing is told, neither yes nor no.
    """

    def __init__(
        self, shared: Orderly, audit: Audit, metrics: Metrics, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._shared = shared
        self._audit = audit
        self._metrics = metrics
        self._clock = clock

    async def show(
        self, client: str, *, customer: str, advisor: str, matter: str, call: str, language: str, life_s: int, push: bool = False
    ) -> AdvisorCall:
        """From now on the customer's app is told that the bank is calling; a later call takes the place of an earlier one."""
        now = self._clock().astimezone(UTC).replace(microsecond=0)
        shown = AdvisorCall(
            id=secrets.token_urlsafe(24),
            customer=customer,
            advisor=advisor,
            matter=matter,
            call=call,
            language=language,
            words=new_pair(language_of_pair(language)),
            until=now + timedelta(seconds=life_s),
            client=client,
            push="asked" if push else "",
        )
        names, text = _names(customer), _codec.to_text(shown)

        async def write(redis: Redis) -> None:
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.set(names.current, shown.id, ex=life_s)
                pipeline.set(_by_id(shown.id), text, ex=life_s)
                pipeline.set(names.lately, "1", ex=life_s + LATELY_S)
                await pipeline.execute()

        await self._shared.ask(write)
        self._metrics.count("voicebot_advisor_proofs_total", what="shown")
        await self._audit.note("advisor.shown", client=client, customer=customer, call=call, matter=matter, seconds=life_s)
        return shown

    async def find(self, call_id: str, client: str) -> AdvisorCall | None:
        """The call of this id, if this client showed it and it has not ended."""
        text = await self._shared.ask(lambda redis: _get(redis, _by_id(call_id)))
        shown = _read(text)
        return shown if shown is not None and shown.client == client else None

    async def end(self, call_id: str, client: str) -> bool:
        """The call is over; False when there is no such call of this client."""
        shown = await self.find(call_id, client)
        if shown is None:
            return False
        names = _names(shown.customer)

        async def delete(redis: Redis) -> None:
            await cast("Any", redis.eval(_END, 2, names.current, _by_id(call_id), call_id))
            await redis.delete(_by_id(call_id))
            await redis.set(names.lately, "1", ex=LATELY_S)

        await self._shared.ask(delete)
        await self._audit.note("advisor.ended", client=client, customer=shown.customer, call=shown.call)
        return True

    async def current(self, client: str, customer: str) -> AdvisorCall | None:
        """Whether the bank is calling this customer. The same work is done for every reference, whether there is such a customer
        or not, and each question is in the trail.
        """
        shown = await self._current(customer)
        answer = "yes" if shown is not None else "no"
        self._metrics.count("voicebot_advisor_proofs_total", what=f"asked_{answer}")
        await self._audit.note("advisor.asked", client=client, customer=customer, answer=answer)
        return shown

    async def told(self, customer: str, call_id: str) -> str:
        """For a caller who has proven who they are: calling, lately or none; "" when that cannot be known. Never raises."""
        names = _names(customer)
        try:
            shown = await self._current(customer)
            lately = await self._shared.ask(lambda redis: _get(redis, names.lately))
        except StateError as error:
            _log.error("whether the bank is calling cannot be known", code=error.code)
            return ""
        answer = "calling" if shown is not None else "lately" if lately is not None else "none"
        await self._audit.note("advisor.told", customer=customer, call=call_id, answer=answer)
        return answer

    async def pushed(self, shown: AdvisorCall, what: str) -> None:
        """What came of the request to the app. Raises StateError."""
        names, text = _names(shown.customer), _codec.to_text(replace(shown, push=what))

        async def write(redis: Redis) -> None:
            await cast("Any", redis.eval(_UPDATE, 2, names.current, _by_id(shown.id), shown.id, text))

        await self._shared.ask(write)

    async def _current(self, customer: str) -> AdvisorCall | None:
        """Two questions, whatever the first one says."""
        names = _names(customer)
        call_id = await self._shared.ask(lambda redis: _get(redis, names.current))
        text = await self._shared.ask(lambda redis: _get(redis, _by_id(call_id or "none")))
        return _read(text)


@dataclass(frozen=True, slots=True)
class _Names:
    current: str
    lately: str


def _names(customer: str) -> _Names:
    digest = hashlib.sha256(customer.encode()).hexdigest()
    return _Names(f"{PREFIX}advisor:{digest}", f"{PREFIX}advisor-lately:{digest}")


def _by_id(call_id: str) -> str:
    return f"{PREFIX}advisor-call:{hashlib.sha256(call_id.encode()).hexdigest()}"


async def _get(redis: Redis, name: str) -> str | None:
    return cast("str | None", await redis.get(name))


def _read(text: str | None) -> AdvisorCall | None:
    if text is None:
        return None
    try:
        return _codec.from_text(text)
    except WireError as error:
        _log.error("an advisor's call cannot be read", code=error.code, why=str(error))
        return None

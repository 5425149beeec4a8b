"""Tickets for calls: issued to the bank's back end, accepted once by whoever takes the call."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import cast

from redis.asyncio import Redis

from caller_id.ticket import CODE_LEAD, LEEWAY, LONGEST_LIFE, Refusal, Ticket, TicketRefused, sign, verify
from caller_id.types import Segment
from voicebot.config.identity import IdentitySettings
from voicebot.errors import ConfigError, StateError
from voicebot.identity.audit import Audit
from voicebot.identity.clients import Client, ClientRefused
from voicebot.identity.keys import SigningKeys
from voicebot.metrics.registry import Metrics
from voicebot.state.orderly import Orderly
from voicebot.state.quota import Limit, Quota
from voicebot.state.shared import PREFIX

AUDIENCE = "click2call"
"""What a ticket is for, in its `aud`."""
_SPENT_S = int((LONGEST_LIFE + 2 * LEEWAY).total_seconds())
_A_CALL_S = 86_400
_SINCE = f"{PREFIX}tickets-since"
_MOST_DRAWS = 5
_NO_APP = ":".join(["00"] * 32)
"""A certificate that nobody has: where tickets must be bound to an app's, one for a telephone alone is of no use to any."""
_DIGITS = re.compile(r"[0-9]{6,12}")


@dataclass(frozen=True, slots=True)
class Order:
    """What the bank vouches for: the fields of `Ticket`."""

    customer: str
    segment: Segment
    level: str
    auth_time: datetime
    language: str | None = None
    screen: str = ""
    device: str = ""
    fingerprint: str | None = None
    phone_code: bool = False
    """A short code is wanted as well, for a call by telephone."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A ticket, and what the app gets of it."""

    ticket: Ticket
    token: str
    code: str | None = None
    """Digits to type in a telephone call; ticket and code are one: whichever comes first spends both."""


class TicketService:
    """Issues tickets, and accepts each once, over all processes, whatever comes at one instant. In doubt it refuses."""

    def __init__(
        self,
        settings: IdentitySettings,
        keys: SigningKeys,
        shared: Orderly,
        quota: Quota,
        audit: Audit,
        metrics: Metrics,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`clock` is the time that tickets go by: the same on all machines, within 5 s."""
        self._name = settings.name
        self._settings = settings.tickets
        self._keys = keys
        self._shared = shared
        self._quota = quota
        self._audit = audit
        self._metrics = metrics
        self._clock = clock

    # ------------------------------------------------------------------ to the bank

    async def issue(self, client: Client, order: Order) -> Issued:
        """A ticket for one call. Raises ClientRefused, ConfigError."""
        try:
            await self._may(client, order)
            await self._remembers_since()
            ticket = self._ticket(client, order)
            token = sign(ticket, self._keys.signing, issuer=self._name, audience=AUDIENCE)
            code = await self.code_for(ticket) if order.phone_code else None
        except (StateError, TicketRefused) as error:
            raise await self._not_issued(client, order, _AWAY) from error
        except ClientRefused as refused:
            raise await self._not_issued(client, order, refused) from None
        self._count("issued")
        told = {"client": client.id, "customer": ticket.customer, "level": ticket.level}
        await self._audit.note("ticket.issued", ticket=reference(ticket), code=int(code is not None), **told)
        return Issued(ticket, token, code)

    async def code_for(self, ticket: Ticket) -> str:
        """Digits that stand for a ticket in a telephone call, until it expires. Raises StateError, ConfigError, and TicketRefused
        when it has expired.
        """
        left_s = int((ticket.expires - self._clock()).total_seconds())
        if left_s <= 0:
            raise TicketRefused(Refusal.EXPIRED)
        # a telephone shows no certificate
        token = sign(replace(ticket, fingerprint=None), self._keys.signing, issuer=self._name, audience=AUDIENCE)
        random_digits = self._settings.code_digits - len(CODE_LEAD)
        for _ in range(_MOST_DRAWS):
            code = f"{CODE_LEAD}{secrets.randbelow(10**random_digits):0{random_digits}d}"
            name = _code_name(code)

            if await self._shared.spend(name, token, keep_s=left_s):
                return code
        raise TicketRefused(Refusal.UNAVAILABLE)  # so many are out that none is free: make code_digits larger

    # ------------------------------------------------------------------ to a call

    async def accept(self, token: str, *, fingerprint: str | None, call: str, by: str = "ticket") -> Ticket:
        """The ticket, which is spent from now on. `fingerprint` is that of the call's DTLS certificate (SHA-256 as in SDP), None
        where there is none; `call` is the call's id, and `by` what brought the ticket, for the trail.

        Raises TicketRefused, and nothing else; it stands in the audit trail then.
        """
        known: Ticket | None = None
        try:
            async with self._shared.turn:
                known = self._checked(token)
                if known.fingerprint is not None and known.fingerprint != (fingerprint or "").upper():
                    raise TicketRefused(Refusal.FINGERPRINT)
                await self._spend(known, call)
        except TicketRefused as refused:
            await self._refused(refused, call, by, known)
            raise
        self._count("spent")
        told = {"client": known.client, "customer": known.customer, "level": known.level}
        await self._audit.note("ticket.spent", ticket=reference(known), call=call, by=by, **told)
        return known

    async def accept_code(self, code: str, call: str) -> Ticket:
        """The ticket of a code that a caller typed; it is spent from now on. Codes are short, so a call has few tries, and all
        calls together have few wrong ones in a minute. Raises TicketRefused.
        """
        try:
            token = await self._token_of(code, call)
        except TicketRefused as refused:
            await self._refused(refused, call, "code")
            raise
        return await self.accept(token, fingerprint=None, call=call, by="code")

    def _checked(self, token: str) -> Ticket:
        try:
            keys = self._keys.believed  # a file of some hundred octets, read when it has changed
        except ConfigError as error:
            raise TicketRefused(Refusal.UNAVAILABLE) from error
        return verify(token, keys, self._clock(), issuer=self._name, audience=AUDIENCE)

    async def _spend(self, ticket: Ticket, call: str) -> None:
        name = f"{PREFIX}ticket:{hashlib.sha256(ticket.id.encode()).hexdigest()}"
        try:
            since = await self._remembers_since()
            first = await self._shared.spend(name, call, keep_s=_SPENT_S)
        except StateError as error:
            raise TicketRefused(Refusal.UNAVAILABLE) from error
        if not first:
            raise TicketRefused(Refusal.REPLAYED)
        if since > ticket.issued.timestamp():
            raise TicketRefused(Refusal.UNAVAILABLE)  # it may have been spent before the state server was emptied

    async def _remembers_since(self) -> int:
        """Since when the state server knows what was spent, in seconds since 1970; it was empty before. Raises StateError."""
        now = int(self._clock().timestamp())

        async def look(redis: Redis) -> int:
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.set(_SINCE, now, nx=True)
                pipeline.get(_SINCE)
                return int((await pipeline.execute())[1])

        return await self._shared.ask(look)

    async def _token_of(self, code: str, call: str) -> str:
        """The code's token, which is taken out: a code works once. Every try counts until it turns out to be right."""
        if not _DIGITS.fullmatch(code):
            raise TicketRefused(Refusal.CODE)
        wrong = Limit("code:wrong", "", self._settings.wrong_codes_per_minute)
        own = Limit("code:call", call, self._settings.code_tries, per_s=_A_CALL_S)
        name = _code_name(code)

        async def take(redis: Redis) -> str | None:
            return cast("str | None", await redis.getdel(name))

        try:
            if await self._quota.take([own, wrong]) is not None:
                raise TicketRefused(Refusal.TRIES)
            token = await self._shared.ask(take)
            if token is not None:
                await self._quota.give_back(wrong)
        except StateError as error:
            raise TicketRefused(Refusal.UNAVAILABLE) from error
        if token is None:
            raise TicketRefused(Refusal.CODE)
        return token

    # ------------------------------------------------------------------ the rest

    async def _may(self, client: Client, order: Order) -> None:
        if client.require_fingerprint and order.fingerprint is None and not order.phone_code:
            raise ClientRefused("fingerprint", "this client's tickets need the fingerprint of the app's certificate", status=422)
        if order.auth_time > self._clock() + LEEWAY:
            raise ClientRefused("auth_time", "auth_time is in the future", status=422)
        limits = [
            Limit("ticket:customer", f"{client.id} {order.customer}", self._settings.per_customer_minute),
            Limit("ticket:all", "", self._settings.per_minute),
        ]
        used_up = await self._quota.take(limits)
        if used_up is not None:
            whose = "for this customer" if used_up is limits[0] else "in all"
            wait = self._quota.until_next_s(used_up)
            raise ClientRefused("limit", f"more than {used_up.most} tickets in a minute {whose}", status=429, retry_s=wait)

    def _ticket(self, client: Client, order: Order) -> Ticket:
        now = self._clock().astimezone(UTC).replace(microsecond=0)
        life = LONGEST_LIFE if order.phone_code else self._settings.life  # dialling and the greeting take their time
        return Ticket(
            id=secrets.token_urlsafe(16),
            customer=order.customer,
            segment=order.segment,
            level=order.level,
            auth_time=order.auth_time.astimezone(UTC).replace(microsecond=0),
            issued=now,
            expires=now + life,
            client=client.id,
            language=order.language,
            screen=order.screen,
            device=order.device,
            fingerprint=order.fingerprint or (_NO_APP if client.require_fingerprint else None),
        )

    async def _not_issued(self, client: Client, order: Order, refused: ClientRefused) -> ClientRefused:
        self._count("not_issued")
        await self._audit.note("ticket.refused", reason=refused.reason, by="order", client=client.id, customer=order.customer)
        return refused

    async def _refused(self, refused: TicketRefused, call: str, by: str, ticket: Ticket | None = None) -> None:
        self._count(refused.reason.value)
        told = {"ticket": reference(ticket), "client": ticket.client, "customer": ticket.customer} if ticket is not None else {}
        await self._audit.note("ticket.refused", reason=refused.reason.value, call=call, by=by, **told)

    def _count(self, outcome: str) -> None:
        self._metrics.count("voicebot_tickets_total", outcome=outcome)


_AWAY = ClientRefused("unavailable", "tickets cannot be issued just now", status=503, retry_s=2)


def reference(ticket: Ticket) -> str:
    """How the trail names a ticket: it tells which one, and lets nobody use it."""
    return hashlib.sha256(ticket.id.encode()).hexdigest()[:16]


def _code_name(code: str) -> str:
    return f"{PREFIX}ticket-code:{hashlib.sha256(code.encode()).hexdigest()}"

"""Proof on demand: a caller by telephone confirms in the bank's app, and whoever has is told whether the bank is calling them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import structlog
from redis.asyncio import Redis

from caller_id.types import Authentication, Caller, Segment
from caller_id.word_pairs import language_of_pair, new_pair
from dialogs.events import AuthorisationAsked, AuthorisationResult, Authorise
from voicebot.errors import StateError
from voicebot.identity.advisors import AdvisorProofs
from voicebot.identity.audit import Audit
from voicebot.identity.ciba import CibaClient, CibaProof, CibaRefused
from voicebot.metrics.registry import Metrics
from voicebot.state.orderly import Orderly
from voicebot.state.quota import Limit, Quota
from voicebot.state.shared import PREFIX

OTHER_CUSTOMER = "other_customer"
_DAY_S = 86_400
_MOST_DRAWS = 20

_log = structlog.get_logger(__name__)


class AppProofs:
    """Asks a customer's app: one request at a time, a few a day, with two words that it has not shown before on that day."""

    def __init__(
        self,
        ciba: CibaClient | None,
        shared: Orderly,
        quota: Quota,
        audit: Audit,
        metrics: Metrics,
        advisors: AdvisorProofs,
        *,
        per_customer_day: int,
    ) -> None:
        """`ciba` None: no app can be asked; whoever has proven by a ticket who they are is told of the bank's calls yet."""
        self._ciba = ciba
        self._shared = shared
        self._quota = quota
        self._audit = audit
        self._metrics = metrics
        self._advisors = advisors
        self._per_customer_day = per_customer_day

    @property
    def available(self) -> bool:
        """Whether there is an app to ask."""
        return self._ciba is not None

    def can_ask(self, caller: Caller) -> bool:
        """See `voicebot.conversation.session.Proofs`."""
        known = caller.customer_ref is not None
        return known and (self._ciba is not None or caller.authentication is Authentication.APP)

    async def prove(
        self, caller: Caller, call_id: str, action: Authorise, asked: Callable[[AuthorisationAsked], None]
    ) -> tuple[Caller, AuthorisationResult]:
        """See `voicebot.conversation.session.Proofs`. Never raises."""
        customer = caller.customer_ref
        if customer is None:
            return caller, AuthorisationResult(confirmed=False, reason="unavailable")
        if caller.authentication is Authentication.APP:
            return caller, await self._confirmed(caller, customer, call_id)
        try:
            proof = await self.ask(customer, call_id, action.language, purpose=action.purpose, asked=asked)
        except CibaRefused as refused:
            return caller, AuthorisationResult(confirmed=False, reason=refused.reason)
        if proof.customer != customer:
            return await self._another(caller, proof, call_id)
        proven = replace(caller, authentication=Authentication.APP, level=proof.level, authenticated_at=proof.auth_time)
        return proven, await self._confirmed(proven, customer, call_id)

    async def ask(
        self,
        customer: str,
        call_id: str,
        language: str,
        *,
        purpose: str,
        asked: Callable[[AuthorisationAsked], None] = lambda _: None,
        words: str | None = None,
    ) -> CibaProof:
        """Who confirmed; another customer's proof is the caller's to judge. `words` replaces a new pair. Raises CibaRefused."""
        told = {"customer": customer, "call": call_id, "purpose": purpose}
        try:
            proof = await self._asked(customer, language_of_pair(language), words, asked, told)
        except CibaRefused as refused:
            self._count(refused.reason)
            await self._audit.note("proof.refused", reason=refused.reason, **told)
            raise
        same = proof.customer == customer
        self._count("confirmed" if same else OTHER_CUSTOMER)
        await self._audit.note(
            "proof.confirmed" if same else f"proof.{OTHER_CUSTOMER}", level=proof.level, confirmed_by=proof.customer, **told
        )
        return proof

    async def _asked(
        self,
        customer: str,
        language: str,
        words: str | None,
        asked: Callable[[AuthorisationAsked], None],
        told: dict[str, str],
    ) -> CibaProof:
        ciba = self._ciba
        if ciba is None:
            raise CibaRefused("unavailable", "no provider is configured")
        held = _name("open", customer)
        try:
            if not await self._shared.spend(held, told["call"], keep_s=ciba.life_s + 30):
                raise CibaRefused("busy", "a request of this customer is open")
        except StateError as error:
            raise CibaRefused("unavailable", "requests cannot be counted just now") from error
        try:
            await self._within_limit(customer)
            pair = words or await self._new_pair(customer, language)
            await self._audit.note("proof.asked", **told)
            return await ciba.ask(customer, pair, shown=lambda: asked(AuthorisationAsked(pair, language)))
        finally:
            await self._release(held)

    async def _within_limit(self, customer: str) -> None:
        """Nobody's app rings more often than that, whoever calls from their number."""
        limit = Limit("proof:customer", customer, self._per_customer_day, per_s=_DAY_S)
        try:
            if await self._quota.take([limit]) is not None:
                raise CibaRefused("limit", f"more than {limit.most} requests in a day")
        except StateError as error:
            raise CibaRefused("unavailable", "requests cannot be counted just now") from error

    async def _new_pair(self, customer: str, language: str) -> str:
        try:
            for _ in range(_MOST_DRAWS):
                pair = new_pair(language)
                if await self._shared.spend(_name("pair", f"{customer} {pair}"), "1", keep_s=_DAY_S):
                    return pair
        except StateError as error:
            raise CibaRefused("unavailable", "words cannot be drawn just now") from error
        raise CibaRefused("unavailable", "no new words are left for this customer today")

    async def _release(self, name: str) -> None:
        async def delete(redis: Redis) -> None:
            await redis.delete(name)

        try:
            await self._shared.ask(delete)
        except StateError:
            return  # it ends by itself

    async def _confirmed(self, caller: Caller, customer: str, call_id: str) -> AuthorisationResult:
        at = caller.authenticated_at.isoformat() if caller.authenticated_at is not None else ""
        advisor = await self._advisors.told(customer, call_id)
        return AuthorisationResult(confirmed=True, level=caller.level, at=at, advisor=advisor)

    async def _another(self, caller: Caller, proof: CibaProof, call_id: str) -> tuple[Caller, AuthorisationResult]:
        """Somebody else holds the telephone than its number suggests: what is known of the number's owner is no hint any more,
        and nothing is proven of whom we did not ask for.
        """
        _log.warning("another customer confirmed than the number suggests", code=f"proof.{OTHER_CUSTOMER}", call_id=call_id)
        unknown = replace(caller, customer_ref=None, segment=Segment.MASS, tenure_years=None)
        return unknown, AuthorisationResult(confirmed=False, reason=OTHER_CUSTOMER, level=proof.level)

    def _count(self, outcome: str) -> None:
        self._metrics.count("voicebot_app_proofs_total", outcome=outcome)


def _name(kind: str, whose: str) -> str:
    return f"{PREFIX}proof:{kind}:{hashlib.sha256(whose.encode()).hexdigest()}"

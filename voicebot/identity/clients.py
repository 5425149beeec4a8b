"""Systems of the bank that ask us something: who they are is proven by a key of theirs, on each request (private_key_jwt).

Each request carries `Authorization: Bearer <assertion>`, a JWT after RFC 7523, section 3, signed for this one request: its claims
`iss` and `sub` are the client's id, `aud` is our name (a text), `exp` is at most two minutes after `iat`, `jti` counts once.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, JoseError
from redis.asyncio import Redis

from caller_id.ticket import LEEWAY, LONGEST_LIFE, MOST_OCTETS
from voicebot.errors import StateError, VoicebotError
from voicebot.identity.audit import Audit
from voicebot.identity.jwks import KeysAtUrl, KeysInFile, KeySource, KeysUnavailable
from voicebot.identity.settings import ClientSettings, May
from voicebot.state.quota import Limit, Quota
from voicebot.state.shared import PREFIX, SharedState

_TYPES = (None, "JWT", "jwt", "client-authentication+jwt")
_JTI = re.compile(r"[!-~]{16,128}")
_LEEWAY_S, _LONGEST_S = LEEWAY.total_seconds(), LONGEST_LIFE.total_seconds()
_SPENT_S = int(_LONGEST_S + 2 * _LEEWAY_S)
_FETCH = httpx.Timeout(3.0)


@dataclass(frozen=True, slots=True)
class Client:
    """A client that has proven who it is."""

    id: str
    require_fingerprint: bool = False


class ClientRefused(VoicebotError):
    """A request that is not answered: `code` is "client.<reason>", `status` the HTTP status."""

    def __init__(self, reason: str, why: str, *, status: int = 401, retry_s: int | None = None) -> None:
        self.reason = reason
        self.code = f"client.{reason}"
        self.status = status
        self.retry_s = retry_s
        """After so many seconds it may ask again."""
        super().__init__(why)


class BankClients:
    """Knows the bank's clients, and which request is really theirs."""

    def __init__(
        self,
        clients: Sequence[ClientSettings],
        shared: SharedState,
        quota: Quota,
        audit: Audit,
        *,
        name: str,
        clock: Callable[[], float] = time.time,
        sources: Mapping[str, KeySource] | None = None,
    ) -> None:
        """`name` is what they must write in `aud`. `sources` replaces where keys come from, by client."""
        self._http = httpx.AsyncClient(timeout=_FETCH, trust_env=False)
        self._settings = {client.id: client for client in clients}
        self._sources = dict(sources or {client.id: self._source(client) for client in clients})
        self._shared = shared
        self._quota = quota
        self._audit = audit
        self._name = name
        self._clock = clock

    async def close(self) -> None:
        """Disconnect."""
        await self._http.aclose()

    async def known(self, authorization: str | None, may: May) -> Client:
        """The client that signed this request, by its header Authorization. Raises ClientRefused, after the trail has it."""
        claimed = ""
        try:
            assertion = _bearer(authorization)
            settings, header = self._claimed(assertion)
            claimed = settings.id
            claims = await self._verified(assertion, header, settings)
            self._check(claims, settings)
            if may not in settings.may:
                raise ClientRefused("scope", f"this client may not ask for {may}", status=403)
            await self._spend(settings, str(claims["jti"]))
        except ClientRefused as refused:
            await self._audit.note("client.refused", reason=refused.reason, client=claimed or None, wanted=may.value)
            raise
        return Client(settings.id, settings.require_fingerprint)

    def _source(self, client: ClientSettings) -> KeySource:
        if client.jwks_file is not None:
            return KeysInFile(client.jwks_file)
        return KeysAtUrl(str(client.jwks_url), self._http)

    def _claimed(self, assertion: str) -> tuple[ClientSettings, dict[str, Any]]:
        """Whose it says it is, and its header; nothing of it is proven yet."""
        if len(assertion) > MOST_OCTETS:
            raise ClientRefused("size", f"the assertion is longer than {MOST_OCTETS} octets")
        try:
            unproven = jws.extract_compact(assertion.encode("ascii"))
            header, claims = unproven.headers(), _json(unproven.payload)
        except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ClientRefused("malformed", "the assertion is no JWT (compact JWS)") from error
        issuer = claims.get("iss")
        settings = self._settings.get(issuer) if isinstance(issuer, str) else None
        if settings is None:
            raise ClientRefused("unknown", "iss names no client that is known here")
        if header.get("typ") not in _TYPES:
            raise ClientRefused("type", "typ must be JWT or client-authentication+jwt")
        if header.get("alg") not in settings.algorithms:
            raise ClientRefused("algorithm", f"alg must be one of {', '.join(settings.algorithms)}")
        return settings, header

    async def _verified(self, assertion: str, header: Mapping[str, Any], settings: ClientSettings) -> dict[str, Any]:
        kid = header.get("kid")
        if not isinstance(kid, str):
            raise ClientRefused("key", "the header must name its key (kid)")
        try:
            keys = await self._sources[settings.id].keys(kid)
        except KeysUnavailable as error:
            raise ClientRefused("unavailable", str(error), status=503, retry_s=5) from error
        key = next((each for each in keys.keys if each.kid == kid), None)
        if key is None:
            raise ClientRefused("key", "the client has no key of this kid, or no longer")
        if key.alg != header["alg"]:
            raise ClientRefused("algorithm", "alg is not the one of the key")
        try:
            return jwt.decode(assertion, key, algorithms=list(settings.algorithms)).claims
        except BadSignatureError as error:
            raise ClientRefused("signature", "the assertion's signature does not fit the client's key") from error
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise ClientRefused("malformed", "the assertion is no JWT (compact JWS)") from error

    def _check(self, claims: Mapping[str, Any], settings: ClientSettings) -> None:
        if claims.get("sub") != settings.id:
            raise ClientRefused("subject", "sub must be the client's id, as iss is")
        if claims.get("aud") != self._name:
            raise ClientRefused("audience", f"aud must be {self._name!r}, as one text")
        issued, expires, begins = _number(claims, "iat"), _number(claims, "exp"), _number(claims, "nbf", optional=True)
        now = self._clock()
        if expires + _LEEWAY_S <= now:
            raise ClientRefused("expired", "the assertion has expired; sign one for each request, and set the clock")
        if max(issued, begins) - _LEEWAY_S > now:
            raise ClientRefused("early", "the assertion is from the future; set the clock")
        if not 0 < expires - issued <= _LONGEST_S:
            raise ClientRefused("life", f"from iat to exp must be {_LONGEST_S:.0f} s at most")
        if not (isinstance(claims.get("jti"), str) and _JTI.fullmatch(claims["jti"])):
            raise ClientRefused("jti", "jti must be 16 to 128 characters, random, new for each request")

    async def _spend(self, settings: ClientSettings, jti: str) -> None:
        name = f"{PREFIX}assertion:{hashlib.sha256(f'{settings.id} {jti}'.encode()).hexdigest()}"

        async def spend(redis: Redis) -> bool:
            return bool(await redis.set(name, "1", nx=True, ex=_SPENT_S))

        try:
            limit = Limit("client", settings.id, settings.per_minute)
            if await self._quota.take([limit]) is not None:
                wait = self._quota.until_next_s(limit)
                raise ClientRefused("limit", f"more than {settings.per_minute} requests in a minute", status=429, retry_s=wait)
            fresh = await self._shared.ask(spend)
        except StateError as error:
            raise ClientRefused("unavailable", "requests cannot be checked just now", status=503, retry_s=2) from error
        if not fresh:
            raise ClientRefused("replayed", "the assertion was used before; sign one for each request")


def _bearer(authorization: str | None) -> str:
    scheme, _, assertion = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not assertion.strip():
        raise ClientRefused("missing", "send the header Authorization: Bearer <assertion> (private_key_jwt, RFC 7523)")
    return assertion.strip()


def _json(payload: bytes) -> dict[str, Any]:
    value = json.loads(payload)
    if not isinstance(value, dict):
        raise TypeError("no object")
    return value


def _number(claims: Mapping[str, Any], name: str, *, optional: bool = False) -> float:
    value = claims.get(name, 0 if optional else None)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise ClientRefused("claims", f"{name} must be a number of seconds since 1970")
    return float(value)

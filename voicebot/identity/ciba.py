"""A customer confirms in the bank's app: OpenID Client-Initiated Backchannel Authentication (CIBA Core 1.0), as its client.

FAPI-CIBA's restrictions hold: the request is signed, we prove ourselves by private_key_jwt, there is always a binding message,
and no tokens are pushed to us. A ping says that the answer is there; ping or not, it is asked for at the provider's interval.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from redis.asyncio import Redis

from voicebot.config.identity import CibaSettings, safe_url
from voicebot.errors import ConfigError, StateError, VoicebotError
from voicebot.identity.jwks import KeysAtUrl, KeysUnavailable
from voicebot.identity.keys import SigningKeys
from voicebot.state.orderly import Orderly
from voicebot.state.relay import CHANNEL, Relay
from voicebot.state.shared import PREFIX

GRANT = "urn:openid:params:grant-type:ciba"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
AUTH_REQ_ID = "urn:openid:params:jwt:claim:auth_req_id"
LEEWAY_S = 5.0
_ASSERTION_S, _REQUEST_S = 60, 300
_DEFAULT_INTERVAL_S, _SLOWER_S, _LONGEST_INTERVAL_S = 5.0, 5.0, 60.0
_MOST_OCTETS = 64 * 1024
_METADATA_S = 3600.0
_GIVE_UP_S = 15.0
"""A provider that is silent for so long has been started again, or will not be before the caller's patience ends."""
_HTTP = httpx.Timeout(4.0)
_REASONS: Mapping[str, str] = {
    "unknown_user_id": "no_app",
    "expired_login_hint_token": "no_app",
    "access_denied": "refused",
    "expired_token": "expired",
}

_log = structlog.get_logger(__name__)


class CibaRefused(VoicebotError):
    """No proof: `reason` is refused, expired, no_app, or unavailable: the provider cannot be asked, or is not believed."""

    code = "proof.refused"

    def __init__(self, reason: str, why: str) -> None:
        self.reason = reason
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class CibaProof:
    """Who confirmed, by a checked id_token."""

    customer: str
    """The bank's own opaque reference."""
    level: str
    """How they were authenticated (`acr`)."""
    auth_time: datetime


@dataclass(frozen=True, slots=True)
class _Provider:
    """What the provider's metadata say."""

    authentication: str
    token: str
    keys: KeysAtUrl


@dataclass(slots=True)
class _Request:
    """One request that the provider has taken."""

    id: str
    began: datetime
    ends: float
    interval_s: float
    answered_at: float
    """When the provider last gave an answer, whatever it was."""


class CibaClient:
    """Asks the bank's provider. Several processes may: a ping that reaches one of them is told to all by the state server."""

    def __init__(
        self,
        settings: CibaSettings,
        keys: SigningKeys,
        shared: Orderly,
        relay: Relay,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`clock` is the true time, which tokens go by."""
        self._settings = settings
        self._keys = keys
        self._shared = shared
        self._relay = relay
        self._clock = clock
        self._http = httpx.AsyncClient(timeout=_HTTP, trust_env=False, follow_redirects=False)
        self._provider: tuple[float, _Provider] | None = None

    async def close(self) -> None:
        """Disconnect."""
        await self._http.aclose()

    @property
    def life_s(self) -> int:
        """How long a customer has to confirm."""
        return self._settings.life_s

    async def ask(self, customer: str, words: str, *, shown: Callable[[], None]) -> CibaProof:
        """Have the customer's app asked, with these words; `shown` is told when the provider has taken the request. Comes back
        when the customer has confirmed, or raises CibaRefused. Whose app answered stands in the proof: perhaps another one's.
        """
        token = secrets.token_urlsafe(32)
        name = _ping_name(token)
        try:
            with self._relay.listening(name) as ear:
                await self._expect_ping(name, "")
                request = await self._begin(customer, words, token)
                await self._expect_ping(name, _digest(request.id))
                shown()
                return await self._answer(request, ear)
        except (httpx.HTTPError, KeysUnavailable, ConfigError, ValueError) as error:
            _log.error("the provider cannot be asked", code="proof.unavailable", error=error)
            raise CibaRefused("unavailable", "the bank's provider cannot be asked just now") from error
        finally:
            await self._forget_ping(name)

    # ------------------------------------------------------------------ the request

    async def _begin(self, customer: str, words: str, notification_token: str) -> _Request:
        settings, provider = self._settings, await self._metadata()
        asked: dict[str, Any] = {
            "scope": "openid",
            "login_hint": customer,
            "binding_message": words,
            "requested_expiry": settings.life_s,
        }
        if settings.levels:
            asked["acr_values"] = " ".join(settings.levels)
        if settings.mode == "ping":
            asked["client_notification_token"] = notification_token
        began = self._clock()
        claims = {"iss": settings.client_id, "aud": settings.issuer, **asked}
        plain = {name: str(value) for name, value in asked.items()}
        form = {"request": self._signed(claims, _REQUEST_S, typ=None)} if settings.signed else plain
        status, answer = await self._post(provider.authentication, form)
        if status != httpx.codes.OK:
            raise _refused(answer)
        request_id = answer.get("auth_req_id")
        if not isinstance(request_id, str) or not 1 <= len(request_id) <= 1024:
            raise ValueError("the provider gives no auth_req_id")
        life_s = min(_number(answer, "expires_in", settings.life_s), settings.life_s)
        interval_s = min(_number(answer, "interval", _DEFAULT_INTERVAL_S), _LONGEST_INTERVAL_S)
        now = asyncio.get_running_loop().time()
        return _Request(request_id, began, now + life_s, interval_s, now)

    async def _answer(self, request: _Request, ear: asyncio.Queue[str | None]) -> CibaProof:
        """Ask for the answer when a ping says that it is there, and at the provider's interval in any case."""
        loop = asyncio.get_running_loop()
        next_ask = loop.time() + request.interval_s
        while True:
            pinged = await _pinged(ear, min(next_ask, request.ends) - loop.time())
            if loop.time() >= request.ends and not pinged:
                raise CibaRefused("expired", "the customer has not confirmed in time")
            proof = await self._fetch(request)
            if proof is not None:
                return proof
            next_ask = loop.time() + request.interval_s

    async def _fetch(self, request: _Request) -> CibaProof | None:
        """The proof, None while it is not there. A provider that does not answer is asked again for a while."""
        form = {"grant_type": GRANT, "auth_req_id": request.id}
        try:
            status, answer = await self._post((await self._metadata()).token, form)
        except (httpx.HTTPError, ValueError) as error:
            _log.warning("the provider does not answer; it is asked again", code="proof.unavailable", error=error)
            _give_up_on_the_silent(request)
            return None
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            _give_up_on_the_silent(request)
            return None
        request.answered_at = asyncio.get_running_loop().time()
        match answer.get("error") if status != httpx.codes.OK else "":
            case "":
                return await self._checked(answer, request)
            case "authorization_pending":
                return None
            case "slow_down":
                request.interval_s = min(request.interval_s + _SLOWER_S, _LONGEST_INTERVAL_S)
                return None
            case _:
                raise _refused(answer)

    # ------------------------------------------------------------------ the id_token

    async def _checked(self, answer: Mapping[str, Any], request: _Request) -> CibaProof:
        """Who confirmed. Raises CibaRefused for an id_token that does not prove it: then nobody has."""
        token = answer.get("id_token")
        if not isinstance(token, str) or len(token) > _MOST_OCTETS:
            raise self._disbelieved("no id_token")
        try:
            claims = await self._claims(token)
        except (JoseError, ValueError, TypeError) as error:
            raise self._disbelieved(f"its signature or form: {type(error).__name__}") from error
        return self._proof(claims, answer, request)

    async def _claims(self, token: str) -> dict[str, Any]:
        header = json.loads(base64.urlsafe_b64decode(_padded(token.partition(".")[0])))
        kid = header.get("kid") if isinstance(header, dict) else None
        if not isinstance(kid, str):
            raise ValueError("the token does not name its key")
        keys = await (await self._metadata()).keys.keys(kid)
        key = next((each for each in keys.keys if each.kid == kid), None)
        if key is None:
            raise ValueError("an unknown key")
        if header.get("typ", "JWT") != "JWT":
            raise ValueError("a token of another kind")
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=list(self._settings.algorithms)).claims
        return claims

    def _proof(self, claims: Mapping[str, Any], answer: Mapping[str, Any], request: _Request) -> CibaProof:
        settings, now = self._settings, self._clock().timestamp()
        audience = claims.get("aud")
        ours = audience == settings.client_id or audience == [settings.client_id]
        checks: dict[str, bool] = {
            "iss": claims.get("iss") == settings.issuer,
            "aud": ours and claims.get("azp", settings.client_id) == settings.client_id,
            "exp": _moment(claims.get("exp")) + LEEWAY_S > now,
            "iat": request.began.timestamp() - LEEWAY_S <= _moment(claims.get("iat")) <= now + LEEWAY_S,
            "nbf": 0 <= _moment(claims.get("nbf", 0)) <= now + LEEWAY_S,
            "auth_time": request.began.timestamp() - LEEWAY_S <= _moment(claims.get("auth_time")) <= now + LEEWAY_S,
            "acr": not settings.levels or claims.get("acr") in settings.levels,
            "auth_req_id": claims.get(AUTH_REQ_ID, request.id) == request.id,
            "at_hash": claims.get("at_hash") in (None, *_half_hashes(answer.get("access_token"))),
        }
        customer = claims.get(settings.customer_claim)
        checks[settings.customer_claim] = isinstance(customer, str) and 1 <= len(customer) <= 200
        if wrong := [name for name, good in checks.items() if not good]:
            raise self._disbelieved(", ".join(wrong))
        level = claims.get("acr")
        at = datetime.fromtimestamp(_moment(claims["auth_time"]), UTC)
        return CibaProof(str(customer), level if isinstance(level, str) else "", at)

    @staticmethod
    def _disbelieved(why: str) -> CibaRefused:
        _log.error("the provider's id_token is not believed", code="proof.id_token", why=why)
        return CibaRefused("unavailable", "the provider's answer does not prove anything")

    # ------------------------------------------------------------------ the provider

    async def _metadata(self) -> _Provider:
        """From the provider's discovery document, once an hour. Raises httpx.HTTPError, ValueError."""
        now = asyncio.get_running_loop().time()
        if self._provider is not None and now - self._provider[0] < _METADATA_S:
            return self._provider[1]
        url = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        status, found = await self._json(self._http.build_request("GET", url))
        if status != httpx.codes.OK or found.get("issuer") != self._settings.issuer:
            raise ValueError("the provider's metadata are not those of the issuer in identity.ciba.issuer")
        names = ("backchannel_authentication_endpoint", "token_endpoint", "jwks_uri")
        authentication, token, keys = (safe_url(str(found.get(name, ""))) for name in names)
        provider = _Provider(authentication, token, KeysAtUrl(keys, self._http))
        self._provider = (now, provider)
        return provider

    async def _post(self, url: str, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        us = self._settings.client_id
        assertion = self._signed({"iss": us, "sub": us, "aud": self._settings.issuer}, _ASSERTION_S, typ="JWT")
        data = {**form, "client_id": us, "client_assertion_type": ASSERTION, "client_assertion": assertion}
        return await self._json(self._http.build_request("POST", url, data=data))

    async def _json(self, request: httpx.Request) -> tuple[int, dict[str, Any]]:
        answer = await self._http.send(request, stream=True)
        try:
            body = b""
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > _MOST_OCTETS:
                    raise ValueError("the provider's answer is too long")
        finally:
            await answer.aclose()
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            return answer.status_code, {}
        told = json.loads(body)
        if not isinstance(told, dict):
            raise ValueError("the provider's answer is no JSON object")
        return answer.status_code, told

    def _signed(self, claims: Mapping[str, Any], life_s: int, *, typ: str | None) -> str:
        key, now = self._keys.signing, int(self._clock().timestamp())
        told = {**claims, "iat": now, "nbf": now, "exp": now + life_s, "jti": secrets.token_urlsafe(16)}
        header = {"alg": str(key.alg), "kid": str(key.kid)} | ({"typ": typ} if typ else {})
        return jwt.encode(header, told, key, algorithms=[str(key.alg)])

    # ------------------------------------------------------------------ pings

    async def _expect_ping(self, name: str, request: str) -> None:
        keep_s = self._settings.life_s + 60

        async def write(redis: Redis) -> None:
            await redis.set(f"{PREFIX}{name}", request, ex=keep_s)

        try:
            await self._shared.ask(write)
        except StateError:
            return  # no ping will be known; the answer is asked for at the interval

    async def _forget_ping(self, name: str) -> None:
        async def delete(redis: Redis) -> None:
            await redis.delete(f"{PREFIX}{name}")

        try:
            await self._shared.ask(delete)
        except StateError:
            return


class Pings:
    """What the provider tells us over HTTP, in whatever process, is passed on to whoever waits for it."""

    def __init__(self, shared: Orderly) -> None:
        self._shared = shared

    async def take(self, authorization: str | None, request_id: str) -> bool:
        """Whether this is a ping for a request of ours; it is passed on then. Raises StateError."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return False
        name = _ping_name(token.strip())

        async def look(redis: Redis) -> str | None:
            return cast("str | None", await redis.get(f"{PREFIX}{name}"))

        expected = await self._shared.ask(look)
        # "": it came before we were told the request's id. A ping is only a hint, the token alone proves whose it is
        if expected is None or (expected and not secrets.compare_digest(expected, _digest(request_id))):
            return False

        async def publish(redis: Redis) -> None:
            await redis.publish(CHANNEL, f"{name} ready")

        await self._shared.ask(publish)
        return True


async def _pinged(ear: asyncio.Queue[str | None], seconds: float) -> bool:
    """Wait for a ping, for so long at most."""
    deadline = asyncio.get_running_loop().time() + max(0.0, seconds)
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                if await ear.get() is not None:  # None: the relay may have missed one; the next asking will tell
                    return True
        except TimeoutError:
            return False


def _give_up_on_the_silent(request: _Request) -> None:
    """Raises CibaRefused when the provider has been silent for too long: nobody waits for what will not come."""
    if asyncio.get_running_loop().time() - request.answered_at > _GIVE_UP_S:
        raise CibaRefused("unavailable", f"the provider has not answered for {_GIVE_UP_S:.0f} s")


def _refused(answer: Mapping[str, Any]) -> CibaRefused:
    error = str(answer.get("error", ""))[:60]
    reason = _REASONS.get(error, "unavailable")
    if reason == "unavailable":
        _log.error("the provider refuses the request", code="proof.unavailable", why=error)
    return CibaRefused(reason, f"the provider says {error or 'nothing'}")


def _ping_name(token: str) -> str:
    return f"ciba:{_digest(token)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _half_hashes(token: object) -> list[str]:
    """OpenID Connect Core, 3.1.3.6: the left half of the hash that the algorithm uses, SHA-256 (ES256) or SHA-512 (Ed25519)."""
    if not isinstance(token, str):
        return []
    digests = (hashlib.sha256(token.encode()).digest(), hashlib.sha512(token.encode()).digest())
    return [base64.urlsafe_b64encode(each[: len(each) // 2]).rstrip(b"=").decode() for each in digests]


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def _number(answer: Mapping[str, Any], name: str, default: float) -> float:
    value = answer.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        return default
    return float(value)


def _moment(value: object) -> float:
    """Seconds since 1970; what is none lies before all time, or after it is refused."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        return float("-inf")
    return float(value)

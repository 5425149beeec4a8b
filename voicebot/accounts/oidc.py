"""The bank's own log-in: OpenID Connect Core 1.0, section 3.1, code flow with PKCE (RFC 7636), state and nonce."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from redis.asyncio import Redis

from voicebot.accounts.roles import Role
from voicebot.errors import VoicebotError
from voicebot.state.shared import PREFIX, SharedState

_TEN_MINUTES_S = 600
_ASK_S = 5.0
"""An answer may take so long in all, however slowly it comes."""
_MOST_OCTETS = 256 * 1024
"""A longer one is none."""
_LONGEST_SUBJECT = 200
_LEEWAY_S = 30
_ALGORITHMS = ["RS256", "PS256", "ES256"]
_KEEP_S = 300.0
"""What the provider says of itself is used so long …"""
_THERE_S = 10.0
"""… and for so long it is taken to be there: nobody is sent to a log-in that does not answer."""


class OidcRefused(VoicebotError):
    """The bank's log-in did not say who it is. The message is for the log: it quotes nothing that a browser sent."""

    code = "oidc.refused"
    to = "/"
    """The page that was asked for, where that is known."""


class OidcUnavailable(VoicebotError):
    """The bank's log-in does not answer."""

    code = "oidc.unavailable"
    to = "/"
    """As `OidcRefused`'s."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One log-in under way, kept at the state server under its `state` for ten minutes."""

    nonce: str
    verifier: str
    """PKCE's secret."""
    to: str
    """The page to go to afterwards."""


@dataclass(frozen=True, slots=True)
class Provider:
    """What the provider says of itself (OpenID Connect Discovery 1.0, section 3)."""

    authorization: str
    """Where browsers are sent."""
    token: str
    """Where a code becomes a token."""
    keys: KeySet
    """Its signatures are checked with them."""


@dataclass(frozen=True, slots=True)
class Told:
    """Whom the provider vouches for."""

    subject: str
    """`iss sub`."""
    name: str
    """For the log-in name: preferred_username, email, or a hash of the subject."""
    shown: str
    roles: frozenset[Role]
    to: str


class OidcLogin:
    """One provider."""

    def __init__(
        self,
        shared: SharedState,
        client: httpx.AsyncClient,
        *,
        issuer: str,
        client_id: str,
        client_secret: str | None,
        redirect_uri: str,
        roles_claim: str,
        roles: Mapping[str, Role],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._shared = shared
        self._client = client
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._roles_claim = roles_claim
        self._roles = {**{role.value: role for role in Role}, **roles}
        self._clock = clock
        self._known: tuple[float, Provider] | None = None
        self._asking: asyncio.Task[Provider] | None = None

    async def begin(self, to: str) -> tuple[str, str]:
        """The address to send the browser to, and the `state` for its cookie. Raises OidcUnavailable, StateError."""
        provider = await self._provider(kept_s=_THERE_S)
        state = secrets.token_urlsafe(32)
        asked = Asked(secrets.token_urlsafe(32), secrets.token_urlsafe(48), to)

        async def keep(redis: Redis) -> None:
            await redis.set(_key(state), json.dumps(asdict(asked)), ex=_TEN_MINUTES_S)

        await self._shared.ask(keep)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(asked.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid profile email",
            "state": state,
            "nonce": asked.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        mark = "&" if "?" in provider.authorization else "?"
        return f"{provider.authorization}{mark}{urlencode(query)}", state

    async def finish(self, state: str, cookie_state: str, code: str) -> Told:
        """Who came back. `cookie_state` is that of the browser. Raises OidcRefused, OidcUnavailable, StateError."""
        if not state or not secrets.compare_digest(state.encode(), cookie_state.encode()):
            raise OidcRefused("the state is not that of this browser")

        async def take(redis: Redis) -> str | None:
            return cast("str | None", await redis.getdel(_key(state)))

        kept = await self._shared.ask(take)
        if kept is None:
            raise OidcRefused("the state is unknown: used before, or older than ten minutes")
        asked = Asked(**json.loads(kept))
        try:
            token = await self._token(code, asked.verifier)
            claims = await self._claims(token, asked.nonce)
        except (OidcRefused, OidcUnavailable) as error:
            error.to = asked.to
            raise
        return self._told(claims, asked.to)

    async def _token(self, code: str, verifier: str) -> str:
        provider = await self._provider()
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "client_id": self._client_id,
            "code_verifier": verifier,
        }
        secret = httpx.Auth() if self._client_secret is None else httpx.BasicAuth(self._client_id, self._client_secret)
        status, told = await self._answer("POST", provider.token, data=fields, auth=secret)
        if status != httpx.codes.OK or not isinstance(told.get("id_token"), str):
            raise OidcRefused(f"the token endpoint gave no ID token (status {status})")
        return str(told["id_token"])

    async def _claims(self, token: str, nonce: str) -> Mapping[str, Any]:
        for fresh in (False, True):  # a key may have been changed since
            keys = (await self._provider(kept_s=0.0 if fresh else _KEEP_S)).keys
            try:
                claims: Mapping[str, Any] = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
                break
            except (JoseError, ValueError, TypeError, RecursionError) as error:
                if fresh:
                    raise OidcRefused(f"the ID token is not signed by the provider ({type(error).__name__})") from error
        audience = claims.get("aud")
        ours = audience == self._client_id or (
            isinstance(audience, list) and self._client_id in audience and claims.get("azp", self._client_id) == self._client_id
        )
        now = self._clock()
        expires = claims.get("exp")
        if str(claims.get("iss", "")).rstrip("/") != self._issuer or not ours:
            raise OidcRefused("the ID token is for somebody else, or by somebody else")
        if not isinstance(expires, int | float) or now > expires + _LEEWAY_S:
            raise OidcRefused("the ID token has expired")
        if claims.get("nonce") != nonce:
            raise OidcRefused("the nonce is another one: the ID token was made for another log-in")
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise OidcRefused("the ID token does not say for whom it is: the claim sub is missing")
        return claims

    def _told(self, claims: Mapping[str, Any], to: str) -> Told:
        subject = f"{self._issuer} {claims['sub']}"
        if len(subject) > _LONGEST_SUBJECT:  # cut off, two people could be one
            subject = f"{subject[: _LONGEST_SUBJECT - 65]} {hashlib.sha256(subject.encode()).hexdigest()}"
        given = claims.get(self._roles_claim, ())
        words = [given] if isinstance(given, str) else given if isinstance(given, list) else []
        roles = frozenset(self._roles[each] for each in words if isinstance(each, str) and each in self._roles)
        fallback = "user-" + hashlib.sha256(subject.encode()).hexdigest()[:12]
        name = next((str(claims[each]) for each in ("preferred_username", "email") if claims.get(each)), fallback)
        return Told(subject, name, str(claims.get("name") or name)[:120], roles, to)

    async def _provider(self, *, kept_s: float = _KEEP_S) -> Provider:
        """As it described itself `kept_s` ago at most. Raises OidcUnavailable."""
        if self._known is not None and self._clock() < self._known[0] + kept_s:
            return self._known[1]
        if self._asking is None or self._asking.done():  # however many wait, one asks
            self._asking = asyncio.create_task(self._described(), name="oidc-provider")
            self._asking.add_done_callback(
                lambda asked: asked.cancelled() or asked.exception()
            )  # also when nobody waits any more
        return await asyncio.shield(self._asking)

    async def _described(self) -> Provider:
        told = await self._found(f"{self._issuer}/.well-known/openid-configuration")
        if str(told.get("issuer", "")).rstrip("/") != self._issuer:
            raise OidcUnavailable("the provider names another issuer than console.oidc.issuer: set the one that it names")
        try:
            keys = KeySet.import_key_set(cast("Any", await self._found(_address(told, "jwks_uri"))))
        except (ValueError, KeyError, TypeError, AttributeError, JoseError) as error:
            raise OidcUnavailable(f"the provider's keys cannot be read ({type(error).__name__})") from error
        provider = Provider(_address(told, "authorization_endpoint"), _address(told, "token_endpoint"), keys)
        self._known = (self._clock(), provider)
        return provider

    async def _found(self, url: str) -> dict[str, Any]:
        status, told = await self._answer("GET", url)
        if status != httpx.codes.OK:
            raise OidcUnavailable(f"the bank's log-in does not answer as it should (status {status})")
        return told

    async def _answer(self, method: str, url: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """Status, and the JSON object. Raises OidcUnavailable."""
        body = bytearray()
        try:
            plain = {"Accept": "application/json", "Accept-Encoding": "identity"}
            async with (
                asyncio.timeout(_ASK_S),
                self._client.stream(method, url, headers=plain, timeout=_ASK_S, **more) as answer,
            ):
                async for part in answer.aiter_raw():
                    body += part
                    if len(body) > _MOST_OCTETS:
                        raise OidcUnavailable(f"the bank's log-in answers with more than {_MOST_OCTETS} octets")
            told = json.loads(body)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TimeoutError, RecursionError) as error:
            raise OidcUnavailable(f"the bank's log-in does not answer as it should ({type(error).__name__})") from error
        if not isinstance(told, dict):
            raise OidcUnavailable("the bank's log-in does not answer as it should: no JSON object")
        return answer.status_code, told


def _address(told: Mapping[str, Any], name: str) -> str:
    """An address that the provider names. Raises OidcUnavailable for none."""
    address = told.get(name)
    if not isinstance(address, str) or not address.isprintable() or not address.startswith(("https://", "http://")):
        raise OidcUnavailable(f"the provider's {name} is no address")
    return address


def _key(state: str) -> str:
    return f"{PREFIX}oidc:{hashlib.sha256(state.encode()).hexdigest()}"

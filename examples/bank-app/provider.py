"""A bank's OpenID provider, for tests and demonstrations: CIBA with ping and poll, signed requests.

    python provider.py --client-keys http://127.0.0.1:8080/.well-known/jwks.json --ping http://127.0.0.1:8080/api/ciba/ping

In the example it is part of the bank's server (bank.py), whose page shows the customer the two words, and confirms or refuses.
Started alone it gives programs the same at /customers/<reference>/requests. Nobody logs in there, so it listens on this machine
alone. Everything else is as a real provider does it: HTTP, JWTs, and refusals by the book.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import uvicorn
from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

GRANT = "urn:openid:params:grant-type:ciba"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
AUTH_REQ_ID = "urn:openid:params:jwt:claim:auth_req_id"
HINTS = ("login_hint", "login_hint_token", "id_token_hint")
SLOWER_S, LEEWAY_S = 5.0, 5
LONGEST_MESSAGE = 40


class Refused(Exception):
    """An error of OAuth 2.0 or CIBA, with its HTTP status."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.status = status


@dataclass
class Pending:
    """One request to a customer's app."""

    id: str
    customer: str
    words: str
    level: str
    token: str
    """Of the client, for a ping."""
    ends: float
    interval_s: float
    state: str = "pending"
    """pending, confirmed, refused, spent."""
    by: str = ""
    """Who confirmed."""
    at: int = 0
    polled_at: float = field(default_factory=lambda: float("-inf"))

    @property
    def open(self) -> bool:
        """Whether the app shows it."""
        return self.state == "pending" and time.time() < self.ends


class Provider:
    """What the provider knows. `customers` are those whose app can be asked; None: everybody's."""

    def __init__(self, issuer: str, options: argparse.Namespace) -> None:
        self.issuer = issuer
        self.client: str = options.client
        self.customers = set(options.customers.split(",")) if options.customers else None
        self.interval_s: float = options.interval
        self.level: str = options.level
        self.life_s: float = options.life
        self.ping: str | None = options.ping
        self.key = ECKey.generate_key("P-256", {"kid": f"bank-{secrets.token_hex(3)}", "alg": "ES256", "use": "sig"})
        self.requests: dict[str, Pending] = {}
        self.pinging: set[asyncio.Task[None]] = set()
        self._client_keys: str = options.client_keys
        self._seen: dict[str, float] = {}
        self._http = httpx.AsyncClient(timeout=3.0, trust_env=False)

    # ------------------------------------------------------------------ the client

    async def authenticated(self, form: dict[str, str]) -> None:
        """private_key_jwt (RFC 7523): each assertion once. Raises Refused."""
        if form.get("client_assertion_type") != ASSERTION:
            raise Refused("invalid_client", 401)
        try:
            claims = await self._verified(form.get("client_assertion", ""))
        except (JoseError, ValueError, httpx.HTTPError) as error:
            raise Refused("invalid_client", 401) from error
        now = time.time()
        self._seen = {jti: until for jti, until in self._seen.items() if until > now}
        if claims.get("sub") != self.client or claims["jti"] in self._seen:
            raise Refused("invalid_client", 401)
        self._seen[claims["jti"]] = float(claims["exp"]) + LEEWAY_S

    async def asked(self, form: dict[str, str]) -> dict[str, Any]:
        """The signed request; one that is not signed is refused, as FAPI-CIBA wants it. Raises Refused."""
        try:
            claims = await self._verified(form.get("request", ""))
        except (JoseError, ValueError, httpx.HTTPError) as error:
            raise Refused("invalid_request") from error
        if "nbf" not in claims or float(claims["exp"]) - float(claims["nbf"]) > 3600:
            raise Refused("invalid_request")
        return claims

    async def _verified(self, token: str) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(token, await self._keys(), algorithms=["ES256", "Ed25519"]).claims
        essential = {"essential": True}
        checked = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.client},
            aud={"essential": True, "value": self.issuer},
            exp=essential,  # type: ignore[arg-type]
            jti=essential,  # type: ignore[arg-type]
        )
        checked.validate(claims)
        return claims

    async def _keys(self) -> KeySet:
        if self._client_keys.startswith("http"):
            found: dict[str, Any] = (await self._http.get(self._client_keys)).raise_for_status().json()
        else:
            found = json.loads(await asyncio.to_thread(Path(self._client_keys).read_text, "utf-8"))
        return KeySet.import_key_set({"keys": found["keys"]})

    # ------------------------------------------------------------------ requests

    def begin(self, asked: dict[str, Any]) -> Pending:
        """A new request, shown by the customer's app from now on. Raises Refused."""
        hints = [str(asked[name]) for name in HINTS if name in asked]
        if len(hints) != 1 or "openid" not in str(asked.get("scope", "")).split():
            raise Refused("invalid_request")
        if self.customers is not None and hints[0] not in self.customers:
            raise Refused("unknown_user_id")
        words = str(asked.get("binding_message", ""))
        if not 1 <= len(words) <= LONGEST_MESSAGE:
            raise Refused("invalid_binding_message")
        life_s = min(float(asked.get("requested_expiry", 120)), self.life_s)
        wanted = str(asked.get("acr_values", "")).split()
        made = Pending(
            id=secrets.token_urlsafe(24),
            customer=hints[0],
            words=words,
            level=wanted[0] if wanted else self.level,
            token=str(asked.get("client_notification_token", "")),
            ends=time.time() + life_s,
            interval_s=self.interval_s,
        )
        self.requests[made.id] = made
        return made

    def tokens(self, form: dict[str, str]) -> dict[str, Any]:
        """What the token endpoint answers: the proof, once. Raises Refused."""
        found = self.requests.get(form.get("auth_req_id", ""))
        if form.get("grant_type") != GRANT:
            raise Refused("unsupported_grant_type")
        if found is None or found.state == "spent":
            raise Refused("invalid_grant")
        now, last = time.time(), found.polled_at
        found.polled_at = now
        if found.state == "pending" and now >= found.ends:
            raise Refused("expired_token")
        if found.state == "pending":
            if now - last < found.interval_s - 0.1:
                found.interval_s += SLOWER_S
                raise Refused("slow_down")
            raise Refused("authorization_pending")
        if found.state == "refused":
            raise Refused("access_denied")
        found.state = "spent"
        return {
            "access_token": secrets.token_urlsafe(24),
            "token_type": "Bearer",
            "expires_in": 60,
            "id_token": self._id_token(found),
        }

    def _id_token(self, found: Pending) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": self.client,
            "sub": found.by,
            "iat": now,
            "exp": now + 60,
            "auth_time": found.at,
            "acr": found.level,
            "amr": ["face", "hwk"],
            AUTH_REQ_ID: found.id,
        }
        return jwt.encode({"alg": "ES256", "kid": str(self.key.kid), "typ": "JWT"}, claims, self.key)

    def shown_to(self, customer: str) -> list[dict[str, Any]]:
        """The requests that the customer's app shows."""
        return [
            {"id": each.id, "words": each.words, "left_s": max(0, int(each.ends - time.time()))}
            for each in self.requests.values()
            if each.customer == customer and each.open
        ]

    def answer(self, customer: str, request: str, confirmed: bool, by: str) -> None:
        """What the customer taps; the client is told that it may ask. Raises HTTPException when there is nothing to answer."""
        found = self.requests.get(request)
        if found is None or found.customer != customer or not found.open:
            raise HTTPException(404, "there is no such request any more")
        found.state, found.by, found.at = ("confirmed" if confirmed else "refused"), by or customer, int(time.time())
        if self.ping is not None and found.token:
            task = asyncio.create_task(self._tell(self.ping, found))
            self.pinging.add(task)
            task.add_done_callback(self.pinging.discard)

    async def _tell(self, url: str, found: Pending) -> None:
        with suppress(httpx.HTTPError):  # the client asks by itself then
            headers = {"Authorization": f"Bearer {found.token}"}
            await self._http.post(url, json={"auth_req_id": found.id}, headers=headers)


def build(provider: Provider) -> FastAPI:
    """The provider's endpoints: what its client sees."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(Refused)
    async def refuse(_: Request, error: Refused) -> JSONResponse:
        return JSONResponse({"error": error.error}, error.status, headers={"Cache-Control": "no-store"})

    @app.get("/.well-known/openid-configuration")
    def metadata() -> dict[str, Any]:
        return {
            "issuer": provider.issuer,
            "token_endpoint": f"{provider.issuer}/token",
            "jwks_uri": f"{provider.issuer}/jwks",
            "backchannel_authentication_endpoint": f"{provider.issuer}/bc-authorize",
            "backchannel_token_delivery_modes_supported": ["poll", "ping"],
            "backchannel_authentication_request_signing_alg_values_supported": ["ES256", "Ed25519"],
            "backchannel_user_code_parameter_supported": False,
            "grant_types_supported": [GRANT],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        }

    @app.get("/jwks")
    def keys() -> dict[str, Any]:
        return {"keys": [provider.key.as_dict(private=False)]}

    @app.post("/bc-authorize")
    async def authorize(request: Request) -> JSONResponse:
        form = await _form(request)
        await provider.authenticated(form)
        made = provider.begin(await provider.asked(form))
        told = {"auth_req_id": made.id, "expires_in": int(made.ends - time.time() + 0.5), "interval": made.interval_s}
        return JSONResponse(told, headers={"Cache-Control": "no-store"})

    @app.post("/token")
    async def token(request: Request) -> JSONResponse:
        form = await _form(request)
        await provider.authenticated(form)
        return JSONResponse(provider.tokens(form), headers={"Cache-Control": "no-store"})

    return app


def app_routes(provider: Provider) -> APIRouter:
    """What a customer's app sees, without a log-in."""
    router = APIRouter()

    @router.get("/customers/{customer}/requests")
    def requests(customer: str) -> list[dict[str, Any]]:
        return provider.shown_to(customer)

    @router.post("/customers/{customer}/requests/{request_id}")
    async def decide(customer: str, request_id: str, request: Request) -> dict[str, str]:
        told = await request.json()
        provider.answer(customer, request_id, told.get("answer") == "confirm", str(told.get("as", "")))
        return {}

    return router


async def _form(request: Request) -> dict[str, str]:
    pairs = parse_qs((await request.body()).decode(), keep_blank_values=True)
    if any(len(values) > 1 for values in pairs.values()):
        raise Refused("invalid_request")
    return {name: values[0] for name, values in pairs.items()}


def main() -> None:
    """Listen until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: a free one, which is printed")
    parser.add_argument("--client", default="voicebot", help="the client's id")
    parser.add_argument("--client-keys", required=True, help="the client's public keys (JWKS): a URL or a file")
    parser.add_argument("--ping", help="where the client wants to be told that a customer has answered")
    parser.add_argument("--customers", default="", help="references of those who have the app, joined by commas; all by default")
    parser.add_argument("--interval", type=float, default=2.0, help="seconds between two questions of the client")
    parser.add_argument("--life", type=float, default=170.0, help="seconds that a request lives at most")
    parser.add_argument("--level", default="app-biometric", help="acr where the client asks for none")
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", options.port))
    issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
    print(f"provider at {issuer}, a customer's requests at {issuer}/customers/C-1/requests", flush=True)
    provider = Provider(issuer, options)
    app = build(provider)
    app.include_router(app_routes(provider))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()

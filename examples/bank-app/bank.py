"""An example of the bank's side, to be read and copied from: the app's back end, its OpenID provider, and the agents' desk.

    python bank.py bank.json        made by run.py; see README.md

Customers log in by choosing a name, agents not at all, so it listens on this machine alone. All else is as a bank does it:
voicebot is asked with signed requests, the webhook's signature is checked, and a page loads nothing but its own files.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import sys
import time
from argparse import Namespace
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import APIRouter, Cookie, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from provider import Provider
from provider import build as build_provider
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware
from voicebot_client import VoicebotClient, VoicebotRefused, is_from_voicebot

PAGES = Path(__file__).with_name("pages")
LOGGED_IN_BY = "app-pin"
_COOKIE = "demo_bank"
_KEPT = 50
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Customer(BaseModel):
    """A customer of the example."""

    ref: str
    name: str
    number: str
    segment: str
    language: str


class BankSettings(BaseModel):
    """The example's configuration, of its JSON file."""

    model_config = ConfigDict(extra="forbid")

    port: int
    voicebot: str
    """Where it listens: http://127.0.0.1:8080."""
    api_token: str
    webhook_secret: str
    app_key: dict[str, Any]
    """Private JWKs."""
    desk_key: dict[str, Any]
    customers: list[Customer]
    matters: dict[str, dict[str, str]]
    """By language and intent: what the desk calls them."""

    @property
    def url(self) -> str:
        """Where the example listens."""
        return f"http://127.0.0.1:{self.port}"


class Login(BaseModel):
    """Who one is."""

    customer: Annotated[str, Field(max_length=64)]


class CallWish(BaseModel):
    """The customer taps Call."""

    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "pl"
    screen: Annotated[str, Field(max_length=80)] = ""
    fingerprint: Annotated[str, Field(max_length=200)] | None = None
    """Of the certificate that the call will show; None where the browser does not tell it."""


class Answer(BaseModel):
    """To a request to confirm."""

    confirmed: bool


class AdvisorCall(BaseModel):
    """An agent calls a customer."""

    customer: Annotated[str, Field(max_length=64)]
    advisor: Annotated[str, Field(max_length=60)]
    matter: Annotated[str, Field(max_length=64)]
    push: bool = False


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A customer in the app."""

    customer: Customer
    since: datetime


class Bank:
    """What the bank's systems hold."""

    def __init__(self, settings: BankSettings) -> None:
        self.settings = settings
        self.customers = {each.ref: each for each in settings.customers}
        self.voicebot = VoicebotClient(
            settings.voicebot, app_key=settings.app_key, desk_key=settings.desk_key, api_token=settings.api_token
        )
        told = {
            "client": "voicebot",
            "client_keys": f"{settings.voicebot}/.well-known/jwks.json",
            "customers": ",".join(self.customers),
            "interval": 2.0,
            "level": LOGGED_IN_BY,
            "life": 170.0,
            "ping": f"{settings.voicebot}/api/ciba/ping",
        }
        self.provider = Provider(f"{settings.url}/provider", Namespace(**told))
        self.logged_in: OrderedDict[str, LoggedIn] = OrderedDict()
        self.hand_offs: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._fetching: set[asyncio.Task[None]] = set()

    def log_in(self, ref: str) -> str:
        """The cookie of a new session. Raises HTTPException."""
        if ref not in self.customers:
            raise HTTPException(404, "there is no such customer in this example")
        session = secrets.token_urlsafe(24)
        self.logged_in[session] = LoggedIn(self.customers[ref], datetime.now(UTC))
        _forget(self.logged_in)
        return session

    def told(self, ref: str, event: str, data: dict[str, Any]) -> None:
        """Voicebot told of a hand-off: the desk shows it at once, and the whole story when it is fetched."""
        if ref in self.hand_offs:
            return  # it was delivered twice
        self.hand_offs[ref] = {"event": event, **data}
        _forget(self.hand_offs)
        task = asyncio.create_task(self._fetch(ref))
        self._fetching.add(task)
        task.add_done_callback(self._fetching.discard)

    async def _fetch(self, ref: str) -> None:
        try:
            whole = await self.voicebot.hand_off(ref)
        except VoicebotRefused as error:
            whole = {"problem": error.detail or error.code}
        if ref in self.hand_offs:
            self.hand_offs[ref] |= whole


def _forget(kept: OrderedDict[str, Any]) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)


def build(bank: Bank) -> FastAPI:
    """The server: two pages, what they ask, the provider and the webhook."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await bank.voicebot.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.include_router(_app_routes(bank), prefix="/api")
    app.include_router(_desk_routes(bank), prefix="/desk")
    app.mount("/provider", build_provider(bank.provider))
    app.mount("/pages", StaticFiles(directory=PAGES))
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])  # no page elsewhere borrows our name

    @app.exception_handler(VoicebotRefused)
    async def refuse(_: Request, error: VoicebotRefused) -> JSONResponse:
        return JSONResponse({"code": error.code, "detail": error.detail}, error.status)

    @app.middleware("http")
    async def guard(request: Request, go_on: RequestResponseEndpoint) -> Response:
        origin = request.headers.get("origin")
        if request.method not in _READS and origin not in (None, str(request.base_url).rstrip("/")):
            return JSONResponse({"detail": "another site may not ask for this"}, 403)
        response = await go_on(request)
        response.headers.update(_headers(bank.settings.voicebot))
        return response

    @app.get("/")
    def customers_page() -> FileResponse:
        return FileResponse(PAGES / "app.html")

    @app.get("/agent")
    def agents_page() -> FileResponse:
        return FileResponse(PAGES / "agent.html")

    @app.post("/hooks/voicebot", status_code=204)
    async def webhook(request: Request) -> Response:
        body = await request.body()
        header = request.headers.get("x-voicebot-signature", "")
        if not is_from_voicebot(bank.settings.webhook_secret, header, body, time.time()):
            raise HTTPException(401, "this is not voicebot's signature")
        told = json.loads(body)
        if str(told.get("event", "")).startswith("handoff."):
            bank.told(told["id"], told["event"], told["data"])
        return Response(status_code=204)

    return app


def _headers(voicebot: str) -> dict[str, str]:
    """The pages load their own files, and talk to voicebot for the call."""
    talks = f"{voicebot} {voicebot.replace('http', 'ws', 1)}"
    own = "script-src 'self'; style-src 'self'; img-src 'self'"
    return {
        "Content-Security-Policy": f"default-src 'none'; {own}; connect-src 'self' {talks}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }


def _app_routes(bank: Bank) -> APIRouter:
    """The app's back end."""
    router = APIRouter()

    def whoever_is_logged_in(demo_bank: Annotated[str, Cookie()] = "") -> LoggedIn:
        found = bank.logged_in.get(demo_bank)
        if found is None:
            raise HTTPException(401, "log in first")
        return found

    who = Depends(whoever_is_logged_in)

    @router.get("/customers")
    def customers() -> list[Customer]:
        return bank.settings.customers

    @router.post("/login")
    def log_in(login: Login, response: Response) -> Customer:
        response.set_cookie(_COOKIE, bank.log_in(login.customer), httponly=True, samesite="strict")
        return bank.customers[login.customer]

    @router.post("/logout", status_code=204)
    def log_out(response: Response, demo_bank: Annotated[str, Cookie()] = "") -> None:
        bank.logged_in.pop(demo_bank, None)
        response.delete_cookie(_COOKIE)

    @router.get("/me")
    def me(demo_bank: Annotated[str, Cookie()] = "") -> Customer | None:
        found = bank.logged_in.get(demo_bank)
        return found.customer if found is not None else None

    @router.post("/call")
    async def call(wish: CallWish, logged_in: LoggedIn = who) -> dict[str, Any]:
        """A ticket, asked for at the tap: it lives a minute."""
        order = {
            "customer": logged_in.customer.ref,
            "segment": logged_in.customer.segment,
            "level": LOGGED_IN_BY,
            "auth_time": logged_in.since.isoformat(),
            **wish.model_dump(exclude_none=True),
        }
        return {"voicebot": bank.settings.voicebot, **await bank.voicebot.ticket(order)}

    @router.get("/calling")
    async def calling(language: str = "pl", logged_in: LoggedIn = who) -> dict[str, Any]:
        return await bank.voicebot.calling(logged_in.customer.ref, "en" if language == "en" else "pl")

    @router.get("/requests")
    def requests(logged_in: LoggedIn = who) -> dict[str, Any]:
        ref = logged_in.customer.ref
        return {"customer": ref, "open": bank.provider.shown_to(ref)}

    @router.post("/requests/{request_id}", status_code=204)
    async def answer(request_id: str, told: Answer, logged_in: LoggedIn = who) -> None:
        bank.provider.answer(logged_in.customer.ref, request_id, told.confirmed, "")

    return router


def _desk_routes(bank: Bank) -> APIRouter:
    """The agents' desk."""
    router = APIRouter()

    @router.get("/matters")
    def matters() -> dict[str, dict[str, str]]:
        return bank.settings.matters

    @router.get("/hand-offs")
    def hand_offs() -> list[dict[str, Any]]:
        return list(reversed(bank.hand_offs.values()))

    @router.post("/calls", status_code=201)
    async def call_customer(wish: AdvisorCall) -> dict[str, Any]:
        """The customer's app says the same words from now on."""
        customer = bank.customers.get(wish.customer)
        if customer is None:
            raise HTTPException(404, "there is no such customer in this example")
        order = {**wish.model_dump(), "call": secrets.token_hex(8), "language": "en" if customer.language == "en" else "pl"}
        return await bank.voicebot.show_advisor(order)

    @router.get("/calls/{proof}")
    async def look(proof: str) -> dict[str, Any]:
        return await bank.voicebot.advisor(proof)

    @router.delete("/calls/{proof}", status_code=204)
    async def end(proof: str) -> None:
        await bank.voicebot.end_advisor(proof)

    return router


def main() -> None:
    """Listen until interrupted."""
    settings = BankSettings.model_validate_json(Path(sys.argv[1]).read_text("utf-8"))
    listener = socket.create_server(("127.0.0.1", settings.port))
    print(f"bank at {settings.url}, its agents' desk at {settings.url}/agent", flush=True)
    uvicorn.Server(uvicorn.Config(build(Bank(settings)), log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()

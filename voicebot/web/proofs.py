"""Proof to the bank and to its customers; see docs/identity.md.

POST /api/ciba/ping                      the bank's provider: a customer has answered
POST /api/advisor-proofs                 the agent's desk: this advisor is calling this customer
GET, DELETE /api/advisor-proofs/{id}     the desk: what the customer's app said; the call is over
GET /api/customers/{id}/calls/current    the app's back end: is the bank calling this customer now?
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from caller_id.word_pairs import WORD_LISTS
from dialogs.data.bundle import Bundle
from dialogs.events import Prompt
from voicebot.config.identity import May
from voicebot.errors import StateError
from voicebot.identity.advisors import AdvisorCall
from voicebot.identity.ciba import CibaRefused
from voicebot.identity.clients import Client
from voicebot.identity.opening import Identity
from voicebot.web.bank_clients import bank_client
from voicebot.web.fields import Moment, Person
from voicebot.web.problems import known
from voicebot.web.strict_json import StrictJsonRoute

CALLING, NOT_CALLING, REPORT = "proof.calling", "proof.not_calling", "proof.report"
"""The approved texts that the app shows."""

Opaque = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
DisplayName = Annotated[Person, Field(max_length=60)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]

_log = structlog.get_logger(__name__)


class Ping(BaseModel):
    """CIBA Core, 10.2."""

    model_config = ConfigDict(extra="ignore")

    auth_req_id: Annotated[str, Field(min_length=1, max_length=1024)]


class AdvisorOrder(BaseModel):
    """Who is calling whom, about what."""

    model_config = ConfigDict(extra="forbid")

    customer: Opaque
    """The customer, by the bank's opaque reference."""
    advisor: DisplayName
    """The name that the customer is shown."""
    matter: Opaque
    """An intent of the bundle."""
    call: Opaque
    """The desk's own reference of the call."""
    language: Language = "pl"
    push: bool = False
    """The customer's app is also asked to confirm (by CIBA), without the customer asking first."""


class AdvisorAnswer(BaseModel):
    """What the desk shows the advisor."""

    id: str
    words: str
    """For the advisor to say; the app shows the same."""
    until: Moment
    push: str
    """What came of the request to the app: asked, confirmed, refused, expired, no_app…; "" where none was wanted."""


class CurrentCall(BaseModel):
    """Yes or no, always in the same shape."""

    calling: bool
    text: str
    """The answer in a sentence."""
    report: str
    """What to do when somebody calls in the bank's name."""
    advisor: str = ""
    matter: str = ""
    words: str = ""
    until: Moment | None = None


def routes(identity: Identity, bundle: Callable[[], Bundle], *, clock: Callable[[], datetime]) -> APIRouter:
    """For the bank's provider, its desks and its app's back end."""
    router = APIRouter(route_class=StrictJsonRoute)
    desk = Depends(bank_client(identity.clients, May.ADVISOR_PROOFS))
    app = Depends(bank_client(identity.clients, May.CURRENT_CALLS))
    pushing: set[asyncio.Task[None]] = set()

    @router.post("/ciba/ping", status_code=204)
    async def ping(told: Ping, request: Request) -> Response:
        if not await identity.pings.take(request.headers.get("authorization"), told.auth_req_id):
            raise HTTPException(401, "no request of ours has this token")
        return Response(status_code=204)

    @router.post("/advisor-proofs", status_code=201)
    async def show(order: AdvisorOrder, client: Client = desk) -> AdvisorAnswer:
        known("matter", order.matter, tuple(bundle().routes.matters))
        known("language", order.language, tuple(WORD_LISTS))
        if order.push and not identity.proofs.available:
            raise HTTPException(422, "push: no provider is configured (identity.ciba)")
        shown = await identity.advisors.show(client.id, life_s=identity.settings.advisors.life_s, **order.model_dump())
        if order.push:
            task = asyncio.create_task(_push(identity, shown), name="advisor-push")
            pushing.add(task)
            task.add_done_callback(pushing.discard)
        return _answer(shown)

    @router.get("/advisor-proofs/{proof}")
    async def look(proof: Annotated[str, Path(max_length=100)], client: Client = desk) -> AdvisorAnswer:
        shown = await identity.advisors.find(proof, client.id)
        if shown is None:
            raise HTTPException(404, "there is no such call, or it is over")
        return _answer(shown)

    @router.delete("/advisor-proofs/{proof}", status_code=204)
    async def end(proof: Annotated[str, Path(max_length=100)], client: Client = desk) -> Response:
        if not await identity.advisors.end(proof, client.id):
            raise HTTPException(404, "there is no such call, or it is over")
        return Response(status_code=204)

    @router.get("/customers/{customer}/calls/current")
    async def current(customer: Opaque, language: Annotated[Language, Query()] = "pl", client: Client = app) -> CurrentCall:
        known("language", language, bundle().prompts.languages)
        shown = await identity.advisors.current(client.id, customer)
        return _current(bundle(), shown, language, clock())

    return router


async def _push(identity: Identity, shown: AdvisorCall) -> None:
    """Ask the customer's app; what came of it is for the desk. Only the customer who is being called confirms anything."""
    try:
        proof = await identity.proofs.ask(shown.customer, shown.call, shown.language, purpose="advisor", words=shown.words)
        what = "confirmed" if proof.customer == shown.customer else "other_customer"
    except CibaRefused as refused:
        what = refused.reason
    except Exception as error:
        _log.error("the customer's app could not be asked", code="proof.failed", error=error)
        what = "unavailable"
    try:
        await identity.advisors.pushed(shown, what)
    except StateError as error:
        _log.error("what the customer's app said is not kept", code=error.code)


def _answer(shown: AdvisorCall) -> AdvisorAnswer:
    return AdvisorAnswer(id=shown.id, words=shown.words, until=shown.until, push=shown.push)


def _current(bundle: Bundle, shown: AdvisorCall | None, language: str, now: datetime) -> CurrentCall:
    """All texts are looked up in either case, so that the answers differ in nothing but what they say."""

    def text(prompt_id: str) -> str:
        return bundle.text(Prompt(prompt_id), language, now).text

    matter = shown.matter if shown is not None and bundle.prompts.has(f"matter.{shown.matter}", language) else "unknown"
    yes, no, report, about = text(CALLING), text(NOT_CALLING), text(REPORT), text(f"matter.{matter}")
    if shown is None:
        return CurrentCall(calling=False, text=no, report=report)
    return CurrentCall(
        calling=True, text=yes, report=report, advisor=shown.advisor, matter=about, words=shown.words, until=shown.until
    )

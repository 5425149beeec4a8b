"""A stand-in for a Rasa server on loopback: it replays what a real one answered, and can misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.voicebot.understanding.record import REPLIES
from voicebot.http.server import listen, serve

TOKEN = "a-token-of-the-tests"
RECORDED: dict[str, Any] = json.loads(REPLIES.read_text(encoding="utf-8"))


@dataclass(slots=True)
class StandIn:
    """`heard` is every text that came in. Nothing is answered while `stuck` is set; `answers` go before recorded ones."""

    url: str = ""
    heard: list[str] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)
    stuck: asyncio.Event | None = None
    model: str = RECORDED["status"]["model_id"]

    async def parse(self, request: Request) -> Response:
        """/model/parse"""
        if request.query_params.get("token") != TOKEN:
            return JSONResponse(RECORDED["refused"], 401)
        text = (await request.json())["text"]
        self.heard.append(text)
        if self.stuck is not None:
            await self.stuck.wait()
        if self.answers:
            return self.answers.pop(0)
        return JSONResponse(RECORDED["replies"][text])

    async def status(self, request: Request) -> Response:
        """/status"""
        return JSONResponse({**RECORDED["status"], "model_id": self.model})


@asynccontextmanager
async def standing_in() -> AsyncIterator[StandIn]:
    """A stand-in on a free port."""
    rasa = StandIn()
    routes = [Route("/model/parse", rasa.parse, methods=["POST"]), Route("/status", rasa.status)]
    server = await serve(Starlette(routes=routes), listen("127.0.0.1", 0, setting="test"))
    rasa.url = f"http://127.0.0.1:{server.port}"
    try:
        yield rasa
    finally:
        if rasa.stuck is not None:
            rasa.stuck.set()
        await server.close()

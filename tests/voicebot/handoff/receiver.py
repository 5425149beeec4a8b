"""A receiver of webhooks on loopback that can misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from voicebot.http.server import listen, serve


@dataclass(slots=True)
class Receiver:
    """What came in. `statuses` are answered one after another, then 204, all with `headers`; while `stuck` is set nothing is
    answered.
    """

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    stuck: asyncio.Event | None = None

    async def take(self, request: Request) -> Response:
        self.requests.append((dict(request.headers), await request.body()))
        self.arrived.set()
        if self.stuck is not None:
            await self.stuck.wait()
        return Response(status_code=self.statuses.pop(0) if self.statuses else 204, headers=self.headers)

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.requests]

    async def told(self, event: str) -> list[dict[str, Any]]:
        """Wait until there are messages of this event; they are what came of it so far."""
        async with asyncio.timeout(10):
            while not (found := [each for each in self.messages() if each["event"] == event]):
                self.arrived.clear()
                await self.arrived.wait()
        return found

    async def received(self, number: int) -> None:
        """Wait until so many requests came in."""
        async with asyncio.timeout(10):
            while len(self.requests) < number:
                self.arrived.clear()
                await self.arrived.wait()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()
    server = await serve(
        Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])]), listen("127.0.0.1", 0, setting="test")
    )
    receiver.url = f"http://127.0.0.1:{server.port}/hook"
    try:
        yield receiver
    finally:
        if receiver.stuck is not None:
            receiver.stuck.set()
        await server.close()

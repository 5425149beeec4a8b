"""A real console on loopback: real database, real state server, people who log in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.voicebot.state.servers import StateServer
from voicebot.accounts.roles import EVERYBODY, Role
from voicebot.config.settings import Settings
from voicebot.console.guard import COOKIE
from voicebot.console.parts import ConsoleParts
from voicebot.console.service import ConsoleService, open_console

PASSWORD = "a password for the tests"


@dataclass
class Console:
    """A running console, and ways in."""

    service: ConsoleService
    cookies: dict[frozenset[Role], str] = field(default_factory=dict)

    @property
    def parts(self) -> ConsoleParts:
        return self.service.parts

    @property
    def origin(self) -> str:
        host, port = self.service.address
        return f"http://{host}:{port}"

    def person(self, name: str, roles: Collection[Role], *, password: str | None = None) -> str:
        """A new person, logged in: the value of their cookie."""
        user = self.parts.users.add(name, roles, made_by="test", password=password)
        return self.parts.sessions.begin(user, "password")

    def cookie(self, *roles: Role) -> str:
        """Of somebody with these roles; without any: with all."""
        wanted = frozenset(roles or EVERYBODY)
        if wanted not in self.cookies:
            self.cookies[wanted] = self.person(f"person-{len(self.cookies)}", wanted)
        return self.cookies[wanted]

    @contextmanager
    def browser_of(self, *roles: Role) -> Iterator[Browser]:
        """A browser without a screen, of somebody with these roles; without any: with all."""
        with httpx.Client(base_url=self.origin, headers={"Cookie": f"{COOKIE}={self.cookie(*roles)}"}, timeout=60) as client:
            yield Browser(client, self.origin)


@dataclass(frozen=True)
class Browser:
    """Reads pages and sends their forms, from a thread of its own: use it with `asyncio.to_thread` in async tests."""

    client: httpx.Client
    origin: str

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path, headers={"Accept-Language": "en"})

    def send(self, path: str, fields: Mapping[str, Any], *, page: str | None = None) -> httpx.Response:
        """Send a form of ours, with the token that stands in the page it is on."""
        token = token_in(self.get(page or path).text)
        return self.client.post(path, data={"token": token, **fields}, headers={"Origin": self.origin, "Accept-Language": "en"})


def token_in(html: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', html)
    assert found is not None, "the page has no form"
    return found[1]


@asynccontextmanager
async def console_of(
    folder: Path, server: StateServer, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC), **sections: Any
) -> AsyncIterator[Console]:
    """A console with these sections of the configuration on top."""
    chosen: dict[str, Any] = {
        "state": {"data_dir": str(folder), "redis_url": server.url},
        "console": {"port": 0, "language": "en"},
    }
    for name, section in sections.items():
        chosen[name] = {**chosen.get(name, {}), **section}
    async with open_console(Settings.model_validate(chosen), clock=clock) as service:
        yield Console(service)

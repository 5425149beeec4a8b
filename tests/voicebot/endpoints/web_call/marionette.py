"""Firefox driven by Marionette, its own protocol: length-prefixed JSON over TCP."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

_SAME_PAGE = (
    "const done = arguments[arguments.length - 1];"
    "window.ask(arguments[0]).then(value => done({value}), error => done({error: String(error)}));"
)


class Firefox:
    """One window."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)

    async def command(self, name: str, **params: Any) -> Any:
        body = json.dumps([0, next(self._numbers), name, params]).encode()
        self._writer.write(b"%d:%b" % (len(body), body))
        await self._writer.drain()
        _, _, error, result = await self.receive()
        assert error is None, error
        return result

    async def receive(self) -> Any:
        size = await self._reader.readuntil(b":")
        return json.loads(await self._reader.readexactly(int(size[:-1])))

    async def ask(self, expression: str) -> Any:
        """The value of an expression in the page, awaited."""
        result = await self.command("WebDriver:ExecuteAsyncScript", script=_SAME_PAGE, args=[expression], sandbox=None)
        told = result["value"]
        assert "error" not in told, told["error"]
        return json.loads(told["value"])


@asynccontextmanager
async def firefox(program: str, profile: Path, **preferences: Any) -> AsyncIterator[Firefox]:
    """A window of a new Firefox; `preferences` have double underscores for dots."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    chosen = {"marionette.port": port, **{name.replace("__", "."): value for name, value in preferences.items()}}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in chosen.items()]
    (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
    flags = ("--headless", "--no-remote", "--marionette", "--profile", str(profile))
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        program, *flags, env={**os.environ, "HOME": str(profile)}, stdout=quiet, stderr=quiet
    )
    try:
        window = Firefox(*await _connected(port))
        await window.receive()
        await window.command("WebDriver:NewSession")
        await window.command("WebDriver:SetTimeouts", script=30_000)
        yield window
        window._writer.close()
    finally:
        process.kill()
        await process.wait()


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(40):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
            except OSError:
                await asyncio.sleep(0.2)

"""`voicebot serve` as a process, measured from outside."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.hostile.clients import Target
from bench.hostile.watching import Asked, GoodClient, child_named, tree_cpu_s

_START_S = 600.0
_STOP_S = 90.0
_QUIET_S = 3.0
_QUIET_SHARE = 0.2
_PROGRAM = (sys.executable, "-c", "from voicebot.cli.main import app; app()")


@dataclass(frozen=True, slots=True)
class Running:
    """The service."""

    process: asyncio.subprocess.Process
    target: Target
    sip: int
    log: Path

    def web_pid(self) -> int | None:
        """Of the web process, while there is one."""
        return child_named(self.process.pid, "voicebot.web")

    def log_lines(self) -> int:
        """Written so far."""
        return self.log.read_bytes().count(b"\n")


@asynccontextmanager
async def serving(folder: Path, settings: Mapping[str, Any], certificate: Path | None = None) -> AsyncIterator[Running]:
    """Serve with these settings, which name the ports of `sip`, `web` and `health`, and the token; end it with the context."""
    config = folder / "voicebot.yml"
    config.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    log = folder / "serve.log"
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *_PROGRAM, "serve", "--config", str(config), stdout=written, stderr=written
        )
    target = Target(settings["web"]["port"], settings["health"]["port"], settings["web"]["token"], certificate)
    try:
        await _until_up(process, target, log)
        yield Running(process, target, settings["sip"]["port"], log)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(_STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def until_quiet(running: Running) -> None:
    """It makes likely sentences while it takes calls already: their cost is none of a measurement."""
    async with asyncio.timeout(_START_S):
        spent = tree_cpu_s(running.process.pid)
        while True:
            await asyncio.sleep(_QUIET_S)
            before, spent = spent, tree_cpu_s(running.process.pid)
            if spent - before < _QUIET_SHARE * _QUIET_S:
                return


async def _until_up(process: asyncio.subprocess.Process, target: Target, log: Path) -> None:
    async with asyncio.timeout(_START_S):
        asked = Asked()
        while not asked.seconds:
            if process.returncode is not None:
                raise SystemExit(f"voicebot serve ended with {process.returncode}; {log} says why")
            good = GoodClient(target)
            await asked.ask(good._chat)
            await asyncio.sleep(0.5)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Of loopback."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])

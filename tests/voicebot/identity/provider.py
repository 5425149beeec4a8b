"""The example's provider, as a process of its own; and the same code within the test's, to be made to lie."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.voicebot.state.servers import StateServer
from voicebot.identity.keys import SigningKeys
from voicebot.state.breaker import CircuitBreaker
from voicebot.state.shared import SharedState

SCRIPT = Path(__file__).parents[3] / "examples" / "bank-app" / "provider.py"


@dataclass
class App:
    """The provider's address, and the customers' apps."""

    issuer: str
    http: httpx.AsyncClient
    process: asyncio.subprocess.Process

    async def shows(self, customer: str) -> list[dict[str, Any]]:
        """The requests that the customer's app shows."""
        shown: list[dict[str, Any]] = (await self.http.get(f"{self.issuer}/customers/{customer}/requests")).json()
        return shown

    async def answers(self, customer: str, answer: str = "confirm", **more: str) -> str:
        """Tap it; the words that were shown."""
        [request] = await self.shows(customer)
        url = f"{self.issuer}/customers/{customer}/requests/{request['id']}"
        assert (await self.http.post(url, json={"answer": answer, **more})).status_code == 200
        return str(request["words"])

    async def kill(self) -> None:
        """The provider is gone, in the middle of whatever it did."""
        self.process.kill()
        await self.process.wait()


@pytest.fixture
async def shared(server: StateServer) -> AsyncIterator[SharedState]:
    """A connection that waits for its server: on a busy machine a late answer would be no proof."""
    state = SharedState(server.url, deadline_s=10.0, breaker=CircuitBreaker(failures=2, pause_s=0.01, longest_pause_s=0.02))
    await state.start()
    yield state
    await state.close(grace_s=0.1)


def public_keys_of(folder: Path) -> Path:
    """Our public keys in a file, for the provider."""
    path = folder / "ours.json"
    path.write_text(json.dumps(SigningKeys(folder / "keys.json").public()))
    return path


@asynccontextmanager
async def provider(folder: Path, *options: str) -> AsyncIterator[App]:
    """The process, listening."""
    command = (sys.executable, str(SCRIPT), "--client-keys", str(public_keys_of(folder)), *options)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        issuer = (await process.stdout.readline()).decode().split()[2].rstrip(",")
        async with httpx.AsyncClient(trust_env=False) as http:
            yield App(issuer, http, process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def loaded() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("bank_app_provider", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def options(folder: Path, **more: Any) -> argparse.Namespace:
    """What the script is started with."""
    told = {"client": "voicebot", "customers": "", "interval": 0.2, "level": "app-biometric", "ping": None, "life": 170.0}
    return argparse.Namespace(**(told | {"client_keys": str(public_keys_of(folder))} | more))

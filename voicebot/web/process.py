"""The web as a child of `voicebot serve`: started, watched, started again when it ends, stopped with its chats put through."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence

import structlog
from pydantic import Secret

from voicebot.config.settings import Settings
from voicebot.conversation.limits import LAST_WORDS_S
from voicebot.tasks import cancelled
from voicebot.web.service import Listeners

log = structlog.get_logger(__name__)

PROGRAM = (sys.executable, "-m", "voicebot.web")
READY = b"ready"
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_STAYED_UP_S = 60.0
_STOP_S = 10.0


class WebProcess:
    """Keeps one web process running. The sockets are ours: while it is started anew they stay open, and customers wait."""

    def __init__(self, settings: Settings, listeners: Listeners, *, program: Sequence[str] = PROGRAM) -> None:
        """`settings` are what the child gets, see `child_settings`."""
        self._settings = settings
        self._listeners = listeners
        self._program = program
        self._child: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._stopping = False
        self._ready = asyncio.Event()
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is none."""
        return self._child.pid if self._child is not None and self._child.returncode is None else None

    def start(self) -> None:
        """Start the child, and watch it."""
        self._watching = asyncio.create_task(self._watch(), name="web-process")

    async def reload(self, settings: Settings) -> None:
        """Let chats that begin from now on go by these settings, which are checked and come from `child_settings`. A child that
        starts anew begins with them.
        """
        self._settings = settings
        if self._child is not None and self._child.returncode is None:
            await _tell(self._child, settings.as_json())

    def trouble(self) -> str | None:
        """Why nobody is served, for health; None while somebody is."""
        if self._ready.is_set():
            return None
        return "has not started yet" if not self.restarts else "ends again and again: see web.* in the log"

    async def ready(self, within_s: float) -> bool:
        """Wait until it serves; False when it does not in time."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), within_s)
        return self._ready.is_set()

    async def drain(self, seconds: float) -> None:
        """Stop the child: its chats may end, for so long at most, and are put through then."""
        self._stopping = True
        child = self._child
        if child is not None and child.returncode is None:
            child.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.wait(), seconds + LAST_WORDS_S + _STOP_S)

    async def close(self) -> None:
        """End the child, gently if it lets us; harmless when it has ended."""
        self._stopping = True
        await cancelled(self._watching)
        child = self._child
        if child is not None and child.returncode is None:
            child.kill()
            await child.wait()
        self._listeners.close()

    async def _watch(self) -> None:
        pause = _FIRST_PAUSE_S
        loop = asyncio.get_running_loop()
        while not self._stopping:
            began = loop.time()
            try:
                code: object = await self._run()
            except OSError as error:  # no memory, no process
                code = error.strerror
            self._ready.clear()
            if self._stopping:
                return
            pause = _FIRST_PAUSE_S if loop.time() - began > _STAYED_UP_S else min(pause * 2, _LONGEST_PAUSE_S)
            self.restarts += 1
            log.error("the web process ended and is started again; calls go on", code="web.ended", exit=code, pause_s=pause)
            await asyncio.sleep(pause)

    async def _run(self) -> int:
        sockets = {"api": self._listeners.api.fileno()}
        if self._listeners.chat is not None:
            sockets["chat"] = self._listeners.chat.fileno()
        self._child = child = await asyncio.create_subprocess_exec(
            *self._program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=tuple(sockets.values()),
            start_new_session=True,  # Ctrl-C is for us; the child is told in order
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            await _tell(child, json.dumps(sockets), self._settings.as_json())
            while child.stdout is not None and (line := await child.stdout.readline()):
                if line.strip() == READY:
                    self._ready.set()
            return await child.wait()
        except asyncio.CancelledError:
            child.kill()
            await child.wait()
            raise


async def _tell(child: asyncio.subprocess.Process, *lines: str) -> None:
    """Write to its standard input. A child that is gone is started anew, and told then."""
    if child.stdin is not None:
        with contextlib.suppress(OSError):
            child.stdin.writelines(f"{line}\n".encode() for line in lines)
            await child.stdin.drain()


def child_settings(
    settings: Settings,
    *,
    state_url: str,
    health: tuple[str, int],
    sip: tuple[str, int],
) -> Settings:
    """The settings of the child: those of the parent, with the addresses of the state server, of the calls' local socket and of
    the SIP stack.
    """
    host, port = health
    return settings.model_copy(
        update={
            "state": settings.state.model_copy(update={"redis_url": Secret(state_url)}),
            "sip": settings.sip.model_copy(update={"port": sip[1]}),
            "health": settings.health.model_copy(update={"host": host, "port": port}),
        }
    )

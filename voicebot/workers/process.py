"""One of several processes of calls, as its parent sees it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from voicebot.children.child import SILENT_S, ChildProcess
from voicebot.config.settings import Settings
from voicebot.service import longest_drain_s

PROGRAM = (sys.executable, "-m", "voicebot.workers")
RELOADED = b"reloaded"
"""The first word of the line by which a worker says what became of a reload."""
_STOP_S = 10.0


class Addresses(BaseModel):
    """Where a worker can be reached: its line `ready …`."""

    model_config = ConfigDict(frozen=True)

    sip: tuple[str, int]
    health: tuple[str, int]
    bundle: str


class CallsProcess(ChildProcess):
    """Keeps one process of calls running. Calls on one that dies are lost; the others do not notice."""

    ended = "a process of calls ended and is started again; the calls of the others go on"
    code = "calls.ended"

    def __init__(self, name: str, settings: Settings, *, program: Sequence[str] = PROGRAM, silent_s: float = SILENT_S) -> None:
        """`settings` are the worker's own, see `worker_settings`."""
        super().__init__(name, program, silent_s=silent_s)
        self.settings = settings
        self.addresses: Addresses | None = None
        """None while it does not serve."""
        self.sip: tuple[str, int] | None = None
        """Where it listens for SIP, or did when it served last: its port stays its own while it is started again."""
        self._reloaded: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()

    def first_orders(self) -> Sequence[str]:
        """Its name and its settings."""
        return self.name, self.settings.as_json()

    def told(self, line: bytes) -> None:
        """Its addresses, or what became of a reload."""
        word, _, rest = line.partition(b" ")
        try:
            if word == RELOADED:
                self._reloaded.put_nowait(json.loads(rest))
            elif rest:
                self.addresses = Addresses.model_validate_json(rest)
                self.sip = self.addresses.sip
        except (ValidationError, ValueError):
            return  # a library's print is no word of ours

    def lost(self) -> None:
        """It has no addresses, and answers no reload: it begins anew with the settings that it was given last."""
        self.addresses = None
        self._reloaded.put_nowait({})

    async def reload(self, settings: Settings, within_s: float) -> str:
        """Let calls that begin from now on go by these settings. What is wrong, "" when nothing is: then it goes on with those it
        had. A worker that starts anew begins with them.
        """
        before, self.settings = self.settings, settings
        if self.pid is None:
            return ""
        while not self._reloaded.empty():
            self._reloaded.get_nowait()
        await self.tell(settings.as_json())
        try:
            answer = await asyncio.wait_for(self._reloaded.get(), within_s)
            problem = str(answer.get("problem", ""))
        except TimeoutError:
            problem = f"{self.name} has not answered within {within_s:.0f} s"
        if problem:
            self.settings = before
        return problem

    async def drain(self, seconds: float) -> None:
        """Stop it: its calls may end, for so long at most, and are put through then."""
        await self.terminate(seconds + longest_drain_s(self.settings) + _STOP_S)

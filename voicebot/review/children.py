"""The child processes of studies, seen from the console: one runs at a time, at a low priority, and none outlives us."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from voicebot.config.settings import Settings
from voicebot.review.studies import Studies
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

_PROGRAM = (sys.executable, "-m", "voicebot.review")
SOON_S = 30.0
_EXPLAIN_S = 45.0
"""A model that is kept answers in some seconds; one that has to be trained first takes a minute."""


class StudyChildren:
    """Starts them. Raises what SQLAlchemy raises."""

    def __init__(
        self, settings: Callable[[], Settings], studies: Studies, clock: Callable[[], datetime], *, soon_s: float = SOON_S
    ) -> None:
        """`settings` go by what is in force when a study begins; `soon_s`: how long `soon` waits for more."""
        self._soon_s = soon_s
        self._settings, self._clock = settings, clock
        self.studies = studies
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._again: set[str] = set()
        self._soon: dict[str, asyncio.TimerHandle] = {}

    async def start(self, name: str, who: str, *, again: bool = False) -> bool:
        """Begin a study, unless it is running. `again`: then run it once more behind that, since what it looks at has changed."""
        began = self._clock()
        if not await asyncio.to_thread(self.studies.begin, name, who, began):
            if again:
                self._again.add(name)
            return False
        self._keep(asyncio.create_task(self._run(name, who, began), name=f"study-{name}"))
        return True

    def soon(self, name: str, who: str) -> None:
        """Begin a study when nobody has asked for it again for a while: one reckoning for a row of changes."""
        if (waiting := self._soon.pop(name, None)) is not None:
            waiting.cancel()
        self._soon[name] = asyncio.get_running_loop().call_later(self._soon_s, self._begin, name, who)

    def _begin(self, name: str, who: str) -> None:
        self._soon.pop(name, None)
        self._keep(asyncio.create_task(self._start_logged(name, who), name=f"begin-{name}"))

    async def _start_logged(self, name: str, who: str) -> None:
        try:
            await self.start(name, who, again=True)
        except SQLAlchemyError as error:
            log.warning("a study is not begun: the database does not answer", worker=name, why=type(error).__name__)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def explain(self, text: str, language: str) -> dict[str, Any]:
        """`told`, as `voicebot.review.studying.explanation` says it; or `why` not."""
        try:
            async with asyncio.timeout(_EXPLAIN_S):
                _, said = await self._child({"study": "explain", "text": text, "language": language})
            answer: dict[str, Any] = json.loads(said.splitlines()[-1])
        except TimeoutError:
            return {"why": "it takes too long: the model is being trained, or this machine is busy. Try again in a minute."}
        except (ValueError, IndexError):
            return {"why": "its process ended before it was done. Try again; the log says why."}
        return answer

    async def close(self) -> None:
        """End what is running."""
        for waiting in self._soon.values():
            waiting.cancel()
        await cancelled(*self._tasks)

    async def _run(self, name: str, who: str, began: datetime) -> None:
        code: int | None = None
        try:
            async with self._turn:
                code, _ = await self._child({"study": name, "began": began.isoformat()})
        finally:
            if code != 0:  # it told itself why, unless it was killed
                await self._ended(name, began)
        if name in self._again:
            self._again.discard(name)
            await self.start(name, who)

    async def _ended(self, name: str, began: datetime) -> None:
        try:
            why = "its process ended before it was done: start it again"
            await asyncio.to_thread(self.studies.end, name, began, self._clock(), why=why)
        except SQLAlchemyError as error:  # the next look sees that nobody tells any more
            log.warning("the end of a study is not written", worker=name, why=type(error).__name__)

    async def _child(self, order: dict[str, Any]) -> tuple[int, bytes]:
        """Its exit code, and what it said."""
        child = await asyncio.create_subprocess_exec(*_PROGRAM, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        if child.stdin is None or child.stdout is None:
            raise RuntimeError("a process has no pipes")
        try:
            child.stdin.write(self._settings().as_json().encode() + b"\n" + json.dumps(order).encode() + b"\n")
            said = await child.stdout.read()  # standard input stays open: its end would end the child
            return await child.wait(), said
        finally:
            if child.returncode is None:
                child.kill()
            await child.communicate()  # closes its pipes

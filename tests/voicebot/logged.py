"""Waiting for a line in the log, in place of asking again and again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.typing import EventDict, WrappedLogger


class Line:
    """A line that is waited for, from whatever thread it is written."""

    def __init__(self, part: str, **fields: str) -> None:
        self.part = part
        self._parts = fields
        self.fields: EventDict = {}
        self._written = threading.Event()

    def look(self, _logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
        """A stage of the log's chain."""
        if self.part in str(fields["event"]) and all(part in str(fields.get(name)) for name, part in self._parts.items()):
            self.fields = dict(fields)
            self._written.set()
        return fields

    def wait(self) -> None:
        """Until it is written; fails when it is not."""
        assert self._written.wait(20), f"nobody logged: {self.part}"

    async def written(self) -> None:
        """The same in the event loop."""
        await asyncio.to_thread(self.wait)


@contextmanager
def line_with(part: str, **fields: str) -> Iterator[Line]:
    """The next line of ours whose event holds `part`, and whose fields hold these parts."""
    line = Line(part, **fields)
    before = structlog.get_config()
    structlog.configure(processors=[line.look, *before["processors"]])
    try:
        yield line
    finally:
        structlog.configure(**before)

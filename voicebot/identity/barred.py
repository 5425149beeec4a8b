"""The numbers that a bank has barred: a text file, read again when it changes."""

from __future__ import annotations

import asyncio
import re
import stat
from dataclasses import dataclass
from pathlib import Path

import structlog

from caller_id.phone_numbers import parse_number
from caller_id.tables import encoding_of

log = structlog.get_logger(__name__)

_RANGE = re.compile(r"(\+[1-9]\d{1,13})\*")
_LONGEST_FILE = 16 << 20  # octets
_LOGGED = 20
_WAIT_S = 0.3
"""A call waits so long for a list that has changed."""


@dataclass(frozen=True, slots=True)
class _List:
    numbers: frozenset[str] = frozenset()
    ranges: tuple[str, ...] = ()


class BarredNumbers:
    """Whether a number is barred. One number a line in any usual form, or the beginning of numbers with a star (+4870*); what
    follows a # is a remark.

    A file that cannot be used is logged once, and what it held before counts. So it does while a long one is read: no call waits
    for that, and a reading outlives the call that began it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._list = _List()
        self._seen: tuple[int, ...] = ()
        self._reading: asyncio.Task[None] | None = None
        self._trouble = ""

    async def has(self, number: str) -> bool:
        """Whether an E.164 number is barred."""
        if (self._reading is None or self._reading.done()) and self._changed():
            self._reading = asyncio.create_task(self._refresh(), name="barred numbers")
        if self._reading is not None and not self._reading.done():
            await asyncio.wait({self._reading}, timeout=_WAIT_S)
        return number in self._list.numbers or number.startswith(self._list.ranges)

    def _changed(self) -> bool:
        try:
            state = self._path.stat()
        except OSError as error:
            self._complain(error.strerror or type(error).__name__)
            return False
        seen = (state.st_ino, state.st_size, state.st_mtime_ns)
        if seen == self._seen:
            return False
        self._seen = seen
        if not stat.S_ISREG(state.st_mode):  # a pipe would be read for ever
            self._complain("is no file")
        elif state.st_size > _LONGEST_FILE:  # half of it is not what the bank has barred
            self._complain(f"is larger than {_LONGEST_FILE >> 20} MB")
        else:
            return True
        return False

    async def _refresh(self) -> None:
        try:
            self._list = await asyncio.to_thread(self._read)
        except OSError as error:
            self._seen = ()  # who may read it is no part of what was seen: tried again
            self._complain(error.strerror or type(error).__name__)
        except ValueError as error:
            self._complain(str(error))
        else:
            self._trouble = ""

    def _complain(self, why: str) -> None:
        if why != self._trouble:
            log.error("barred numbers cannot be read", code="caller_id.barred", why=f"{self._path}: {why}")
        self._trouble = why

    def _read(self) -> _List:
        """Raises OSError, and ValueError for a file that has lines, but no number."""
        with self._path.open(encoding=encoding_of(self._path), errors="replace") as file:
            lines = file.read(_LONGEST_FILE).splitlines()
        numbers, ranges, wrong = set[str](), list[str](), list[int]()
        for at, line in enumerate(lines, 1):
            text = line.partition("#")[0].strip()
            if found := _RANGE.fullmatch(text):
                ranges.append(found[1])
            elif number := parse_number(text).e164 if text else None:
                numbers.add(number)
            elif text:
                wrong.append(at)
        for at in wrong[:_LOGGED]:
            log.warning("barred number cannot be read", code="caller_id.barred", why=f"{self._path}: line {at} holds no number")
        if wrong and not numbers and not ranges:
            raise ValueError("no line of it holds a number")
        log.info("barred numbers read", numbers=len(numbers) + len(ranges), refused=len(wrong))
        return _List(frozenset(numbers), tuple(ranges))

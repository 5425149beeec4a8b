"""The numbers that a bank has barred: a text file, read again when it changes."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import structlog

from caller_id.phone_numbers import parse_number

log = structlog.get_logger(__name__)

_RANGE = re.compile(r"(\+[1-9]\d{1,13})\*")
_LONGEST_FILE = 16 << 20  # octets
_LOGGED = 20


@dataclass(frozen=True, slots=True)
class _List:
    numbers: frozenset[str] = frozenset()
    ranges: tuple[str, ...] = ()


class BarredNumbers:
    """Whether a number is barred. One number a line in any usual form, or the beginning of numbers with a star (+4870*); what
    follows a # is a remark.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._list = _List()
        self._seen: tuple[int, ...] = ()

    async def has(self, number: str) -> bool:
        """Whether an E.164 number is barred. A file that cannot be read is logged, and what it held before counts."""
        try:
            state = self._path.stat()
            seen = (state.st_ino, state.st_size, state.st_mtime_ns)
            if seen != self._seen:
                self._seen = seen
                self._list = await asyncio.to_thread(self._read)
        except OSError as error:
            if self._seen != ():
                log.error("barred numbers cannot be read", code="caller_id.barred", why=f"{self._path}: {error.strerror}")
            self._seen = ()
        return number in self._list.numbers or number.startswith(self._list.ranges)

    def _read(self) -> _List:
        with self._path.open("rb") as file:
            lines = file.read(_LONGEST_FILE).decode("utf-8-sig", errors="replace").splitlines()
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
        log.info("barred numbers read", numbers=len(numbers) + len(ranges), refused=len(wrong))
        return _List(frozenset(numbers), tuple(ranges))

"""Everything that the records hold of one telephone number: found, or deleted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from voicebot.files import erase
from voicebot.records.call_files import RECORDING, CallFiles
from voicebot.records.database import Database
from voicebot.records.shadow import ShadowDecision
from voicebot.records.spool import Spool
from voicebot.records.summary import CallRecord
from voicebot.records.under_way import heads

_TRIES, _BETWEEN_S = 10, 0.2


class Place(StrEnum):
    """Where a call's record is."""

    DATABASE = "database"
    WAITING = "waiting"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A call of the number."""

    record: CallRecord
    place: Place
    files: tuple[Path, ...] = ()
    """Its file and its recording, as far as they are there."""


@dataclass(frozen=True, slots=True)
class FoundCalls:
    """What the records hold of a number."""

    calls: tuple[FoundCall, ...]
    other_files: tuple[Path, ...] = ()
    """Call files that name the number, of calls without a record."""
    shadow: tuple[ShadowDecision, ...] = ()
    """What releases in the shadow would have decided in these calls."""
    under_way: int = 0
    """Calls that are not over."""
    possible: int = 0
    """Calls of which only a shortened number is known that fits: nobody can tell whose they are."""


@dataclass(frozen=True, slots=True)
class ErasedCalls:
    """What was deleted, in numbers."""

    database: int = 0
    waiting: int = 0
    rejected: int = 0
    files: int = 0
    recordings: int = 0
    shadow: int = 0
    """Lines as releases in the shadow would have decided them."""
    under_way: int = 0
    """Calls that are not over; they are not deleted: do it again when they are."""
    possible: int = 0
    """See `FoundCalls`; they are not deleted."""
    overwritten: bool = True
    """Whether it is out of the database's files, too. If not, the service sees to it within the hour."""


class OneNumber:
    """The calls of one E.164 number. Methods block, and raise OSError and what the database raises."""

    def __init__(self, number: str, number_hash: str | None, database: Database, spool: Spool, files: CallFiles) -> None:
        """`number_hash` is the keyed hash of `number`; without it only numbers that were kept whole are found."""
        self._number, self._hash = number, number_hash
        self._database, self._spool, self._files = database, spool, files

    def find(self, *, whole: bool = True) -> FoundCalls:
        """Everything, oldest first; not `whole`: of journals in the database only how the calls began."""
        rows = [(record, Place.DATABASE) for record in self._database.of_number(self._number, self._hash, whole=whole)]
        unwritten = [(record, place) for _, record, place in self._unwritten()]
        found = sorted(
            (FoundCall(record, place, tuple(self._files.of(record.summary))) for record, place in (*rows, *unwritten)),
            key=lambda call: call.record.summary.started,
        )
        named = {path for call in found for path in call.files}
        others = tuple(path for path in self._files.with_number(self._number) if path not in named)
        shadow = tuple(self._database.shadow_of([call.record.summary.call_id for call in found]))
        return FoundCalls(tuple(found), others, shadow, self._under_way(), self._database.possibly_of(self._number))

    def erase(self) -> ErasedCalls:
        """Delete everything; harmless when repeated. What waits goes first: it must not become a row behind our back."""
        waiting = rejected = files = recordings = 0
        ids = set()
        for path, record, place in self._unwritten():
            ids.add(record.summary.call_id)
            gone = self._files.remove(record.summary)
            with self._spool.claimed(path, wait=True) as there:
                if there:
                    self._spool.done(path)
                    waiting += place is Place.WAITING
                    rejected += place is Place.REJECTED
            files, recordings = files + _count(gone, False), recordings + _count(gone, True)
        rows = self._database.of_number(self._number, self._hash, whole=False)
        for row in rows:
            gone = self._files.remove(row.summary)
            files, recordings = files + _count(gone, False), recordings + _count(gone, True)
        for path in list(self._files.with_number(self._number)):
            files += erase(path)
        ids |= {row.summary.call_id for row in rows}
        shadow = len(self._database.shadow_of(ids))
        self._database.delete(ids)
        return ErasedCalls(
            database=len(rows),
            waiting=waiting,
            rejected=rejected,
            files=files,
            recordings=recordings,
            shadow=shadow,
            under_way=self._under_way(),
            possible=self._database.possibly_of(self._number),
            overwritten=self._overwritten(),
        )

    def _unwritten(self) -> Iterator[tuple[Path, CallRecord, Place]]:
        for place, paths in ((Place.WAITING, list(self._spool.waiting())), (Place.REJECTED, self._spool.rejected())):
            for path in paths:
                with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
                    record = self._spool.read(path)
                    if self._is_of(record.summary.number, record.number_hash):
                        yield path, record, place

    def _under_way(self) -> int:
        return sum(self._is_of(head.summary.number, head.number_hash) for head in heads(self._spool.under_way))

    def _is_of(self, number: str | None, number_hash: str | None) -> bool:
        return number == self._number or (self._hash is not None and number_hash == self._hash)

    def _overwritten(self) -> bool:
        for _ in range(_TRIES):
            if self._database.forget():
                return True
            time.sleep(_BETWEEN_S)  # somebody is reading
        return False


def _count(paths: list[Path], recordings: bool) -> int:
    return sum((path.suffix == RECORDING) is recordings for path in paths)

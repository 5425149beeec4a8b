"""Calls under way, on disk: should this process die, the next one writes their records, and knows their recordings.

Every process has a folder of its own here, locked for as long as it lives, with a file per call: its head, then its journal's
lines. A folder whose lock can be taken belonged to a process that is dead.
"""

from __future__ import annotations

import fcntl
import json
import os
import queue
import re
import secrets
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from caller_id.types import Caller, Segment
from voicebot.error_text import error_text
from voicebot.errors import RecordsError
from voicebot.files import FILE_MODE, erase, files_under, locked, private_folder
from voicebot.records.journal import Journal, Line, wordless
from voicebot.records.summarise import summarise
from voicebot.records.summary import CallRecord, CallSummary, summary_codec

DIED = "died"
"""The outcome of a call whose process ended with it."""
_LOCK = "lock"
_UNREADY = ".new"
_ENDING = ".ndjson"
_MOST_WAITING = 20_000  # pieces of text, when the disk stalls; more is left out, and the calls go on
_CLOSE_S = 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a call when it begins."""

    summary: CallSummary
    channel: str = "voice"
    number_hash: str | None = None

    def encode(self) -> dict[str, Any]:
        """As JSON values."""
        return {"call": summary_codec.encode(self.summary), "channel": self.channel, "number_hash": self.number_hash}

    @classmethod
    def decode(cls, values: Mapping[str, Any]) -> Head:
        """What `encode` wrote. Raises WireError (a ValueError), KeyError or TypeError."""
        return cls(summary_codec.decode(values["call"]), values["channel"], values["number_hash"])


class CallsUnderWay:
    """Notes what happens in this process's calls. Nobody waits for the disk: a thread of its own writes. A disk that fails costs
    these notes and nothing else.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: Path | None = None
        self._lock: int | None = None
        self._live: set[str] = set()
        self._pieces: queue.Queue[tuple[str, Mapping[str, Any] | None] | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="calls-under-way", daemon=True)
        self._failed = False

    def start(self) -> None:
        """Begin; what can go wrong is logged."""
        self._thread.start()

    def began(self, head: Head) -> None:
        """A call is answered."""
        self._live.add(head.summary.call_id)
        self._put(head.summary.call_id, head.encode())

    def noted(self, call_id: str, line: Line) -> None:
        """A line of a call's journal; a call that has not begun, or is over, is none of ours."""
        if call_id in self._live:
            self._put(call_id, line)

    def ended(self, call_id: str) -> None:
        """The call's record is safe."""
        if call_id in self._live:
            self._live.discard(call_id)
            self._put(call_id, None)

    def close(self) -> None:
        """Write what waits. Calls that are still here count as died."""
        if not self._thread.is_alive():
            return
        with suppress(queue.Full):
            self._pieces.put(None, timeout=_CLOSE_S)
        self._thread.join(_CLOSE_S)

    def _put(self, call_id: str, piece: Mapping[str, Any] | None) -> None:
        try:
            self._pieces.put_nowait((call_id, piece))
        except queue.Full:
            self._tell("the disk is too slow")

    def _run(self) -> None:
        more = True
        while more:
            waiting = [self._pieces.get()]
            with suppress(queue.Empty):
                while True:
                    waiting.append(self._pieces.get_nowait())
            more = None not in waiting
            try:
                self._write([piece for piece in waiting if piece is not None])
                self._failed = False
            except Exception as error:  # a disk that is full or away
                self._tell(error_text(error))
        self._leave()

    def _write(self, pieces: list[tuple[str, Mapping[str, Any] | None]]) -> None:
        texts: defaultdict[str, list[str]] = defaultdict(list)
        over: list[str] = []
        for call_id, piece in pieces:
            if piece is None:
                over.append(call_id)
            else:
                texts[call_id].append(json.dumps(piece, ensure_ascii=False, default=str) + "\n")
        for call_id, lines in texts.items():
            if call_id not in over:
                with open(self._path(call_id), "a", encoding="utf-8", opener=_private) as file:
                    file.write("".join(lines))
        for call_id in over:
            erase(self._path(call_id))

    def _path(self, call_id: str) -> Path:
        return self._home() / f"{re.sub(r'[^A-Za-z0-9_-]', '_', call_id)}{_ENDING}"

    def _home(self) -> Path:
        """Our folder. It is locked before it has its name: what has a name and no lock is taken for a dead process's."""
        if self._own is None:
            unready = private_folder(self._folder / f"{secrets.token_hex(8)}{_UNREADY}")
            lock = os.open(unready / _LOCK, os.O_CREAT | os.O_WRONLY, FILE_MODE)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._own, self._lock = unready.rename(unready.with_suffix("")), lock
        return self._own

    def _leave(self) -> None:
        own, lock = self._own, self._lock
        if own is None or lock is None:
            return
        with suppress(OSError):
            if not any(own.glob(f"*{_ENDING}")):
                shutil.rmtree(own)
        os.close(lock)
        self._own = self._lock = None

    def _tell(self, why: str) -> None:
        if not self._failed:
            self._failed = True
            what = "calls under way cannot be noted on disk; should the service die now, they have no record"
            _log.error(what, code=RecordsError.code, why=why)


# ------------------------------------------------------------------ what dead processes left


@contextmanager
def deserted(folder: Path) -> Iterator[list[Path]]:
    """The files of calls whose processes are dead. Nobody else has them while the context lasts; then the folders that are empty
    are removed. Raises OSError.
    """
    with ExitStack() as locks:
        known = sorted(folder.iterdir()) if folder.is_dir() else []
        homes = [home for home in known if home.suffix != _UNREADY and locks.enter_context(locked(home / _LOCK))]
        yield sorted(path for home in homes for path in home.glob(f"*{_ENDING}"))
        for home in homes:
            if not any(home.glob(f"*{_ENDING}")):
                shutil.rmtree(home, ignore_errors=True)


def heads(folder: Path) -> Iterator[Head]:
    """Of the calls under way in all processes that share the folder."""
    for path in files_under(folder, _ENDING):
        try:
            with path.open(encoding="utf-8") as file:
                yield Head.decode(json.loads(file.readline()))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # it has just ended, or just begun


def record_of(path: Path, recording_of: Callable[[str], Path | None]) -> CallRecord:
    """The record of a call that was under way when its process died, as far as it came; `recording_of` finds its recording.

    Raises OSError, ValueError, KeyError or TypeError.
    """
    head, lines = _read(path)
    end = float(lines[-1]["t"]) if lines else 0.0
    times = iter((0.0, end))
    summary = head.summary
    journal = Journal(summary.call_id, started=summary.started, clock=lambda: next(times))
    journal.lines = lines
    closed = [line["outcome"] for line in lines if line.get("kind") == "closed"]
    if closed:
        journal.outcome = str(closed[-1])  # the call was over; only its record was not written
    else:
        journal.close(DIED)
    caller = Caller(number=summary.number, segment=Segment(summary.segment))
    recording = recording_of(summary.call_id)
    made = summarise(
        journal,
        caller=caller,
        line=summary.line,
        bundle_version=summary.bundle_version,
        recording=recording,
        channel=head.channel,
    )
    dropped = head.channel == "chat" and any(line.get("type") == "StopRecording" for line in lines)
    kept = [wordless(line) for line in journal.lines] if dropped else journal.lines
    return CallRecord(replace(made, number=summary.number), tuple(kept), head.number_hash)


def _read(path: Path) -> tuple[Head, list[Line]]:
    first, *rest = path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    lines = []
    for text in rest:
        try:
            lines.append(_line(json.loads(text)))
        except (ValueError, TypeError, KeyError):
            continue  # torn off when the process died
    return Head.decode(json.loads(first)), lines


def _line(value: Any) -> Line:
    return {"t": float(value["t"]), "what": str(value["what"]), **value}


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, FILE_MODE)

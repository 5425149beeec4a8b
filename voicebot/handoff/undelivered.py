"""Webhook messages on disk, from the moment they are to be told until the bank's system took them."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import time
from bisect import bisect
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import structlog

from dialogs.wire import Codec
from voicebot.errors import HandOffError
from voicebot.files import DRAFT, FILE_MODE, locked, private_folder, write_whole

KEEP_S = 3 * 24 * 3600.0
"""What no try delivered for so long is given up."""
_MOST = 20_000
_ENDING = ".json"
_LOCK = ".lock"
_NAME = re.compile(r"(\d{20}-[0-9a-f]{8})(?:-([0-9a-f]{8}))?\.json")  # an earlier version named no owner
_OLD_S = 3600.0  # a draft or a lock that nobody holds after so long is a dead process's

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to deliver."""

    id: str
    """Stays the same however often it is tried."""
    body: str
    """JSON."""
    kept_since: float = 0.0
    """Unix time when it was to be told; 0: written by an earlier version, which did not know."""


_codec = Codec(Delivery)


def undelivered_folder(data_dir: Path, process: str) -> Path:
    """Where a process keeps its messages."""
    return data_dir / ("webhooks" if process == "calls" else f"webhooks-{process}")


def undelivered_folders(data_dir: Path) -> list[Path]:
    """Those that are there, of all processes."""
    return sorted(data_dir.glob("webhooks*"))


class Undelivered:
    """A folder with a file per message, readable by the service only; processes of a kind share it.

    A file's name ends with its owner, and an owner holds a lock while it lives: nobody else touches its messages. What a dead
    one left is renamed by whoever comes first, so a message has one teller at a time and is on the disk at every moment. One
    file that cannot be read does not hide the others. Blocks; whoever tells messages calls it from one thread.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._owner = secrets.token_hex(4)
        self._lock: IO[bytes] | None = None
        self._ours: set[str] = set()
        self._in_hand: set[str] = set()
        self._new: set[str] = set()
        self._last = ""
        self._told: set[str] = set()

    @property
    def count(self) -> int:
        """How many of ours wait because the receiver did not take them; new ones are not counted. For any thread."""
        return max(0, len(self._ours) - len(self._new))

    def put(self, delivery: Delivery) -> str | None:
        """Write a new message down, and have it in hand; the name of its file, or None when it cannot be kept."""
        name = f"{_stem(time.time_ns())}-{self._owner}{_ENDING}"
        why: str | None = "too many are kept"
        try:
            if len(self._ours) < _MOST:
                private_folder(self._folder)
                self._hold()
                write_whole(self._folder / name, _codec.to_text(delivery))
                why = None
        except OSError as error:
            why = error.strerror or type(error).__name__
        if why is not None:
            _log.error("a webhook message cannot be kept", code=HandOffError.code, id=delivery.id, error=why)
            return None
        for names in (self._ours, self._in_hand, self._new):
            names.add(name)
        return name

    def kept(self) -> Iterator[tuple[Path, Delivery]]:
        """All messages here, whoever has them, with their files; what cannot be read is left out."""
        for path in sorted(self._folder.glob(f"*{_ENDING}")):
            with suppress(OSError, ValueError):
                yield path, _codec.from_text(path.read_bytes())

    def claim(self, most: int) -> list[tuple[str, Delivery]]:
        """Take at most so many in hand that nobody has: ours, and what dead processes left. The oldest first, and in turn: one
        that is never taken does not stand before the others. Raises OSError.
        """
        self._look()
        order = sorted(self._ours - self._in_hand)
        turn = bisect(order, self._last)
        claimed: list[tuple[str, Delivery]] = []
        for name in (*order[turn:], *order[:turn]):
            if len(claimed) == most:
                break
            self._last = name
            if (delivery := self._read(name)) is not None:
                self._in_hand.add(name)
                claimed.append((name, delivery))
        return claimed

    def leave(self, name: str) -> None:
        """It waits until it is claimed again."""
        self._new.discard(name)
        self._in_hand.discard(name)

    def remove(self, name: str) -> None:
        """It is over."""
        for names in (self._ours, self._in_hand, self._new):
            names.discard(name)
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            _log.error("a webhook message that is over cannot be deleted", code=HandOffError.code, file=name, why=str(error))

    def close(self) -> None:
        """What is ours is anybody's now."""
        for names in (self._ours, self._in_hand, self._new):
            names.clear()
        if self._lock is not None:
            with suppress(OSError):
                self._lock_of(self._owner).unlink()
            self._lock.close()
            self._lock = None

    def _look(self) -> None:
        """Find what is ours, and make ours what dead processes left."""
        self._ours = set()
        lives = {self._owner: True}
        names = os.listdir(self._folder) if self._folder.is_dir() else []
        for name in names:
            if not name.endswith(_ENDING) or name.startswith("."):
                continue
            known = _NAME.fullmatch(name)
            owner = (known[2] if known else None) or ""
            if owner not in lives:
                lives[owner] = self._is_alive(owner)
            if owner == self._owner:
                self._ours.add(name)
            elif not lives[owner]:
                self._adopt(name, known[1] if known else None)
        self._sweep(names)

    def _adopt(self, name: str, stem: str | None) -> None:
        self._hold()
        with suppress(FileNotFoundError):  # another process was faster
            stem = stem or _stem((self._folder / name).stat().st_mtime_ns)
            ours = f"{stem}-{self._owner}{_ENDING}"
            (self._folder / name).rename(self._folder / ours)
            self._ours.add(ours)

    def _is_alive(self, owner: str) -> bool:
        lock = self._lock_of(owner)
        with suppress(OSError), locked(lock) as free:
            return not free and lock.exists()
        return False  # a disk without locks: better told by two than by none

    def _hold(self) -> None:
        """Our lock is there, also after the folder was deleted. Raises OSError."""
        path = self._lock_of(self._owner)
        if self._lock is not None:
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._lock.fileno()), path.stat()):
                    return
            self._lock.close()
        self._lock = os.fdopen(os.open(path, os.O_CREAT | os.O_RDONLY, FILE_MODE), "rb")
        with suppress(OSError):  # as above
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _lock_of(self, owner: str) -> Path:
        return self._folder / f".{owner}{_LOCK}"

    def _read(self, name: str) -> Delivery | None:
        path = self._folder / name
        try:
            if path.exists() and not path.is_file():
                raise ValueError("it is no file")
            delivery = _codec.from_text(path.read_bytes())
            return delivery if delivery.kept_since else replace(delivery, kept_since=path.stat().st_mtime)
        except FileNotFoundError:
            self._ours.discard(name)  # a person's data was deleted
        except (OSError, ValueError) as error:
            if name not in self._told:
                self._told.add(name)
                _log.error("a kept webhook message cannot be read", code=HandOffError.code, file=name, why=str(error))
        return None

    def _sweep(self, names: list[str]) -> None:
        """Delete what killed processes left unfinished, and what could not be read for as long as anything is kept."""
        self._told &= self._ours
        for name in (*self._told, *(each for each in names if each.startswith(".") and each.endswith((DRAFT, _LOCK)))):
            path = self._folder / name
            with suppress(OSError):
                if time.time() - path.stat().st_mtime < (KEEP_S if name in self._told else _OLD_S):
                    continue
                with locked(path) as free:
                    if free:
                        path.unlink()


def _stem(at_ns: int) -> str:
    """What a file's name begins with: names in order are messages in order."""
    return f"{at_ns:020d}-{secrets.token_hex(4)}"

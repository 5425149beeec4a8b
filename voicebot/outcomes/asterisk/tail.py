"""Follows a log that is rotated and written while it is read, and goes on after a restart where it was. Blocks: for a thread."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from voicebot.files import write_whole

_MOST_LINES = 500
_LONGEST = 1 << 16
"""Octets of a line; what is longer is none, and is read in pieces."""


@dataclass
class Place:
    """How far the log was read, and what must be known to go on."""

    inode: int = 0
    offset: int = 0
    """In octets, behind the last whole line."""
    refs: dict[str, str] = field(default_factory=dict)
    """See `Joined`."""

    @classmethod
    def kept(cls, file: Path) -> Place:
        """As `keep` wrote it; the beginning of the log where there is none, or it cannot be read."""
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            return cls(int(told["inode"]), int(told["offset"]), {str(key): str(ref) for key, ref in told["refs"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def keep(self, file: Path) -> None:
        """Raises OSError."""
        write_whole(file, json.dumps({"inode": self.inode, "offset": self.offset, "refs": self.refs}))


def lines_after(log: Path, place: Place, *, most: int = _MOST_LINES) -> tuple[list[str], Place]:
    """The next whole lines, and the place behind them. The rest of a log that was rotated away comes before the new one; a log
    that was cut short is read from its beginning. Raises OSError.
    """
    while True:
        current = log.stat().st_ino if log.exists() else None
        path = log if place.inode in (0, current) else _rotated(log, place.inode)
        if path is None:
            path, place = log, Place(0, 0, place.refs)
        if not path.exists():
            return [], place
        found, behind = _read(path, place, most)
        if found or path == log:
            return found, behind
        place = Place(0, 0, place.refs)  # the old one is read to its end


def _rotated(log: Path, inode: int) -> Path | None:
    return next((each for each in log.parent.glob(f"{log.name}*") if each.is_file() and each.stat().st_ino == inode), None)


def _read(path: Path, place: Place, most: int) -> tuple[list[str], Place]:
    with path.open("rb") as file:
        inode = path.stat().st_ino
        file.seek(0, 2)
        offset = place.offset if place.inode == inode and place.offset <= file.tell() else 0
        file.seek(offset)
        found: list[str] = []
        while len(found) < most and (line := file.readline(_LONGEST)):
            if not line.endswith(b"\n") and len(line) < _LONGEST:
                break  # it is being written
            found.append(line.decode("utf-8", "replace"))
            offset += len(line)
    return found, Place(inode, offset, place.refs)

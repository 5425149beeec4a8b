"""The archive: a tar (POSIX.1-2001) that begins with `manifest.json` and ends with `SHA256SUMS` of all that is between.

Without any tool of ours: `tar -xf FILE && sha256sum -c SHA256SUMS`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from audio.checksums import BLOCK, SUMS
from voicebot.backup.errors import BackupError

MANIFEST = "manifest.json"
FORMAT = 1
_LONGEST_MANIFEST = 1 << 20
_LONGEST_SUMS = 1 << 30
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")

Moved = Callable[[int], None]
"""Is told of octets that were written or read."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive is."""

    made: str
    """ISO 8601"""
    voicebot: str
    """The version that made it."""
    parts: dict[str, str]
    """Each part's name, and the path it had."""
    left_out: tuple[str, ...] = ()
    format: int = FORMAT

    @classmethod
    def decode(cls, text: bytes) -> Manifest:
        """Raises BackupError when this is none, or one of a newer format."""
        try:
            values: dict[str, Any] = json.loads(text)
            made_by = str(values["voicebot"])
            if int(values["format"]) > FORMAT:
                raise BackupError(f"this backup was made by a newer voicebot ({made_by}). Install that version, then restore.")
            parts = {str(name): str(path) for name, path in values["parts"].items()}
            return cls(str(values["made"]), made_by, parts, tuple(map(str, values["left_out"])))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackupError("this is no backup of voicebot: its manifest cannot be read") from error


class ArchiveWriter:
    """Writes an archive into a file that is open for writing. Raises OSError."""

    def __init__(self, file: IO[bytes], manifest: Manifest, moved: Moved = lambda octets: None) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - `close` ends it
        self._moved = moved
        self._sums: list[str] = []
        self.changed: list[str] = []
        """Files that became shorter while they were read: what was missing is zeros."""
        self._add_bytes(MANIFEST, json.dumps(asdict(manifest), ensure_ascii=False, indent=1).encode())

    def add(self, name: str, path: Path) -> bool:
        """A file's content as it is now; False when it is gone by now. Raises BackupError for a name that cannot be kept."""
        if "\n" in name or "\\" in name:
            raise BackupError(f"{path}: a name with a line break or a backslash cannot be kept. Rename the file.")
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return False
        with file:
            told = os.fstat(file.fileno())
            member = _member(name, told.st_size, told.st_mtime)
            reader = _Reader(file, told.st_size, self._moved)
            self._tar.addfile(member, reader)
        if reader.fell_short:
            self.changed.append(name)
        self._sums.append(f"{reader.digest.hexdigest()}  {name}\n")
        return True

    def _add_bytes(self, name: str, content: bytes) -> None:
        self._tar.addfile(_member(name, len(content), time.time()), io.BytesIO(content))
        self._sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")

    def close(self) -> None:
        """Write the checksums, and the end."""
        self._add_bytes(SUMS, "".join(self._sums).encode("utf-8", "surrogateescape"))
        self._tar.close()


class _Reader(io.RawIOBase):
    """Exactly so many octets of a file, counted into a checksum."""

    def __init__(self, file: IO[bytes], size: int, moved: Moved) -> None:
        self._file, self._left, self._moved = file, size, moved
        self.digest = hashlib.sha256()
        self.fell_short = False

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        block = self._file.read(wanted)
        if len(block) < wanted:
            self.fell_short = True
            block += bytes(wanted - len(block))
        self._left -= wanted
        self.digest.update(block)
        self._moved(len(block))
        return block


def _member(name: str, size: int, modified: float) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, int(modified), 0o600
    return member


class ArchiveReader:
    """Reads an archive once, from its beginning. Everything in it is taken for hostile: names, sizes, kinds and content."""

    def __init__(self, file: IO[bytes], moved: Moved = lambda octets: None) -> None:
        """Raises BackupError when this is no backup."""
        self._moved = moved
        self._sums: dict[str, str] = {}
        self._told: dict[str, str] | None = None
        try:
            self._tar = tarfile.open(fileobj=file, mode="r|")  # noqa: SIM115 - a stream: nothing is held but the file
            first = self._tar.next()
            if first is None or first.name != MANIFEST or not first.isreg() or first.size > _LONGEST_MANIFEST:
                raise BackupError("this is no backup of voicebot: it does not begin with a manifest")
            content = self._content(first)
        except (tarfile.TarError, EOFError, OSError) as error:
            raise BackupError(f"this is no backup of voicebot, or a damaged one: {error}") from error
        self._sums[MANIFEST] = hashlib.sha256(content).hexdigest()
        self.manifest = Manifest.decode(content)

    def files(self) -> Iterator[tuple[PurePosixPath, float, Callable[[IO[bytes]], None]]]:
        """Each file's name, checked, its time in seconds, and what writes its content somewhere; a file that is not written is
        only read.

        After the last one everything has been compared with the checksums. Raises BackupError, OSError when writing fails.
        """
        for member in self._members():
            if self._told is not None:
                raise BackupError(f"this backup is damaged: {member.name!r} stands behind its checksums")
            if member.name == SUMS:
                self._told = self._read_sums(member)
                continue
            name = _checked(member)
            if member.name in self._sums:
                raise BackupError(f"this backup is damaged: it holds {member.name!r} twice")
            self._sums[member.name] = ""

            def write(to: IO[bytes], member: tarfile.TarInfo = member) -> None:
                self._sums[member.name] = self._copy(member, to)

            yield name, float(member.mtime), write
            if not self._sums[member.name]:
                self._sums[member.name] = self._copy(member, None)
        self._compare()

    def _members(self) -> Iterator[tarfile.TarInfo]:
        while True:
            try:
                member = self._tar.next()
            except (tarfile.TarError, EOFError, OSError) as error:
                raise BackupError(f"this backup is damaged or cut short: {error}") from error
            if member is None:
                return
            yield member

    def _copy(self, member: tarfile.TarInfo, to: IO[bytes] | None) -> str:
        digest = hashlib.sha256()
        for block in self._blocks(member):
            digest.update(block)
            if to is not None:
                to.write(block)
            self._moved(len(block))
        return digest.hexdigest()

    def _blocks(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        source = self._tar.extractfile(member)
        left = member.size
        while left > 0:
            try:
                block = source.read(min(BLOCK, left)) if source is not None else b""
            except (tarfile.TarError, EOFError, OSError) as error:
                raise BackupError(f"this backup is damaged or cut short: {error}") from error
            if not block:
                raise BackupError(f"this backup is cut short: {member.name!r} is not whole")
            left -= len(block)
            yield block

    def _content(self, member: tarfile.TarInfo) -> bytes:
        return b"".join(self._blocks(member))

    def _read_sums(self, member: tarfile.TarInfo) -> dict[str, str]:
        if not member.isreg() or member.size > _LONGEST_SUMS:
            raise BackupError("this backup is damaged: its checksums are none")
        lines = self._content(member).decode("utf-8", "surrogateescape").split("\n")
        found = [_LINE.fullmatch(line) for line in lines if line]
        return {match[2]: match[1] for match in found if match is not None}

    def _compare(self) -> None:
        if self._told is None:
            raise BackupError("this backup is cut short: its checksums are missing")
        for name, digest in self._told.items():
            if self._sums.get(name) != digest:
                what = "is missing" if name not in self._sums else "is not what was backed up"
                raise BackupError(f"this backup is damaged: {name!r} {what}. Take another backup.")
        unknown = sorted(self._sums.keys() - self._told.keys())
        if unknown:
            raise BackupError(f"this backup is damaged: {unknown[0]!r} has no checksum. Take another backup.")


def _checked(member: tarfile.TarInfo) -> PurePosixPath:
    """The name, when it is one of a plain file that stays where it belongs. Raises BackupError."""
    name = PurePosixPath(member.name)
    if not member.isreg():
        raise BackupError(f"this backup was tampered with: {member.name!r} is no plain file")
    if name.is_absolute() or ".." in name.parts or not name.parts or "\0" in member.name or "\\" in member.name:
        raise BackupError(f"this backup was tampered with: {member.name!r} leads elsewhere")
    return name

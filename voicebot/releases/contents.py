"""What a release consists of, by content: the same files give the same id everywhere. Pure but for `read_contents`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from voicebot.releases.errors import ReleaseError

BUNDLE, PACK, MODELS = "bundle", "nlu", "models"
"""The folders of a release."""
MOST_OCTETS = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True, order=True)
class File:
    """One file."""

    path: str
    """Within the release, with slashes."""
    octets: int
    sha256: str


@dataclass(frozen=True)
class Contents:
    """All files of a release, by path."""

    files: tuple[File, ...]

    @cached_property
    def id(self) -> str:
        """SHA-256 over path, size and SHA-256 of each file, in hex."""
        lines = (f"{file.path}\0{file.octets}\0{file.sha256}\n" for file in self.files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @cached_property
    def by_path(self) -> Mapping[str, File]:
        """The files by their paths."""
        return {file.path: file for file in self.files}

    def without(self, folder: str) -> Contents:
        """The same without one of the folders."""
        return Contents(tuple(file for file in self.files if not file.path.startswith(f"{folder}/")))


def contents_of(files: Iterable[File]) -> Contents:
    """In the order that the id goes by."""
    return Contents(tuple(sorted(files)))


def read_contents(folders: Mapping[str, Path]) -> tuple[Contents, dict[str, Path]]:
    """The contents of these folders, by the names they have in the release, and where each content (by SHA-256) lies.

    Hidden files are left out. Raises ReleaseError for links, for what is no file, and when it is too large; OSError.
    """
    found, where, octets = [], {}, 0
    for name, folder in folders.items():
        for path in _files(folder):
            octets += path.stat().st_size
            if octets > MOST_OCTETS:
                raise ReleaseError(
                    f"{folder}: a release holds {MOST_OCTETS >> 20} MB at most; take out what no call needs",
                    "too_big",
                    most=MOST_OCTETS >> 20,
                )
            data = path.read_bytes()
            file = File(f"{name}/{path.relative_to(folder).as_posix()}", len(data), hashlib.sha256(data).hexdigest())
            found.append(file)
            where[file.sha256] = path
    return contents_of(found), where


def is_whole(folder: Path, contents: Contents) -> bool:
    """Whether all files of a release lie in this folder as they should, and no others beside those that a call reads."""
    try:
        found, _ = read_contents({each.name: each for each in folder.iterdir() if each.is_dir()})
    except (ReleaseError, OSError):
        return False
    wanted = set(contents.files)
    return wanted <= set(found.files) and wanted >= set(found.without(MODELS).files)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == "__pycache__":
            continue
        if path.is_symlink():
            raise ReleaseError(f"{path} is a link, which is not part of a release; put the file itself there", "link", path=path)
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path
        else:
            raise ReleaseError(f"{path} is no file; take it out", "no_file", path=path)


@dataclass(frozen=True, slots=True)
class Difference:
    """Paths that differ between two releases."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them, in order."""
        return tuple(sorted((*self.added, *self.removed, *self.changed)))

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def difference(old: Contents, new: Contents) -> Difference:
    """What differs from `old` in `new`."""
    before, after = old.by_path, new.by_path
    return Difference(
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(before.keys() - after.keys())),
        tuple(sorted(path for path in before.keys() & after.keys() if before[path].sha256 != after[path].sha256)),
    )


@dataclass(frozen=True, slots=True)
class Rebased:
    """A draft on top of a newer release."""

    contents: Contents
    conflicts: tuple[str, ...]
    """Files that both sides changed, each in its own way: in `contents` they are the draft's."""


def rebased(base: Contents, live: Contents, draft: Contents) -> Rebased:
    """Three-way by file: what the draft did not touch is taken from `live`."""
    files, conflicts = [], []
    for path in sorted({*base.by_path, *live.by_path, *draft.by_path}):
        began, lives, drafted = (each.by_path.get(path) for each in (base, live, draft))
        if drafted == began:
            drafted = lives
        elif lives not in (began, drafted):
            conflicts.append(path)
        if drafted is not None:
            files.append(drafted)
    return Rebased(contents_of(files), tuple(conflicts))

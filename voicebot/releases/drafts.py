"""The draft: a copy of what is live, in which people prepare a change. Blocks: for a thread."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import RLock

from voicebot.files import locked, private_folder, write_whole
from voicebot.releases.contents import BUNDLE, PACK, Contents, Difference, Rebased, difference, read_contents, rebased
from voicebot.releases.errors import ReleaseError
from voicebot.releases.store import Releases

_BASE, _BEGINS, _CHANGES = "base", ".begins", "changes.ndjson"


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a release lies on this machine."""

    bundle: Path
    pack: Path

    def contents(self) -> tuple[Contents, dict[str, Path]]:
        """Without models, which are made of the rest. Raises ReleaseError, OSError."""
        return read_contents({BUNDLE: self.bundle, PACK: self.pack})


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody did in the draft."""

    who: str
    what: str
    at: datetime


class Drafts:
    """One draft at a time; several people may work on it. Methods raise ReleaseError, OSError, and what SQLAlchemy raises."""

    def __init__(self, folder: Path, releases: Releases, live: Callable[[], Folders], clock: Callable[[], datetime]) -> None:
        """`live` tells where what is live lies."""
        self.folder = folder
        self._releases = releases
        self._live = live
        self._clock = clock
        self._mine = RLock()
        self._within = 0

    @property
    def folders(self) -> Folders:
        """Of the draft; they are there once it has begun."""
        return Folders(self.folder / BUNDLE, self.folder / PACK)

    @property
    def begun(self) -> bool:
        """Whether there is a draft."""
        return (self.folder / _BASE).is_file()

    def begin(self) -> Folders:
        """The draft's folders, made from what is live when there is no draft."""
        with self._alone():
            if not self.begun:
                self._begin()
            return self.folders

    def _begin(self) -> None:
        """All or nothing: a copy that a process that died left behind counts only while the same is live."""
        live = self._live()
        base = self._keep(live)
        private_folder(self.folder)
        begins = self.folder / _BEGINS
        if begins.is_file() and begins.read_text(encoding="ascii") != base.id:
            for name in (BUNDLE, PACK):
                shutil.rmtree(self.folder / name, ignore_errors=True)
        write_whole(begins, base.id)
        for name, source in ((BUNDLE, live.bundle), (PACK, live.pack)):
            _copied(source, self.folder / name)
        begins.rename(self.folder / _BASE)

    @contextmanager
    def change(self, who: str, what: str) -> Iterator[Folders]:
        """The draft's folders, for one change by one person at a time. They are noted as an author before anything is changed, so
        that no change is ever without one; what is refused (an error that is none of the disk's) is not noted.
        """
        with self._alone():
            folders = self.begin()
            end = self._note(who, what)
            try:
                yield folders
            except OSError:
                raise
            except Exception:
                os.truncate(self.folder / _CHANGES, end)
                raise

    def _note(self, who: str, what: str) -> int:
        line = json.dumps({"who": who, "what": what, "at": self._clock().isoformat()})
        with (self.folder / _CHANGES).open("ab", buffering=0) as file:
            end = file.tell()
            try:
                if file.write(f"{line}\n".encode()) <= len(line):
                    raise OSError(28, "No space left on device")
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise
        return end

    def changes(self) -> list[Change]:
        """What was done, in order. Raises ReleaseError when it cannot be read: nobody may approve what they wrote themselves."""
        try:
            lines = (self.folder / _CHANGES).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        try:
            told = [json.loads(line) for line in lines]
            return [Change(each["who"], each["what"], datetime.fromisoformat(each["at"])) for each in told]
        except (ValueError, KeyError, TypeError):
            raise ReleaseError(f"{_CHANGES} of the draft does not tell who changed what: mend it, or drop the draft") from None

    def differs(self) -> Difference:
        """What differs in the draft from the release that it began with."""
        if not self.begun:
            return Difference((), (), ())
        return difference(self._base(), self.folders.contents()[0])

    def behind(self) -> bool:
        """Whether another release went live since the draft began."""
        return self.begun and self._live().contents()[0].id != self._base().id

    def renew(self) -> Rebased:
        """Bring the draft onto what is live now: files that the draft did not change are taken from there. With conflicts
        nothing is changed.
        """
        with self._alone():
            return self._renew()

    def _renew(self) -> Rebased:
        live, draft, base = self._live(), self.folders, self._base()
        (lives, _), (drafted, _) = live.contents(), draft.contents()
        self._keep(live)
        found = rebased(base, lives, drafted)
        if not found.conflicts:
            self._keep(draft)
            fresh = self.folder / ".renewed"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            self._releases.write(found.contents, fresh)
            for name in (BUNDLE, PACK):
                shutil.rmtree(self.folder / name)
                (fresh / name).rename(self.folder / name)
            fresh.rmdir()
            (self.folder / _BASE).write_text(lives.id, encoding="ascii")
        return found

    def propose(self, who: str, note: str) -> int:
        """Propose the draft as it is now; the number of the proposal. The draft may go on to be changed."""
        if not note:
            raise ReleaseError("say what the change is for: those who approve it must know")
        with self._alone():
            return self._propose(who, note)

    def _propose(self, who: str, note: str) -> int:
        if not self.begun or not self.differs():
            raise ReleaseError("nothing differs from what is live")
        if self.behind():
            raise ReleaseError("another release went live since this draft began; renew the draft first")
        contents = self._keep(self.folders)
        authors = {each.who for each in self.changes()} | {who}
        return self._releases.propose(contents.id, self._base().id, authors=authors, by=who, note=note, at=self._clock())

    def drop(self) -> None:
        """Forget the draft; it is kept beside until the next one is dropped."""
        aside = self.folder.with_name(f"{self.folder.name}.dropped")
        with self._alone():
            shutil.rmtree(aside, ignore_errors=True)
            if self.folder.exists():
                self.folder.rename(aside)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else changes the draft meanwhile, in this process or another: of two who change one file, none is lost."""
        with self._mine:
            if self._within:
                yield
                return
            lock = self.folder.with_name(f"{self.folder.name}.lock")
            private_folder(lock.parent)
            lock.touch(mode=0o600)
            with locked(lock, wait=True), _told_plainly():
                self._within += 1
                try:
                    yield
                finally:
                    self._within -= 1

    def _base(self) -> Contents:
        found = self._releases.contents((self.folder / _BASE).read_text(encoding="ascii"))
        if found is None:
            raise ReleaseError(f"the release that the draft began with is not in the database; drop the draft in {self.folder}")
        return found

    def _keep(self, folders: Folders) -> Contents:
        contents, where = folders.contents()
        self._releases.put(contents, where, self._clock())
        return contents


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Whoever tunes is told what to do, and nothing of where files lie."""
    try:
        yield
    except OSError as error:
        why = error.strerror or "not all files could be copied"
        raise ReleaseError(
            f"the draft cannot be written ({why}): tell who runs the console that console.drafts must be writable and have room"
        ) from error


def _copied(source: Path, target: Path) -> None:
    """Whole or not at all; what is there already stays."""
    if target.exists():
        return
    fresh = target.with_name(f".{target.name}-new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(source, fresh, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    fresh.rename(target)

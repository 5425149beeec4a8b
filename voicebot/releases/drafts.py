"""The draft: a copy of what is live, in which people prepare a change. Blocks: for a thread."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from voicebot.files import private_folder
from voicebot.releases.contents import BUNDLE, PACK, Contents, Difference, Rebased, difference, read_contents, rebased
from voicebot.releases.errors import ReleaseError
from voicebot.releases.store import Releases

_BASE, _CHANGES = "base", "changes.ndjson"


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
        if not self.begun:
            live = self._live()
            base = self._keep(live)
            private_folder(self.folder)
            for name, source in ((BUNDLE, live.bundle), (PACK, live.pack)):
                _copied(source, self.folder / name)
            (self.folder / _BASE).write_text(base.id, encoding="ascii")
        return self.folders

    def note(self, who: str, what: str) -> None:
        """Somebody changed something: they are an author of what will be proposed."""
        line = json.dumps({"who": who, "what": what, "at": self._clock().isoformat()}, ensure_ascii=False)
        with (self.folder / _CHANGES).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def changes(self) -> list[Change]:
        """What was done, in order."""
        try:
            lines = (self.folder / _CHANGES).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        told = (json.loads(line) for line in lines)
        return [Change(each["who"], each["what"], datetime.fromisoformat(each["at"])) for each in told]

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
        shutil.rmtree(aside, ignore_errors=True)
        if self.folder.exists():
            self.folder.rename(aside)

    def _base(self) -> Contents:
        found = self._releases.contents((self.folder / _BASE).read_text(encoding="ascii"))
        if found is None:
            raise ReleaseError(f"the release that the draft began with is not in the database; drop the draft in {self.folder}")
        return found

    def _keep(self, folders: Folders) -> Contents:
        contents, where = folders.contents()
        self._releases.put(contents, where, self._clock())
        return contents


def _copied(source: Path, target: Path) -> None:
    """Whole or not at all; what is there already stays."""
    if target.exists():
        return
    fresh = target.with_name(f".{target.name}-new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(source, fresh, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    fresh.rename(target)

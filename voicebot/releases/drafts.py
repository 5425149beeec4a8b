"""The draft: a copy of what is live, in which people prepare a change. Blocks: for a thread."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dialogs.data.bundle import load_bundle
from dialogs.data.errors import BundleError
from nlu.errors import PackError
from nlu.pack.pack import Pack
from voicebot.files import private_folder
from voicebot.releases.contents import BUNDLE, PACK, Contents, Difference, difference, read_contents, rebased
from voicebot.releases.errors import ReleaseError
from voicebot.releases.merging import BothChanged, Choice, Place, both_changed
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
class Renewal:
    """A draft on top of a newer release."""

    id: str
    """Of the three that it is made of."""
    live: str
    contents: Contents
    """All files; of those that both sides changed, the draft's."""
    both: tuple[BothChanged, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        """What a person is to settle, in order."""
        return tuple(place for file in self.both for place in file.places)

    def settled(self, choices: Sequence[Choice]) -> Iterator[tuple[BothChanged, Sequence[Choice]]]:
        """Each file with its choices."""
        at = 0
        for file in self.both:
            yield file, choices[at : at + len(file.places)]
            at += len(file.places)


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

    def renewal(self) -> Renewal:
        """What bringing the draft onto what is live now comes to: files that only one side changed are taken from it, texts in
        YAML that both changed are merged by line, and what is left is for a person to settle.
        """
        base = self._base()
        (live, live_files), (drafted, files) = self._live().contents(), self.folders.contents()
        found = rebased(base, live, drafted)

        def both_of(path: str) -> BothChanged:
            began, lives, mine = (each.by_path.get(path) for each in (base, live, drafted))
            return both_changed(
                path,
                self._releases.data(began.sha256) if began is not None else None,
                live_files[lives.sha256].read_bytes() if lives is not None else None,
                files[mine.sha256].read_bytes() if mine is not None else None,
            )

        both = [both_of(path) for path in found.conflicts]
        return Renewal(f"{base.id} {live.id} {drafted.id}", live.id, found.contents, tuple(both))

    def renew(self, choices: Sequence[Choice] = (), of: str | None = None) -> Renewal:
        """Do it, with a choice for each place that is to be settled, in order; of the renewal `of` (`Renewal.id`), so that no
        choice is for another place than a person saw. Without a choice for each nothing is changed, and neither when what comes
        out cannot be loaded: then it raises ReleaseError.
        """
        found = self.renewal()
        if of not in (None, found.id):
            raise ReleaseError("the draft or what is live was changed meanwhile: look at the places again")
        if len(choices) != len(found.places):
            return found
        for folders in (self._live(), self.folders):
            self._keep(folders)
        fresh = self.folder / ".renewed"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        try:
            self._releases.write(found.contents, fresh)
            for file, chosen in found.settled(choices):
                file.write(fresh, chosen)
            _load(Folders(fresh / BUNDLE, fresh / PACK))
            for name in (BUNDLE, PACK):
                shutil.rmtree(self.folder / name)
                (fresh / name).rename(self.folder / name)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        (self.folder / _BASE).write_text(found.live, encoding="ascii")
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


def _load(folders: Folders) -> None:
    """Lines that fit each other may still be no bundle. Raises ReleaseError."""
    try:
        load_bundle(folders.bundle)
        pack = Pack(folders.pack)
        for language in pack.languages:
            pack.training_data(language)
    except (BundleError, PackError) as error:
        raise ReleaseError(f"put together it cannot be loaded, so that nothing was changed: {error}") from error

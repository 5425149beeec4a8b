"""The draft: a copy of what is live, in which people prepare a change. Blocks: for a thread."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import RLock

from dialogs.data.bundle import load_bundle
from dialogs.data.errors import BundleError
from nlu.errors import PackError
from nlu.pack.pack import Pack
from voicebot.files import locked, private_folder, write_whole
from voicebot.releases.contents import BUNDLE, PACK, Contents, Difference, difference, read_contents, rebased
from voicebot.releases.errors import ReleaseError
from voicebot.releases.merging import BothChanged, Choice, Place, both_changed
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
            raise ReleaseError(
                f"{_CHANGES} of the draft does not tell who changed what: mend it, or drop the draft", "draft_unreadable"
            ) from None

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

    def renew(
        self,
        choices: Sequence[Choice] = (),
        of: str | None = None,
        *,
        who: str = "",
        what: Callable[[Renewal], str] | None = None,
    ) -> Renewal:
        """Do it, with a choice for each place that is to be settled, in order; of the renewal `of` (`Renewal.id`), so that no
        choice is for another place than a person saw. Without a choice for each nothing is changed, and neither when what comes
        out cannot be loaded: then it raises ReleaseError. Whoever settles a place has a part in the change: `who` did `what`.
        """
        with self._alone():
            found = self.renewal()
            if of not in (None, found.id):
                raise ReleaseError("the draft or what is live was changed meanwhile: look at the places again", "places_changed")
            if len(choices) == len(found.places):
                with self.change(who, what(found)) if found.places and what is not None else nullcontext():
                    self._renew(found, choices)
            return found

    def _renew(self, found: Renewal, choices: Sequence[Choice]) -> None:
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
        write_whole(self.folder / _BASE, found.live)

    def propose(self, who: str, note: str) -> int:
        """Propose the draft as it is now; the number of the proposal. The draft may go on to be changed."""
        if not note:
            raise ReleaseError("say what the change is for: those who approve it must know", "no_note")
        with self._alone():
            return self._propose(who, note)

    def _propose(self, who: str, note: str) -> int:
        if not self.begun or not self.differs():
            raise ReleaseError("nothing differs from what is live", "no_change")
        if self.behind():
            raise ReleaseError("another release went live since this draft began; renew the draft first", "other_live_draft")
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
            raise ReleaseError(
                f"the release that the draft began with is not in the database; drop the draft in {self.folder}", "base_gone"
            )
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
            f"the draft cannot be written ({why}): tell who runs the console that console.drafts must be writable and have room",
            "draft_unwritable",
            reason=why,
        ) from error


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
        raise ReleaseError(
            f"put together it cannot be loaded, so that nothing was changed: {error}", "cannot_be_loaded", reason=error
        ) from error

"""A line that somebody labelled becomes an example in a draft of the pack: comments and layout stay.

What would make the data wrong is refused before it is kept; the whole of lint takes most of a minute and is for the draft as a
whole (`voicebot nlu lint`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from nlu.errors import PackError
from nlu.pack.pack import Pack
from nlu.pack.rasa_yaml import Example, read_file
from nlu.text.normalise import normalise
from nlu.tools.editing import add_example
from voicebot.records.folding import folded
from voicebot.redaction import redact_text

_DRAFT = "nlu"


@dataclass(frozen=True, slots=True)
class DraftExample:
    """An example, and where it stands."""

    text: str
    matter: str
    language: str
    file: str
    line: int
    in_force: bool
    """False: only in the draft."""


@dataclass(frozen=True, slots=True)
class Examples:
    """What the model learns from: the pack in force, and what only the draft has."""

    by_matter: Mapping[str, Sequence[DraftExample]]
    drafted: Sequence[DraftExample]
    """Those that only the draft has."""
    languages: Sequence[str]
    """Of the pack in force."""

    @classmethod
    def of(cls, listed: Iterable[DraftExample]) -> Examples:
        """Sorted for whoever asks: there are tens of thousands."""
        every, by_matter = tuple(listed), defaultdict[str, list[DraftExample]](list)
        for each in every:
            by_matter[each.matter].append(each)
        languages = sorted({each.language for each in every if each.in_force})
        return cls(dict(by_matter), [each for each in every if not each.in_force], languages)


class Draft:
    """The pack as it will be. Blocks, for some seconds: for a thread. One at a time: no example of two people is lost."""

    def __init__(self, in_force: Callable[[], Path], folder: Path, begin: Callable[[], object]) -> None:
        """`in_force` tells where the pack in force lies; `begin` makes `folder`, a copy of it, when there is no draft yet."""
        self._in_force = in_force
        self.folder = folder
        self._begin = begin
        self._one = Lock()
        self._read: dict[Path, tuple[tuple[int, int], list[Example]]] = {}
        """Files that were read, as they were when they had this time and size: to read a whole pack takes seconds."""
        self._listed: tuple[object, Examples] | None = None
        """All examples, and the state of all files that they are of."""

    def teach(self, text: str, matter: str, language: str) -> Path:
        """Add an example; the file that it is in. Raises PackError when it is there already, under this label or another, when
        it holds a number of a person, or cannot be an example: then the draft is as it was. The error names files without the
        folders that they are in.
        """
        with self._one, self._without_folders():
            self._begin()
            folder = self.folder / language
            if redact_text(text) != text:
                raise PackError(folder.name, None, "there is a number of a person in it", "Leave it out")
            said = normalise(text, language)
            for each in self._examples(Pack(self.folder).files(language)):
                if normalise(each.text, language) == said:
                    fix = "Nothing to do" if each.intent == matter else "Decide for one label, and take the other line out"
                    raise PackError(each.path.name, each.line, f"it is there already, as {each.intent}", fix)
            return add_example(folder, matter, text)

    def examples(self) -> Examples:
        """What the model learns from; read again only when a file has changed. Raises PackError, OSError."""
        with self._one:
            in_force = self._in_force()
            packs = [(folder == in_force, Pack(folder)) for folder in (in_force, self.folder) if folder.exists()]
            files = [
                (ours, language, file) for ours, pack in packs for language in pack.languages for file in pack.files(language)
            ]
            states = tuple((file, *_state(file)) for _, _, file in files)
            if self._listed is None or self._listed[0] != states:
                found: dict[tuple[str, str, str], DraftExample] = {}
                for ours, language, file in files:
                    for each in self._examples([file]):
                        intent = each.intent.split("/", maxsplit=1)[0]
                        shown = DraftExample(each.text, intent, language, each.path.name, each.line, ours)
                        found.setdefault((language, intent, each.text), shown)
                self._listed = (states, Examples.of(found.values()))
            return self._listed[1]

    def known_words(self) -> frozenset[str]:
        """The words that a model learns from, folded: of the pack in force and of the draft. Raises PackError, OSError."""
        with self._one:
            packs = [Pack(each) for each in (self._in_force(), self.folder) if each.exists()]
            files = [file for pack in packs for language in pack.languages for file in pack.files(language)]
            return frozenset(folded(each.text) for each in self._examples(files))

    def _examples(self, files: Sequence[Path]) -> Iterator[Example]:
        for file in files:
            state = _state(file)
            known = self._read.get(file)
            if known is None or known[0] != state:
                self._read[file] = known = (state, read_file(file).examples)
            yield from known[1]

    @contextmanager
    def _without_folders(self) -> Iterator[None]:
        try:
            yield
        except PackError as error:
            raise PackError(error.path.name, error.line, self._short(error.what), self._short(error.fix)) from error
        except OSError as error:
            fix = "Tell who runs the console: the folder console.drafts must be writable and have room"
            raise PackError(_DRAFT, None, f"the draft cannot be written ({error.strerror})", fix) from error

    def _short(self, text: str) -> str:
        for folder in (self.folder, self._in_force()):
            text = text.replace(f"{folder}/", "")
        return text


def _state(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_mtime_ns, found.st_size

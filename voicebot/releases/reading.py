"""A proposal as people read it before they approve it: texts old against new, everything else as changed lines. Blocks."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dialogs.data.prompts import UNSEEN, PromptFile, PromptSpec
from dialogs.data.source import parse, read
from voicebot.releases.approvals import Kind, kind_of
from voicebot.releases.contents import BUNDLE, Contents, difference
from voicebot.releases.store import Releases

_PROMPTS = f"{BUNDLE}/prompts/"
_MOST_LINES = 400


@dataclass(frozen=True, slots=True)
class TextChange:
    """One text: what callers hear now, and what they would hear."""

    language: str
    prompt: str
    old: PromptSpec | None
    new: PromptSpec | None


@dataclass(frozen=True, slots=True)
class FileChange:
    """The changed lines of one file that is no file of texts."""

    path: str
    kind: Kind
    lines: tuple[str, ...]
    """As `diff -u` writes them, without its head; none for a file that is no text."""
    more: int
    """Lines that are left out here."""


@dataclass(frozen=True, slots=True)
class Changes:
    """All that differs."""

    texts: tuple[TextChange, ...]
    files: tuple[FileChange, ...]


def changes(releases: Releases, base: Contents, new: Contents) -> Changes:
    """What differs from `base` in `new`. Raises BundleError for texts that cannot be read, and what SQLAlchemy raises."""
    paths = difference(base, new).paths
    texts: list[TextChange] = []
    if any(path.startswith(_PROMPTS) for path in paths):
        before, after = _texts(releases, base), _texts(releases, new)
        for language, prompt in sorted({*before, *after}):
            old, now = before.get((language, prompt)), after.get((language, prompt))
            if old != now:
                texts.append(TextChange(language, prompt, old, now))
    files = [_file(releases, base, new, path) for path in paths if not path.startswith(_PROMPTS)]
    return Changes(tuple(texts), tuple(files))


def text_in(releases: Releases, contents: Contents, language: str, prompt: str) -> PromptSpec | None:
    """One text of a release. Raises BundleError, and what SQLAlchemy raises."""
    return _texts(releases, contents).get((language, prompt))


def _texts(releases: Releases, contents: Contents) -> Mapping[tuple[str, str], PromptSpec]:
    found: dict[tuple[str, str], PromptSpec] = {}
    with tempfile.TemporaryDirectory(prefix="voicebot-texts-") as name:
        folder = Path(name)
        releases.write(Contents(tuple(file for file in contents.files if file.path.startswith(_PROMPTS))), folder)
        for path in sorted((folder / BUNDLE / "prompts").glob("*.yml")):
            spec = parse(read(folder / BUNDLE, f"prompts/{path.name}"), PromptFile)
            found.update({(spec.language, prompt): each for prompt, each in spec.prompts.items()})
    return found


def _file(releases: Releases, base: Contents, new: Contents, path: str) -> FileChange:
    old, now = (_lines(releases, contents, path) for contents in (base, new))
    if old is None or now is None:
        return FileChange(path, kind_of(path), (), 0)
    lines = list(difflib.unified_diff(old, now, n=1, lineterm=""))[2:]
    return FileChange(path, kind_of(path), tuple(lines[:_MOST_LINES]), max(0, len(lines) - _MOST_LINES))


def _lines(releases: Releases, contents: Contents, path: str) -> list[str] | None:
    """The lines of a file, none where it is not there, with what nobody sees written out; None when it is no text."""
    file = contents.by_path.get(path)
    if file is None:
        return []
    try:
        text = (releases.data(file.sha256) or b"").decode()
        return [UNSEEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", line) for line in text.splitlines()]
    except UnicodeDecodeError:
        return None

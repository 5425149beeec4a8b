"""Changing the texts of a bundle by program so that a person's comments, order and layout stay: ruamel round trips. Nothing is
written here: each change is a file as it should be.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, ScalarString

from dialogs.data.errors import BundleError, Problem
from dialogs.data.parts import words_of
from dialogs.data.prompts import PromptFile, PromptSpec, TextVersion
from dialogs.data.source import document_of, parse, read

_WIDE = 100_000
"""No line is ever folded."""


@dataclass(frozen=True, slots=True)
class Edited:
    """A file of texts as it should be."""

    path: Path
    text: str


def change_text(root: Path, language: str, prompt: str, text: str, chat: str | None = None) -> Edited:
    """Give a prompt of the bundle in `root` another wording; the one it had goes into its history. A recording, which says the
    old words, is left out. `chat` None leaves the chat's wording, "" takes it away. Raises BundleError.
    """
    name, spec = _file_of(root, language)
    before = spec.prompts.get(prompt)
    if before is None:
        raise BundleError([Problem(name, 0, prompt, "there is no such prompt", "Add it to the file by hand")])
    texts = _texts(root / name)
    prompts = texts["prompts"]
    entry = _entry(prompts, prompt)
    history = entry.get("history")
    if not isinstance(history, CommentedSeq):
        history = CommentedSeq()
        entry["history"] = history
    history.insert(0, _old(before))
    entry["text"] = _quoted(text)
    if chat is not None:
        entry.pop("chat", None)
        if chat:
            entry["chat"] = _quoted(chat)
    for stale in ("author", "approver", "valid_from", "valid_to", "recording"):
        entry.pop(stale, None)
    return _edited(root, name, texts)


def note_recordings(root: Path, language: str, prompts: Mapping[str, str], parts: Mapping[str, str]) -> Edited:
    """Name recordings (files within the bundle) in the language's file: those of prompts by id, those of parts of sentences by
    what is said. Raises BundleError.
    """
    name, _ = _file_of(root, language)
    texts = _texts(root / name)
    for prompt, recording in prompts.items():
        _entry(texts["prompts"], prompt)["recording"] = recording
    if parts:
        noted = texts.get("parts")
        if not isinstance(noted, CommentedMap):
            noted = CommentedMap()
            texts["parts"] = noted
        for said, recording in parts.items():
            noted[_key(noted, said)] = recording
    return _edited(root, name, texts)


def _key(noted: CommentedMap, said: str) -> str:
    """The key under which these words stand already, else a new one in quotes."""
    return next((key for key in noted if words_of(key) == words_of(said)), _quoted(said))


def stamp(root: Path, before: Mapping[str, PromptFile], *, author: str, approver: str, day: date) -> Iterator[Edited]:
    """Name who answers for each text that differs from `before` (by language), whoever stood there: names come from people who
    were logged in. A text without a day to begin with is valid from `day`. Raises BundleError.
    """
    for path in sorted((root / "prompts").glob("[!.]*.yml")):
        name = f"prompts/{path.name}"
        spec = parse(read(root, name), PromptFile)
        old = before[spec.language].prompts if spec.language in before else {}
        changed = [prompt for prompt, now in spec.prompts.items() if _said(now) != _said(old.get(prompt))]
        if not changed:
            continue
        texts = _texts(path)
        for prompt in changed:
            entry = _entry(texts["prompts"], prompt)
            entry["author"], entry["approver"] = _quoted(author), _quoted(approver)
            if "valid_from" not in entry:
                entry["valid_from"] = day.replace()  # of one object for all, YAML would make an alias
        yield _edited(root, name, texts)


def _said(spec: PromptSpec | None) -> tuple[object, ...] | None:
    """What an approval is given to."""
    return None if spec is None else (spec.text, spec.chat, spec.recording, spec.kind, spec.valid_to)


def _file_of(root: Path, language: str) -> tuple[str, PromptFile]:
    for path in sorted((root / "prompts").glob("[!.]*.yml")):
        name = f"prompts/{path.name}"
        spec = parse(read(root, name), PromptFile)
        if spec.language == language:
            return name, spec
    raise BundleError([Problem("prompts", 0, language, "there are no texts in this language", "Choose a language of the bundle")])


def _texts(path: Path) -> Any:
    return _yaml().load(path.read_text(encoding="utf-8-sig"))


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = _WIDE
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _entry(prompts: CommentedMap, prompt: str) -> CommentedMap:
    """The prompt as a mapping; one that is only its text becomes one, on its line."""
    entry = prompts[prompt]
    if isinstance(entry, CommentedMap):
        return entry
    made = CommentedMap(text=entry if isinstance(entry, ScalarString) else _quoted(str(entry)))
    made.fa.set_flow_style()
    prompts[prompt] = made
    return made


def _old(spec: PromptSpec) -> CommentedMap:
    """A wording as it stands in a history, with all that it had from the file's common approval."""
    fields = {name: getattr(spec, name) for name in TextVersion.model_fields if name != "recording"}
    old = CommentedMap({name: _quoted(value) if isinstance(value, str) else value for name, value in fields.items() if value})
    old.fa.set_flow_style()
    return old


def _quoted(text: str) -> DoubleQuotedScalarString:
    quoted: DoubleQuotedScalarString = DoubleQuotedScalarString(" ".join(text.split()))
    return quoted


def _edited(root: Path, name: str, texts: Any) -> Edited:
    """The file, when it can still be read as texts."""
    out = io.StringIO()
    _yaml().dump(texts, out)
    parse(document_of(name, out.getvalue()), PromptFile)
    return Edited(root / name, out.getvalue())

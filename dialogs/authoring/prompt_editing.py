"""Changing the texts of a bundle by program so that a person's comments, order and layout stay: ruamel round trips, whole or
not at all.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, ScalarString

from dialogs.data.errors import BundleError, Problem
from dialogs.data.parts import words_of
from dialogs.data.prompts import PromptFile, PromptSpec, TextVersion
from dialogs.data.source import parse, read

_WIDE = 100_000
"""No line is ever folded."""


def change_text(root: Path, language: str, prompt: str, text: str, chat: str | None = None) -> Path:
    """Give a prompt of the bundle in `root` another wording; the one it had goes into its history. A recording, which says the
    old words, is left out. `chat` None leaves the chat's wording, "" takes it away. Returns the file. Raises BundleError, and
    then the file is as it was.
    """
    name, spec = _file_of(root, language)
    before = spec.prompts.get(prompt)
    if before is None:
        raise BundleError([Problem(name, 0, prompt, "there is no such prompt", "Add it to the file by hand")])
    document = _document(root / name)
    prompts = document["prompts"]
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
    return _kept(root, name, document)


def note_recordings(root: Path, language: str, prompts: Mapping[str, str], parts: Mapping[str, str]) -> None:
    """Write recordings (files within the bundle) into the language's file: those of prompts by id, those of parts of sentences by
    what is said. Raises BundleError, and then the file is as it was.
    """
    name, _ = _file_of(root, language)
    document = _document(root / name)
    for prompt, recording in prompts.items():
        _entry(document["prompts"], prompt)["recording"] = recording
    if parts:
        noted = document.get("parts")
        if not isinstance(noted, CommentedMap):
            noted = CommentedMap()
            document["parts"] = noted
        for said, recording in parts.items():
            noted[_key(noted, said)] = recording
    _kept(root, name, document)


def _key(noted: CommentedMap, said: str) -> str:
    """The key under which these words stand already, else a new one in quotes."""
    return next((key for key in noted if words_of(key) == words_of(said)), _quoted(said))


def stamp(root: Path, before: Mapping[str, PromptFile], *, author: str, approver: str, day: date) -> list[tuple[str, str]]:
    """Write who answers for each text that differs from `before` (by language), whoever stood there: names come from people who
    were logged in. A text without a day to begin with is valid from `day`. Returns (language, prompt) of the texts. Raises
    BundleError.
    """
    stamped = []
    for path in sorted((root / "prompts").glob("*.yml")):
        name = f"prompts/{path.name}"
        spec = parse(read(root, name), PromptFile)
        old = before[spec.language].prompts if spec.language in before else {}
        changed = [prompt for prompt, now in spec.prompts.items() if _said(now) != _said(old.get(prompt))]
        if not changed:
            continue
        document = _document(path)
        for prompt in changed:
            entry = _entry(document["prompts"], prompt)
            entry["author"], entry["approver"] = _quoted(author), _quoted(approver)
            if "valid_from" not in entry:
                entry["valid_from"] = day.replace()  # of one object for all, YAML would make an alias
            stamped.append((spec.language, prompt))
        _kept(root, name, document)
    return stamped


def _said(spec: PromptSpec | None) -> tuple[object, ...] | None:
    """What an approval is given to."""
    return None if spec is None else (spec.text, spec.chat, spec.recording, spec.kind, spec.valid_to)


def _file_of(root: Path, language: str) -> tuple[str, PromptFile]:
    for path in sorted((root / "prompts").glob("*.yml")):
        name = f"prompts/{path.name}"
        spec = parse(read(root, name), PromptFile)
        if spec.language == language:
            return name, spec
    raise BundleError([Problem("prompts", 0, language, "there are no texts in this language", "Choose a language of the bundle")])


def _document(path: Path) -> Any:
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


def _kept(root: Path, name: str, document: Any) -> Path:
    """Write the file when it can still be read as texts. What a full disk leaves of it is hidden, and so no part of a release."""
    out = io.StringIO()
    _yaml().dump(document, out)
    path = root / name
    temporary = path.with_name(f".{path.name}")
    try:
        temporary.write_text(out.getvalue(), encoding="utf-8")
        try:
            parse(read(root, f"{Path(name).parent}/{temporary.name}"), PromptFile)
        except BundleError as error:
            raise BundleError([replace(each, file=name) for each in error.problems]) from None
        shutil.copymode(path, temporary)  # whoever may read the texts still may
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path

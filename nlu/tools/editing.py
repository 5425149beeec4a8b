"""Changing training files by program so that a person's comments, order and layout stay: ruamel round trips, whole or not at all.

Format: https://rasa.com/docs/rasa/training-data-format/ as `nlu.pack.rasa_yaml` reads it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import LiteralScalarString

from nlu.errors import PackError
from nlu.pack.rasa_yaml import SUPPORTED_VERSION, load_document, read_file

_WIDE = 100_000
"""No line is ever folded."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An example as it stood in a file, mark-up and all, and its label."""

    intent: str
    marked: str


def add_example(folder: Path, intent: str, text: str) -> Path:
    """Add an utterance to `intent` in a language's folder, in the file that has the intent, else in a new `<intent>.yml`.

    Returns that file. Raises PackError when files cannot be read or written, or when `text` cannot be an example.
    """
    text = " ".join(text.split())
    if not text or set(text) & set("[]"):
        raise PackError(folder, None, f"{text!r} cannot be an example", "Give words, without square brackets")
    path = _file_of(intent, folder)
    if path is None:
        path = folder / f"{intent}.yml"
        if path.exists():
            raise PackError(path, None, f"is there but has no `- intent: {intent}`", "Rename it, or add the intent to it")
        _write(path, f'version: "{SUPPORTED_VERSION}"\nnlu:\n  - intent: {intent}\n    examples: |\n      - {text}\n')
        return path
    document = load_document(path, keep_quotes=True)
    before = len(read_file(path).examples)
    item = next(item for item in document["nlu"] if item.get("intent") == intent)
    _append(item, text)
    changed = _dumped(document, path)
    _write(path, changed)
    after = read_file(path).examples
    if len(after) != before + 1:
        raise PackError(path, None, "the file did not take the new line", "Add it by hand and look at the layout")
    return path


def without_examples(path: Path, lines: Collection[int]) -> tuple[str, list[Taken]]:
    """The file without the intent examples that stand on `lines` (counted from 1), and those examples. Raises PackError."""
    document = load_document(path, keep_quotes=True)
    taken: list[Taken] = []
    items = document.get("nlu") or []
    for item in list(items):
        if "intent" not in item:
            continue
        kept = _take(item, lines, taken)
        if not kept:
            items.remove(item)
    return _dumped(document, path), taken


def _file_of(intent: str, folder: Path) -> Path | None:
    for path in sorted(folder.glob("[!.]*.yml")):
        for item in load_document(path).get("nlu") or []:
            if isinstance(item, CommentedMap) and item.get("intent") == intent:
                return path
    return None


def _append(item: CommentedMap, text: str) -> None:
    examples: Any = item["examples"]
    if isinstance(examples, CommentedSeq):
        last = examples[-1] if examples else text
        examples.append(CommentedMap(text=text) if isinstance(last, CommentedMap) else text)
        return
    block = examples if not examples or examples.endswith("\n") else examples + "\n"
    item["examples"] = _literal(f"{block}- {text}\n", examples)


def _take(item: CommentedMap, lines: Collection[int], taken: list[Taken]) -> bool:
    """Move examples on `lines` from `item` to `taken`; whether any are left."""
    examples: Any = item["examples"]
    intent = str(item["intent"])
    if isinstance(examples, CommentedSeq):
        for index in range(len(examples) - 1, -1, -1):
            if examples.lc.item(index)[0] + 1 in lines:
                entry = examples.pop(index)
                text = entry["text"] if isinstance(entry, CommentedMap) else entry
                taken.append(Taken(intent, str(text).strip().removeprefix("- ")))
        return bool(examples)
    first = item.lc.key("examples")[0] + 1 + isinstance(examples, LiteralScalarString)
    kept: list[str] = []
    for number, line in enumerate(str(examples).splitlines(), first):
        if number in lines and line.strip():
            taken.append(Taken(intent, line.strip().removeprefix("-").strip()))
        else:
            kept.append(line)
    item["examples"] = _literal("".join(f"{line}\n" for line in kept), examples)
    return any(line.strip() for line in kept)


def _literal(text: str, old: Any) -> LiteralScalarString:
    """A block of lines; ruamel keeps the comments that follow a block on the block itself."""
    new: LiteralScalarString = LiteralScalarString(text)
    if (comment := getattr(old, "comment", None)) is not None:
        setattr(new, "comment", comment)  # noqa: B010 (an attribute that ruamel adds and its types do not know)
    return new


def _dumped(document: CommentedMap, path: Path) -> str:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = _WIDE
    offset = _dash_indent(path)
    yaml.indent(mapping=2, sequence=offset + 2, offset=offset)
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def _dash_indent(path: Path) -> int:
    """How far the items of the file's lists are indented."""
    dashes = (line for line in path.read_text(encoding="utf-8").splitlines() if line.lstrip().startswith("- "))
    first = next(dashes, "  - ")
    return len(first) - len(first.lstrip())


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")  # hidden: what a process that was killed leaves is no part of a release
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as err:
        raise PackError(path, None, f"cannot be written ({err.strerror})", "Copy the pack to a folder of yours: --pack") from err


def labelled_file(examples: Collection[Taken], comment: str) -> str:
    """Rasa YAML of these examples, by intent in their order."""
    return "".join(_labelled_lines(examples, comment))


def _labelled_lines(examples: Collection[Taken], comment: str) -> Iterator[str]:
    yield f'version: "{SUPPORTED_VERSION}"\n# {comment}\nnlu:\n'
    for intent in dict.fromkeys(one.intent for one in examples):
        yield f"  - intent: {intent}\n    examples: |\n"
        yield from (f"      - {one.marked}\n" for one in examples if one.intent == intent)

"""Rasa 3.1 training data: read with line numbers, so that every complaint names its place.

Understood: `nlu` items `intent` (also retrieval intents, `faq/opening_hours`), `synonym`, `lookup` and `regex`; examples as a
block of `- text` lines or as a list of `{text, metadata}`; entities marked in line as `[text](entity)`, `[text](entity:value)` or
`[text]{"entity": "…", "value": "…", "role": "…", "group": "…"}`. Format: https://rasa.com/docs/rasa/training-data-format/
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scalarstring import LiteralScalarString

from nlu.errors import PackError

SUPPORTED_VERSION = "3.1"
_MARK_UP = re.compile(r"\[(?P<text>[^\]\[]+)\](?:\((?P<name>[^()]*)\)|(?P<json>\{[^{}]*\}))")
_LEFTOVER = re.compile(r"[\[\]]|\]\(|\]\{")


@dataclass(frozen=True, slots=True)
class Annotation:
    """An entity marked in an example: characters `start` to `end` of the plain text are an `entity` with `value`."""

    start: int
    end: int
    entity: str
    value: str
    role: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """One training utterance, its label and where it stands (`line` counts from 1)."""

    text: str
    intent: str
    path: Path
    line: int
    annotations: tuple[Annotation, ...] = ()


@dataclass(slots=True)
class TrainingData:
    """What one or more files of training data say."""

    examples: list[Example] = field(default_factory=list)
    synonyms: dict[str, str] = field(default_factory=dict)
    """Spoken form (lower case) to canonical value."""
    lookups: dict[str, list[str]] = field(default_factory=dict)
    """Entity to its known values."""
    regexes: dict[str, list[str]] = field(default_factory=dict)
    """Feature or entity name to its patterns."""

    def merge(self, other: TrainingData) -> None:
        """Add what `other` says."""
        self.examples += other.examples
        self.synonyms |= other.synonyms
        for mine, theirs in ((self.lookups, other.lookups), (self.regexes, other.regexes)):
            for name, values in theirs.items():
                mine.setdefault(name, []).extend(values)


def parse_mark_up(marked: str, path: Path, line: int) -> tuple[str, tuple[Annotation, ...]]:
    """The plain text of a marked example and its annotations. Raises PackError on mark-up that Rasa would misread."""
    plain: list[str] = []
    annotations: list[Annotation] = []
    position = length = 0
    for match in _MARK_UP.finditer(marked):
        before = marked[position : match.start()]
        plain.append(before)
        length += len(before)
        text = match["text"]
        annotations.append(_annotation(match, length, path, line))
        plain.append(text)
        length += len(text)
        position = match.end()
    plain.append(marked[position:])
    left = "".join(part for part in plain)
    if _LEFTOVER.search(left):
        raise PackError(path, line, f"broken entity mark-up in {marked!r}", "Write [words](entity) with both brackets closed")
    return left.strip(), tuple(annotations)


def _annotation(match: re.Match[str], start: int, path: Path, line: int) -> Annotation:
    text = match["text"]
    end = start + len(text)
    if match["json"] is None:
        name, _, value = match["name"].partition(":")
        if not name.strip():
            raise PackError(path, line, f"entity without a name: {match[0]!r}", "Write its name in the round brackets")
        return Annotation(start, end, name.strip(), value.strip() or text)
    try:
        said = json.loads(match["json"])
        name = said["entity"]
    except (json.JSONDecodeError, KeyError, TypeError) as err:
        fix = 'Write it as [words]{"entity": "name"}, straight double quotes inside'
        raise PackError(path, line, f"entity mark-up is not JSON: {match['json']}", fix) from err
    return Annotation(start, end, str(name), str(said.get("value", text)), said.get("role"), said.get("group"))


def read_files(paths: Sequence[Path]) -> TrainingData:
    """All files together. Raises PackError."""
    data = TrainingData()
    for path in paths:
        data.merge(read_file(path))
    return data


def read_file(path: Path, complain: Callable[[PackError], None] | None = None) -> TrainingData:
    """One file of training data. Raises PackError with file, line and fix.

    With `complain`, what is wrong with single examples goes there and they are left out: a linter wants all complaints at once.
    """
    document = load_document(path)
    version = str(document.get("version", SUPPORTED_VERSION))
    if version.split(".", maxsplit=1)[0] != "3":
        raise PackError(path, _key_line(document, "version"), f"version {version} is not read here", 'Write version: "3.1"')
    items = document.get("nlu")
    if items is None:
        return TrainingData()
    if not isinstance(items, CommentedSeq):
        raise PackError(path, _key_line(document, "nlu"), "`nlu:` is not a list", "Put `- intent: name` items under it")
    data = TrainingData()
    for index, item in enumerate(items):
        line = items.lc.item(index)[0] + 1
        if not isinstance(item, CommentedMap):
            raise PackError(path, line, "this item has no keys", "Start it with `- intent:`, `- synonym:`, `- lookup:` or so")
        _read_item(item, line, path, data, complain or _raise)
    return data


def load_document(path: Path, keep_quotes: bool = False) -> CommentedMap:
    """The file as a ruamel round-trip mapping (comments and line numbers kept, quotes if wanted). Raises PackError."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = keep_quotes
    try:
        text = path.read_text(encoding="utf-8-sig")
        document = yaml.load(text)
    except OSError as err:
        raise PackError(path, None, f"cannot be read ({err.strerror})", "Check the path and its rights") from err
    except UnicodeDecodeError as err:
        raise PackError(path, None, "is not UTF-8", "Save it as UTF-8") from err
    except MarkedYAMLError as err:
        line = err.problem_mark.line + 1 if err.problem_mark else None
        raise PackError(path, line, f"is not YAML: {err.problem}", "Check indentation and quotes on this line") from err
    except ReaderError as err:
        code = err.character if isinstance(err.character, int) else ord(err.character)
        line = text.count("\n", 0, err.position) + 1
        raise PackError(
            path, line, f"holds a character that no text has: U+{code:04X}", "Delete it, or type the line anew"
        ) from err
    except RecursionError as err:
        raise PackError(path, None, "lists or mappings are nested too deeply", "Remove the superfluous brackets") from err
    except Exception as err:  # the YAML library raises nearly anything on text that is odd enough, such as a date that is none
        raise PackError(path, None, f"is not YAML: {err}", "Write dates and numbers in quotes") from err
    if document is None:
        return CommentedMap()
    if not isinstance(document, CommentedMap):
        raise PackError(path, 1, "the file is not a mapping", 'Start it with `version: "3.1"` and `nlu:`')
    return document


def _key_line(mapping: CommentedMap, key: str) -> int:
    return int(mapping.lc.key(key)[0]) + 1


def _raise(error: PackError) -> None:
    raise error


def _read_item(item: CommentedMap, line: int, path: Path, data: TrainingData, complain: Callable[[PackError], None]) -> None:
    kinds = [kind for kind in ("intent", "synonym", "lookup", "regex") if kind in item]
    if len(kinds) != 1:
        raise PackError(path, line, "an item must have one of intent, synonym, lookup, regex", "Split or name this item")
    kind, name = kinds[0], str(item[kinds[0]] or "").strip()
    if not name:
        raise PackError(path, line, f"`{kind}:` has no name", "Write the name after the colon")
    if "examples" not in item:
        raise PackError(path, line, f"{kind} {name!r} has no examples", "Add `examples: |` and indented `- text` lines")
    for text, at in _example_texts(item, path):
        try:
            _read_example(kind, name, text, path, at, data)
        except PackError as error:
            complain(error)


def _read_example(kind: str, name: str, text: str, path: Path, line: int, data: TrainingData) -> None:
    if kind == "intent":
        plain, annotations = parse_mark_up(text, path, line)
        if not plain:
            raise PackError(path, line, f"an empty example of {name}", "Write the words or take the line out")
        data.examples.append(Example(plain, name, path, line, annotations))
    elif kind == "synonym":
        data.synonyms[text.lower()] = name
    elif kind == "lookup":
        data.lookups.setdefault(name, []).append(text)
    else:
        _check_regex(text, path, line)
        data.regexes.setdefault(name, []).append(text)


def _check_regex(pattern: str, path: Path, line: int) -> None:
    try:
        re.compile(pattern)
    except re.error as err:
        raise PackError(path, line, f"bad regular expression {pattern!r} ({err})", "Correct the expression") from err


def _example_texts(item: CommentedMap, path: Path) -> Iterator[tuple[str, int]]:
    """Texts of an item with their line numbers, from either of the two layouts."""
    examples: Any = item["examples"]
    first = _key_line(item, "examples")
    if examples is None:
        return
    if isinstance(examples, CommentedSeq):
        for index, entry in enumerate(examples):
            line = examples.lc.item(index)[0] + 1
            text = entry.get("text") if isinstance(entry, CommentedMap) else entry
            if not isinstance(text, str):
                raise PackError(path, line, "an example without text", "Write `- text: |` with the words, or a plain string")
            yield text.strip().removeprefix("- "), line
        return
    if not isinstance(examples, str):
        raise PackError(path, first, "examples are neither text nor a list", "Write `examples: |` and `- text` lines")
    offset = 1 if isinstance(examples, LiteralScalarString) else 0
    for index, raw in enumerate(examples.splitlines()):
        text = raw.strip()
        if not text:
            continue
        line = first + offset + index
        if not text.startswith("-"):
            raise PackError(path, line, f"example line without a dash: {text!r}", "Start it with `- `")
        yield text[1:].strip(), line

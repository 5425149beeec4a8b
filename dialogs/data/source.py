"""YAML files read with their line numbers, so that every mistake can be shown where it stands."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from dialogs.data.errors import BundleError, Problem

Where = Sequence[str | int]


class Spec(BaseModel):
    """Base of everything read from a bundle: unknown fields are mistakes, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, str_strip_whitespace=True)


def _date_as_written(value: Any) -> Any:
    """A date is written as one: a bare number is none (it would be taken for seconds since 1970)."""
    if isinstance(value, date) or (isinstance(value, str) and _DATE.match(value.strip())):
        return value
    raise PydanticCustomError("date_parsing", "no date")


def _clock_as_written(value: Any) -> Any:
    """A time of day is written as hours and minutes: a bare number is none (it would be taken for seconds since midnight)."""
    if (isinstance(value, time) and value.tzinfo is None) or (isinstance(value, str) and _CLOCK.match(value.strip())):
        return value
    raise PydanticCustomError("time_parsing", "no time of day")


_VERSION = re.compile(r"^%YAML\s+(\S+)", re.MULTILINE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}$")
_CLOCK = re.compile(r"\d{2}:\d{2}$")

Day = Annotated[date, BeforeValidator(_date_as_written)]
"""A day, written like 2026-12-24."""
Clock = Annotated[time, BeforeValidator(_clock_as_written)]
"""A time of day on the bank's wall clock, written like '08:00'."""

SpecType = TypeVar("SpecType", bound=Spec)


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file: its name within the bundle and its data, which remembers lines."""

    name: str
    data: Any

    def line(self, where: Where = ()) -> int:
        """The line (from 1) on which this field stands, or of the nearest field around it that exists."""
        node, line = self.data, 1
        for part in where:
            if isinstance(node, CommentedMap):
                key = next((key for key in node if str(key) == str(part)), None)
                if key is None:
                    break
                line, node = _line_of(node, key) or line, node[key]
            elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
                line, node = node.lc.item(part)[0] + 1, node[part]
            # other parts are names of pydantic's union branches: they are nowhere in the file
        return line

    def problem(self, where: Where, what: str, fix: str = "", *, warning: bool = False) -> Problem:
        """A problem at this place of the file."""
        return Problem(self.name, self.line(where), ".".join(map(str, where)), what, fix, warning)


def read(root: Path, name: str) -> Document:
    """The file `name` of the bundle in `root`. Raises BundleError when it is missing or is not YAML."""
    try:
        return document_of(name, (root / name).read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise BundleError([Problem(name, 0, "", f"no such file in {root}", "Add it, or point at another bundle")]) from error
    except OSError as error:
        raise BundleError(
            [Problem(name, 0, "", f"cannot be read: {error.strerror}", "Make it a file that can be read")]
        ) from error
    except UnicodeDecodeError as error:
        raise BundleError([Problem(name, 0, "", "the file is not UTF-8", "Save it as UTF-8")]) from error


def document_of(name: str, text: str) -> Document:
    """The text of the file `name` of a bundle. Raises BundleError when it is not YAML."""
    try:
        data = _load(text)
    except Exception as error:  # the YAML library raises nearly anything on text that is odd enough
        raise BundleError([_syntax(name, error)]) from error
    if not isinstance(data, CommentedMap):
        raise BundleError([Problem(name, 1, "", "the file must be a mapping of fields", "See the default bundle for an example")])
    return Document(name, data)


def _line_of(node: CommentedMap, key: object) -> int | None:
    """The line of a key; None when it was merged from elsewhere (`<<`)."""
    try:
        return int(node.lc.key(key)[0]) + 1
    except (KeyError, TypeError):
        return None


def _syntax(name: str, error: Exception) -> Problem:
    """What is wrong with the YAML itself."""
    match error:
        case MarkedYAMLError():
            mark = error.problem_mark or error.context_mark
            return Problem(
                name, mark.line + 1 if mark else 0, "", f"not valid YAML: {error.problem}", "Check indentation and quotes"
            )
        case _BadCharacter():
            return Problem(
                name, error.line, "", f"a character that no text has: U+{error.code:04X}", "Delete it, or type the line anew"
            )
        case _OtherVersion():
            what = f"the file says that it is YAML {error.version}; only YAML 1.2 is read"
            return Problem(name, error.line, "", what, "Remove the line that begins with %YAML")
        case RecursionError():
            return Problem(name, 0, "", "lists or mappings are nested too deeply", "Remove the superfluous brackets")
    return Problem(name, 0, "", f"not valid YAML: {error}", "Check indentation and quotes")


class _BadCharacter(YAMLError):
    """A control character: YAML allows none (YAML 1.2, 5.1)."""

    def __init__(self, line: int, code: int) -> None:
        super().__init__("special characters are not allowed")
        self.line, self.code = line, code


class _OtherVersion(YAMLError):
    """The file says that it is written in another version of YAML."""

    def __init__(self, line: int, version: str) -> None:
        super().__init__(f"YAML {version} is not read")
        self.line, self.version = line, version


class _DatesAsWritten(RoundTripConstructor):
    """Leaves dates as text: whoever needs one reads it, and names its line when it is none."""


_DatesAsWritten.add_constructor("tag:yaml.org,2002:timestamp", lambda constructor, node: constructor.construct_scalar(node))


@lru_cache(maxsize=16)
def _load(text: str) -> Any:
    """The YAML as data that remembers lines; kept, since a bundle is often loaded again with one file changed."""
    version = _VERSION.search(text)
    if version is not None and version.group(1) != "1.2":  # others mean something else by yes, no and 08:00
        raise _OtherVersion(text.count("\n", 0, version.start(1)) + 1, version.group(1))
    yaml = YAML(typ="rt")
    yaml.Constructor = _DatesAsWritten
    try:
        return yaml.load(text)
    except ReaderError as error:
        raise _BadCharacter(text.count("\n", 0, error.position) + 1, _code_point(error.character)) from error


def _code_point(character: str | int) -> int:
    return character if isinstance(character, int) else ord(character)


def parse(document: Document, spec: type[SpecType]) -> SpecType:
    """The document as `spec`. Raises BundleError with every mistake in it."""
    try:
        return spec.model_validate(document.data)
    except ValidationError as error:
        raise BundleError([_problem(document, spec, detail) for detail in error.errors()]) from error


def nearest(word: str, known: Sequence[str]) -> str:
    """A fix: the nearest known word, or all of them when none is near."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(sorted(known))}"


def _problem(document: Document, spec: type[Spec], detail: ErrorDetails) -> Problem:
    where = tuple(detail["loc"])
    what = detail["msg"].removeprefix("Value error, ")
    fix = ""
    if detail["type"] == "extra_forbidden":
        known = _fields_at(spec, where[:-1])
        what, fix = "unknown field", nearest(str(where[-1]), known) if known else "Remove it"
    elif detail["type"] == "missing":
        what, fix = "field missing", f"Add '{where[-1]}'"
    elif detail["type"].startswith(("date_", "datetime_")):
        what, fix = f"{str(detail['input'])[:40]!r} is no date", "Write it like 2026-12-24"
    elif detail["type"].startswith("time_"):
        what, fix = f"{str(detail['input'])[:40]!r} is no time of day", "Write it in quotes and without a zone, like '08:00'"
    elif detail["type"] in ("string_too_short", "too_short"):
        fix = "Write it, or remove the field if it can be left out"
    elif "expected" in detail.get("ctx", {}):
        what, fix = f"{detail['input']!r} is not allowed here", f"Use {detail['ctx']['expected']}"
    return document.problem([part for part in where if part != "[key]"], what, fix)


def _fields_at(spec: type[Spec], where: Where) -> list[str]:
    """The field names of the model at this place, as far as plain models and mappings of models go."""
    model: Any = spec
    for part in where:
        if isinstance(model, type) and issubclass(model, BaseModel):
            if part not in model.model_fields:
                return []
            model = model.model_fields[str(part)].annotation
        else:
            model = _inner(model, part)
        if model is None:
            return []
    found = _inner_model(model)
    return list(found.model_fields) if found else []


def _inner(annotation: Any, part: str | int) -> Any:
    """What is inside of a list, mapping or union annotation."""
    args = [arg for arg in getattr(annotation, "__args__", ()) if arg not in (type(None), Ellipsis)]
    tagged = [arg for arg in args if _tag(arg) == part]
    return tagged[0] if tagged else (args[-1] if args else None)


def _tag(model: Any) -> str | None:
    field = getattr(model, "model_fields", {}).get("kind")
    return field.annotation.__args__[0] if field is not None and getattr(field.annotation, "__args__", None) else None


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for arg in getattr(annotation, "__args__", ()):
        found = _inner_model(arg)
        if found:
            return found
    return None

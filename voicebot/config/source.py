"""Where settings come from: the YAML file with its line numbers, and the environment variables laid over it."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic_settings import EnvSettingsSource, SettingsError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning
from ruamel.yaml.reader import ReaderError

from voicebot.config.settings import ENV_DELIMITER, ENV_PREFIX, Settings

CONFIG_VARIABLE = "VOICEBOT_CONFIG"
ENVIRONMENT = "environment"

_WITHOUT_VALUES = re.compile(r"(?:'(?:[^\w'\"]{1,3}|<[a-z ]{1,30}>)'|[^'\"])*")

Where = tuple[str | int, ...]
"""A place in the settings: the names of sections and of the setting, numbers within lists."""


@dataclass(frozen=True, slots=True, order=True)
class SettingProblem:
    """One mistake in the settings."""

    file: str
    line: int
    """Counts from 1; 0 when it has none."""
    where: str
    """The dotted name of the setting, or the environment variable."""
    what: str
    advice: str
    """What to write instead."""
    fatal: bool = True
    """One that is not lets the service start and do without."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        advice = self.advice if self.advice.endswith("?") else f"{self.advice}."
        said = f"{place}: {self.where}: {self.what}. {advice}" if self.where else f"{place}: {self.what}. {advice}"
        # what is quoted from the file must not steer the terminal
        return "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in said)


@dataclass(frozen=True, slots=True)
class Source:
    """The file and the environment as read.

    `values` are both, nested as the file is, `overlay` those of the environment alone; `variables` are the names of its variables
    that count, `problems` what cannot be read.
    """

    name: str = "defaults"
    document: CommentedMap = field(default_factory=CommentedMap)
    values: dict[str, Any] = field(default_factory=dict)
    overlay: Mapping[str, Any] = field(default_factory=dict)
    variables: frozenset[str] = frozenset()
    problems: tuple[SettingProblem, ...] = ()

    def problem(self, where: Where, what: str, advice: str, *, fatal: bool = True) -> SettingProblem:
        """A problem at a place: in the environment variable that sets it, if one does, else in the file."""
        variable = self.variable(where)
        if variable is not None:
            return SettingProblem(ENVIRONMENT, 0, variable, what, advice, fatal)
        return SettingProblem(self.name, self._line(where), ".".join(map(str, where)), what, advice, fatal)

    def variable(self, where: Where) -> str | None:
        """The environment variable that sets this place, if one does."""
        for length in range(len(where), 0, -1):
            name = ENV_PREFIX + ENV_DELIMITER.join(str(part) for part in where[:length]).upper()
            if name in self.variables:
                return name
        return None

    def origin(self, where: Where) -> str:
        """Where a value comes from: the environment variable, the file and line, or "default"."""
        if (variable := self.variable(where)) is not None and _holds(self.overlay, where):
            return variable
        return f"{Path(self.name).name}:{self._line(where)}" if _holds(self.document, where) else "default"

    def _line(self, where: Where) -> int:
        """The line of the place, or of the nearest thing around it."""
        line = 0
        node: Any = self.document
        for part in where:
            if isinstance(node, CommentedMap) and (keys := [key for key in node if str(key) == str(part)]):
                line = node.lc.key(keys[0])[0] + 1
                node = node[keys[0]]
            elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
                line = node.lc.item(part)[0] + 1
                node = node[part]
            else:
                break
        return line


def read_source(path: Path | None) -> Source:
    """The file, if there is one, with the environment over it. Never raises: what cannot be read is a problem."""
    document, problems = (CommentedMap(), []) if path is None else _read_file(path)
    variables, values, unread = _read_environment()
    return Source(str(path or "defaults"), document, _laid_over(document, values), values, variables, (*problems, *unread))


def _read_file(path: Path) -> tuple[CommentedMap, list[SettingProblem]]:
    def unusable(what: str, advice: str, line: int = 0) -> tuple[CommentedMap, list[SettingProblem]]:
        return CommentedMap(), [SettingProblem(str(path), line, "", what, advice)]

    try:
        text = path.read_text(encoding="utf-8-sig")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)  # it would print the lines
            document = YAML(typ="rt").load(text)
    except OSError as error:
        return unusable(f"cannot be read: {error.strerror}", f"Give the configuration's path with --config or {CONFIG_VARIABLE}")
    except UnicodeDecodeError:
        return unusable("is not UTF-8", "Save it as UTF-8")
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        return unusable("sets the same thing twice", "Remove this line, or the other that begins like it", line)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        return unusable(f"is no YAML: {_unquoted(error.problem or '')}", "Correct this line, or the one above", line)
    except ReaderError as error:
        code = error.character if isinstance(error.character, int) else ord(error.character)
        line = text.count("\n", 0, error.position) + 1
        return unusable(f"holds a character that no text has: U+{code:04X}", "Delete it, or type the line anew", line)
    except RecursionError:
        return unusable("is nested too deeply", "Remove the superfluous brackets")
    except Exception:  # the YAML library raises nearly anything on text that is odd enough, such as a date that is none
        return unusable(
            "is no YAML: a value in it looks like a date or a number and is none", "Write dates and numbers in quotes"
        )
    if document is None:
        return CommentedMap(), []
    if not isinstance(document, CommentedMap):
        return unusable("holds no settings", "Write name: value lines", 1)
    return document, []


def _unquoted(problem: str) -> str:
    """What the YAML library says of a mistake, up to where it quotes a value, which may be a secret. Marks may be quoted."""
    said = _WITHOUT_VALUES.match(problem.partition("\n")[0])
    return (said[0].strip() if said else "") or "cannot be read"


def _read_environment() -> tuple[frozenset[str], dict[str, Any], list[SettingProblem]]:
    """Our variables and what they set, each read by itself so that a bad one does not hide the others."""
    read: set[str] = set()
    values: dict[str, Any] = {}
    problems = []
    known = [f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields]
    for name in sorted(os.environ):
        if not name.startswith(ENV_PREFIX) or name == CONFIG_VARIABLE:
            continue
        first = name.split(ENV_DELIMITER)[0]
        if first not in known:
            near = get_close_matches(first, known, n=1, cutoff=0.5)
            problems.append(
                SettingProblem(ENVIRONMENT, 0, name, "sets nothing", f"Did you mean {near[0]}?" if near else "Remove it")
            )
            continue
        reader = EnvSettingsSource(Settings)
        reader.env_vars = {name.lower(): os.environ[name]}
        try:
            values = _laid_over(values, reader())
            read.add(name)
        except SettingsError:
            problems.append(SettingProblem(ENVIRONMENT, 0, name, "cannot be read", "Write lists and mappings as JSON"))
    return frozenset(read), values, problems


def _holds(values: Mapping[str, Any], where: Where) -> bool:
    """Whether a place is set in nested values."""
    node: Any = values
    for part in where:
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A new mapping with the values of both; those above win, section by section. Names that YAML reads as numbers are text."""
    merged: dict[str, Any] = {}
    for name, value in below.items():
        merged[str(name)] = _laid_over(value, {}) if isinstance(value, Mapping) else value
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _laid_over(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged


def config_path(path: Path | None) -> Path | None:
    """The file to read: the one given, else the one VOICEBOT_CONFIG names, else none."""
    named = os.environ.get(CONFIG_VARIABLE)
    return path or (Path(named) if named else None)

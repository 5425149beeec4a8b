"""Where settings come from: the YAML file with its line numbers, and the environment variables laid over it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic_settings import EnvSettingsSource, SettingsError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from voicebot.config.settings import CONFIG_VARIABLE, ENV_DELIMITER, ENV_PREFIX, Settings

ENVIRONMENT = "environment"

Where = tuple[str | int, ...]
"""A place in the settings: the names of sections and of the setting, numbers within lists."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: `line` counts from 1, 0 when it has none; `where` is the dotted name, or the environment variable.

    One that is not `fatal` lets the service start and do without.
    """

    file: str
    line: int
    where: str
    what: str
    mend: str
    fatal: bool = True

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        mend = self.mend if self.mend.endswith("?") else f"{self.mend}."
        return f"{place}: {self.where}: {self.what}. {mend}" if self.where else f"{place}: {self.what}. {mend}"


@dataclass(frozen=True, slots=True)
class Source:
    """The file and the environment as read.

    `values` are both, nested as the file is; `variables` are those of the environment that count, `problems` what cannot be read.
    """

    name: str = "defaults"
    document: CommentedMap = field(default_factory=CommentedMap)
    values: dict[str, Any] = field(default_factory=dict)
    variables: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()

    def problem(self, where: Where, what: str, mend: str, *, fatal: bool = True) -> Problem:
        """A problem at a place: in the environment variable that sets it, if one does, else in the file."""
        variable = self.variable(where)
        if variable is not None:
            return Problem(ENVIRONMENT, 0, variable, what, mend, fatal)
        return Problem(self.name, self._line(where), ".".join(map(str, where)), what, mend, fatal)

    def variable(self, where: Where) -> str | None:
        """The environment variable that sets this place, if one does."""
        for length in range(len(where), 0, -1):
            name = ENV_PREFIX + ENV_DELIMITER.join(str(part) for part in where[:length]).upper()
            if name in self.variables:
                return name
        return None

    def _line(self, where: Where) -> int:
        """The line of the place, or of the nearest thing around it."""
        line = 0
        node: Any = self.document
        for part in where:
            if isinstance(node, CommentedMap) and part in node:
                line = node.lc.key(part)[0] + 1
            elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
                line = node.lc.item(part)[0] + 1
            else:
                break
            node = node[part]
        return line


def read_source(path: Path | None) -> Source:
    """The file, if there is one, with the environment over it. Never raises: what cannot be read is a problem."""
    document, problems = (CommentedMap(), []) if path is None else _read_file(path)
    variables, values, unread = _read_environment()
    return Source(str(path or "defaults"), document, _laid_over(document, values), variables, (*problems, *unread))


def _read_file(path: Path) -> tuple[CommentedMap, list[Problem]]:
    def unusable(what: str, mend: str, line: int = 0) -> tuple[CommentedMap, list[Problem]]:
        return CommentedMap(), [Problem(str(path), line, "", what, mend)]

    try:
        document = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        return unusable(f"cannot be read: {error.strerror}", f"Give the configuration's path with --config or {CONFIG_VARIABLE}")
    except UnicodeDecodeError:
        return unusable("is not UTF-8", "Save it as UTF-8")
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        return unusable(
            f"is no YAML: {(error.problem or 'cannot be read').splitlines()[0]}", "Mend this line, or the one above", line
        )
    except YAMLError as error:
        return unusable(f"is no YAML: {str(error).splitlines()[0]}", "Mend it")
    if document is None:
        return CommentedMap(), []
    if not isinstance(document, CommentedMap):
        return unusable("holds no settings", "Write name: value lines", 1)
    return document, []


def _read_environment() -> tuple[frozenset[str], dict[str, Any], list[Problem]]:
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
            problems.append(Problem(ENVIRONMENT, 0, name, "sets nothing", f"Did you mean {near[0]}?" if near else "Remove it"))
            continue
        reader = EnvSettingsSource(Settings)
        reader.env_vars = {name.lower(): os.environ[name]}
        try:
            values = _laid_over(values, reader())
            read.add(name)
        except SettingsError:
            problems.append(Problem(ENVIRONMENT, 0, name, "cannot be read", "Write lists and mappings as JSON"))
    return frozenset(read), values, problems


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A new mapping with the values of both; those above win, section by section."""
    merged: dict[str, Any] = {}
    for name, value in below.items():
        merged[name] = _laid_over(value, {}) if isinstance(value, Mapping) else value
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _laid_over(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged

"""What is in force: every setting with its value, secrets masked, and where it comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Secret, SecretStr
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from voicebot.config.source import Source, Where

MASK = "********"
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_BEFORE_HOST = re.compile(r"(?<=://).*@", re.DOTALL)  # up to the last @: a password may hold anything
_BEHIND_HOST = re.compile(r"^(https?://[^/?#]+)[/?#].+", re.IGNORECASE | re.DOTALL)  # a webhook's path may be its key
_SECRET_IN_QUERY = re.compile(r"([?&][^=&#]*(?:password|passwd|pwd|token|secret|key|sig)[^=&#]*=)[^&#]*", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z/][\w./-]*")

Value = None | bool | int | float | str | list[Any] | dict[str, Any]
"""What JSON and YAML know."""


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One setting."""

    where: Where
    value: Value
    origin: str
    """default, the file and line, or the environment variable."""


def shown_settings(settings: BaseModel, source: Source) -> Iterator[ShownSetting]:
    """All settings in the order of the file's sections; a mapping without entries counts as one setting."""
    yield from _shown(settings, (), source)


def _shown(value: object, where: Where, source: Source) -> Iterator[ShownSetting]:
    entries = _entries(value)
    if not entries:
        yield ShownSetting(where, _value(value), source.origin(where))
    for name, each in entries.items():
        yield from _shown(each, (*where, name), source)


def _entries(value: object) -> Mapping[str, object]:
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    return {str(name): each for name, each in value.items()} if isinstance(value, Mapping) else {}


def _value(value: object) -> Value:
    if isinstance(value, SecretStr | Secret):
        return _masked(str(value.get_secret_value()))
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {}
    if isinstance(value, BaseModel):  # in a list; a section of its own is told setting by setting
        return {name: _value(each) for name, each in _entries(value).items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str):
        return [_value(each) for each in value]
    return without_password(str(value))


def _masked(secret: str) -> str:
    """A secret that is an address keeps its host, and of a database or a state server its name."""
    if not _ADDRESS.match(secret):
        return MASK
    return _BEHIND_HOST.sub(rf"\1/{MASK}", without_password(secret))


def without_password(text: str) -> str:
    """The text with the password of an address in it masked, and what its query calls a secret."""

    def mask(found: re.Match[str]) -> str:
        user, colon, _ = found[0].partition(":")
        return f"{user}:{MASK}@" if colon else f"{MASK}@"

    return _SECRET_IN_QUERY.sub(rf"\1{MASK}", _BEFORE_HOST.sub(mask, text))


def as_yaml(shown: Sequence[ShownSetting], *, width: int = 44) -> Iterator[str]:
    """Lines of YAML; behind each value, where it comes from."""
    open_sections: Where = ()
    for each in shown:
        *sections, name = each.where
        for depth, section in enumerate(sections):
            if open_sections[: depth + 1] != tuple(sections[: depth + 1]):
                open_sections = tuple(sections[: depth + 1])
                yield f"{'  ' * depth}{_scalar(str(section))}:"
        open_sections = tuple(sections)
        line = f"{'  ' * len(sections)}{_scalar(str(name))}: {_flow(each.value)}"
        yield f"{line:<{width}}  # {each.origin}"


def _flow(value: Value) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, dict) and value:
        return f"{{{', '.join(f'{_scalar(name)}: {_flow(each)}' for name, each in value.items())}}}"
    return _scalar(value) if isinstance(value, str) else json.dumps(value)


def _scalar(text: str) -> str:
    """A text without quotes where YAML reads it as the same text."""
    if _PLAIN.fullmatch(text):
        try:
            if YAML(typ="safe", pure=True).load(text) == text:
                return text
        except (YAMLError, ValueError):
            pass
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in json.dumps(text, ensure_ascii=False))


def as_json(shown: Sequence[ShownSetting]) -> str:
    """An object of settings by dotted name, each with `value` and `from`."""
    told = {".".join(map(str, each.where)): {"value": each.value, "from": each.origin} for each in shown}
    return json.dumps(told, ensure_ascii=False, indent=2)

"""Events and actions as JSON objects and back: call records, replay, `talk --json`.

An object carries its class name under "type" and its fields by name; enums are their values, tuples are lists.
"""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from dialogs import events
from dialogs.events import Action, Event

Json = dict[str, Any]

_MESSAGES: dict[str, type] = {cls.__name__: cls for cls in (*get_args(Event), *get_args(Action))}


class WireError(ValueError):
    """A JSON object that is no event and no action; the message says where."""

    code = "dialogs.wire"


def encode(message: Event | Action) -> Json:
    """The event or action as a JSON object; `decode` gives an equal value back."""
    return {"type": type(message).__name__, **_plain_fields(message)}


def decode(data: Json) -> Event | Action:
    """The event or action that `encode` wrote. Raises WireError for anything else."""
    name = data.get("type")
    cls = _MESSAGES.get(name) if isinstance(name, str) else None
    if cls is None:
        raise WireError(f"'type' is {name!r}; expected one of {', '.join(sorted(_MESSAGES))}")
    body = {key: value for key, value in data.items() if key != "type"}
    message: Event | Action = _typed(body, cls, cls.__name__)
    return message


def _plain_fields(value: Any) -> Json:
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return _plain_fields(value)
    return value


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls, vars(events) if cls.__module__ == events.__name__ else None)


def _typed(value: Any, wanted: Any, where: str) -> Any:
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        return _typed(value, next(arg for arg in get_args(wanted) if arg is not type(None)), where)
    if origin is tuple:
        return _typed_tuple(value, get_args(wanted), where)
    if isinstance(wanted, type) and is_dataclass(wanted):
        return _typed_object(value, wanted, where)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        try:
            return wanted(value)
        except ValueError as error:
            raise WireError(f"{where}: {error}") from error
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise WireError(f"{where}: expected {wanted.__name__}, not {value!r}")
    return value


def _typed_tuple(value: Any, items: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise WireError(f"{where}: expected a list, not {value!r}")
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_typed(item, items[0], f"{where}[{at}]") for at, item in enumerate(value))
    if len(items) != len(value):
        raise WireError(f"{where}: expected {len(items)} values, not {len(value)}")
    return tuple(_typed(item, kind, f"{where}[{at}]") for at, (item, kind) in enumerate(zip(value, items, strict=True)))


def _typed_object(value: Any, cls: type, where: str) -> Any:
    if not isinstance(value, dict):
        raise WireError(f"{where}: expected an object, not {value!r}")
    hints = _hints(cls)
    unknown = sorted(set(value) - set(hints))
    if unknown:
        raise WireError(f"{where}: unknown field {unknown[0]!r}; known are {', '.join(hints)}")
    try:
        return cls(**{name: _typed(item, hints[name], f"{where}.{name}") for name, item in value.items()})
    except TypeError as error:
        raise WireError(f"{where}: {error}") from error

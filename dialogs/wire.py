"""Values as JSON and back, by pydantic over the frozen dataclasses: events and actions, and whatever others keep or send.

One rule for unknown fields: a newer process wrote them, so they are left out, and logged once. A field that is missing takes its
default; one without a default, or a value of a wrong type, is a WireError.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar, get_args

from pydantic import AwareDatetime, PlainSerializer, TypeAdapter, ValidationError

from dialogs.events import Action, Event

Json = dict[str, Any]
T = TypeVar("T")

Instant = Annotated[AwareDatetime, PlainSerializer(datetime.isoformat, return_type=str, when_used="json")]
"""A time on the wire: ISO 8601 with its offset. One without is refused: it could not be compared with the others."""

_log = logging.getLogger(__name__)
_logged: set[str] = set()


class WireError(ValueError):
    """JSON that is no value of the expected type; the message says where."""

    code = "dialogs.wire"


class Codec(Generic[T]):
    """Writes and reads values of one frozen dataclass. Enums are their values, tuples are lists."""

    def __init__(self, kind: type[T]) -> None:
        self._name = kind.__name__
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)

    def encode(self, value: T) -> Json:
        """The value as JSON values, its fields by name; `decode` gives an equal value back."""
        encoded: Json = self._adapter.dump_python(value, mode="json")
        return encoded

    def to_text(self, value: T) -> str:
        """The value as JSON text."""
        return json.dumps(self.encode(value), ensure_ascii=False)

    def decode(self, values: Mapping[str, Any]) -> T:
        """The value that `encode` wrote. Raises WireError for anything else."""
        try:
            return self.from_text(json.dumps(values))
        except TypeError as error:
            raise WireError(f"{self._name}: {error}") from error

    def from_text(self, text: str | bytes) -> T:
        """The value that `to_text` wrote. Raises WireError for anything else."""
        try:
            value = self._adapter.validate_json(text, strict=True)
        except ValidationError as error:
            raise WireError("; ".join(self._complaints(error))) from error
        self._log_unknown(json.loads(text), self.encode(value))
        return value

    def _complaints(self, error: ValidationError) -> Iterator[str]:
        for detail in error.errors(include_url=False, include_input=False):
            yield f"{'.'.join([self._name, *map(str, detail['loc'])])}: {detail['msg']}"

    def _log_unknown(self, given: Any, known: Any) -> None:
        for name in _unknown(given, known, self._name):
            if name not in _logged:
                _logged.add(name)
                _log.info("a field that is not known here is left out; a newer process wrote it: %s", name)


def _unknown(given: Any, known: Any, where: str) -> Iterator[str]:
    """The names of fields that were given and are not among the known ones."""
    if isinstance(given, dict) and isinstance(known, dict):
        for name, value in given.items():
            if name in known:
                yield from _unknown(value, known[name], f"{where}.{name}")
            else:
                yield f"{where}.{name}"
    elif isinstance(given, list) and isinstance(known, list):
        for each, other in zip(given, known, strict=False):
            yield from _unknown(each, other, where)


# ---------------------------------------------------------------- events and actions

_CODECS: dict[str, Codec[Any]] = {kind.__name__: Codec(kind) for kind in (*get_args(Event), *get_args(Action))}


def encode(message: Event | Action) -> Json:
    """The event or action as JSON values, its class name under "type"; `decode` gives an equal value back."""
    name = type(message).__name__
    return {"type": name, **_CODECS[name].encode(message)}


def decode(data: Mapping[str, Any]) -> Event | Action:
    """The event or action that `encode` wrote. Raises WireError for anything else."""
    name = data.get("type")
    codec = _CODECS.get(name) if isinstance(name, str) else None
    if codec is None:
        raise WireError(f"'type' is {name!r}; expected one of {', '.join(sorted(_CODECS))}")
    message: Event | Action = codec.decode({key: value for key, value in data.items() if key != "type"})
    return message

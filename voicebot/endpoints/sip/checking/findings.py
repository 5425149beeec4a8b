"""What a check found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_LONGEST = 400
"""Of a text, in characters: the far end writes part of it."""
_MOST_NAMES = 8


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """It works, but somebody should look."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """It could not be tried; the finding says what it would take."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table."""

    trunk: str
    """Its name; "" for what belongs to none."""
    check: str
    outcome: Outcome
    what: str
    """What was seen."""
    todo: str = ""
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class Notes:
    """Makes findings of one trunk."""

    trunk: str

    def ok(self, check: str, what: str) -> Finding:
        """It works."""
        return Finding(self.trunk, check, Outcome.OK, _short(what))

    def warning(self, check: str, what: str, todo: str) -> Finding:
        """It works, but."""
        return Finding(self.trunk, check, Outcome.WARNING, _short(what), todo)

    def failed(self, check: str, what: str, todo: str) -> Finding:
        """It does not work."""
        return Finding(self.trunk, check, Outcome.FAILED, _short(what), todo)

    def skipped(self, check: str, what: str, todo: str = "") -> Finding:
        """It was not tried."""
        return Finding(self.trunk, check, Outcome.SKIPPED, _short(what), todo)


def listed(names: Sequence[str], none: str) -> str:
    """The first of them, and how many more there are; `none` when there are none."""
    shown = ", ".join(_short(name, _LONGEST // 10) for name in names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown or none


def _short(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"

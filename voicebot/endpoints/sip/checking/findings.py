"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
        return Finding(self.trunk, check, Outcome.OK, what)

    def warning(self, check: str, what: str, todo: str) -> Finding:
        """It works, but."""
        return Finding(self.trunk, check, Outcome.WARNING, what, todo)

    def failed(self, check: str, what: str, todo: str) -> Finding:
        """It does not work."""
        return Finding(self.trunk, check, Outcome.FAILED, what, todo)

    def skipped(self, check: str, what: str, todo: str = "") -> Finding:
        """It was not tried."""
        return Finding(self.trunk, check, Outcome.SKIPPED, what, todo)

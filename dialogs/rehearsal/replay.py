"""Replaying a recorded call: the same events at the same times must give the same actions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from dialogs import wire
from dialogs.data.bundle import Bundle
from dialogs.engine.dialog import Dialog
from dialogs.events import Event
from dialogs.rehearsal.rehearsal import Exchange


@dataclass(frozen=True, slots=True)
class Difference:
    """One event after which the dialogue now does something else."""

    number: int
    event: Event
    recorded: tuple[str, ...]
    now: tuple[str, ...]

    def __str__(self) -> str:
        return f"event {self.number} ({type(self.event).__name__}): recorded {list(self.recorded)}, now {list(self.now)}"


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay showed. `bundle_changed` says that the record was made with another version of the bundle."""

    events: int
    differences: tuple[Difference, ...]
    bundle_changed: bool = False

    @property
    def identical(self) -> bool:
        """The dialogue did the same after every event."""
        return not self.differences


def replay(bundle: Bundle, record: Sequence[Exchange], *, call_id: str, bundle_version: str | None = None) -> ReplayReport:
    """Run the recorded events through the dialogue once more and compare every action."""
    dialog = Dialog(bundle, call_id=call_id)
    differences: list[Difference] = []
    for number, exchange in enumerate(record, start=1):
        now = tuple(_line(action) for action in dialog.handle(exchange.event, exchange.at))
        recorded = tuple(_line(action) for action in exchange.actions)
        if now != recorded:
            differences.append(Difference(number, exchange.event, recorded, now))
    changed = bundle_version is not None and bundle_version != bundle.version
    return ReplayReport(len(record), tuple(differences), changed)


def to_lines(exchanges: Iterable[Exchange]) -> list[str]:
    """The call as JSON lines: each event with its time, followed by the actions it led to."""
    lines: list[str] = []
    for exchange in exchanges:
        lines.append(json.dumps({"at": exchange.at.isoformat(), **wire.encode(exchange.event)}, ensure_ascii=False))
        lines += [json.dumps(wire.encode(action), ensure_ascii=False) for action in exchange.actions]
    return lines


def from_lines(lines: Iterable[str]) -> list[Exchange]:
    """The call that `to_lines` wrote. Raises WireError for a line that is neither event nor action, or out of place."""
    exchanges: list[Exchange] = []
    for number, line in enumerate(lines, start=1):
        data = json.loads(line)
        at = data.pop("at", None)
        message = wire.decode(data)
        if isinstance(message, get_args(Event)):
            if not isinstance(at, str):
                raise wire.WireError(f"line {number}: an event without its time ('at')")
            exchanges.append(Exchange(datetime.fromisoformat(at), message, ()))
        elif not exchanges:
            raise wire.WireError(f"line {number}: an action before the first event")
        else:
            last = exchanges[-1]
            exchanges[-1] = Exchange(last.at, last.event, (*last.actions, message))  # type: ignore[arg-type]
    return exchanges


def _line(action: object) -> str:
    return json.dumps(wire.encode(action), ensure_ascii=False)  # type: ignore[arg-type]

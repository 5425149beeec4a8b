"""Turns of calls that were stored before turns were counted (tables before version 0006), from their journals. Blocks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, false, func, select, update

from voicebot.records import schema
from voicebot.records.among import among
from voicebot.records.models import CallRow, LineRow
from voicebot.records.turns import Turns, count_turns

_AT_ONCE = 200
_UNCOUNTED = (
    CallRow.turns == 0,
    CallRow.no_match == 0,
    CallRow.no_input == 0,
    CallRow.reasks == 0,
    CallRow.asked_human == "",
    CallRow.by_keys == false(),
    CallRow.first_decision.is_(None),
)

Changed = Callable[[Connection, Sequence[datetime]], None]
"""Gets when the calls of a batch began, within the transaction that counts them."""


def uncounted(engine: Engine) -> int:
    """How many calls have no counts; also those in which nobody said anything. Raises what SQLAlchemy raises."""
    schema.ready(engine)
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(CallRow).where(*_UNCOUNTED)) or 0


def recount(engine: Engine, changed: Changed, *, at_once: int = _AT_ONCE) -> Iterator[tuple[int, int]]:
    """Count them, `at_once` in a transaction; how many were looked at and how many of them had turns, after each. Whoever is
    interrupted begins anew: what was counted is not looked at again. Raises what SQLAlchemy raises.
    """
    schema.ready(engine)
    last = ""
    change = update(CallRow).where(CallRow.call_id == bindparam("of"), *_UNCOUNTED)
    while True:
        chosen = select(CallRow.call_id, CallRow.started).where(*_UNCOUNTED, CallRow.call_id > last)
        with engine.begin() as connection:
            rows = connection.execute(chosen.order_by(CallRow.call_id).limit(at_once)).all()
            if not rows:
                return
            counted = _counted(connection, [row.call_id for row in rows])
            if counted:
                connection.execute(change, [{"of": call_id, **asdict(turns)} for call_id, turns in counted.items()])
                changed(connection, [row.started for row in rows if row.call_id in counted])
        last = rows[-1].call_id
        yield len(rows), len(counted)


def _counted(connection: Connection, call_ids: Sequence[str]) -> dict[str, Turns]:
    """Those of which there is anything to count."""
    lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    chosen = select(LineRow.call_id, LineRow.data).where(among(LineRow.call_id, call_ids))
    for call_id, data in connection.execute(chosen.order_by(LineRow.call_id, LineRow.position)):
        lines[call_id].append(data)
    found = {call_id: count_turns(its) for call_id, its in lines.items()}
    return {call_id: turns for call_id, turns in found.items() if turns != Turns()}

"""Calls that were handed over lately, for the desk of the queues they went to. Blocks: for a thread."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Engine, Select, select

from voicebot.records.listing import COLUMNS, summary_of
from voicebot.records.models import CallRow
from voicebot.records.summary import CallSummary

_MOST = 30


def lately(engine: Engine, queues: Collection[str], since: datetime, *, most: int = _MOST) -> list[CallSummary]:
    """The latest calls that were handed to one of these queues since then. Raises what SQLAlchemy raises."""
    with engine.connect() as connection:
        ids = [found for queue in queues for found in connection.execute(_newest(queue, since, most))]
        ids = sorted(ids, key=lambda row: (row.started, row.call_id), reverse=True)[:most]
        chosen = select(*COLUMNS).where(CallRow.call_id.in_([row.call_id for row in ids]))
        rows = connection.execute(chosen.order_by(CallRow.started.desc(), CallRow.call_id.desc()))
        return [summary_of(row) for row in rows]


def _newest(queue: str, since: datetime, most: int) -> Select[datetime, str]:
    """Of one queue: an index has them in order."""
    handed = (CallRow.queue == queue, CallRow.started >= since, CallRow.handoff_ref.is_not(None))
    chosen = select(CallRow.started, CallRow.call_id).where(*handed)
    return chosen.order_by(CallRow.started.desc(), CallRow.call_id.desc()).limit(most)

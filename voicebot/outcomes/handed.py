"""Calls that were handed over lately, for the desk of the queues they went to. Blocks: for a thread."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Engine, select

from voicebot.records.listing import COLUMNS, summary_of
from voicebot.records.models import CallRow
from voicebot.records.summary import CallSummary

_MOST = 30


def lately(engine: Engine, queues: Collection[str], since: datetime, *, most: int = _MOST) -> list[CallSummary]:
    """The latest calls that were handed to one of these queues since then. Raises what SQLAlchemy raises."""
    chosen = (
        select(*COLUMNS)
        .where(CallRow.queue.in_(list(queues)), CallRow.handoff_ref.is_not(None), CallRow.started >= since)
        .order_by(CallRow.started.desc(), CallRow.call_id.desc())
        .limit(most)
    )
    with engine.connect() as connection:
        return [summary_of(row) for row in connection.execute(chosen)]

"""How far each study is, and what came of it: one at a time of each name, whichever process runs it. Blocks: for a thread.

A study is a reckoning of minutes that a child process makes (`voicebot.review.studying`): a model is trained, or asked about
thousands of lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from voicebot.records import schema
from voicebot.records.database_time import DatabaseTime
from voicebot.review.models import FindingRow, StudyRow
from voicebot.review.queues import NEWEST

DRAFT, LABELS, CLUSTERS, LINT = "draft", "labels", "clusters", "lint"
NAMES = (DRAFT, LABELS, CLUSTERS, LINT)
DEAD = timedelta(minutes=1)
"""A study that says nothing for so long has no process any more."""


@dataclass(frozen=True, slots=True)
class Study:
    """Where a study stands."""

    name: str
    running: bool
    share: float
    """How much of it is done, 0..1."""
    what: str
    why: str
    """Why it failed; "" when it did not."""
    result: dict[str, Any] | None
    """Of the last time that it came to an end."""
    result_at: datetime | None


class Studies:
    """Their table. Methods raise what SQLAlchemy raises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._time = DatabaseTime(engine)

    def of(self, name: str, now: datetime) -> Study:
        """How far it is."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            row = session.get(StudyRow, name)
            if row is None:
                return Study(name, False, 0.0, "", "", None, None)
            died = row.ended is None and row.told < self._time.at(now) - DEAD
            why = "its process ended before it was done: start it again" if died else row.why
            return Study(name, row.ended is None and not died, row.share, row.what, why, row.result, row.result_at)

    def begin(self, name: str, who: str, now: datetime) -> bool:
        """Whether it may run: not when it is running already."""
        schema.ready(self._engine)
        at = self._time.at(now)
        fresh = {"who": who, "began": now, "told": at, "ended": None, "share": 0.0, "what": "", "why": ""}
        idle = or_(StudyRow.ended.is_not(None), StudyRow.told < at - DEAD)
        try:
            with self._engine.begin() as connection:
                if connection.execute(update(StudyRow).where(StudyRow.name == name, idle).values(**fresh)).rowcount:
                    return True
                if connection.scalar(select(StudyRow.name).where(StudyRow.name == name)) is not None:
                    return False
                connection.execute(insert(StudyRow).values(name=name, **fresh))
                return True
        except IntegrityError:  # another process began it at the same moment
            return False

    def tell(self, name: str, began: datetime, share: float, what: str, now: datetime) -> None:
        """The run that began then lives, and is so far."""
        at = self._time.at(now)
        with self._engine.begin() as connection:
            connection.execute(update(StudyRow).where(*_run(name, began)).values(share=share, what=what[:80], told=at))

    def end(self, name: str, began: datetime, now: datetime, *, result: dict[str, Any] | None = None, why: str = "") -> None:
        """The run that began then is done, or failed: then the result of the time before stays."""
        values: dict[str, Any] = {"ended": now, "told": now, "why": why, "share": 1.0}
        if result is not None:
            values |= {"result": result, "result_at": now}
        with self._engine.begin() as connection:
            connection.execute(update(StudyRow).where(*_run(name, began)).values(**values))

    def keep(self, kind: str, findings: Sequence[dict[str, Any]], now: datetime) -> None:
        """What was found takes the place of what was found before: of much, the surest, which are shown first. The next study
        finds the rest again.
        """
        surest = sorted(findings, key=lambda each: -each["sure"])[:NEWEST]
        with self._engine.begin() as connection:
            connection.execute(delete(FindingRow).where(FindingRow.kind == kind))
            if surest:
                connection.execute(insert(FindingRow), [{"kind": kind, "at": now, **each} for each in surest])


def _run(name: str, began: datetime) -> tuple[ColumnElement[bool], ...]:
    """One that is not over; a later run of the same name is another one."""
    return StudyRow.name == name, StudyRow.began == began, StudyRow.ended.is_(None)

"""Cases in SQL. Blocks: for a thread. Methods raise CaseError, and what SQLAlchemy raises."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import Engine, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from voicebot.cases.case import Case, Entry, Status
from voicebot.cases.models import CaseHistoryRow, CaseRow
from voicebot.errors import HandOffError
from voicebot.records import schema
from voicebot.records.among import among
from voicebot.records.database_time import DatabaseTime
from voicebot.redaction import redact_text

LONGEST_NOTE = 1000
_MOST = 200
_TO_DO = [status.value for status in Status if status is not Status.DONE]


class CaseError(HandOffError):
    """The case cannot be changed so: it is somebody else's, done, or none."""

    code = "handoff.case"


class Cases:
    """All cases. Every change is a line of its history."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._time = DatabaseTime(engine)

    def open(self, case: Case) -> bool:
        """Keep a new case; False when its hand-off is one already."""
        schema.ready(self._engine)
        try:
            with Session(self._engine) as session, session.begin():
                session.add(CaseRow(**asdict(case) | {"status": case.status.value}))
                session.flush()
                session.add(_entry(case.ref, case.made_at, "system", "opened", ""))
        except IntegrityError:
            return False
        return True

    def known(self, refs: Collection[str]) -> frozenset[str]:
        """Those of these hand-offs that are a case."""
        schema.ready(self._engine)
        with self._engine.connect() as connection:
            return frozenset(connection.scalars(select(CaseRow.ref).where(among(CaseRow.ref, refs))))

    def to_do(self, queues: Collection[str], *, most: int = _MOST) -> list[Case]:
        """Those of these queues that are not done, the one that is due first comes first."""
        schema.ready(self._engine)
        chosen = (
            select(CaseRow)
            .where(CaseRow.queue.in_(list(queues)), CaseRow.status.in_(_TO_DO))
            .order_by(CaseRow.due_at, CaseRow.ref)
            .limit(most)
        )
        with Session(self._engine) as session:
            return [case_of(row) for row in session.scalars(chosen)]

    def of(self, ref: str) -> Case | None:
        """One case."""
        schema.ready(self._engine)
        with Session(self._engine) as session:
            row = session.get(CaseRow, ref)
            return case_of(row) if row is not None else None

    def history(self, ref: str) -> list[Entry]:
        """Of one case, oldest first."""
        return self.histories([ref])[ref]

    def histories(self, refs: Collection[str]) -> dict[str, list[Entry]]:
        """Of these cases, oldest first."""
        chosen = select(CaseHistoryRow).where(among(CaseHistoryRow.ref, refs)).order_by(CaseHistoryRow.seq)
        found: dict[str, list[Entry]] = {ref: [] for ref in refs}
        with Session(self._engine) as session:
            for row in session.scalars(chosen):
                found[row.ref].append(Entry(row.at, row.who, row.what, row.note))
        return found

    def take(self, ref: str, who: str, at: datetime, note: str = "") -> Case:
        """It is this person's from now on. Raises CaseError when it is another's, or done."""
        return self._change(ref, who, at, "taken", note, wanted=Status.OPEN, status=Status.TAKEN, owner=who)

    def give_back(self, ref: str, who: str, at: datetime, note: str = "") -> Case:
        """It is nobody's again. Raises CaseError when it was not this person's."""
        return self._change(ref, who, at, "given_back", note, wanted=Status.TAKEN, owned=True, status=Status.OPEN, owner=None)

    def done(self, ref: str, who: str, at: datetime, note: str) -> Case:
        """Its owner has dealt with it. Raises CaseError."""
        return self._change(ref, who, at, "done", note, wanted=Status.TAKEN, owned=True, status=Status.DONE, owner=who)

    def open_again(self, ref: str, who: str, at: datetime, note: str) -> Case:
        """It was not dealt with after all. Raises CaseError."""
        return self._change(ref, who, at, "opened_again", note, wanted=Status.DONE, status=Status.OPEN, owner=None)

    def note(self, ref: str, who: str, at: datetime, note: str) -> Case:
        """Anybody of its queue notes something. Raises CaseError when there is no such case."""
        return self._change(ref, who, at, "noted", note)

    def of_calls(self, call_ids: Collection[str]) -> list[Case]:
        """The cases of these calls, oldest first."""
        schema.ready(self._engine)
        chosen = select(CaseRow).where(among(CaseRow.call_id, call_ids)).order_by(CaseRow.asked_at, CaseRow.ref)
        with Session(self._engine) as session:
            return [case_of(row) for row in session.scalars(chosen)]

    def forget_done(self, before: datetime) -> int:
        """Delete the cases that were done before this; how many."""
        schema.ready(self._engine)
        before = self._time.earlier(before)
        old = select(CaseRow.ref).where(CaseRow.status == Status.DONE.value, CaseRow.closed_at < before)
        with self._engine.connect() as connection:
            refs = list(connection.scalars(old.limit(_MOST)))
        return self.erase(refs) if refs else 0

    def erase(self, refs: Collection[str]) -> int:
        """Delete these cases with their history; how many there were."""
        schema.ready(self._engine)
        with self._engine.begin() as connection:
            connection.execute(delete(CaseHistoryRow).where(among(CaseHistoryRow.ref, refs)))
            return connection.execute(delete(CaseRow).where(among(CaseRow.ref, refs))).rowcount

    def _change(
        self,
        ref: str,
        who: str,
        at: datetime,
        what: str,
        note: str,
        *,
        wanted: Status | None = None,
        owned: bool = False,
        status: Status | None = None,
        owner: str | None = None,
    ) -> Case:
        schema.ready(self._engine)
        with Session(self._engine) as session, session.begin():
            row = session.get(CaseRow, ref, with_for_update=True)
            if row is None:
                raise CaseError("there is no such case")
            if wanted is not None and (row.status != wanted.value or (owned and row.owner != who)):
                raise CaseError(f"the case is {row.status}{f' by {row.owner}' if row.owner else ''}: look at it again")
            if status is not None:
                row.status, row.owner = status.value, owner
                row.closed_at = at if status is Status.DONE else None
            session.add(_entry(ref, at, who, what, redact_text(note)[:LONGEST_NOTE]))
            session.flush()
            return case_of(row)


def _entry(ref: str, at: datetime, who: str, what: str, note: str) -> CaseHistoryRow:
    return CaseHistoryRow(ref=ref, at=at, who=who, what=what, note=note)


def case_of(row: CaseRow) -> Case:
    """The case of a row."""
    values = {field.name: getattr(row, field.name) for field in fields(Case)}
    return Case(**values | {"status": Status(row.status)})

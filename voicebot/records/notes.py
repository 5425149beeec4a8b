"""What people note on calls. Blocks; raises what SQLAlchemy raises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, insert, select

from voicebot.records.models import NoteRow
from voicebot.redaction import redact_text

LONGEST = 500


@dataclass(frozen=True, slots=True)
class CallNote:
    """One note."""

    at: datetime
    who: str
    note: str
    """Redacted: a number in it is masked."""


class CallNotes:
    """In SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, call_id: str) -> list[CallNote]:
        """Of one call, oldest first."""
        chosen = select(NoteRow.at, NoteRow.who, NoteRow.note).where(NoteRow.call_id == call_id).order_by(NoteRow.seq)
        with self._engine.connect() as connection:
            return [CallNote(*row) for row in connection.execute(chosen)]

    def add(self, call_id: str, who: str, note: str, at: datetime) -> None:
        """Add one."""
        row = {"call_id": call_id, "at": at, "who": who, "note": redact_text(note)[:LONGEST]}
        with self._engine.begin() as connection:
            connection.execute(insert(NoteRow), row)

"""The tables, as the newest step in `migrations/` leaves them. Times are stored in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, Index, String, Text, TypeDecorator, false
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcTime(TypeDecorator[datetime]):
    """An aware time in UTC, also in databases that keep no zone (SQLite)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; a time without a zone is a mistake."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored; make it aware, best in UTC")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From UTC."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """All tables of call records."""


class CallRow(Base):
    """One call; the fields of `CallSummary`, and the keyed hash of the whole number. The index `calls_by_digits`, of the last
    three digits of the number, is made by the steps only: it is written otherwise in each database.
    """

    __tablename__ = "calls"
    __table_args__ = (
        Index("calls_by_start", "started"),
        Index("calls_by_end", "ended"),
        Index("calls_by_caller", "number_hash", "started"),
        Index("calls_by_number", "number", "number_hash"),
        Index("calls_by_human", "asked_human", "started", "call_id"),
        Index("calls_in_order", "started", "call_id"),
        Index("calls_by_intent", "intent", "started", "call_id"),
        Index("calls_by_queue", "queue", "started", "call_id"),
        Index("calls_by_handoff", "handoff_ref"),
        Index("calls_by_outcome", "outcome", "started", "call_id"),
    )

    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    started: Mapped[datetime] = mapped_column(UtcTime)
    ended: Mapped[datetime] = mapped_column(UtcTime)
    outcome: Mapped[str] = mapped_column(String(40))
    line: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(8))
    number: Mapped[str | None] = mapped_column(String(20))
    segment: Mapped[str] = mapped_column(String(40))
    intent: Mapped[str | None] = mapped_column(String(80))
    confidence: Mapped[float | None]
    decision: Mapped[str | None] = mapped_column(String(40))
    queue: Mapped[str | None] = mapped_column(String(80))
    priority: Mapped[int]
    seconds_to_steer: Mapped[float | None]
    response_ms: Mapped[list[int]] = mapped_column(JSON)
    bundle_version: Mapped[str] = mapped_column(String(80))
    model: Mapped[str] = mapped_column(String(120))
    recording: Mapped[str | None] = mapped_column(Text)
    handoff_ref: Mapped[str | None] = mapped_column(String(80))
    survey: Mapped[str | None] = mapped_column(String(40))
    number_hash: Mapped[str | None] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(8), server_default="voice")
    release: Mapped[str] = mapped_column(String(64), server_default="")
    turns: Mapped[int] = mapped_column(server_default="0")
    no_match: Mapped[int] = mapped_column(server_default="0")
    no_input: Mapped[int] = mapped_column(server_default="0")
    reasks: Mapped[int] = mapped_column(server_default="0")
    asked_human: Mapped[str] = mapped_column(String(8), server_default="")
    by_keys: Mapped[bool] = mapped_column(server_default=false())
    first_decision: Mapped[str | None] = mapped_column(String(16))
    last_decision: Mapped[str | None] = mapped_column(String(16))

    lines: Mapped[list[LineRow]] = relationship(order_by="LineRow.position", viewonly=True)


class LineRow(Base):
    """One line of a call's journal, `t` seconds after its start."""

    __tablename__ = "call_lines"

    call_id: Mapped[str] = mapped_column(ForeignKey("calls.call_id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    t: Mapped[float]
    what: Mapped[str] = mapped_column(String(10))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


class UtteranceRow(Base):
    """What a caller said and what was made of it, for people to review. `reviewed_intent` is theirs to fill."""

    __tablename__ = "utterances"
    __table_args__ = (
        Index("utterances_by_confidence", "confidence"),
        Index("utterances_by_decision", "decision", "call_id", "position"),
    )

    call_id: Mapped[str] = mapped_column(ForeignKey("calls.call_id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(8))
    recogniser_confidence: Mapped[float]
    intent: Mapped[str | None] = mapped_column(String(80))
    confidence: Mapped[float | None]
    decision: Mapped[str | None] = mapped_column(String(40))
    backend: Mapped[str] = mapped_column(String(40))
    model: Mapped[str] = mapped_column(String(120))
    reviewed_intent: Mapped[str | None] = mapped_column(String(80))
    reviewed_by: Mapped[str | None] = mapped_column(String(80))
    reviewed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    folded: Mapped[str] = mapped_column(Text, server_default="")
    """The words as they are searched, see `voicebot.records.folding`."""


class NoteRow(Base):
    """What somebody noted on a call. A second write of the call leaves it; it is deleted with the call."""

    __tablename__ = "call_notes"
    __table_args__ = (Index("call_notes_by_call", "call_id"),)

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    call_id: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcTime)
    who: Mapped[str] = mapped_column(String(80))
    note: Mapped[str] = mapped_column(Text)


class ShadowRow(Base):
    """What a release that runs in the shadow would have decided on a line. A second write of the call leaves it; it is deleted
    with the call. Without words: they stand in the line.
    """

    __tablename__ = "shadow"
    __table_args__ = (Index("shadow_by_time", "at"), Index("shadow_by_release", "release"))

    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    """The line of the journal, as in `utterances`."""
    release: Mapped[str] = mapped_column(String(64), primary_key=True)
    intent: Mapped[str] = mapped_column(String(80))
    decision: Mapped[str] = mapped_column(String(16))
    confidence: Mapped[float]
    at: Mapped[datetime] = mapped_column(UtcTime)


class AuditRow(Base):
    """One line of the audit trail; see `voicebot.identity.audit_table` for what its hash is made of. Rows are never changed."""

    __tablename__ = "audit"

    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    at: Mapped[str] = mapped_column(String(32))
    what: Mapped[str] = mapped_column(String(64))
    facts: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

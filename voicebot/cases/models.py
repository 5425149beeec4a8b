"""The tables of cases. No name and no number of a customer: the number stays with the hand-off, which is kept for 30 days."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from voicebot.records.models import Base, UtcTime


class CaseRow(Base):
    """One case; see `Case`."""

    __tablename__ = "cases"
    __table_args__ = (
        Index("cases_by_due", "status", "queue", "due_at"),
        Index("cases_by_closed", "status", "closed_at", "ref"),
        Index("cases_by_call", "call_id"),
    )

    ref: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Of the hand-off it comes from: one hand-off is one case at most."""
    kind: Mapped[str] = mapped_column(String(16))
    queue: Mapped[str] = mapped_column(String(80))
    intent: Mapped[str | None] = mapped_column(String(80))
    language: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int]
    words: Mapped[str] = mapped_column(Text)
    """Redacted."""
    call_id: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime] = mapped_column(UtcTime)
    """When the customer asked."""
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    due_at: Mapped[datetime] = mapped_column(UtcTime)
    status: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str | None] = mapped_column(String(80))
    closed_at: Mapped[datetime | None] = mapped_column(UtcTime)


class CaseHistoryRow(Base):
    """One thing that somebody did with a case. Rows are never changed."""

    __tablename__ = "case_history"
    __table_args__ = (Index("case_history_by_case", "ref", "seq"),)

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    ref: Mapped[str] = mapped_column(ForeignKey("cases.ref", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcTime)
    who: Mapped[str] = mapped_column(String(80))
    what: Mapped[str] = mapped_column(String(16))
    note: Mapped[str] = mapped_column(Text)
    """Redacted."""

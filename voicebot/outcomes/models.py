"""The tables of what became of hand-offs. No number and no name: an agent is a pseudonym."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from voicebot.records.models import Base, UtcTime


class HandOffEventRow(Base):
    """One thing that happened; see `Event`. The same one told twice is one row."""

    __tablename__ = "handoff_events"
    __table_args__ = (
        Index("handoff_events_by_arrival", "received_at"),
        Index("handoff_events_by_kind", "what", "at"),
    )

    ref: Mapped[str] = mapped_column(String(64), primary_key=True)
    what: Mapped[str] = mapped_column(String(16), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    queue: Mapped[str | None] = mapped_column(String(80))
    to_queue: Mapped[str | None] = mapped_column(String(80))
    how: Mapped[str | None] = mapped_column(String(16))
    talk_s: Mapped[float | None]
    wrap_up: Mapped[str | None] = mapped_column(String(80))
    agent: Mapped[str | None] = mapped_column(String(64))
    received_at: Mapped[datetime] = mapped_column(UtcTime)


class VerdictRow(Base):
    """An agent's word on whether a call came to the right place; the latest of each agent counts."""

    __tablename__ = "handoff_verdicts"

    ref: Mapped[str] = mapped_column(String(64), primary_key=True)
    agent: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    right: Mapped[bool]
    intent: Mapped[str | None] = mapped_column(String(80))
    """What it was about, where it was not right."""

"""The table of daily roll-ups: one row for each day and combination of what figures are split by."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, String
from sqlalchemy.orm import Mapped, mapped_column

from voicebot.records.models import Base, UtcTime


class CallDayRow(Base):
    """Counts of the calls that began on a day of the bank's calendar; `counts` by name, see `voicebot.figures.rollup`."""

    __tablename__ = "call_days"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    line: Mapped[str] = mapped_column(String(64), primary_key=True)
    language: Mapped[str] = mapped_column(String(8), primary_key=True)
    segment: Mapped[str] = mapped_column(String(40), primary_key=True)
    channel: Mapped[str] = mapped_column(String(8), primary_key=True)
    release: Mapped[str] = mapped_column(String(64), primary_key=True)
    matter: Mapped[str] = mapped_column(String(80), primary_key=True)
    """"" where none was told."""
    counts: Mapped[dict[str, Any]] = mapped_column(JSON)


class DayRow(Base):
    """A day that was rolled up: when, and of how many calls."""

    __tablename__ = "rolled_up_days"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    calls: Mapped[int]
    rule: Mapped[int]
    """The version of the rule for misroutes."""

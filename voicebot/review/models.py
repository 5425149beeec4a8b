"""The tables of labels and of the daily sample. Labels stand apart from calls: a call that is written anew keeps them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from voicebot.records.models import Base, UtcTime


class LabelRow(Base):
    """What one person says that a line was about."""

    __tablename__ = "labels"
    __table_args__ = (Index("labels_by_line", "call_id", "position"), Index("labels_by_person", "who", "seq"))

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    call_id: Mapped[str] = mapped_column(String(64))
    position: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    """Redacted, as it was labelled."""
    language: Mapped[str] = mapped_column(String(8))
    decided: Mapped[str | None] = mapped_column(String(80))
    """What the model made of it."""
    decision: Mapped[str | None] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(String(80))
    """A matter, out_of_scope, or not_understandable."""
    who: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime] = mapped_column(UtcTime)
    queue: Mapped[str] = mapped_column(String(24))
    stratum: Mapped[str] = mapped_column(String(24))
    """Of the sample; "" elsewhere."""
    probability: Mapped[float]
    """With which the line came into the sample; 0 for a line of another queue, which measures nothing."""


class SampleRow(Base):
    """A line of the random sample. It measures, so it never becomes an example."""

    __tablename__ = "sampled_lines"
    __table_args__ = (Index("sampled_lines_by_day", "day"),)

    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(Date)
    place: Mapped[int]
    """The order is random and fixed."""
    stratum: Mapped[str] = mapped_column(String(24))
    probability: Mapped[float]
    twice: Mapped[bool]
    """To be labelled by two people who do not see each other's labels."""

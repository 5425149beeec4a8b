"""The tables of labels and of the daily sample. Labels stand apart from calls: a call that is written anew keeps them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from voicebot.records.models import Base, UtcTime


class LabelRow(Base):
    """What one person says that a line was about: one label of a person for a line."""

    __tablename__ = "labels"
    __table_args__ = (
        Index("labels_by_line", "call_id", "position", "who", unique=True),
        Index("labels_by_person", "who", "seq"),
        Index("labels_by_words", "folded"),
    )

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    call_id: Mapped[str] = mapped_column(String(64))
    position: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    """Redacted, as it was labelled; "" when the caller's data were deleted."""
    folded: Mapped[str] = mapped_column(Text, server_default="")
    """The words as they are compared, see `voicebot.records.folding`."""
    language: Mapped[str] = mapped_column(String(8))
    decided: Mapped[str | None] = mapped_column(String(80))
    """What the model made of it."""
    decision: Mapped[str | None] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(String(80))
    """A matter, out_of_scope, or not_understandable."""
    who: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime] = mapped_column(UtcTime)
    queue: Mapped[str] = mapped_column(String(24))


class SampleRow(Base):
    """A line of the random sample. It measures, so it never becomes an example, and neither do the same words of another call."""

    __tablename__ = "sampled_lines"
    __table_args__ = (
        Index("sampled_lines_by_day", "day", "place", unique=True),  # two processes that draw one day: the second one gives up
        Index("sampled_lines_by_words", "folded"),
    )

    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(Date)
    place: Mapped[int]
    """The order is random and fixed."""
    stratum: Mapped[str] = mapped_column(String(24))
    probability: Mapped[float]
    """With which the line came into the sample: the share of its stratum that was drawn on its day."""
    twice: Mapped[bool]
    """To be labelled by two people who do not see each other's labels."""
    folded: Mapped[str] = mapped_column(Text, server_default="")
    """The words as they are compared; "" when the caller's data were deleted."""


class LeaseRow(Base):
    """The line that a person has before them: for some minutes nobody else is shown it."""

    __tablename__ = "review_leases"
    __table_args__ = (Index("review_leases_by_line", "call_id", "position", "slot", unique=True),)

    who: Mapped[str] = mapped_column(String(80), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64))
    position: Mapped[int]
    slot: Mapped[int]
    """0; or 1, for the second person at a line that is to be labelled twice."""
    until: Mapped[datetime] = mapped_column(UtcTime)

"""The tables of labels, of the daily sample and of studies. Labels stand apart from calls: a call written anew keeps them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, Index, String, Text
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


class FindingRow(Base):
    """A line that a study found worth a look. Without words: they stand in the line."""

    __tablename__ = "review_findings"

    kind: Mapped[str] = mapped_column(String(24), primary_key=True)
    """The queue that it is for."""
    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    was: Mapped[str] = mapped_column(String(120))
    """What is decided today, or what a person said."""
    found: Mapped[str] = mapped_column(String(120))
    """What the model makes of it."""
    sure: Mapped[float]
    """The model's confidence, 0..1."""
    hits: Mapped[int]
    """How often the words were said."""
    at: Mapped[datetime] = mapped_column(UtcTime)


class StudyRow(Base):
    """A long reckoning of a child process: how far it is, and what came of it the last time. Without words of callers."""

    __tablename__ = "review_studies"

    name: Mapped[str] = mapped_column(String(24), primary_key=True)
    who: Mapped[str] = mapped_column(String(80))
    began: Mapped[datetime] = mapped_column(UtcTime)
    told: Mapped[datetime] = mapped_column(UtcTime)
    """When its process last showed that it lives."""
    ended: Mapped[datetime | None] = mapped_column(UtcTime)
    """None while it is under way."""
    share: Mapped[float]
    what: Mapped[str] = mapped_column(String(80))
    why: Mapped[str] = mapped_column(Text)
    """Of a failure; "" else."""
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    result_at: Mapped[datetime | None] = mapped_column(UtcTime)


class TaughtRow(Base):
    """Where an example of the draft came from."""

    __tablename__ = "taught_lines"
    __table_args__ = (Index("taught_lines_by_matter", "matter"),)

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    call_id: Mapped[str] = mapped_column(String(64))
    folded: Mapped[str] = mapped_column(Text)
    """The words as they are compared; "" when the caller's data were deleted."""
    language: Mapped[str] = mapped_column(String(8))
    matter: Mapped[str] = mapped_column(String(80))
    who: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime] = mapped_column(UtcTime)

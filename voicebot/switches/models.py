"""The table of switches: every order, never changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from voicebot.records.models import Base, UtcTime


class SwitchRow(Base):
    """One order; the fields of `SwitchSetting`."""

    __tablename__ = "switches"
    __table_args__ = (Index("switches_by_name", "kind", "queue", "seq"),)

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(20))
    queue: Mapped[str] = mapped_column(String(80))
    is_on: Mapped[bool]
    who: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime] = mapped_column(UtcTime)
    why: Mapped[str] = mapped_column(Text)
    prompt: Mapped[str] = mapped_column(String(80))
    until: Mapped[datetime | None] = mapped_column(UtcTime)

"""The table of messages. No name, no address and no number of a sender: keyed hashes find what is kept of a person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from voicebot.records.models import Base, UtcTime


class MessageRow(Base):
    """One message and what was made of it; see `Message`."""

    __tablename__ = "messages"
    __table_args__ = (
        Index("messages_by_arrival", "received_at"),
        Index("messages_by_number", "number_hash"),
        Index("messages_by_sender", "sender_hash"),
        Index("messages_to_hand_over", "handed", "received_at"),
    )

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    """The sender's system's own."""
    ref: Mapped[str] = mapped_column(String(64), unique=True)
    """Of the hand-off that it becomes."""
    received_at: Mapped[datetime] = mapped_column(UtcTime)
    language: Mapped[str] = mapped_column(String(16))
    intent: Mapped[str | None] = mapped_column(String(80))
    confidence: Mapped[float]
    others: Mapped[list[str]] = mapped_column(JSON)
    queue: Mapped[str] = mapped_column(String(80))
    priority: Mapped[int]
    segment: Mapped[str] = mapped_column(String(40))
    urgency: Mapped[str] = mapped_column(String(16))
    missing: Mapped[list[str]] = mapped_column(JSON)
    subject: Mapped[str] = mapped_column(Text)
    """Redacted."""
    text: Mapped[str] = mapped_column(Text)
    """Redacted."""
    attachments: Mapped[list[str]] = mapped_column(JSON)
    """Their names, redacted; they are never opened."""
    acknowledgement: Mapped[str] = mapped_column(Text)
    """What was proposed to be sent back."""
    why: Mapped[str] = mapped_column(Text)
    number_hash: Mapped[str | None] = mapped_column(String(64))
    sender_hash: Mapped[str | None] = mapped_column(String(64))
    handed: Mapped[bool]
    """The hand-off is where other processes find it."""

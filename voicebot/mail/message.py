"""A message as it is kept. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Message:
    """What came in writing and what was made of it. Nothing of it names the sender."""

    id: str
    """The sender's system's own: the same one is the same message."""
    ref: str
    """Of the hand-off that it becomes."""
    received_at: datetime
    language: str
    intent: str | None
    """None: nothing fitted; it goes to the default queue, where a person reads it."""
    confidence: float
    others: tuple[str, ...]
    """Further matters in it."""
    queue: str
    priority: int
    segment: str
    urgency: str
    missing: tuple[str, ...]
    """What people need and the message does not have."""
    subject: str
    """Redacted."""
    text: str
    """The sender's own words, redacted."""
    attachments: tuple[str, ...]
    """Their names, redacted; they are never opened."""
    acknowledgement: str
    """An approved text; "" when there is none."""
    why: str
    number_hash: str | None
    sender_hash: str | None
    handed: bool
    """The hand-off is where other processes find it."""

    @property
    def call_id(self) -> str:
        """Its hand-off and its case go by this id: there is no call."""
        return f"mail-{self.ref}"

    @property
    def words(self) -> str:
        """What whoever deals with it reads."""
        named = f"[{', '.join(self.attachments)}]" if self.attachments else ""
        return "\n\n".join(part for part in (self.subject, self.text, named) if part)

    def is_as(self, other: Message) -> bool:
        """Whether both were made of the same words."""
        return (self.subject, self.text, self.attachments) == (other.subject, other.text, other.attachments)

"""What a release in the shadow decided on one line."""

from __future__ import annotations

from dataclasses import dataclass

from dialogs.wire import Instant


@dataclass(frozen=True, slots=True)
class ShadowDecision:
    """One line of a conversation, by its place in the journal, as another release would have decided it. Without words."""

    call_id: str
    position: int
    release: str
    intent: str
    decision: str
    """accept, confirm, choose or reject."""
    confidence: float
    """0..1"""
    at: Instant

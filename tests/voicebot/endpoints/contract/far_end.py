"""The far end of a leg under test: what a caller and a PBX do, said the same way for every kind of leg."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from voicebot.endpoints.leg import Leg, TransferTarget

QUEUE = TransferTarget("cards", ref="ref-1")
NO_ADDRESS = TransferTarget("cards", "no <address>")
SETTLE_S = 0.4
"""How long after its first sign of progress a far end may refuse; the openers set their endpoints so."""


class Answer(StrEnum):
    """What the far end does about a transfer."""

    COMPLETE = "complete"
    """Puts the caller through, says so, and leaves."""
    TAKE_OVER = "take over"
    """Takes the caller on, says no more, and stays."""
    REFUSE = "refuse"
    """Refuses at once."""
    REFUSE_LATER = "refuse later"
    """Takes the caller on and refuses a moment later."""
    IGNORE = "ignore"
    """Says nothing at all."""
    LEAVE = "leave"
    """The caller hangs up."""


class FarEnd(Protocol):
    """One caller. Every method returns when the far end has done its part, not when the leg knows of it."""

    transfers: bool
    """Whether its network can send a caller elsewhere; a leg where it cannot refuses, and is bridged."""

    async def dial(self) -> Leg:
        """Call; the leg is not answered."""
        ...

    async def connected(self) -> None:
        """After `leg.answer` was called: acknowledge, and begin to send sound."""
        ...

    async def press(self, key: str) -> None: ...

    async def hold(self) -> None: ...

    async def resume(self) -> None: ...

    async def renegotiate(self) -> None:
        """Change the media in the middle of the call; what was queued for sending is lost."""
        ...

    async def answer_transfer(self, answer: Answer) -> None:
        """Wait for the transfer to be asked for, and answer."""
        ...

    async def hung_up_on(self) -> None:
        """Wait until the bot hangs up."""
        ...

    async def leave(self) -> None: ...

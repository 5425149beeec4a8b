"""The contract every leg keeps: facts come in order through one queue, commands go out; audio is read and written without
blocking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CallOffer:
    """What the network says when a call arrives. Header names are lower-case; values as received.

    `call_ref` is the network's own id of the call (SIP Call-ID, Asterisk channel id). `peer_trusted` says that the far end is a
    configured trunk, so that its identity headers count.
    """

    call_ref: str
    from_uri: str
    to_uri: str
    headers: Mapping[str, str] = field(default_factory=dict)
    peer_trusted: bool = False


@dataclass(frozen=True, slots=True)
class LegKey:
    """One key was pressed (RFC 4733 or INFO), reported once, at its start where the network allows."""

    key: str


@dataclass(frozen=True, slots=True)
class LegHold:
    """The far end holds the call (True) or took it back (False)."""

    held: bool


@dataclass(frozen=True, slots=True)
class LegEnded:
    """The call is over; nothing comes after this. `cause`: hangup, media_timeout, max_length, transferred, failed, shutdown."""

    cause: str
    detail: str = ""


LegEvent = LegKey | LegHold | LegEnded


@dataclass(frozen=True, slots=True)
class TransferOutcome:
    """How a transfer ended: `ok`, or why not (refused, timeout, unreachable, gone), with the SIP status where there is one."""

    ok: bool
    reason: str = ""
    status: int = 0


class Leg(Protocol):
    """One caller's leg. Audio is signed 16-bit little-endian mono at `sample_rate`, known once `answer` has returned."""

    offer: CallOffer
    sample_rate: int

    async def answer(self) -> None:
        """Answer and wait until media is up. Raises TelephonyError when the call is gone or media does not come."""
        ...

    async def next_event(self) -> LegEvent:
        """The next fact, in order; after LegEnded it must not be called again."""
        ...

    def read(self) -> bytes:
        """All received PCM that waits; b"" when there is none. Never blocks. b"" for ever once the call is over."""
        ...

    def write(self, pcm: bytes) -> int:
        """Queue PCM for sending; returns the bytes taken. Never blocks."""
        ...

    def flush(self) -> None:
        """Drop everything queued and not yet sent (barge-in)."""
        ...

    def buffered(self) -> int:
        """Bytes queued and not yet sent: how far playback is behind writing."""
        ...

    async def transfer(self, uri: str, timeout_s: float) -> TransferOutcome:
        """Blind transfer (REFER, RFC 3515). 202 plus the first NOTIFY, or the far end leaving, counts as handed over."""
        ...

    async def hang_up(self) -> None:
        """End the call; harmless when it is over already."""
        ...

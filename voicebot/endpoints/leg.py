"""The contract of every leg: facts come in order through one queue, commands go out; reading and writing audio never blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from caller_id.rules import UNTRUSTED, CallerIdRules

CARRIED_HEADERS = (
    "P-Asserted-Identity",
    "Remote-Party-ID",
    "Privacy",
    "Diversion",
    "History-Info",
    "Identity",
    "P-Attestation-Indicator",
    "User-to-User",
    "X-Call-Ref",
    "X-Ticket",
)
"""What caller id, diversion and hand-off read of an INVITE, beside From and To."""


@dataclass(frozen=True, slots=True)
class CallOffer:
    """What the network says when a call arrives."""

    call_ref: str
    """The network's own id of the call (SIP Call-ID, Asterisk channel id)."""
    from_uri: str
    to_uri: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names are lower-case, values as received."""
    trunk: str | None = None
    """The name of the trunk that the call came from; None when that is not known."""
    caller_id: CallerIdRules = UNTRUSTED
    """How the identity headers are read."""
    takes_refer: bool = True
    """Whether the far end can be asked to call somebody else (REFER): a page in a browser cannot."""
    steered: bool = False
    """Whether the far end keeps the call and puts it through by itself (a PBX's dialplan): it is never bridged here."""
    only_refer: bool = False
    """Whether the far end is asked to, and nothing else, whatever `handoff.way` says."""
    app_call: str = ""
    """The call's name for the app that placed it; "" for a call that did not come from the app."""


KEYS = "0123456789*#"
"""The keys of a telephone. A to D and the hook flash (RFC 4733, events 12 to 16) are on no caller's phone: they are no facts."""


@dataclass(frozen=True, slots=True)
class LegKey:
    """One key was pressed (RFC 4733 or INFO), reported once, at its start where the network allows. Raises ValueError."""

    key: str

    def __post_init__(self) -> None:
        if len(self.key) != 1 or self.key not in KEYS:
            raise ValueError(f"{self.key!r} is no key of a telephone: one of {KEYS}")


@dataclass(frozen=True, slots=True)
class LegHold:
    """The far end holds the call (True) or took it back (False)."""

    held: bool


@dataclass(frozen=True, slots=True)
class LegEnded:
    """The call is over; nothing comes after this."""

    cause: str
    """hangup, media_timeout, max_length, transferred, failed or shutdown"""
    detail: str = ""
    """The network's own words, for the log."""


LegEvent = LegKey | LegHold | LegEnded


@dataclass(frozen=True, slots=True)
class TransferTarget:
    """Whom a caller is put through to. Every endpoint makes its own kind of address of it (a SIP URI, a queue's name)."""

    queue: str
    """The queue's name in the bundle."""
    name: str = ""
    """What the queue is called in the telephone network; "" for the same name."""
    ref: str = ""
    """The opaque reference of the hand-off, for an endpoint that can send one along."""
    call_ref: str = ""
    """The network's id of the caller's own call, likewise."""
    priority: int = 0
    """The call's place in the queue, for an endpoint whose queues take one: greater goes first."""
    segment: str = ""
    """Who calls, by the hint that the routing went by."""
    intent: str = ""
    """The name of the caller's matter."""
    language: str = ""
    """Two letters."""

    @property
    def address(self) -> str:
        """The name by which the telephone network knows the queue."""
        return self.name or self.queue


@dataclass(frozen=True, slots=True)
class TransferOutcome:
    """How a transfer ended."""

    ok: bool
    reason: str = ""
    """Why not: refused, timeout, unreachable (the target is no address), passed_back (an agent did not take it) or gone (the
    caller left).
    """
    status: int = 0
    """The SIP status that told, 0 where there was none."""
    unable: bool = False
    """It was the far end that does not transfer (REFER itself was refused, or left unanswered): the target was never asked."""


@dataclass(frozen=True, slots=True)
class LegStats:
    """How the sound of a call that is over travelled, as far as the endpoint measured it."""

    received: int
    """Packets."""
    lost: int
    """Packets that never reached us."""
    jitter_s: float
    mos: float
    """Estimated mean opinion score, 1 to 4.5."""


class Leg(Protocol):
    """One caller's leg. Audio is signed 16-bit little-endian mono at `sample_rate`, known once `answer` has returned."""

    @property
    def offer(self) -> CallOffer:
        """What the network said when the call came."""
        ...

    @property
    def sample_rate(self) -> int:
        """Hz."""
        ...

    @property
    def stats(self) -> LegStats | None:
        """How the sound travelled, once the call is over; None before, and where nothing was measured."""
        ...

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
        """Queue PCM for sending; returns the bytes taken: 0 on hold, while the media is renegotiated, and once the call is over.
        What was not taken is never heard. Never blocks.
        """
        ...

    def flush(self) -> None:
        """Drop everything queued and not yet sent (barge-in)."""
        ...

    def buffered(self) -> int:
        """Bytes queued and not yet sent: how far playback is behind writing."""
        ...

    def lost(self) -> int:
        """Bytes taken by `write` that will never be sent, since this was asked last: the far end changed the media meanwhile, or
        the call ended. What `flush` dropped is not among them.
        """
        ...

    async def transfer(self, target: TransferTarget, timeout_s: float) -> TransferOutcome:
        """Blind transfer (SIP: REFER, RFC 3515). Never raises; a second transfer at the same time is refused ("busy").

        `timeout_s` is how long the far end may take to accept; see `endpoints.sip.transfer` for what counts as handed over.
        """
        ...

    async def send_key(self, key: str) -> None:
        """Press a key of `KEYS` towards the far end, as it takes keys. Never raises; harmless when the call is over."""
        ...

    def may_last(self, seconds: float) -> None:
        """The call may go on for so long from now, whatever limit it had."""
        ...

    async def hang_up(self) -> None:
        """End the call; harmless when it is over already."""
        ...

"""The contract of every endpoint: something that calls come in by (a SIP trunk, a PBX, the bank's app), each call as a `Leg`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from caller_id.types import Caller
from voicebot.endpoints.leg import CallOffer, Leg

Identify = Callable[[CallOffer], Awaitable[Caller]]
"""Who calls, as far as an endpoint can tell from the offer. Never raises."""

Serve = Callable[[Leg, Identify], Awaitable[None]]
"""Serves one call from its offer to its end. The leg is not answered yet. What it raises is logged, and the call is ended."""


@dataclass(frozen=True, slots=True)
class EndpointCounts:
    """What an endpoint counts, since its start."""

    live: int = 0
    """Calls that are not over."""
    refused: int = 0
    """Calls that never became a leg: the endpoint itself refused them."""
    turned_away: int = 0
    """Packets or connections of strangers that were dropped."""
    media_turned_away: int = 0
    """Datagrams of media that came from somebody else than the far end, and were dropped."""
    malformed: int = 0
    """Offers that broke while they were read; whatever they held was freed."""


class Endpoint(Protocol):
    """One way in. `start` before anything else; `close` ends every call and can be called twice."""

    name: str
    """For logs, metrics and health: "sip", …"""
    died: asyncio.Event
    """Set when the endpoint cannot go on in this process, at once or before long: the process must be replaced."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens, for a person to read. Empty before the start."""
        ...

    @property
    def healthy(self) -> bool:
        """Whether a call could come in now."""
        ...

    @property
    def counts(self) -> EndpointCounts:
        """What it counts."""
        ...

    async def start(self) -> None:
        """Listen. Raises EndpointError, whose message says what to do."""
        ...

    async def identify(self, offer: CallOffer) -> Caller:
        """Who calls. Never raises: what cannot be read is unknown."""
        ...

    async def drain(self, timeout_s: float) -> bool:
        """Take no new calls and wait for the live ones; False when some are left after `timeout_s`."""
        ...

    async def close(self) -> None:
        """End every call (cause "shutdown") and stop listening."""
        ...

"""What a stream's two halves ask of each other: the leg, and whatever carries its sound."""

from __future__ import annotations

from typing import Protocol

FRAME_S = 0.02
"""One frame, in both directions."""


class Media(Protocol):
    """The connection that carries the sound of one call."""

    sample_rate: int
    """Hz."""
    ahead_s: float
    """How much sound is sent before its time: what the far end needs against jitter."""
    fills: bool
    """Whether frames must be sent when there is nothing to say: the far end waits for them."""

    async def send(self, frame: bytes) -> None:
        """Send one frame of PCM. Waits while the far end takes nothing. Raises ConnectionError."""
        ...

    def flush(self) -> bool:
        """Drop what was sent and is not played yet; False where that cannot be taken back."""
        ...

    async def played(self) -> None:
        """Wait until the far end has played all that was sent, where it tells."""
        ...

    def close(self) -> None:
        """Close the connection at once; harmless when closed."""
        ...


class MediaSink(Protocol):
    """Who gets what comes by a connection: the leg."""

    def connected(self, media: Media) -> bool:
        """The sound is up; False when it is not wanted any more."""
        ...

    def heard(self, pcm: bytes) -> None:
        """Sound, signed 16-bit little-endian."""
        ...

    def pressed(self, key: str) -> None:
        """A key, or whatever the far end calls one."""
        ...

    def stalled(self, full: bool) -> None:
        """The far end takes no more sound for now (True), or does again (False)."""
        ...

    def closed(self, detail: str) -> None:
        """The connection is gone."""
        ...

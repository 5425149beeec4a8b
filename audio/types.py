"""The contracts of hearing: a recogniser shared by all calls, and one stream per utterance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

UNSTATED = 0.7
"""The confidence in a reading of an engine that gives none: believed, but a doubtful matter is asked back."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of an utterance."""

    text: str
    confidence: float
    """The engine's, 0..1; `UNSTATED` where it gives none."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """The final result."""

    readings: tuple[Reading, ...] = ()
    """Best first; none when nothing was understood."""
    late_s: float = 0.0
    """How long decoding took after the end of the turn, in seconds."""
    decodes: int = 0
    """How often an engine that decodes whole utterances was asked to, at pauses and at the end; 0 of one that hears along."""

    @property
    def text(self) -> str:
        """The best reading's text, or ""."""
        return self.readings[0].text if self.readings else ""


class RecogniserStream(Protocol):
    """One utterance being heard. All methods but `finish` return at once and are called on the event loop."""

    def feed(self, pcm: bytes) -> None:
        """More speech: 16-bit mono PCM at the rate the stream was opened with."""
        ...

    def pause(self) -> None:
        """The caller paused: perhaps the end of the turn. An engine that decodes whole utterances starts now, so that its
        result is ready when the turn ends; the text comes through `on_partial`.
        """
        ...

    def resume(self) -> None:
        """Speech went on after `pause`: what was decoded is a partial result only."""
        ...

    async def finish(self) -> Recognition:
        """The turn is over: the final result. Raises RecogniserBusy when there is no room for it now, RecogniserError when the
        engine fails or takes too long.
        """
        ...

    def close(self) -> None:
        """Forget the utterance (call ended, key pressed); harmless after `finish`."""
        ...


class Recogniser(Protocol):
    """An engine with its model, loaded once and shared by all calls of a language."""

    name: str

    def open(
        self,
        *,
        language: str,
        sample_rate: int,
        expect: str = "open",
        on_partial: Callable[[str], None] | None = None,
    ) -> RecogniserStream:
        """A stream for one utterance. `expect` is open, yes_no, choice or digits: an engine with grammars uses one.

        `on_partial(text)` is called on the event loop whenever the text so far changes. Must be called with a running loop.
        """
        ...

    def close(self) -> None:
        """Free the model and stop worker threads."""
        ...

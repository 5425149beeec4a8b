"""Frames of our own that travel between the leg, Ear, Steering and Voice. All are system frames: nothing may drop them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipecat.frames.frames import InputAudioRawFrame, SystemFrame

from audio.types import Recognition
from dialogs.events import Listen, Say


@dataclass
class CallerAudioFrame(InputAudioRawFrame):
    """Down, to the Ear: what came of the caller, with the probability of speech in each window of 32 ms that it completed."""

    speech: Sequence[float] = ()


@dataclass
class SpeechStartedFrame(SystemFrame):
    """Down: the caller began to speak. `over_bot`: while the bot was speaking, which is now paused."""

    over_bot: bool = False


@dataclass
class HeardFrame(SystemFrame):
    """Down: what was recognised so far (`final` False) or of the whole turn.

    `speech_s` is how long the caller spoke; `ended_at` the monotonic time at which speech ended.
    """

    recognition: Recognition = field(default_factory=Recognition)
    final: bool = True
    over_bot: bool = False
    speech_s: float = 0.0
    ended_at: float = 0.0


@dataclass
class EarFailedFrame(SystemFrame):
    """Down: the recogniser cannot be used; `code` is its error's code."""

    code: str = ""


@dataclass
class LegEndedFrame(SystemFrame):
    """Down: the leg is gone; `cause` as in `voicebot.endpoints.leg.LegEnded`."""

    cause: str = ""


@dataclass
class LegHoldFrame(SystemFrame):
    """Down: the far end holds the call (`held`), or took it back."""

    held: bool = False


@dataclass
class ListenFrame(SystemFrame):
    """Up, to the Ear: what kind of answer is awaited from now on; None: do not listen to speech."""

    listen: Listen | None = None


@dataclass
class SayFrame(SystemFrame):
    """Down, to the Voice: speak this."""

    say: Say | None = None


@dataclass
class PlayFrame(SystemFrame):
    """Down, to the leg: PCM at the leg's rate, and the mark it belongs to."""

    mark: str = ""
    pcm: bytes = b""


@dataclass
class StopPlaybackFrame(SystemFrame):
    """Down, to the Voice and the leg: fall silent now and forget what was left."""


@dataclass
class PausePlaybackFrame(SystemFrame):
    """Down, to the leg: fall silent now, but keep what was left."""


@dataclass
class ResumePlaybackFrame(SystemFrame):
    """Down, to the leg: go on from shortly before where the bot was paused."""


@dataclass
class PlaybackStartedFrame(SystemFrame):
    """Up: the first sample of this mark has been handed to the leg at monotonic time `at`.

    `barge_in` is filled in by Steering: whether the caller may speak over it.
    """

    mark: str = ""
    at: float = 0.0
    barge_in: bool = True


@dataclass
class PlaybackStoppedFrame(SystemFrame):
    """Up: playback of this mark ended: `finished` (the last sample has been sent), or stopped after `played_s`."""

    mark: str = ""
    finished: bool = True
    played_s: float = 0.0


@dataclass
class VoiceFailedFrame(SystemFrame):
    """Up: this could not be spoken."""

    mark: str = ""
    code: str = ""

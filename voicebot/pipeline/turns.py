"""Turn taking as arithmetic on speech probabilities: when speech starts, pauses, goes on, and when the turn is over.

Pure: windows of 32 ms and the words heard so far come in, signals come out. How long a silence ends the turn depends on what
was said: short when the words already decide the matter, long after a hesitation or in the middle of a number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache

from dialogs.events import Expect
from nlu.languages import languages
from nlu.languages.language import Slot, fold

WINDOW_S = 0.032

_GOING_ON = frozenset(set(Slot) - {Slot.JOIN})


class Signal(Enum):
    """What a window of audio meant for the turn."""

    STARTED = auto()
    PAUSED = auto()
    RESUMED = auto()
    ENDED = auto()


class TurnHint(Enum):
    """How the words heard so far change the wait for more."""

    DECIDED = auto()
    NEUTRAL = auto()
    HESITANT = auto()
    MID_NUMBER = auto()


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """Seconds and probabilities of turn taking; the defaults are for 8 kHz telephone speech."""

    start_probability: float = 0.55
    start_windows: int = 2
    stop_probability: float = 0.35
    pause_s: float = 0.16
    """A silence after which what was said is decoded, so that it is known how much longer to wait."""
    breath_pause_s: float = 0.3
    """The same of a caller who has paused within this turn: longer than they paused before, up to this."""
    number_pause_s: float = 0.6
    """The same where digits are awaited: they come in groups, and whatever was heard, the wait is long."""
    decided_s: float = 0.40
    neutral_s: float = 0.75
    hesitant_s: float = 1.5
    number_s: float = 1.3
    yes_no_s: float = 0.45
    max_turn_s: float = 20.0

    def decode_silence_s(self, expect: Expect, breath_s: float) -> float:
        """The silence after which what was said so far is decoded, in seconds; shorter than any that ends the turn.

        `breath_s` is the longest silence of the turn after which speech went on.
        """
        if expect is Expect.DIGITS:
            return self.number_pause_s
        return max(self.pause_s, min(breath_s + WINDOW_S, self.breath_pause_s))

    def end_silence_s(self, expect: Expect, patience: TurnHint) -> float:
        """The silence that ends a turn, in seconds."""
        if patience is TurnHint.HESITANT:
            return self.hesitant_s
        if patience is TurnHint.MID_NUMBER or expect is Expect.DIGITS:
            return self.number_s
        if patience is TurnHint.DECIDED:
            return self.decided_s
        return self.yes_no_s if expect in (Expect.YES_NO, Expect.CHOICE) else self.neutral_s


class TurnTracker:
    """Follows one caller's speech, window by window."""

    def __init__(self, settings: TurnSettings) -> None:
        self.settings = settings
        self.speaking = False
        self.speech_s = 0.0
        self.silence_s = 0.0
        self._loud_windows = 0
        self._paused = False
        self._turn_s = 0.0
        self._breath_s = 0.0

    def window(self, probability: float, expect: Expect, patience: TurnHint) -> Signal | None:
        """Take one 32 ms window's speech probability; say what it meant, if anything."""
        if not self.speaking:
            return self._wait_for_start(probability)
        self._turn_s += WINDOW_S
        if self._turn_s >= self.settings.max_turn_s:
            return self._end()
        if probability >= self.settings.start_probability:
            return self._speech()
        if probability < self.settings.stop_probability or self.silence_s > 0:
            return self._silence(expect, patience)
        return self._speech()

    def reset(self) -> None:
        """Forget the turn under way (a key was pressed, the dialogue moved on)."""
        self.speaking = self._paused = False
        self.speech_s = self.silence_s = self._turn_s = self._breath_s = 0.0
        self._loud_windows = 0

    def _wait_for_start(self, probability: float) -> Signal | None:
        loud = probability >= self.settings.start_probability
        self._loud_windows = self._loud_windows + 1 if loud else 0
        needed = self.settings.start_windows
        if self._loud_windows < needed:
            return None
        self.reset()
        self.speaking = True
        self.speech_s = self._turn_s = needed * WINDOW_S
        return Signal.STARTED

    def _speech(self) -> Signal | None:
        """A click in a pause makes the pause longer, but adds nothing to what was said: as a turn starts, so it goes on."""
        self.speech_s += WINDOW_S
        self._breath_s = max(self._breath_s, self.silence_s)
        self.silence_s = 0.0
        if not self._paused:
            return None
        self._loud_windows += 1
        if self._loud_windows < self.settings.start_windows:
            return None
        self._paused = False
        return Signal.RESUMED

    def _silence(self, expect: Expect, patience: TurnHint) -> Signal | None:
        self.silence_s += WINDOW_S
        self._loud_windows = 0
        if not self._paused and self.silence_s >= self.settings.decode_silence_s(expect, self._breath_s):
            self._paused = True
            return Signal.PAUSED
        if self._paused and self.silence_s >= self.settings.end_silence_s(expect, patience):
            return self._end()
        return None

    def _end(self) -> Signal:
        self.speaking = False
        self._loud_windows = 0
        return Signal.ENDED


@cache
def _words() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Unfinished endings, hums and nods of all languages: callers mix them."""
    turns = [each.turns for each in languages().values()]
    return (
        frozenset().union(*(each.unfinished for each in turns)),
        frozenset().union(*(each.hums for each in turns)),
        frozenset().union(*(each.nods for each in turns)),
    )


@cache
def _dictated_words() -> frozenset[str]:
    """Words after which a number may go on, folded, of all languages: numbers, and "double". An ordinal ends one; slang never
    begins one.
    """
    numbers = (
        word
        for each in languages().values()
        for word, entry in each.number_words.items()
        if entry.slot in _GOING_ON
        and not entry.ordinal
        and (entry.alone or entry.slot is Slot.DIGIT)
        and word not in each.turns.not_dictated
    )
    return frozenset(numbers).union(*(each.secrets.repeats for each in languages().values()))


@cache
def _between_digits() -> frozenset[str]:
    """Words that people say inside one number: "sześćset i", "zero dash"."""
    joins = (word for each in languages().values() for word, entry in each.number_words.items() if entry.slot is Slot.JOIN)
    return frozenset(joins).union(*(each.secrets.fillers for each in languages().values()))


def _mid_number(words: Sequence[str]) -> bool:
    """Whether the last word is of a number, or one said inside numbers directly after such a word."""
    last = words[-2:] if fold(words[-1]) in _between_digits() else words[-1:]
    return last[0].isdigit() or fold(last[0]) in _dictated_words()


def plain_words(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return re.findall(r"[\w'-]+", text.lower())


def turn_hint(text: str, decided: bool) -> TurnHint:
    """How long to wait for more, judged by the last word heard and by whether the words already decide the matter."""
    words = plain_words(text)
    if not words or text.rstrip().endswith(("...", "…")):
        return TurnHint.HESITANT if words else TurnHint.NEUTRAL
    if _mid_number(words):
        return TurnHint.MID_NUMBER
    if decided:
        return TurnHint.DECIDED
    return TurnHint.HESITANT if words[-1] in _words()[0] else TurnHint.NEUTRAL


def is_backchannel(text: str, expect: Expect) -> bool:
    """Whether words said over the bot are only a listener's sign of attention ("mhm", "no tak"), no answer.

    While a yes or no is awaited a nod in words is an early answer, so only hums count as attention there.
    """
    words = plain_words(text)
    if all(word in _words()[1] for word in words):
        return True
    return expect is Expect.OPEN and " ".join(words) in _words()[2]

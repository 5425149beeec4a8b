"""What is made ready before calls need it, and what is told of it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby, permutations
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from audio.errors import SynthesisError
from audio.prompt_store import PromptStore
from audio.synthesis import Sound
from caller_id.types import Caller
from dialogs.data.bundle import load_bundle
from dialogs.events import CallStarted, Prompt, Say
from dialogs.rehearsal.meanings import parse_meaning
from dialogs.rehearsal.rehearsal import Rehearsal
from voicebot.pace import Pace
from voicebot.prompts.speaking import Speaker, spoken_text
from voicebot.prompts.warming import likely_says, opening_says

BUNDLE = load_bundle()
NOW = datetime(2026, 11, 24, 10, 15, tzinfo=ZoneInfo("Europe/Warsaw"))
MATTERS = BUNDLE.routes.matters
LIKELY = list(likely_says(BUNDLE, NOW))
TONE = Sound(b"\x00\x10\x00\xf0" * 4000, 16000)


def sentence(prompt: Prompt, language: str) -> str:
    return spoken_text(BUNDLE.text(prompt, language, NOW), prompt)


def said(language: str, meaning: str) -> Iterator[str]:
    call = Rehearsal(BUNDLE, None, at=NOW)
    call.start(CallStarted(Caller(), language=language))
    call.say("x", parse_meaning(meaning, "x"))
    for action in call.actions:
        if isinstance(action, Say):
            yield from (sentence(prompt, language) for prompt in action.prompts)


READY = {sentence(prompt, say.language) for say in LIKELY for prompt in say.prompts}


@pytest.mark.parametrize("language", ["pl", "en"])
def test_every_matter_asked_back_and_every_emergency_offered_beside_another_is_ready(language: str) -> None:
    """Whichever of the two was the likelier."""
    asked = [f"confirm {matter}" for matter in MATTERS]
    asked += [
        f"choose {a} {b}" for a, b in permutations(MATTERS, 2) if BUNDLE.routes.is_emergency(a) or BUNDLE.routes.is_emergency(b)
    ]
    missing = {text for meaning in asked for text in said(language, meaning)} - READY
    assert not missing


def test_nothing_is_made_ready_twice() -> None:
    """A first start is long enough."""
    keys = [(say.prompts, say.language) for say in LIKELY]
    assert len(keys) == len(set(keys))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def told_at(ends: list[float]) -> list[tuple[float, int]]:
    """When something was told, of pieces of work that end at these times, and how many were done."""
    clock = Clock()
    told: list[tuple[float, int]] = []
    pace = Pace(lambda done, total: told.append((clock.now, done)), clock=clock)
    for done, clock.now in enumerate(ends, start=1):
        pace(done, len(ends))
    return told


def test_of_short_work_nothing_is_told() -> None:
    """Everything comes from the cache."""
    assert told_at([0.1, 0.2, 1.9]) == []


def test_of_long_work_is_told_now_and_then_and_at_its_end() -> None:
    """After two seconds, then every five, however many are done in between."""
    assert told_at([1.0, 1.9, 2.1, 2.2, 7.0, 7.1, 7.2, 8.0]) == [(2.1, 3), (7.1, 6), (8.0, 8)]


class Voice:
    """Speaks in no time, and keeps the order in which it was asked."""

    def __init__(self, asked: list[str], language: str) -> None:
        self.name = language
        self._asked = asked

    async def synthesise(self, text: str, speed: float = 1.0) -> Sound:
        self._asked.append(self.name)
        if "goodbye" in text.lower():
            raise SynthesisError("hoarse")
        return TONE

    async def close(self) -> None: ...


async def test_languages_are_made_ready_side_by_side_and_progress_ends_with_all(tmp_path: Path) -> None:
    """Each has an engine of its own; a text that cannot be spoken is counted like the others."""
    asked: list[str] = []
    store = PromptStore(tmp_path, {language: [Voice(asked, language)] for language in BUNDLE.prompts.files})
    told: list[tuple[int, int]] = []
    await Speaker(BUNDLE, store).warm((8000, 16000), lambda done, total: told.append((done, total)))
    total = told[0][1]
    assert told == [(done, total) for done in range(1, total + 1)]
    longest_alone = max(len(list(run)) for _, run in groupby(asked[: total // 2]))
    assert longest_alone <= 4  # some are made at once, and those of a language may end together


def test_what_is_made_before_the_first_call_is_what_a_silent_caller_hears() -> None:
    """A small part of all, in every language, and whole: from the greeting to the hand-over."""
    opening = list(opening_says(BUNDLE, NOW))
    assert {say.language for say in opening} == set(BUNDLE.prompts.languages)
    for language in BUNDLE.prompts.languages:
        call = Rehearsal(BUNDLE, None, at=NOW)
        call.start(CallStarted(Caller(), language=language))
        call.stay_silent(60)
        heard = [(action.prompts, action.language) for action in call.actions if isinstance(action, Say)]
        assert set(heard) <= {(say.prompts, say.language) for say in opening}
    assert len(opening) < len(LIKELY) / 10


async def test_a_likely_sentence_that_cannot_be_spoken_is_left_to_the_call(tmp_path: Path) -> None:
    """The others are made ready, and counted."""
    asked: list[str] = []
    store = PromptStore(tmp_path, {"en": [Voice(asked, "en")]})
    says = [Say((Prompt(name),), "en", "m") for name in ("goodbye", "no_such_prompt", "greeting")]
    told: list[tuple[int, int]] = []
    await Speaker(BUNDLE, store).warm_likely(says, (8000,), lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert asked == ["en", "en"]

"""What is to be recorded covers whatever can be said; what is recorded is joined, and never mixed with another voice."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.prompt_store import PromptStore
from audio.spoken import KINDS, speak
from audio.synthesis import Sound
from dialogs.data.bundle import DEFAULT_BUNDLE, load_bundle
from dialogs.data.parts import PartBook, words_of
from dialogs.events import Prompt, Say
from voicebot.prompts.recording_list import Line, recording_list, words_of_values
from voicebot.prompts.speaking import Speaker
from voicebot.prompts.studio import import_files

TODAY = date(2026, 11, 25)
NOW = datetime(2026, 11, 25, 12, tzinfo=ZoneInfo("Europe/Warsaw"))
BUNDLE = load_bundle()
LINES = {language: recording_list(BUNDLE, language, TODAY) for language in ("pl", "en")}

clock = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59)) | st.just("24:00")
money = st.builds(
    "{}{}.{:02} {}".format,
    st.sampled_from(["", "-"]),
    st.integers(0, 10**12 - 1),
    st.integers(0, 99),
    st.sampled_from(["PLN", "EUR", "USD", "GBP", "CHF"]),
)
VALUES: dict[str, st.SearchStrategy[str]] = {
    "number": st.integers(-(10**12) + 1, 10**12 - 1).map(str) | st.from_regex(r"-?[0-9]{1,12}[.][0-9]{1,6}", fullmatch=True),
    "ordinal": st.integers(0, 999).map(str),
    "amount": money,
    "money": money,
    "hour": clock,
    "hours_range": st.builds("{}-{}".format, clock, clock),
    "date": st.dates().map(str),
    "weekday": st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
    "phone": st.builds("{}{}".format, st.sampled_from(["", "+", "+48"]), st.text("0123456789", min_size=3, max_size=13)),
    "digits": st.text("0123456789*#", min_size=1, max_size=10),
    "minutes": st.integers(0, 999).map(str),
    "about_minutes": st.integers(0, 999).map(str),
}
"""Of every kind but free text, all that `speak` takes."""


def test_every_kind_is_looked_at() -> None:
    assert VALUES.keys() == KINDS - {"text"}


@pytest.mark.parametrize("language", ["pl", "en"])
@pytest.mark.parametrize("kind", sorted(VALUES))
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_is_said_of_a_value_is_in_the_list(language: str, kind: str, data: st.DataObject) -> None:
    *inside, last = words_of(speak(kind, data.draw(VALUES[kind]), language))
    listed = words_of_values(kind, language)
    assert set(inside) <= set(listed[0])
    assert last in listed[1]


PLACES = {
    "expected_wait": {"wait": VALUES["minutes"]},
    "closed": {"opens_day": st.just("day.tomorrow"), "opens": clock},
    "callback_number": {"number_digits": VALUES["digits"]},
    "callback_number.abroad": {"number": VALUES["phone"]},
    "callback_confirm_again.abroad": {"number": VALUES["phone"]},
    "choose.two": {"first": st.sampled_from(["matter.fees", "matter.blik"]), "last": st.just("matter.card_block")},
    "menu_option": {"what": st.just("matter.fees"), "key": st.sampled_from("123456789")},
}


@pytest.mark.parametrize("language", ["pl", "en"])
@pytest.mark.parametrize("prompt", sorted(PLACES))
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_with_all_that_is_needed_recorded_every_sentence_can_be_joined(language: str, prompt: str, data: st.DataObject) -> None:
    values = {name: data.draw(values) for name, values in PLACES[prompt].items()}
    text = BUNDLE.text(Prompt(prompt, tuple(values.items())), language, NOW)
    said = text.text
    for name, kind in text.places:
        said = said.replace(f"{{{name}:{kind}}}", speak(kind, values[name], language))
    for lines in (LINES[language], [line for line in LINES[language] if line.needed]):
        parts = PartBook([(line.text, line.name) for line in lines]).saying(said)
        assert parts is not None, said


def test_every_recording_has_a_name_and_a_text_of_its_own() -> None:
    for lines in LINES.values():
        assert len({line.name for line in lines}) == len(lines)
        parts = [line for line in lines if line.part]
        assert len({words_of(line.text) for line in parts}) == len(parts)
    by_name = {line.name: line for line in LINES["pl"]}
    assert by_name["part.dwadziescia"].text == "dwadzieścia"
    assert by_name["part.minut.end"].how == "voice falls, as at a full stop"
    assert not by_name["part.dwa.comma"].needed
    assert "app_pair" not in {line.example for line in LINES["pl"]}, "two free words are always synthesised"


class Robot:
    """A voice that a recording is not mistaken for: silence."""

    name = "robot"

    def __init__(self) -> None:
        self.said: list[str] = []

    async def synthesise(self, text: str, speed: float = 1.0) -> Sound:
        self.said.append(text)
        return Sound(bytes(16000), 16000)

    async def close(self) -> None:
        pass


WAIT = ("Trzeba poczekać", "około", "dwudziestu", "dwóch", "minut.")


def recorded(tmp_path: Path) -> Path:
    """A bundle in which a wait of twenty-two minutes can be joined."""
    root = Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))
    lines: list[Line] = [line for line in LINES["pl"] if line.text in WAIT]
    for place, line in enumerate(lines):
        at = np.arange(8000) / 16000
        soundfile.write(tmp_path / f"{line.name}.wav", 0.2 * np.sin(2 * np.pi * (150 + 20 * place) * at), 16000)
    files = [tmp_path / f"{line.name}.wav" for line in lines]
    assert len(import_files(load_bundle(root), lines, files)) == len(WAIT)
    return root


async def test_a_sentence_is_joined_when_all_its_parts_are_there_and_else_has_one_voice(tmp_path: Path) -> None:
    robot = Robot()
    bundle = load_bundle(recorded(tmp_path))
    store = PromptStore(None, {"pl": [robot]})
    speaker = Speaker(bundle, store, clock=lambda: NOW)

    async def says(minutes: str, speed: float = 1.0) -> float:
        say = Say((Prompt("expected_wait", (("wait", minutes),)),), "pl", "m", speed=speed)
        return len(await speaker.pcm(say, 8000)) / 16000

    assert await says("22") == pytest.approx(5 * 0.5, abs=0.2)
    assert robot.said == []
    assert await says("23") == pytest.approx(0.5, abs=0.1)
    assert robot.said == ["Trzeba poczekać około dwudziestu trzech minut."], "the whole sentence, in one voice"
    await says("22", speed=0.8)
    assert len(robot.said) == 2, "slower is synthesised"
    next((bundle.root / "recordings" / "pl").glob("part.dwoch.*")).write_bytes(b"damaged")
    fresh = Speaker(bundle, PromptStore(None, {"pl": [robot]}), clock=lambda: NOW)
    say = Say((Prompt("expected_wait", (("wait", "22"),)),), "pl", "m")
    assert not any(await fresh.pcm(say, 8000)), "one part that cannot be played leaves the whole to the other voice"
    assert robot.said[-1] == "Trzeba poczekać około dwudziestu dwóch minut."

"""Texts as they are said: their values in words of the language."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialogs.data.bundle import load_bundle
from dialogs.data.hours import Calendar, HoursSpec
from tests.dialogs.calls import SATURDAY_NIGHT, Call, means
from voicebot.prompts.speaking import spoken_text

BUNDLE = load_bundle()
WEEK = {"mon-fri": "07:00-22:00"}
IN_A_WEEK = "the twenty-eighth of November"


@pytest.mark.parametrize(
    ("mortgage", "polish", "english"),
    [
        (WEEK, "w poniedziałek, od siódmej", "on Monday from seven in the morning"),
        ({"sun": "09:30-15:00"}, "jutro, od dziewiątej trzydzieści", "tomorrow from half past nine in the morning"),
        ({"sat": "12:00-24:00"}, "dziś, od dwunastej", "today from noon"),
        ({"sun": "00:00-24:00"}, "dziś, od północy", "today from midnight"),
        ({"sun": "00:30-24:00"}, "jutro, od zerowej trzydzieści", "tomorrow from half past midnight"),
        ({"mon": "00:00-24:00"}, "w poniedziałek, od północy", "on Monday from midnight"),
        (
            {"sat": "02:00-03:00"},
            "dwudziestego ósmego listopada, od drugiej",
            "on the twenty-eighth of November from two in the morning",
        ),
        ({"mon": "closed"}, "w najbliższy dzień roboczy, od ósmej", "on the next working day from eight in the morning"),
    ],
)
def test_the_day_and_the_hour_of_opening_are_said_as_people_say_them(mortgage: dict[str, str], polish: str, english: str) -> None:
    """On Saturday at three in the night. A day in a week is not called by its weekday, and midnight is that of tonight."""
    calendar = Calendar({**BUNDLE.routes.hours, "office": HoursSpec(mortgage)}, [], "Europe/Warsaw", "PL")
    bundle = replace(BUNDLE, calendar=calendar)
    said = Call(bundle, at=SATURDAY_NIGHT).hears(means("mortgage")).dialog.state.said[-1][0]
    sentences = [spoken_text(bundle.text(said, language, SATURDAY_NIGHT), said) for language in ("pl", "en")]
    assert sentences == [
        f"W tej sprawie odbierzemy {polish}. Oddzwonić czy zapisać wiadomość?",
        f"We can take that {english}. Shall we call you back, or take a message?",
    ]

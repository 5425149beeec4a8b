"""A telephone number said aloud becomes the digits that would be dialled."""

from __future__ import annotations

import pytest

from voicebot.conversation.spoken_number import spoken_digits


@pytest.mark.parametrize(
    ("text", "lang", "digits"),
    [
        ("sześć zero jeden dwa trzy cztery pięć sześć siedem", "pl", "601234567"),
        ("to jest sześćset jeden, dwieście trzydzieści cztery, pięćset sześćdziesiąt siedem", "pl", "601234567"),
        ("601 234 567", "pl", "601234567"),
        (
            "plus czterdzieści osiem sześćset jeden dwieście trzydzieści cztery pięćset sześćdziesiąt siedem",
            "pl",
            "0048601234567",
        ),
        ("five oh one two three four five six seven", "en", "501234567"),
        ("nie wiem, później", "pl", ""),
        ("dwie sprawy", "pl", ""),
    ],
)
def test_digits_in_the_order_in_which_they_are_said(text: str, lang: str, digits: str) -> None:
    assert spoken_digits(text, lang) == digits

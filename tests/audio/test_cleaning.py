"""What Whisper makes up is taken out; what callers really repeat stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.recognisers.cleaning import is_hallucination, loops, unlooped


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Tak tak tak tak tak tak", "Tak"),
        ("5 5 5 5 5 5 5 5", "5"),
        ("Seven of clubs. Seven of clubs.", "Seven of clubs."),
        ("Had he married her, he would. Had he married her, he", "Had he married her, he would."),
        ("no tak no tak no tak", "no tak"),
        ("Chcę zablokować kartę. Chcę zablokować kartę. Chcę zablokować", "Chcę zablokować kartę."),
        ("[muzyka] Dzień dobry ♪", "Dzień dobry"),
        ("", ""),
    ],
)
def test_loops_are_said_once(written: str, said: str) -> None:
    assert unlooped(written) == said


@pytest.mark.parametrize(
    "said",
    [
        "nie, nie, nie",
        "no no",
        "tak, tak, dokładnie tak",
        "dwa dwa trzy trzy",
        "nie wiem, nie wiem",
        "saldo, to znaczy nie saldo, tylko historia",
    ],
)
def test_what_people_repeat_stays(said: str) -> None:
    assert unlooped(said) == said
    assert not loops(said)


@given(st.lists(st.sampled_from(["tak", "nie", "karta", "moja", "pięć"]), max_size=30))
def test_cleaning_twice_changes_no_more_than_a_loop_inside_a_loop(words: list[str]) -> None:
    once = unlooped(" ".join(words))
    assert len(once.split()) <= len(words)
    assert set(once.split()) == set(words)


@pytest.mark.parametrize(
    "text",
    [
        "Napisy stworzone przez społeczność Amara.org",
        "Dziękuję za uwagę.",
        "Dzięki za oglądanie!",
        "Thanks for watching!",
        "Thank you for watching.",
        "Please subscribe to my channel",
        "Subtitles by the Amara.org community",
    ],
)
def test_subtitle_credits_are_recognised(text: str) -> None:
    assert is_hallucination(text)


@pytest.mark.parametrize(
    "text", ["Dziękuję", "Dziękuję bardzo", "Thank you", "Thanks, bye", "Chcę napisać reklamację", "Dziękuję, do widzenia", ""]
)
def test_thanks_of_callers_are_not_credits(text: str) -> None:
    assert not is_hallucination(text)

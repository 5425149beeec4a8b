"""A studio's file names and what they mean."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.authoring.recording_names import RecordingNames, name_tokens

IDS = (
    "ask_matter",
    "ask_matter.short",
    "choose.two",
    "menu",
    "menu.cards",
    "part.dwadziescia",
    "part.dwadziescia.end",
    "step2",
    "ok",
)


@pytest.mark.parametrize(
    ("stem", "found"),
    [
        ("ask_matter", ("ask_matter",)),
        ("012_Ask Matter-final v2", ("ask_matter",)),
        ("12. ASK-MATTER", ("ask_matter",)),
        ("ask_matter.short (1)", ("ask_matter.short",)),
        ("Ask_Matter_Short_take03", ("ask_matter.short",)),
        ("part.Dwadzieścia.wersja 2", ("part.dwadziescia",)),
        ("part dwadzieścia end", ("part.dwadziescia.end",)),
        ("menu 48k 24bit master", ("menu",)),
        ("step 2", ("step2",)),
        ("ok", ("ok",)),
        ("007 ok final", ("ok",)),
        ("ask", ()),
        ("menu cards extra", ()),
        ("", ()),
        ("042", ()),
    ],
)
def test_a_name_means_one_prompt_or_none(stem: str, found: tuple[str, ...]) -> None:
    assert RecordingNames(IDS).matches(stem) == found


def test_a_name_that_may_mean_two_is_left_to_a_person() -> None:
    names = RecordingNames(["a.bc", "ab_c"])
    assert names.matches("AB C") == ("a.bc", "ab_c")
    assert names.matches("ab_c") == ("ab_c",)


ids = st.lists(st.from_regex(r"[a-z]{1,5}([._][a-z0-9]{1,5}){0,2}", fullmatch=True), unique=True, min_size=1, max_size=8)
before = st.sampled_from(["", "3 ", "012_", "4-"])
after = st.sampled_from(["", " v2", "-final", "_take3", " (1)", " final v2", " OK", "_24bit"])


@given(ids, st.data(), before, after, st.booleans())
def test_what_a_studio_adds_to_a_name_never_makes_it_another(
    known: list[str], data: st.DataObject, front: str, back: str, shout: bool
) -> None:
    """A file is of the prompt whose name it holds whole, but for numbers in front and the words of takes behind."""
    meant = data.draw(st.sampled_from(known))
    stem = front + (meant.upper() if shout else meant) + back
    found = RecordingNames(known).matches(stem)
    assert found
    for each in found:
        rest = re.fullmatch(rf"(\d*){re.escape(''.join(name_tokens(each)))}(.*)", "".join(name_tokens(stem)))
        assert rest, (stem, each)
    if not any(other != meant and "".join(name_tokens(other)).startswith("".join(name_tokens(meant))) for other in known):
        assert meant in found or any("".join(name_tokens(each)).startswith(tuple("0123456789")) for each in found)


@given(st.text(max_size=40), ids)
def test_any_name_at_all_has_an_answer(stem: str, known: list[str]) -> None:
    assert set(RecordingNames(known).matches(stem)) <= set(known)

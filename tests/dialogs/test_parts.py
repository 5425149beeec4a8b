"""Which recorded parts say a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.data.parts import PartBook, RecordedPart, bare, mark_of, words_of

BOOK = PartBook(
    [
        ("Trzeba poczekać", "wait"),
        ("około", "about"),
        ("dwudziestu", "20"),
        ("jeden", "1"),
        ("dwóch", "2"),
        ("minut.", "minutes."),
        ("minut", "minutes"),
        ("Trzeba", "must"),
        ("poczekać", "to wait"),
        ("dwudziestu dwóch", "22"),
        ("jeden,", "1,"),
    ]
)


@pytest.mark.parametrize(
    ("said", "recordings"),
    [
        ("Trzeba poczekać około dwudziestu jeden minut.", "wait about 20 1 minutes."),
        ("trzeba poczekać OKOŁO dwudziestu dwóch minut?", "wait about 22 minutes"),
        ("Jeden, jeden: dwóch.", "1, 1, 2"),
        ("Trzeba  poczekać - około", "wait about"),
        ("„Trzeba poczekać”…", "wait"),
        ("Trzeba poczekać pięć minut.", None),
        ("Poczekać minut.", "to_wait minutes."),
        ("", None),
        ("…", None),
    ],
)
def test_the_fewest_parts_with_the_right_endings_say_it_or_none_do(said: str, recordings: str | None) -> None:
    parts = BOOK.saying(said)
    assert (None if parts is None else " ".join(part.recording.replace(" ", "_") for part in parts)) == recordings


def test_a_pause_follows_where_a_clause_ends() -> None:
    assert BOOK.saying("jeden, jeden minut.") == (
        RecordedPart("1,", True),
        RecordedPart("1", False),
        RecordedPart("minutes.", True),
    )


def test_the_form_for_an_end_is_never_said_in_the_middle() -> None:
    assert PartBook([("dwa.", "2.")]).saying("dwa dwa.") is None


@given(st.text(), st.text())
def test_words_of_joined_texts_are_the_words_of_each(one: str, other: str) -> None:
    assert words_of(f"{one} {other}") == words_of(one) + words_of(other)
    assert all(bare(word) and mark_of(word) in ("", ".", "?", ",") for word in words_of(one))


@given(st.lists(st.sampled_from(["a", "b,", "c.", "d?"]), min_size=1, max_size=8), st.data())
def test_the_parts_say_exactly_the_words(words: list[str], data: st.DataObject) -> None:
    pieces = data.draw(st.lists(st.lists(st.sampled_from(["a", "b,", "c.", "d?", "b", "c"]), min_size=1, max_size=3), max_size=8))
    found = PartBook([(" ".join(piece), " ".join(piece)) for piece in pieces]).saying(" ".join(words))
    if found is not None:
        assert [bare(word) for part in found for word in words_of(part.recording)] == [bare(word) for word in words]

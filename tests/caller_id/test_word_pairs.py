"""The lists of words that are heard and read, and compared by a person."""

from __future__ import annotations

from itertools import combinations

import pytest

from caller_id.word_pairs import WORD_LISTS, language_of_pair, new_pair

LISTS = [(language, words) for language, lists in WORD_LISTS.items() for words in (lists.adjectives, lists.nouns)]
LETTERS = {"pl": set("aąbcćdeęfghijklłmnńoóprsśtuwyzźż"), "en": set("abcdefghijklmnopqrstuvwxyz")}
LONGEST_MESSAGE = 40


def changes(one: str, other: str) -> int:
    """Letters to change, add or take away (Levenshtein)."""
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, start=1):
        before, row[0] = row[0], place
        for column, another in enumerate(other, start=1):
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, before + (letter != another))
    return row[-1]


def test_there_are_enough_of_them() -> None:
    assert [len(words) for _, words in LISTS] == [128] * 4
    assert set(WORD_LISTS) == {"pl", "en"}


@pytest.mark.parametrize(("language", "words"), LISTS)
def test_words_are_short_plain_and_begin_differently(language: str, words: tuple[str, ...]) -> None:
    assert all(4 <= len(word) <= 9 and set(word) <= LETTERS[language] for word in words)
    assert len({word[:2] for word in words}) == len(words)


@pytest.mark.parametrize(("language", "words"), LISTS)
def test_no_word_is_easily_taken_for_another(language: str, words: tuple[str, ...]) -> None:
    assert not [pair for pair in combinations(words, 2) if changes(*pair) < 3]


def test_adjectives_and_nouns_are_different_words() -> None:
    assert all(not set(lists.adjectives) & set(lists.nouns) for lists in WORD_LISTS.values())


def test_every_polish_adjective_agrees_with_every_noun() -> None:
    lists = WORD_LISTS["pl"]
    assert all(word[-1] in "yi" for word in lists.adjectives)  # masculine
    assert all(word[-1] not in "aąeęioóuy" for word in lists.nouns)


def test_a_pair_is_drawn_from_all_of_them_and_fits_a_screen() -> None:
    for language, lists in WORD_LISTS.items():
        assert new_pair(language, draw=lambda words: words[-1]) == f"{lists.adjectives[-1]} {lists.nouns[-1]}"
        adjective, noun = new_pair(language).split()
        assert adjective in lists.adjectives
        assert noun in lists.nouns
        assert max(map(len, lists.adjectives)) + 1 + max(map(len, lists.nouns)) <= LONGEST_MESSAGE


def test_whoever_speaks_a_language_without_lists_gets_the_first() -> None:
    assert [language_of_pair(each) for each in ("en", "uk", None)] == ["en", "pl", "pl"]

"""Answers to closed questions: what sounds like an expected phrase becomes it, and nothing else does."""

from __future__ import annotations

import pytest

from audio.recognisers.closed import chosen, expected
from audio.recognisers.grammar import grammar
from audio.types import Reading
from nlu.text.number_words import numbers_to_digits


def understood(text: str, expect: str, language: str) -> str:
    allowed = grammar(expect, language)
    assert allowed is not None
    return expected([Reading(text, 0.8)], allowed)[0].text


# what the embedded model wrote for real voices saying the word on the right
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Ziesięć.", "dziesięć"),
        ("Jeden astie.", "jedenaście"),
        ("Trzynasty.", "trzynaście"),
        ("siedem naście", "siedemnaście"),
        ("Trze.", "trzy"),
        ("Tery.", "cztery"),
        ("Siedam.", "siedem"),
        ("Szest.", "sześć"),
        ("Giewicz.", "dziewięć"),
        ("Oshin.", "osiem"),
        ("14.", "14"),
        ("XIX.", "19"),
        ("4, 5, 6", "4 5 6"),
        ("dwa, trzy, Tery", "dwa trzy cztery"),
    ],
)
def test_polish_digits(written: str, said: str) -> None:
    assert understood(written, "digits", "pl") == said


@pytest.mark.parametrize(
    ("written", "said"),
    [("4-5-6", "4 5 6"), ("Tero.", "zero"), ("seven seven zero", "seven seven zero"), ("Agent.", "agent"), ("770", "770")],
)
def test_english_digits(written: str, said: str) -> None:
    assert understood(written, "digits", "en") == said


@pytest.mark.parametrize(
    ("written", "said", "language"),
    [
        ("Tak!", "tak", "pl"),
        ("Niee.", "nie", "pl"),
        ("Zgadzasie", "zgadza się", "pl"),
        ("Konsultanta", "konsultant", "pl"),
        ("Yes, please.", "yes please", "en"),
        ("Nope.", "nope", "en"),
        ("That's write.", "that's right", "en"),
        ("Consulment please.", "consultant please", "en"),
    ],
)
def test_yes_and_no(written: str, said: str, language: str) -> None:
    assert understood(written, "yes_no", language) == said


@pytest.mark.parametrize(
    ("sentence", "language"),
    [
        ("Zgubiłam kartę w tramwaju.", "pl"),
        ("Nie, chodzi mi o kredyt.", "pl"),
        ("Dzień dobry.", "pl"),
        ("No, it's about my mortgage.", "en"),
        ("I've lost my card.", "en"),
    ],
)
@pytest.mark.parametrize("expect", ["yes_no", "digits"])
def test_anything_else_stays_as_it_was_written(sentence: str, language: str, expect: str) -> None:
    assert understood(sentence, expect, language) == sentence


def test_the_nearer_a_reading_the_surer() -> None:
    allowed = grammar("digits", "pl")
    assert allowed is not None
    readings = expected([Reading("Siedam.", 0.5), Reading("siedem", 0.4), Reading("Oshin.", 0.3)], allowed)
    assert readings[0].confidence == pytest.approx(0.5 * 5 / 6, abs=1e-3)
    assert [reading.text for reading in readings] == ["siedem", "osiem"]


def test_open_questions_have_no_grammar() -> None:
    assert grammar("open", "pl") is None
    assert grammar("choice", "en") is None
    assert grammar("yes_no", "uk") is None


@pytest.mark.parametrize(
    ("writings", "expect", "language", "answer"),
    [
        ([("9 9", 0.25), ("9", 0.2), ("Nine.", 0.15), ("nine", 0.05)], "digits", "en", "9"),
        ([("Jedno.", 0.2), ("1.", 0.15), ("Dwa", 0.3)], "digits", "pl", "jedno"),
        ([("Oh.", 0.5), ("4", 0.1)], "digits", "en", "4"),
        ([("Eive.", 0.5), ("Five.", 0.1)], "digits", "en", "five"),
        ([("Yes. Correct", 0.6), ("Correct!", 0.3)], "yes_no", "en", "correct"),
    ],
)
def test_of_the_answers_the_likeliest_counts_however_it_is_written(
    writings: list[tuple[str, float]], expect: str, language: str, answer: str
) -> None:
    allowed = grammar(expect, language)
    assert allowed is not None
    found = chosen(writings, allowed)
    assert found is not None
    assert found.text == answer
    assert chosen([("Seat.", 0.9), ("", 0.1)], allowed) is None


@pytest.mark.parametrize("language", ["pl", "en"])
def test_figures_are_those_of_their_words(language: str) -> None:
    allowed = grammar("digits", language)
    assert allowed is not None
    for word, figure in allowed.figures.items():
        assert word == "oh" or numbers_to_digits(word, language) == figure
    assert len(set(allowed.figures.values())) == 28

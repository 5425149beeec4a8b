"""Answers to closed questions: what sounds like an expected phrase becomes it, and nothing else does."""

from __future__ import annotations

import pytest

from audio.recognisers.closed import expected
from audio.recognisers.grammar import grammar
from audio.types import Reading


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

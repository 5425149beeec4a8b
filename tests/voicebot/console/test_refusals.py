"""Every refusal that a page may show has its words in both languages."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import voicebot
from voicebot.accounts.users import AccountError
from voicebot.console.texts import LANGUAGES, texts

_REFUSALS = {"AccountError", "PersonError", "ReleaseError", "SwitchRefused"}


def refusals() -> Iterator[tuple[str, set[str]]]:
    """The `why` of each that the code raises, with the names of its facts."""
    for file in Path(voicebot.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in _REFUSALS
                and len(node.args) > 1
            ):
                why = node.args[1]
                assert isinstance(why, ast.Constant), f"{file}:{node.lineno}"
                yield str(why.value), {each.arg for each in node.keywords if each.arg is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_has_its_words_and_what_they_name(language: str) -> None:
    found = list(refusals())
    assert len(found) > 40
    for why, facts in found:
        words = texts()[f"refused.{why}"][language]
        assert {name for _, name, _, _ in string.Formatter().parse(words) if name} <= facts, why


def test_no_words_are_left_over() -> None:
    known = {f"refused.{why}" for why, _ in refusals()}
    assert {key for key in texts() if key.startswith("refused.")} == known


def test_a_refusal_without_words_for_pages_is_its_message() -> None:
    """As those that a page itself makes."""
    error = AccountError("Zaznacz coś.")
    assert (str(error), error.why, error.facts) == ("Zaznacz coś.", "", {})

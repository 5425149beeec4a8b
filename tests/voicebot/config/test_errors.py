"""The error tree: stable codes, and what each means to the caller."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

import audio.errors
import caller_id.directory
import dialogs.data.errors
import nlu.errors
import voicebot.endpoints.errors
import voicebot.errors
from dialogs.data.bundle import Bundle, load_bundle
from voicebot.conversation.rescue import TEXTS
from voicebot.errors import Consequence, VoicebotError, code_of, consequence

TREES = (audio.errors, caller_id.directory, dialogs.data.errors, nlu.errors, voicebot.errors, voicebot.endpoints.errors)
STAGES = {None, "recogniser", "classifier", "voice", "max_length"}  # what the dialogue does something about


@cache
def bundle() -> Bundle:
    return load_bundle()


def errors() -> Iterator[type[Exception]]:
    for module in TREES:
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception) and kind.__module__ == module.__name__:
                yield kind


@pytest.mark.parametrize("kind", list(errors()), ids=lambda kind: kind.__name__)
def test_every_error_in_the_house_has_a_code_and_a_consequence(kind: type[Exception]) -> None:
    """A stage the dialogue knows, and a prompt that exists in every complete language."""
    code = kind.code  # type: ignore[attr-defined]
    assert code.count(".") == 1
    means = consequence(code)
    assert means.stage in STAGES
    if means.prompt is not None:
        prompts = bundle().prompts
        for language in ("pl", "en"):
            assert (means.prompt, language) in TEXTS or means.prompt in prompts.files[language].prompts


def test_codes_of_the_service_are_not_used_twice() -> None:
    """A code names one thing."""
    codes = [kind.code for kind in errors()]  # type: ignore[attr-defined]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("code", "means"),
    [
        ("audio.recogniser", Consequence("recogniser", "use_keys")),
        ("audio.synthesis", Consequence("voice")),
        ("nlu.failed", Consequence("classifier", "use_keys")),
        ("state.unavailable", Consequence()),
        ("records.rejected", Consequence()),
        ("handoff.failed", Consequence(None, "apology")),
        ("telephony.max_length", Consequence("max_length", "too_long")),
        ("something.new", Consequence(None, "rescue.connecting")),
    ],
)
def test_the_ladder_of_degradation(code: str, means: Consequence) -> None:
    """No recogniser: keys; no classifier: keys; no voice: a human; state or records away: nobody notices; unknown: a human."""
    assert consequence(code) == means


@given(st.text())
def test_any_code_has_a_consequence(code: str) -> None:
    """Also one nobody has thought of."""
    assert isinstance(consequence(code), Consequence)


def test_the_code_of_any_exception_is_told() -> None:
    """Ours by their own, others by their type."""
    assert code_of(VoicebotError()) == "voicebot.failed"
    assert code_of(ZeroDivisionError()) == "python.ZeroDivisionError"
    assert code_of(SystemExit(3)) == "python.SystemExit"


def test_every_error_of_the_service_is_in_the_tree() -> None:
    """Whoever catches VoicebotError misses none that is defined in these rooms."""
    for room in ("state", "handoff", "records", "web"):
        package = import_module(f"voicebot.{room}")
        for module in pkgutil.iter_modules(package.__path__, f"voicebot.{room}."):
            for _, kind in inspect.getmembers(import_module(module.name), inspect.isclass):
                if issubclass(kind, Exception) and kind.__module__ == module.name:
                    assert issubclass(kind, VoicebotError)

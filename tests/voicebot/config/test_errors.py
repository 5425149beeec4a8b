"""The error tree: every error has a stable code."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

import audio.errors
import caller_id.directory
import dialogs.data.errors
import nlu.errors
import voicebot.endpoints.errors
import voicebot.errors
from voicebot.errors import VoicebotError, code_of

TREES = (audio.errors, caller_id.directory, dialogs.data.errors, nlu.errors, voicebot.errors, voicebot.endpoints.errors)


def errors() -> Iterator[type[Exception]]:
    for module in TREES:
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception) and kind.__module__ == module.__name__:
                yield kind


@pytest.mark.parametrize("kind", list(errors()), ids=lambda kind: kind.__name__)
def test_every_error_has_a_code(kind: type[Exception]) -> None:
    """The stage, and what happened there."""
    assert kind.code.count(".") == 1  # type: ignore[attr-defined]


def test_codes_of_the_service_are_not_used_twice() -> None:
    """A code names one thing."""
    codes = [kind.code for kind in errors()]  # type: ignore[attr-defined]
    assert len(codes) == len(set(codes))


def test_the_code_of_any_exception_is_told() -> None:
    """Ours by their own, others by their type."""
    assert code_of(VoicebotError()) == "voicebot.failed"
    assert code_of(ZeroDivisionError()) == "python.ZeroDivisionError"
    assert code_of(SystemExit(3)) == "python.SystemExit"


def test_every_error_of_the_service_is_in_the_tree() -> None:
    """Whoever catches VoicebotError misses none that is defined in these packages."""
    for room in ("state", "handoff", "records", "web"):
        package = import_module(f"voicebot.{room}")
        for module in pkgutil.iter_modules(package.__path__, f"voicebot.{room}."):
            for _, kind in inspect.getmembers(import_module(module.name), inspect.isclass):
                if issubclass(kind, Exception) and kind.__module__ == module.name:
                    assert issubclass(kind, VoicebotError)

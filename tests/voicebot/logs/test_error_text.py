"""Errors in words that cannot quote a caller."""

from __future__ import annotations

import json

import pytest
from redis.exceptions import RedisError

from voicebot.error_text import error_text, traceback_text
from voicebot.errors import StateError


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StateError("the state server refuses: 'x'"), "StateError: the state server refuses: 'x'"),
        (ValueError("invalid literal for int() with base 10: '7391'"), "ValueError"),
        (KeyError("7391"), "KeyError"),
        (UnicodeEncodeError("ascii", "zgubiłem kartę", 5, 6, "x"), "UnicodeEncodeError"),
        (TypeError("can only join 'str', not \"7391\""), "TypeError: can only join '…', not '…'"),
        (OSError(28, "No space left on device"), "OSError: [Errno 28] No space left on device"),
        (FileNotFoundError(2, "zgubiłem", "/var/7391"), "FileNotFoundError: [Errno 2] No such file or directory"),
        (OSError("zgubiłem"), "OSError"),
        (RuntimeError("zgubiłem"), "RuntimeError"),
        (RedisError("away: 'zgubiłem'"), "RedisError: away: '…'"),
        (json.JSONDecodeError("zgubiłem", "zgubiłem", 1), "JSONDecodeError"),
        (RuntimeError(), "RuntimeError"),
        (Mute(), "Mute"),
    ],
    ids=repr,
)
def test_a_message_is_told_unless_it_may_quote_a_caller(error: Exception, told: str) -> None:
    assert error_text(error) == told


def test_a_traceback_tells_where_from_and_the_error_before() -> None:
    """And of a group each error in it."""

    def fails() -> None:
        try:
            int("7391x")
        except ValueError as error:
            raise ExceptionGroup("two", [KeyError("7391"), OSError(5, "away")]) from error

    with pytest.raises(ExceptionGroup) as caught:
        fails()
    told = traceback_text((caught.type, caught.value, caught.tb))
    words = [line for line in told.splitlines() if line and not line.startswith(" ")]
    assert [line for line in words if not line.startswith("Traceback")] == [
        "ValueError",
        "ExceptionGroup: two (2 sub-exceptions)",
        "KeyError",
        "OSError: [Errno 5] Input/output error",
    ]
    assert "in fails" in told


def test_a_chain_that_holds_itself_ends() -> None:
    first, second = OSError("a"), OSError("b")
    first.__context__, second.__context__ = second, first
    assert traceback_text((OSError, first, None)).count("OSError") == 2

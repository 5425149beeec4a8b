"""The fields of log lines: all are known, each has one type, and the page about them is up to date."""

from __future__ import annotations

import ast
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

import voicebot
from voicebot.log_fields import FIELDS, PAGE, FieldType, page, schema, written
from voicebot.logs import OUR_LOGGERS, configure_logs
from voicebot.redaction import DEBUG_LOGS, LOGS

ROOT = Path(voicebot.__file__).parents[1]
METHODS = {"debug", "info", "warning", "error", "exception", "critical", "bind"}
OF_LOGGING = {"exc_info", "stack_info", "stacklevel", "extra"}


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call of a logger in our packages, with its place."""
    for package in OUR_LOGGERS:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in METHODS
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id in ("log", "_log", "logger", "_logger")
                ):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def fields_of(call: ast.Call) -> Iterator[tuple[str | None, ast.expr]]:
    """The names and values that a call gives; a name is None where they are not written out."""
    for keyword in call.keywords:
        if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict):
            for name, value in zip(keyword.value.keys, keyword.value.values, strict=True):
                yield (str(name.value) if isinstance(name, ast.Constant) else None), value
        elif keyword.arg not in OF_LOGGING or keyword.arg == "extra":
            yield keyword.arg, keyword.value


CALLS = list(log_calls())


def test_every_log_call_of_ours_uses_fields_that_are_known() -> None:
    """One that is not known would be left out of the line: list it in voicebot/log_fields.py."""
    assert len(CALLS) > 80, "the calls are found"
    unknown = [f"{place}: {name}" for place, call in CALLS for name, _ in fields_of(call) if name not in FIELDS]
    assert unknown == []


def test_no_log_call_writes_an_error_as_text() -> None:
    """`error=error` leaves out what a message may quote of a caller; its repr does not."""
    as_text = [
        place
        for place, call in CALLS
        for name, value in fields_of(call)
        if name == "error"
        and isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in ("repr", "str")
    ]
    assert as_text == []


def test_an_event_is_a_constant_so_that_it_can_be_looked_for() -> None:
    """What differs from line to line stands in a field, or in an argument of the standard library's."""
    built = [place for place, call in CALLS for event in call.args[:1] if isinstance(event, ast.JoinedStr)]
    assert built == []


VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.text()),
    st.builds(OSError, st.text()),
)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), VALUES), st.sampled_from([LOGS, DEBUG_LOGS]))
def test_whatever_a_field_is_given_its_type_stays(values: dict[str, Any], redaction: Any) -> None:
    line: dict[str, Any] = {"timestamp": "t", "level": "info", "event": "e"}
    line |= {name: written(name, value, redaction) for name, value in values.items()}
    jsonschema.validate(json.loads(json.dumps(line)), schema())


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if field.type is FieldType.COUNT])
def test_what_the_machine_counts_is_a_number_however_large(name: str) -> None:
    """A count of 411111 is no secret."""
    stream = io.StringIO()
    configure_logs(format="json", stream=stream)
    for count in (3, 411_111, 4_111_111_111_111_111):
        structlog.get_logger("voicebot.x").warning("counted", **{name: count})
    structlog.reset_defaults()
    assert [json.loads(line)[name] for line in stream.getvalue().splitlines()] == [3, 411_111, 4_111_111_111_111_111]


def test_the_page_about_fields_is_up_to_date() -> None:
    """Written by: python -m voicebot.log_fields."""
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page()

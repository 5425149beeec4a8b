"""The log chain: everything the process writes goes through it, redacted."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import loguru
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voicebot.log_fields import FIELDS, FieldType
from voicebot.logs import LogFormat, call_logged, configure_logs

CARD = "4111111111111111"


@pytest.fixture(autouse=True)
def _left_as_found() -> Iterator[None]:
    """What stands in for the whole process beside the standard library's logging."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    loguru.logger.remove()


@pytest.fixture
def lines() -> Callable[[], list[dict[str, Any]]]:
    """What was written since, as dicts."""
    stream = io.StringIO()
    configure_logs(level="debug", format="json", stream=stream)

    def written() -> list[dict[str, Any]]:
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    return written


Lines = Callable[[], list[dict[str, Any]]]


def test_our_lines_carry_event_level_logger_and_time(lines: Lines) -> None:
    """One JSON object a line."""
    structlog.get_logger("voicebot.x").info("transferred", queue="cards")
    (line,) = lines()
    assert {"event": "transferred", "level": "info", "logger": "voicebot.x", "queue": "cards"}.items() <= line.items()
    assert line["timestamp"].endswith("Z")


def test_libraries_lines_go_through_the_same_chain(lines: Lines) -> None:
    """The standard library's, with arguments and extra fields; loguru's; warnings."""
    logging.getLogger("sqlalchemy.engine").warning("card %s", CARD, extra={"pin": "1234"})
    loguru.logger.warning("pipeline heard {}", CARD)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"card {CARD}", UserWarning, stacklevel=1)
    written = lines()
    assert [line["level"] for line in written] == ["warning", "warning", "warning"]
    assert "pin" not in written[0], "a field that is not known is not written"
    assert CARD not in json.dumps(written)


def test_exceptions_are_redacted_with_their_causes(lines: Lines) -> None:
    """A traceback quotes messages; loguru would quote the values of variables as well. A value may be anything a caller said."""
    secret = f"zgubiłam, PIN 7391, {CARD}"
    for logged in (structlog.get_logger("voicebot").exception, logging.getLogger("x").exception, loguru.logger.exception):
        try:
            try:
                raise KeyError(secret)
            except KeyError as error:
                raise ValueError(f"no card {secret}") from error
        except ValueError:
            logged("failed")
    written = lines()
    assert len(written) == 3
    assert all("ValueError" in line["exception"] and "KeyError" in line["exception"] for line in written)
    assert all("test_logs.py" in line["exception"] for line in written)
    for said in (CARD, "7391", "zgubi"):
        assert said not in json.dumps([{**line, "exception": _without_source(line["exception"])} for line in written])


def _without_source(trace: str) -> str:
    """A traceback without the lines of the program that it shows."""
    return "\n".join(line for line in trace.splitlines() if not line.startswith("    "))


def test_an_uncaught_exception_is_logged_redacted(lines: Lines) -> None:
    """In the main thread and in others."""
    error = ValueError(f"card {CARD}")
    sys.excepthook(ValueError, error, None)
    thread = threading.Thread(target=lambda: int(f"card {CARD}"))
    thread.start()
    thread.join()
    written = lines()
    assert [line["level"] for line in written] == ["critical", "critical"]
    assert CARD not in json.dumps(written)


def test_a_line_that_cannot_be_formatted_does_not_spill_its_arguments(lines: Lines) -> None:
    """The standard library would print them unredacted."""
    stream = io.StringIO()
    configure_logs(format="json", stream=stream)
    logging.getLogger("some.library").warning("%d keys", CARD)
    assert "some.library" in stream.getvalue()
    assert CARD not in stream.getvalue()


async def test_lines_of_a_call_carry_its_id_also_from_tasks_started_inside(lines: Lines) -> None:
    """Two calls at once keep theirs apart."""

    async def call(call_id: str) -> None:
        with call_logged(call_id):
            await asyncio.create_task(step())

    async def step() -> None:
        await asyncio.sleep(0)
        structlog.get_logger("voicebot").info("step")
        logging.getLogger("library").warning("step")

    await asyncio.gather(call("20261122-032154-a1b2c3"), call("20261122-032155-b1b2c3"))
    ids = [line["call_id"] for line in lines()]
    assert sorted(ids) == ["20261122-032154-a1b2c3"] * 2 + ["20261122-032155-b1b2c3"] * 2
    structlog.get_logger("voicebot").info("outside")
    assert "call_id" not in lines()[-1]


@pytest.mark.parametrize(("level", "number"), [("info", "+48…123"), ("debug", "+48600100123")])
def test_numbers_are_whole_at_debug_level_only(lines: Lines, level: str, number: str) -> None:
    """By the level of the line."""
    getattr(structlog.get_logger("voicebot"), level)("call", why="+48600100123")
    assert lines()[-1]["why"] == number


def test_a_level_keeps_lesser_lines_out(lines: Lines) -> None:
    """Also those of libraries, which may say too much at theirs."""
    stream = io.StringIO()
    configure_logs(level="info", format="json", stream=stream)
    structlog.get_logger("voicebot").debug("a")
    logging.getLogger("library").debug("b")
    loguru.logger.debug("c")
    logging.getLogger("httpx").info("GET https://host/?token=x")
    assert stream.getvalue() == ""


def test_a_librarys_own_handler_is_taken_off(lines: Lines) -> None:
    """It would bypass the chain."""
    aside = io.StringIO()
    library = logging.getLogger("library.with.handler")
    library.addHandler(logging.StreamHandler(aside))
    library.propagate = False
    stream = io.StringIO()
    configure_logs(format="json", stream=stream)
    library.warning("card %s", CARD)
    assert aside.getvalue() == ""
    assert CARD not in stream.getvalue()
    assert "library.with.handler" in stream.getvalue()


def test_the_console_shows_the_same_for_people(lines: Lines) -> None:
    """One line, readable, redacted."""
    stream = io.StringIO()
    configure_logs(format="console", stream=stream)
    structlog.get_logger("voicebot").warning("refused", queue="cards", why=CARD, card=CARD)
    text = stream.getvalue()
    assert "refused" in text
    assert "queue=cards" in text
    assert CARD not in text


def test_a_library_writes_no_payload_at_any_level(lines: Lines) -> None:
    """Also one that sets its own level, and one that begins to log later: a key at a time nobody can tell a PIN."""
    loud = logging.getLogger("websockets.server")
    loud.setLevel(logging.DEBUG)
    for digit in "7391":
        loud.debug('< TEXT \'{"type":"key","key":"%s"}\'', digit)
        logging.getLogger("uvicorn.error").info("key %s", digit)
        logging.getLogger(f"library.{digit}").debug("key %s", digit)
        loguru.logger.debug("InputDTMFFrame {}", digit)
    loud.setLevel(logging.NOTSET)
    assert lines() == []
    structlog.get_logger("voicebot.x").debug("ours")
    assert [line["event"] for line in lines()] == ["ours"]


personal = [
    name for name, field in FIELDS.items() if field.type is FieldType.TEXT and name not in ("event", "exception", "stack")
]
names = st.sampled_from([*personal, "text", "caller", "data", "arguments"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(
        names, st.sampled_from([CARD, CARD.encode(), [CARD], {"x": {CARD: CARD}}, OSError(CARD), float(CARD)]), min_size=1
    ),
    st.sampled_from([f"card {CARD}", CARD, f"{CARD} %s"]),
)
def test_no_card_number_is_ever_written(fields: dict[str, Any], event: str) -> None:
    """Whichever door it comes in by."""
    forms: tuple[LogFormat, ...] = ("json", "console")
    for form in forms:
        stream = io.StringIO()
        configure_logs(level="debug", format=form, stream=stream)
        structlog.get_logger().warning(event, **fields)
        logging.getLogger("library").error(event, "argument", extra=fields)
        loguru.logger.bind(**fields).error(event.replace("%", "%%"))
        assert CARD not in stream.getvalue()
        assert stream.getvalue()

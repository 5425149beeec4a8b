"""Logs: one chain for everything the process writes, whoever writes it, with redaction before anything is rendered.

Ours go through structlog; the standard library's (uvicorn, SQLAlchemy, the SIP stack), loguru's (pipecat), warnings and uncaught
exceptions are led into the same chain. A line is a dict until its last stage; its fields are those of `voicebot.log_fields`.

Libraries are heard from level warning on, whatever level is set: below it they write the messages that pass through them, a
character or a key at a time, where nobody can tell a PIN from anything else.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TextIO

import loguru
import structlog
from structlog.typing import EventDict, WrappedLogger

from voicebot.error_text import traceback_text
from voicebot.log_fields import FIELDS, written
from voicebot.redaction import DEBUG_LOGS, LOGS

if TYPE_CHECKING:
    from loguru import Message

LogFormat = Literal["console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

OUR_LOGGERS = ("caller_id", "nlu", "dialogs", "audio", "voicebot")
"""The packages that `level` is for."""
_OTHERS = logging.WARNING


def configure_logs(*, level: LogLevel = "info", format: LogFormat = "console", stream: TextIO | None = None) -> None:
    """Set the whole process up to write to `stream` (standard error). Calling it again replaces the former set-up."""
    output = stream or sys.stderr
    ours = logging.getLevelName(level.upper())
    handler = _Handler(output)
    handler.addFilter(_may_be_heard)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_opening(), processors=_closing(format, colors=output.isatty()), use_get_message=True
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(ours, _OTHERS))
    for name in tuple(logging.root.manager.loggerDict):
        other = logging.getLogger(name)
        other.handlers.clear()  # a library's own handler would bypass the chain
        other.propagate = True
    for name in OUR_LOGGERS:
        logging.getLogger(name).setLevel(ours)
    logging.raiseExceptions = False
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_opening(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    _lead_others_in(root.level)


def _may_be_heard(record: logging.LogRecord) -> bool:
    """Also a library that set its own level is held to ours."""
    return record.levelno >= _OTHERS or record.name.partition(".")[0] in OUR_LOGGERS


@contextmanager
def call_logged(call_id: str) -> Iterator[None]:
    """Every line written inside, by any task started inside, carries the call's id."""
    with structlog.contextvars.bound_contextvars(call_id=call_id):
        yield


def redaction_stage(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """The stage of the chain that lets nothing personal through, and no field that is not known. Telephone numbers stay whole at
    debug level only.
    """
    redaction = DEBUG_LOGS if fields.get("level") == "debug" else LOGS
    return {name: written(name, value, redaction) for name, value in fields.items() if name in FIELDS}


def _opening() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _closing(format: LogFormat, *, colors: bool) -> list[Any]:
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
    )
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.ExceptionRenderer(traceback_text),  # to text first: it is redacted like any other
        redaction_stage,
        renderer,
    ]


class _Handler(logging.StreamHandler[TextIO]):
    """A line that cannot be formatted is named and left out; the standard library would print its arguments unredacted."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say where the bad line came from, and nothing of what it held."""
        kind = sys.exc_info()[0]
        try:
            self.stream.write(f"a log line of {record.name} could not be written: {kind.__name__ if kind else 'error'}\n")
        except (OSError, ValueError):
            return  # the stream itself is gone


def _lead_others_in(level: int) -> None:
    loguru.logger.remove()
    loguru.logger.add(_from_loguru, level=level, format="{message}", backtrace=False, diagnose=False)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _from_loguru(message: Message) -> None:
    record = message.record
    exception = record["exception"]
    logging.getLogger(record["name"] or "loguru").log(
        min(record["level"].no, logging.CRITICAL),
        "%s",
        record["message"],
        exc_info=(exception.type, exception.value, exception.traceback)
        if exception and exception.type and exception.value
        else None,
    )


def _log_uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger("voicebot").critical("uncaught", exc_info=(kind, error, trace) if error is not None else None)

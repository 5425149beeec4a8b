"""`voicebot calls`: the calls that are over, as a table, CSV or JSON lines; and one of them with all that happened in it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config

if TYPE_CHECKING:
    from voicebot.config.settings import Settings
    from voicebot.records.database import Database
    from voicebot.records.summary import CallRecord, CallSummary

app = typer.Typer(invoke_without_command=True, help="The calls that are over: a list, or one of them.")

_COLUMNS = {"call": 22, "started": 11, "line": 9, "matter": 14, "queue": 10, "outcome": 9}
"""Characters on a terminal: 80 with the gaps between them."""


@app.callback()
def calls(
    context: typer.Context,
    line: Annotated[str | None, typer.Option(help="only this line")] = None,
    since: Annotated[str | None, typer.Option("--from", help="from this day or time on: 2026-11-26, 2026-11-26T09:30")] = None,
    until: Annotated[str | None, typer.Option("--to", help="to the end of this day, or up to this time")] = None,
    queue: Annotated[str | None, typer.Option(help="only those handed to this queue")] = None,
    matter: Annotated[str | None, typer.Option(help="only this matter, by its intent")] = None,
    outcome: Annotated[str | None, typer.Option(help="only this end: handed_over, caller_hung_up…")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="all fields as CSV, safe to open in a spreadsheet")] = False,
    as_ndjson: Annotated[bool, typer.Option("--ndjson", help="all fields as JSON, one call a line")] = False,
    config: Config = None,
) -> None:
    """List calls, latest first. `voicebot calls show ID` shows one."""
    context.obj = config
    if context.invoked_subcommand is not None:
        return
    from voicebot.config.loading import load_settings
    from voicebot.records.exporting import csv_rows, ndjson_rows
    from voicebot.records.listing import CallFilter

    if as_csv and as_ndjson:
        print("--csv and --ndjson: give one of them", file=sys.stderr)
        raise typer.Exit(2)
    with told_plainly(), _to_a_pipe():
        settings = load_settings(config)
        chosen = CallFilter(
            line, _moment(settings, "--from", since), _moment(settings, "--to", until, ends=True), queue, matter, outcome
        )
        with _database(settings) as database:
            found = database.listed(chosen)
            if as_csv:
                sys.stdout.writelines(csv_rows(found))
            elif as_ndjson:
                sys.stdout.writelines(ndjson_rows(found))
            else:
                _write_table(found, sys.stdout)


@app.command()
def show(
    context: typer.Context,
    call_id: Annotated[str, typer.Argument(metavar="ID", help="as the list shows it")],
    as_json: Annotated[bool, typer.Option("--json", help="the whole record as JSON, for voicebot replay")] = False,
    config: Config = None,
) -> None:
    """Show one call: its facts, and what happened in it line by line."""
    from voicebot.config.loading import load_settings

    with told_plainly(), _to_a_pipe():
        settings = load_settings(config or context.obj)
        with _database(settings) as database:
            record = database.call(call_id)
        if record is None:
            print(f"no call {call_id!r}; see voicebot calls. One that has just ended may be a moment away.", file=sys.stderr)
            raise typer.Exit(1)
        if as_json:
            print(json.dumps(record.encode(), ensure_ascii=False, indent=1))
        else:
            _print_call(record, settings)


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    """The database of the records, for reading. Raises RecordsError: when it is not there, or does not answer."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    from voicebot.errors import RecordsError
    from voicebot.records.database import Database

    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        raise RecordsError(f"{url.database}: no calls are kept there yet. Is this the service's configuration? Give --config.")
    database = Database(settings.database_url)
    try:
        yield database
    except SQLAlchemyError as error:
        raise RecordsError(
            f"the database of the calls cannot be read: {_reason(error)}. Is records.database_url right?"
        ) from error
    finally:
        database.close()


def _reason(error: Exception) -> str:
    return (str(getattr(error, "orig", None) or error).splitlines() or [type(error).__name__])[0]


@contextmanager
def _to_a_pipe() -> Iterator[None]:
    """Whoever reads may stop at any time, as `head` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes standard output once more at its end, see the note on SIGPIPE in the documentation of `signal`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


# ---------------------------------------------------------------------------------------------------------------- times


def _moment(settings: Settings, option: str, text: str | None, *, ends: bool = False) -> datetime | None:
    """A day or a time, where the bank is unless it names a zone; `ends`: a day means its end. Raises ConfigError."""
    if text is None:
        return None
    from voicebot.errors import ConfigError

    try:
        moment = datetime.fromisoformat(text)
        is_day = _is_day(text)
    except ValueError:
        raise ConfigError(f"{option}: {text!r} is no day or time. Write it like 2026-11-26 or 2026-11-26T09:30") from None
    if is_day:
        moment = datetime.combine(moment.date() + timedelta(days=1 if ends else 0), time())
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=_zone(settings))


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _zone(settings: Settings) -> tzinfo:
    """Where the bank is, by its bundle."""
    from dialogs.data.bundle import load_bundle

    return load_bundle(settings.bundle).calendar.zone


# --------------------------------------------------------------------------------------------------------------- output


def _write_table(found: Iterator[CallSummary], out: TextIO) -> None:
    """Columns of 80 characters; in a pipe nothing is cut off, so that `grep` finds what it looks for."""
    whole = not out.isatty()
    first = list(islice(found, 1))
    if not first:
        print("no calls", file=sys.stderr)
        return
    print(_row(list(_COLUMNS), whole), file=out)
    for call in chain(first, found):
        started = call.started.astimezone()
        cells = [call.call_id, f"{started:%m-%d %H:%M}", call.line, call.intent or "-", call.queue or "-", call.outcome]
        print(_row(cells, whole), file=out)


def _row(cells: Sequence[str], whole: bool) -> str:
    fitted = []
    for cell, width in zip(cells, _COLUMNS.values(), strict=True):
        plain = _plain(cell)
        fitted.append(f"{plain if whole or len(plain) <= width else plain[: width - 1] + '…':{width}}")
    return " ".join(fitted).rstrip()


def _plain(text: str) -> str:
    """What a terminal shows as it is: a control character could move its cursor or set its title."""
    return "".join(char if char.isprintable() else "�" for char in text)


def _print_call(record: CallRecord, settings: Settings) -> None:
    """Facts first, then the lines as the demo shows a call under way."""
    from dialogs.data.bundle import load_bundle
    from voicebot.screen import CallScreen
    from voicebot.talk import words_of_record

    for field in fields(record.summary):
        value = getattr(record.summary, field.name)
        if value is not None and value != () and value != "":
            print(f"{field.name:17} {_plain(_shown(value))}")
    print()
    words = words_of_record(load_bundle(settings.bundle), record.summary.started)
    screen = CallScreen(Console(highlight=False, soft_wrap=True), words)
    for line in record.lines:
        screen(record.summary.call_id, line)


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M:%S %z}"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)

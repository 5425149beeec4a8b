"""`voicebot audit`: the trail of who was let in by what, and whether anybody has touched it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import AsJson, Config
from voicebot.tables import show_table

if TYPE_CHECKING:
    from voicebot.identity.audit_table import AuditTable, Head

app = typer.Typer(no_args_is_help=True, help="The audit trail of identity.")

_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


@app.callback()
def _audit() -> None:
    """The audit trail of identity."""
    from voicebot.files import keep_private

    keep_private()


@app.command()
def verify(
    head: Annotated[str, typer.Option(help="a head that was printed before and kept elsewhere: it must be in the trail")] = "",
    config: Config = None,
) -> None:
    """Check every line against the one before it, and print the head: keep it where nobody who may write to the database can
    reach it. Exit 1 when the trail is broken.
    """
    from voicebot.identity.audit_table import Broken, check

    known = _known(head)
    with told_plainly(), _table(config) as table:
        found = check(table.lines(), known)
    if isinstance(found, Broken):
        print(f"the trail is broken at line {found.position}: {found.why}")
        raise typer.Exit(1)
    print(f"{found.position} lines, unbroken" + (", and the head that was kept is among them" if known else ""))
    print(f"head {found}" if found.position else "there is no line yet")


@app.command("list")
def list_lines(
    what: Annotated[str, typer.Option(help="lines whose name begins so: ticket, ticket.refused")] = "",
    fact: Annotated[str, typer.Option(help="lines with this fact: customer=c-4711, call=…, ticket=…")] = "",
    most: Annotated[int, typer.Option("--most", min=1, max=100_000, help="the latest so many")] = 50,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Print the latest lines, oldest first."""
    name, equals, value = fact.partition("=")
    if fact and not (name and equals):
        print("--fact: write it like customer=c-4711", file=sys.stderr)
        raise typer.Exit(2)
    with told_plainly(), _table(config) as table:
        lines = table.latest(most, what=what, fact=(name, value) if fact else None)
    if as_json:
        for line in lines:
            told = {"position": line.position, **asdict(line.note), "previous": line.previous, "hash": line.hash}
            print(json.dumps(told | {"facts": json.loads(line.note.facts)}, ensure_ascii=False))
        return
    rows = [(str(line.position), line.note.at, line.note.what, _facts(line.note.facts)) for line in lines]
    show_table(Console(), ("line", "time (UTC)", "what", "facts"), rows)


def _facts(text: str) -> str:
    return " ".join(f"{name}={value}" for name, value in json.loads(text).items())


def _known(text: str) -> Head | None:
    from voicebot.identity.audit_table import Head

    if not text:
        return None
    found = _HEAD.fullmatch(text.strip().removeprefix("head "))
    if found is None:
        print("--head: write it as it was printed: its line, a colon, 64 hexadecimal digits", file=sys.stderr)
        raise typer.Exit(2)
    return Head(int(found[1]), found[2])


@contextmanager
def _table(config: Path | None) -> Iterator[AuditTable]:
    from sqlalchemy.exc import SQLAlchemyError

    from voicebot.config.loading import load_settings
    from voicebot.errors import RecordsError
    from voicebot.identity.audit_table import AuditTable
    from voicebot.records.database import Database

    url = load_settings(config).database_url
    table = AuditTable(url)
    try:
        yield table
    except SQLAlchemyError as error:
        raise RecordsError(Database(url).advice(error)) from error
    finally:
        table.close()

"""`voicebot person`: everything that is kept of one caller, exported or deleted."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config

if TYPE_CHECKING:
    from voicebot.config.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Everything that is kept of one caller, by their number.")

Number = Annotated[
    str, typer.Argument(metavar="NUMBER", help="as people write it: '600 100 200', +48600100200; - reads it from standard input")
]

Email = Annotated[str | None, typer.Option(metavar="ADDRESS", help="theirs: messages that were sent from it, too")]


@app.command()
def export(
    number: Number,
    email: Email = None,
    to: Annotated[Path | None, typer.Option(help="the new ZIP, or folder; else a ZIP named by the time, here")] = None,
    config: Config = None,
) -> None:
    """Write everything into one ZIP or folder (JSON and WAV), with a report of what was found where."""
    with told_plainly():
        asyncio.run(_export(_settings(config), _read(number), _address(email), to))


@app.command()
def delete(
    number: Number,
    email: Email = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    config: Config = None,
) -> None:
    """Delete everything, with a report of what was deleted where. It cannot be taken back; exit 1 when something is left."""
    with told_plainly():
        left = asyncio.run(_delete(_settings(config), _read(number), _address(email), yes=yes))
    raise typer.Exit(1 if left else 0)


def _settings(config: Path | None) -> Settings:
    from voicebot.config.loading import load_settings
    from voicebot.files import keep_private
    from voicebot.logs import configure_logs

    keep_private()
    configure_logs(level="error")
    return load_settings(config)


def _read(number: str) -> str:
    from voicebot.person.finding import read_number

    return read_number(sys.stdin.readline() if number == "-" else number)


def _address(email: str | None) -> str | None:
    from voicebot.person.finding import read_address

    return read_address(email) if email is not None else None


async def _export(settings: Settings, number: str, email: str | None, to: Path | None) -> None:
    from voicebot.person.export import export as write
    from voicebot.person.finding import find, notes
    from voicebot.person.stores import opened

    now = datetime.now(UTC)
    target = to or Path(f"person-{now:%Y%m%d-%H%M%S}.zip")
    with Console(stderr=True).status("looking"):
        async with opened(settings) as stores:
            found = await find(stores, number, email)
            told = list(notes(found, stores))
            files = await asyncio.to_thread(write, found, target, notes=told, now=now)
    _report(number, "found", found.counts(), told)
    print(f"{target}: {files} files")


async def _delete(settings: Settings, number: str, email: str | None, *, yes: bool) -> bool:
    """Whether something is left."""
    from voicebot.person.erasing import delete as erase
    from voicebot.person.finding import find, notes
    from voicebot.person.stores import opened

    async with opened(settings) as stores:
        with Console(stderr=True).status("looking"):
            found = await find(stores, number, email)
        if not yes and not found.empty:
            _report(number, "found", found.counts(), ())
            await asyncio.to_thread(typer.confirm, "Delete all this? It cannot be taken back.", abort=True)
        with Console(stderr=True).status("deleting"):
            deleted = await erase(stores, found)
            after = await find(stores, number, email)
        _report(number, "deleted", deleted, list(notes(after, stores)))
        if not after.empty:
            print("not everything could be deleted; run this again:", file=sys.stderr)
            _report(number, "left", after.counts(), ())
        return not after.empty or after.calls.under_way > 0


def _report(number: str, what: str, counts: Sequence[tuple[str, int]], notes: Sequence[str]) -> None:
    from caller_id.phone_numbers import shorten

    print(f"{shorten(number)}: {what}")
    for place, count in counts:
        print(f"  {place:26} {count:6}")
    for note in notes:
        print(f"* {note}")

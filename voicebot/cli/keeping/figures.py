"""`voicebot figures`: the daily roll-ups brought up to date, and the nightly report."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicebot.cli.errors import may_write, told_plainly, write_file
from voicebot.cli.options import Config, bundle_in_force, records_engine

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from dialogs.data.bundle import Bundle
    from voicebot.config.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Figures of the hotline, from the call records.")


@app.command("roll-up")
def roll_up(config: Config = None) -> None:
    """Count the days that are due; the console does it by itself. Interrupted, it goes on where it was."""
    with told_plainly():
        _, engine, bundle = _opened(config)
        print(f"{_refresh(engine, bundle)} days counted")


@app.command()
def report(
    to: Annotated[Path, typer.Option(help="the file to write: .html, or .pdf (needs Chromium)")],
    day: Annotated[str | None, typer.Option(help="the last day, like 2026-11-26; else yesterday")] = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="how many days")] = 1,
    lang: Annotated[str, typer.Option(help="pl or en")] = "pl",
    config: Config = None,
) -> None:
    """Write the figures of a day or more as one file, HTML or PDF: to be mailed. Meant for a nightly timer."""
    from voicebot.console.pdf import pdf_of
    from voicebot.console.report import ending
    from voicebot.console.report import report as made
    from voicebot.console.texts import LANGUAGES
    from voicebot.errors import ConfigError

    with told_plainly():
        if lang not in LANGUAGES:
            raise ConfigError(f"--lang {lang}: write {' or '.join(LANGUAGES)}")
        settings, engine, bundle = _opened(config)
        may_write(to)
        now = datetime.now(UTC)
        last = _day(day) if day is not None else bundle.calendar.local(now).date() - timedelta(days=1)
        period = ending(last, days)
        _refresh(engine, bundle, (period.first, period.last))
        text = made(
            engine,
            period,
            language=lang,
            zone=bundle.calendar.zone,
            routes=bundle.routes,
            made=now,
            goals=settings.console.goals,
        )
        write_file(to, pdf_of(text) if to.suffix == ".pdf" else text.encode())
        print(to)


def _day(written: str) -> date:
    from voicebot.errors import ConfigError

    try:
        return date.fromisoformat(written)
    except ValueError:
        raise ConfigError(f"--day {written!r} is no day; write it like 2026-11-26") from None


def _refresh(engine: Engine, bundle: Bundle, within: tuple[date, date] | None = None) -> int:
    from sqlalchemy.exc import SQLAlchemyError

    from voicebot.cli.progress import shown_progress
    from voicebot.errors import RecordsError
    from voicebot.figures.rollup import RollUp

    days = RollUp(engine, bundle.routes, bundle.calendar.zone)
    try:
        with shown_progress("figures") as tell:

            def told(done: int, of: int) -> None:
                tell(f"{done} of {of} days", done / of if of else 1.0)

            return days.refresh(datetime.now(UTC), told, within=within)
    except SQLAlchemyError as error:
        why = type(getattr(error, "orig", None) or error).__name__
        raise RecordsError(f"the database went away ({why}). Counted days are kept; run it again for the rest") from error


def _opened(config: Path | None) -> tuple[Settings, Engine, Bundle]:
    from voicebot.config.loading import load_settings
    from voicebot.logs import configure_logs

    configure_logs(level="error")
    settings = load_settings(config)
    engine = records_engine(settings)
    return settings, engine, bundle_in_force(settings, engine)

"""`voicebot records`: what waits where, what was put aside, and the version of the tables."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config, bundle_in_force, records_engine

if TYPE_CHECKING:
    from voicebot.records.database import Database
    from voicebot.records.spool import Spool

app = typer.Typer(no_args_is_help=True, help="Call records.")


@app.callback()
def _records() -> None:
    """Call records."""
    from voicebot.files import keep_private

    keep_private()


@app.command()
def status(config: Config = None) -> None:
    """Say where records are and what waits where; exit 1 when a person should look."""
    from sqlalchemy.exc import SQLAlchemyError

    from voicebot.errors import RecordsError
    from voicebot.records import schema
    from voicebot.records.under_way import deserted, heads

    with told_plainly():
        database, spool = _opened(config)
        well = True
        print(f"database    {database}")
        try:
            version = database.version()
            with Console(stderr=True).status("checking the database"):
                damage = database.damage() if version is not None else None
        except (SQLAlchemyError, RecordsError) as error:
            print(f"            AWAY: {database.advice(error)}")
            well = False
        else:
            new = "" if version in (None, schema.newest()) else f"; `voicebot records upgrade` brings it to {schema.newest()}"
            print(f"            tables: {'none yet' if version is None else f'version {version}'}{new}")
            if version == schema.newest():
                print(f"            calls: {database.count()}")
            if damage is not None:
                print(f"            DAMAGED: {damage}")
                well = False
        with deserted(spool.under_way) as dead:
            died = len(dead)
        under_way = sum(1 for _ in heads(spool.under_way))
        print(f"waiting     {len(spool)} in {spool.folder}{_age(spool.oldest_s)}")
        print(f"put aside   {len(spool.rejected())} in {spool.aside}{_hint(len(spool.rejected()))}")
        print(f"under way   {under_way - died} in processes that live, {died} of processes that died (closed within a minute)")
        database.close()
    raise typer.Exit(0 if well and not spool.rejected() else 1)


@app.command()
def retry(config: Config = None) -> None:
    """Write the records that were put aside; exit 1 when some still cannot be written. The service may run meanwhile."""
    from voicebot.cli.progress import shown_progress
    from voicebot.records.again import try_again

    with told_plainly():
        database, spool = _opened(config)
        with shown_progress("writing records") as tell:
            outcome = try_again(database, spool, lambda done, of: tell(f"{done} of {of}", done / of if of else 1.0))
        database.close()
    for path, why in outcome.still.items():
        print(f"{path}: {why}")
    print(f"{outcome.written} records written, {len(outcome.still)} still aside")
    raise typer.Exit(1 if outcome.still else 0)


@app.command()
def upgrade(config: Config = None) -> None:
    """Bring the database's tables up to date. The service does so by itself when it starts."""
    from sqlalchemy.exc import SQLAlchemyError

    from voicebot.errors import RecordsError

    with told_plainly():
        database, _ = _opened(config)
        try:
            with Console(stderr=True).status("bringing the tables up to date"):
                before, after = database.upgrade()
        except SQLAlchemyError as error:
            raise RecordsError(database.advice(error)) from error
        database.close()
    print(f"{database}: tables of version {after}" + (", as before" if before == after else f", before: {before or 'none'}"))


@app.command("count-turns")
def count_turns(config: Config = None) -> None:
    """Count the turns of calls that were stored before turns were counted. Interrupted, it goes on where it was."""
    from sqlalchemy.exc import SQLAlchemyError

    from voicebot.cli.progress import shown_progress
    from voicebot.config.loading import load_settings
    from voicebot.errors import RecordsError
    from voicebot.figures.rollup import RollUp
    from voicebot.logs import configure_logs
    from voicebot.records.recount import recount, uncounted

    with told_plainly():
        configure_logs(level="error")
        database, _ = _opened(config)
        settings = load_settings(config)
        engine = records_engine(settings)
        bundle = bundle_in_force(settings, engine)
        days = RollUp(engine, bundle.routes, bundle.calendar.zone)
        found = done = 0
        try:
            with shown_progress("counting turns") as tell:
                of = uncounted(engine)
                for looked_at, counted in recount(engine, days.forget):
                    found, done = found + counted, done + looked_at
                    tell(f"{done} of {of}", min(1.0, done / of) if of else 1.0)
        except SQLAlchemyError as error:
            raise RecordsError(
                f"{database.advice(error)}. Turns of {found} calls are counted; run it again for the rest"
            ) from error
        database.close()
    print(f"turns of {found} calls counted")


def _opened(config: Path | None) -> tuple[Database, Spool]:
    from voicebot.config.loading import load_settings
    from voicebot.errors import RecordsError
    from voicebot.records.database import Database
    from voicebot.records.spool import Spool

    settings = load_settings(config)
    data_dir = settings.state.data_dir
    if data_dir.exists() and (owner := data_dir.stat().st_uid) != os.geteuid():  # files we make would not be the service's
        raise RecordsError(f"{data_dir} belongs to another user. Run this as the service's user: sudo -u '#{owner}' voicebot …")
    return Database(settings.database_url), Spool(settings.spool_dir, create=False)


def _age(seconds: float) -> str:
    return f", the oldest for {timedelta(seconds=round(seconds))}" if seconds else ""


def _hint(aside: int) -> str:
    return "; `voicebot records retry` tries them again" if aside else ""

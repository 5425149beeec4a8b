"""Options that several commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from dialogs.data.bundle import Bundle
    from voicebot.config.settings import Settings

Config = Annotated[
    Path | None,
    typer.Option("--config", help="the configuration; without it the file that VOICEBOT_CONFIG names, else defaults"),
]

AsJson = Annotated[bool, typer.Option("--json", help="print JSON, for scripts")]


def records_engine(settings: Settings) -> Engine:
    """The records' database with its tables up to date, for a command, whose standard output is for what was asked for alone.
    Raises RecordsError, and what SQLAlchemy raises.
    """
    from voicebot.logs import configure_logs
    from voicebot.records import schema
    from voicebot.records.engine import open_engine

    configure_logs(level="error")
    engine = open_engine(settings.database_url)
    schema.ready(engine)
    return engine


def bundle_in_force(settings: Settings, engine: Engine) -> Bundle:
    """The bundle that calls go by now: of the release that is live, else of the configuration. Raises BundleError."""
    import asyncio

    from dialogs.data.bundle import load_bundle
    from voicebot.releases.following import starting_release
    from voicebot.releases.placing import under_release
    from voicebot.releases.store import Releases

    release = asyncio.run(starting_release(settings, Releases(engine)))
    return load_bundle(under_release(settings, release).bundle)


def spoken(bundle: Bundle, language: str | None, *, short: bool = False) -> str:
    """The language asked for, by default the bundle's first; exit with 2 where the conversation cannot be held in it. `short`
    allows those of a short message too.
    """
    prompts = bundle.prompts
    languages = (
        tuple(dict.fromkeys((*prompts.languages, *prompts.files))) if short or not prompts.languages else prompts.languages
    )
    if language is None or language in languages:
        return language or languages[0]
    print(f"no language {language!r} in the bundle; there are {', '.join(languages)}", file=sys.stderr)
    raise typer.Exit(2)

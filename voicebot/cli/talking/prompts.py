"""Commands for those who keep the prompts: what may be spoken, what is to be recorded, what callers miss."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import AsJson, Config, spoken

if TYPE_CHECKING:
    from dialogs.data.bundle import Bundle
    from voicebot.config.settings import Settings
    from voicebot.records.spoken_prompts import Heard

prompts_app = typer.Typer(
    no_args_is_help=True, help="Approved texts: what may be spoken, what is to be recorded, what is missing."
)


def _today(bundle: Bundle) -> date:
    """The day where the bank is."""
    return bundle.calendar.local(datetime.now(UTC)).date()


@prompts_app.command("list")
def list_prompts(
    lang: Annotated[str | None, typer.Option(help="only this language")] = None,
    trouble: Annotated[bool, typer.Option(help="only what is unapproved, expired, not yet valid or missing")] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """List every prompt with its status today."""
    from dialogs.authoring.prompt_list import Status, inventory
    from dialogs.data.bundle import load_bundle
    from voicebot.cli.talking.prompt_list import prompts_as_json, show_prompts
    from voicebot.config.loading import load_settings

    with told_plainly():
        bundle = load_bundle(load_settings(config).bundle)
        only = lang and spoken(bundle, lang, short=True)
    shown = [
        entry
        for entry in inventory(bundle, _today(bundle))
        if (only is None or entry.language == only) and not (trouble and entry.status is Status.OK)
    ]
    if as_json:
        print(prompts_as_json(shown))
    else:
        show_prompts(Console(), shown)


@prompts_app.command()
def render(prompt_id: str, lang: str = "pl", channel: str = "voice", config: Config = None) -> None:
    """Print a prompt's text as it would be approved."""
    from dialogs.authoring.prompt_list import rendered
    from dialogs.data.bundle import load_bundle
    from voicebot.config.loading import load_settings

    with told_plainly():
        bundle = load_bundle(load_settings(config).bundle)
    try:
        print(rendered(bundle, prompt_id, lang, _today(bundle), channel))
    except LookupError as error:
        print(
            f"no prompt {prompt_id!r} in {lang!r} that may be spoken today ({error}); see voicebot prompts list", file=sys.stderr
        )
        raise typer.Exit(2) from error


@prompts_app.command()
def script(lang: str = "pl", config: Config = None) -> None:
    """Print the recording script for the studio, as CSV."""
    from dialogs.authoring.prompt_list import recording_script
    from dialogs.data.bundle import load_bundle
    from voicebot.config.loading import load_settings

    with told_plainly():
        bundle = load_bundle(load_settings(config).bundle)
        print(recording_script(bundle, spoken(bundle, lang, short=True), _today(bundle)), end="")


@prompts_app.command("import")
def import_recordings(
    folder: Annotated[Path, typer.Argument(help="the studio's files, each named after its prompt: greeting.wav")],
    bundle: Annotated[Path | None, typer.Argument(help="the bundle's folder; else the one of the configuration")] = None,
    lang: str = "pl",
    config: Config = None,
) -> None:
    """Take recordings (WAV, FLAC, Ogg, MP3) into a bundle; say of every file what became of it. Exit 1 when one is left out."""
    from dialogs.authoring.prompt_recordings import import_recordings as take
    from voicebot.config.loading import load_settings

    with told_plainly():
        into = bundle or load_settings(config).bundle
        if into is None:
            print(
                "the bundle that ships with voicebot takes no recordings. Name yours, here or in the configuration.",
                file=sys.stderr,
            )
            raise typer.Exit(2)
        try:
            report = take(into, lang, folder, lambda done, total: _progress("recordings", done, total))
        except OSError as error:
            print(f"{error.filename or folder}: {error.strerror or error}", file=sys.stderr)
            raise typer.Exit(2) from error
    if not report.files:
        print(f"no files in {folder}", file=sys.stderr)
        raise typer.Exit(2)
    for file in report.files:
        print(f"{'imported    ' if file.taken else 'not imported'}  {file.name}: {file.what}")
    print(f"{len(report.imported)} imported, {len(report.refused)} not")
    raise typer.Exit(1 if report.refused else 0)


@prompts_app.command()
def gaps(
    days: Annotated[int, typer.Option(min=1, max=3660, help="the calls of so many days")] = 30,
    lang: Annotated[str | None, typer.Option(help="only this language")] = None,
    config: Config = None,
) -> None:
    """What is worth recording or writing, from the call records: texts that the synthetic voice spoke, most frequent first, and
    matters that callers raised and no approved message answers.
    """
    from sqlalchemy.engine import make_url

    from dialogs.authoring.prompt_list import gaps as unanswered
    from dialogs.data.bundle import load_bundle
    from voicebot.config.loading import load_settings

    with told_plainly():
        settings = load_settings(config)
        bundle = load_bundle(settings.bundle)
        languages = bundle.prompts.files if lang is None else (spoken(bundle, lang, short=True),)
        heard = asyncio.run(_read_records(settings, bundle, datetime.now(UTC) - timedelta(days=days)))
    print(f"{heard.calls} calls of the last {days} days in {make_url(settings.database_url).render_as_string()}")
    if not heard.calls:
        return
    print("\ntexts without a recording, spoken by the synthetic voice:")
    for (prompt_id, language), times in heard.synthetic.most_common():
        if language in languages:
            print(f"{times:6}  {prompt_id}  ({language})")
    by_nature = sum(times for (_, language), times in heard.with_values.items() if language in languages)
    print(f"{by_nature:6}  texts with values (a number, a day), which are always synthesised")
    print("\nmatters that no approved message answers:")
    for gap in unanswered(bundle, heard.matters, _today(bundle)):
        if gap.language in languages:
            print(f"{gap.times:6}  {gap.intent}  ({gap.language})")


async def _read_records(settings: Settings, bundle: Bundle, since: datetime) -> Heard:
    from voicebot.records import RecordStore
    from voicebot.records.spoken_prompts import read

    store = RecordStore(settings.database_url, spool_dir=settings.state.data_dir / "spool")
    try:
        return await read(store, bundle, since, lambda done, total: _progress("calls", done, total))
    finally:
        await store.close()


def _progress(what: str, done: int, total: int) -> None:
    """A line that counts up, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r… {done} of {total} {what}", end="\n" if done == total else "", file=sys.stderr, flush=True)

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
    from voicebot.prompts.recording_list import Line
    from voicebot.records.spoken_prompts import Heard

BundleFolder = Annotated[Path | None, typer.Option("--bundle", help="the bundle's folder; else the configuration's")]

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
def script(
    lang: str = "pl",
    missing: Annotated[bool, typer.Option(help="only what is not recorded yet")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="a file instead: script.csv, script.tsv or script.html")] = None,
    bundle: BundleFolder = None,
    config: Config = None,
) -> None:
    """The script for the recording studio: every text, and the parts of sentences that hold a number, an hour, a value."""
    from voicebot.cli.errors import write_file
    from voicebot.cli.talking.recordings import script_of

    kind = out.suffix.lower().removeprefix(".") if out is not None else "csv"
    if kind not in ("csv", "tsv", "html"):
        print(f"{out}: name a file that ends in .csv, .tsv or .html", file=sys.stderr)
        raise typer.Exit(2)
    lines = [line for line in _lines(config, bundle, lang)[1] if not (missing and line.recorded)]
    if out is None:
        print(script_of(lines, kind), end="")
    else:
        write_file(out, script_of(lines, kind).encode())
        print(f"{len(lines)} recordings in {out}")


@prompts_app.command("missing")
def missing_recordings(
    lang: Annotated[str | None, typer.Option(help="only this language")] = None,
    as_json: AsJson = False,
    bundle: BundleFolder = None,
    config: Config = None,
) -> None:
    """List what is not recorded, with the text that is to be read. Exit 1 while something that is needed is missing."""
    from dialogs.data.bundle import load_bundle
    from voicebot.cli.talking.recordings import lines_as_json, show_lines
    from voicebot.config.loading import load_settings
    from voicebot.prompts.recording_list import recording_list

    with told_plainly():
        opened = load_bundle(bundle or load_settings(config).bundle)
        languages = opened.prompts.files if lang is None else (spoken(opened, lang, short=True),)
    every = {language: recording_list(opened, language, _today(opened)) for language in languages}
    lines = [line for found in every.values() for line in found if not line.recorded]
    if as_json:
        print(lines_as_json(lines))
    else:
        show_lines(Console(), lines)
        for language, found in every.items():
            done = sum(line.recorded for line in found)
            needed = sum(line.needed and not line.recorded for line in found)
            print(f"{language}: {done} of {len(found)} recorded, {needed} needed", file=sys.stderr)
    raise typer.Exit(1 if any(line.needed for line in lines) else 0)


@prompts_app.command("import")
def import_recordings(
    sources: Annotated[list[Path], typer.Argument(help="the studio's folders or files, each file named after its prompt")],
    bundle: BundleFolder = None,
    lang: str = "pl",
    name: Annotated[
        str | None, typer.Option("--as", help="the prompt or part that the one file is of, whatever its name")
    ] = None,
    replace: Annotated[bool, typer.Option(help="also where there is a recording already")] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Take recordings of any usual format into a bundle: trimmed, at the level of all prompts. Says of every file what became of
    it and what was measured. Exit 1 when one is left out.
    """
    from voicebot.cli.talking.recordings import files_as_json, said_of, show_files
    from voicebot.config.loading import load_settings
    from voicebot.prompts.studio import Fate, files_of, import_files, importing

    with told_plainly():
        root = bundle or load_settings(config).bundle
    if root is None:
        print("the bundle that ships with voicebot takes no recordings. Name yours: --bundle FOLDER.", file=sys.stderr)
        raise typer.Exit(2)
    with told_plainly(), importing(root, waits=_told_to_wait):
        opened, lines = _lines(config, root, lang)
        files = files_of(sources)
        only = _named(lines, name, len(files)) if name is not None else None
        if not files:
            print(f"no files in {', '.join(map(str, sources))}", file=sys.stderr)
            raise typer.Exit(2)
        found = import_files(
            opened, lines, files, replace=replace, only=only, told=lambda done, total: _progress("recordings", done, total)
        )
    if as_json:
        print(files_as_json(found))
    else:
        show_files(Console(), found)
        print(said_of(found), file=sys.stderr)
    raise typer.Exit(1 if any(file.fate is Fate.REFUSED for file in found) else 0)


@prompts_app.command()
def hear(
    prompt_id: Annotated[str, typer.Argument(help="a prompt, or a part of sentences: part.dwadziescia")],
    lang: str = "pl",
    value: Annotated[list[str] | None, typer.Option(help="a value that the text holds: wait=5")] = None,
    telephone: Annotated[bool, typer.Option(help="as a caller hears it: 8 kHz, A-law (G.711)")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="write this WAV file")] = None,
    bundle: BundleFolder = None,
    config: Config = None,
) -> None:
    """Hear a prompt as it is said today: recorded, joined of recorded parts, or synthesised. Played where there is a player."""
    import tempfile

    from dialogs.data.bundle import load_bundle
    from voicebot.cli.errors import write_file
    from voicebot.config.loading import load_settings
    from voicebot.prompts import hearing
    from voicebot.prompts.recording_list import PART, recording_list
    from voicebot.prompts.studio import recording_of

    with told_plainly():
        settings = load_settings(config)
        opened = load_bundle(bundle or settings.bundle)
        language = spoken(opened, lang, short=True)
        listed = recording_list(opened, language, _today(opened)) if prompt_id.startswith(PART) else []
        part = next((line for line in listed if line.name == prompt_id), None)
        recording = recording_of(opened, part) if part is not None else None
        if part is not None and recording is None:
            print(f"'{prompt_id}' is not recorded; what is to be read: {part.text}", file=sys.stderr)
            raise typer.Exit(2)
        try:
            if part is not None and recording is not None:
                wav = asyncio.run(hearing.part_heard(opened, part, recording, telephone=telephone))
            else:
                values = dict(pair.partition("=")[::2] for pair in value or ())
                wav = asyncio.run(hearing.heard(settings, opened, prompt_id, language, values, telephone=telephone))
        except ValueError as error:
            print(f"{error}", file=sys.stderr)
            raise typer.Exit(2) from error
    if out is not None:
        write_file(out, wav)
        print(f"written to {out}")
        hearing.play(out)
        return
    with tempfile.TemporaryDirectory(prefix="voicebot-hear-") as folder:
        file = Path(folder) / "prompt.wav"
        file.write_bytes(wav)
        if not hearing.play(file):
            print("no player here (Debian: pipewire-bin, alsa-utils or ffmpeg): write it to a file with -o", file=sys.stderr)
            raise typer.Exit(1)


def _told_to_wait() -> None:
    print("another import into this bundle is under way: waiting for its end", file=sys.stderr)


def _lines(config: Path | None, folder: Path | None, lang: str) -> tuple[Bundle, list[Line]]:
    """The bundle, and all that is recorded of the language; exit with 2 for a language that it does not have."""
    from dialogs.data.bundle import load_bundle
    from voicebot.config.loading import load_settings
    from voicebot.prompts.recording_list import recording_list

    with told_plainly():
        opened = load_bundle(folder or load_settings(config).bundle)
        return opened, recording_list(opened, spoken(opened, lang, short=True), _today(opened))


def _named(lines: list[Line], name: str, files: int) -> Line:
    if files != 1:
        print(f"--as names one file, and there are {files}", file=sys.stderr)
        raise typer.Exit(2)
    if (line := next((line for line in lines if line.name == name), None)) is None:
        print(f"nothing to be recorded is called {name!r}; see voicebot prompts script", file=sys.stderr)
        raise typer.Exit(2)
    return line


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
    print(f"{by_nature:6}  texts with values (a number, a day): joined where all their parts are recorded, else synthesised")
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

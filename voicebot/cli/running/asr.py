"""`voicebot asr`: how well recognisers hear a bank's own callers."""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from voicebot.cli.errors import may_write, told_plainly, write_file
from voicebot.cli.options import AsJson, Config, records_engine
from voicebot.cli.progress import shown_progress
from voicebot.files import shown
from voicebot.tables import show_table

if TYPE_CHECKING:
    from audio.recognisers.settings import RecogniserSettings
    from voicebot.config.settings import Settings
    from voicebot.figures.estimates import Estimate
    from voicebot.hearing.folder import Spoken
    from voicebot.hearing.measuring import EngineFigures, Way

_CONFIGURED = "configured"
"""The engine of the configuration, as --engine names it."""
_HEAD = ("engine", "wrong words", "wrong letters", "wrong matters", "p50 ms", "p95 ms", "CPU s/s", "MB", "heard")

app = typer.Typer(no_args_is_help=True, help="How well recognisers hear your callers.")


@app.callback()
def _asr() -> None:
    """How well recognisers hear your callers."""
    from voicebot.files import keep_private

    keep_private()


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="audio files, and lines.tsv (file, text, matter) or a .txt beside each")],
    engine: Annotated[
        list[str] | None,
        typer.Option(
            help="an engine, with its model's folder: whisper, vosk:/srv/vosk-pl, sherpa:nemo_transducer:/srv/nemo, configured; "
            "may be repeated"
        ),
    ] = None,
    language: Annotated[str, typer.Option("--lang", help="what is spoken")] = "pl",
    telephone: Annotated[bool, typer.Option("--telephone", help="over 300-3400 Hz, 8 kHz, A-law, as a call is")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="at the pace of a call: how late an engine is that listens along, as callers feel it")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="write an HTML report; it holds callers' words")] = None,
    report_language: Annotated[str, typer.Option("--report-lang", help="pl or en")] = "en",
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Let engines hear the same recordings and compare them: words, matters, lateness, CPU and memory.

    Without --engine, and where it says "configured", it is the one that the configuration names for the language.
    """
    from nlu.pack.pack import ACT_LABELS, BANK_PACK, Pack
    from nlu.types import OUT_OF_SCOPE
    from voicebot.config.loading import load_settings
    from voicebot.hearing.folder import check_matters, named, read_folder
    from voicebot.hearing.measuring import Way
    from voicebot.hearing.report import failures, html
    from voicebot.logs import configure_logs

    way = Way(language, telephone, live)
    if report is not None:
        may_write(report)
    with told_plainly():
        configure_logs(level="error")
        settings = load_settings(config)
        found = read_folder(folder)
        files = found.spoken
        if found.unwritten:
            print(f"left out, with neither text nor matter: {named(found.unwritten)}", file=sys.stderr)
        if any(one.matter for one in files):
            check_matters(files, {*Pack(settings.nlu.pack or BANK_PACK).intents, *ACT_LABELS, OUT_OF_SCOPE})
        engines = _engines(engine or [], settings, language)
        figures = asyncio.run(_measured(settings, files, way, engines))
    if as_json:
        print(json.dumps([_as_json(one) for one in figures], ensure_ascii=False, indent=2))
    else:
        show_table(Console(), _HEAD, [_row(one, len(files)) for one in figures])
    for line in failures(figures):
        print(line, file=sys.stderr)
    if report is not None:
        text = html(figures, way=way, count=len(files), now=datetime.now().astimezone(), language=report_language)
        write_file(report, text.encode())
    if not any(one.heard for one in figures):
        print("nothing was heard", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def collect(
    out: Annotated[Path, typer.Argument(help="the new folder")],
    language: Annotated[str, typer.Option("--lang", help="turns in this language")] = "pl",
    config: Config = None,
) -> None:
    """Cut the turns that people labelled out of recorded calls, as a folder for `asr check`. It is noted in the audit trail.

    Turns with anything masked in them are left out, and those of lines that are not recorded any more. A label says what a turn
    is about: listen, and write the words into the column text; until then only matters are measured.
    """
    from voicebot.config.loading import load_settings
    from voicebot.hearing.collecting import collect as write
    from voicebot.hearing.collecting import labelled
    from voicebot.logs import configure_logs

    with told_plainly(), shown_progress("collecting") as tell:
        configure_logs(level="error")
        settings = load_settings(config)
        engine = records_engine(settings)
        try:
            turns = list(labelled(engine, language))
        finally:
            engine.dispose()
        _note_collection(settings, language, len(turns))
        count, left_out = write(turns, out, recorded=settings.recording.records, tell=tell)
    print(f"{out}: {count} turns of {len(turns)} that were labelled")
    for why, times in left_out.most_common():
        print(f"  {times} left out: {why}")
    if count:
        print(f"Listen, and write what was said into the column text of {out / 'lines.tsv'}.")


def _note_collection(settings: Settings, language: str, labelled: int) -> None:
    """In the trail before the first sound is copied. Raises what SQLAlchemy raises."""
    from voicebot.identity.audit_table import AuditTable, Fact, note_of

    facts: dict[str, Fact] = {"who": getpass.getuser(), "language": language, "labelled": labelled}
    table = AuditTable(settings.database_url)
    try:
        now = datetime.now().astimezone()
        table.append([note_of("recordings.collected", now, facts)])
    finally:
        table.close()


def _engines(named: Sequence[str], settings: Settings, language: str) -> dict[str, RecogniserSettings]:
    """By the name to show. Exit with 2 for one that cannot be."""
    from audio.recognisers.settings import engine_named

    found = {}
    for name in named or [_CONFIGURED]:
        if name == _CONFIGURED:
            if language not in settings.recognisers:
                print(f"no recogniser is set for {language}: name one with --engine, or another --lang", file=sys.stderr)
                raise typer.Exit(2)
            chosen = settings.recognisers[language]
            found[chosen.engine if chosen.model is None else f"{chosen.engine}:{chosen.model}"] = chosen
            continue
        try:
            found[name] = engine_named(name).model_copy(update={"deadline_s": 600.0})  # nobody waits on a line
        except ValueError as error:  # told now: another engine may listen for an hour first
            print(f"--engine {name}: {error}", file=sys.stderr)
            raise typer.Exit(2) from error
    return found


async def _measured(
    settings: Settings, files: Sequence[Spoken], way: Way, engines: dict[str, RecogniserSettings]
) -> list[EngineFigures]:
    from voicebot.hearing.measuring import Measuring
    from voicebot.understanding.service import open_understanding

    judged = any(one.matter for one in files)
    with shown_progress("hearing") as tell:
        understanding = None
        if judged:
            tell("loading the classifier", 0.0)
            understanding = await open_understanding(settings.nlu, (way.language,))
        try:
            measuring = Measuring(files, way, understanding)
            cache = settings.state.data_dir / "models"
            return [
                await measuring.engine(
                    name,
                    wanted,
                    cache,
                    lambda doing, share, number=number: tell(doing, (number + share) / len(engines)),  # type: ignore[misc]
                )
                for number, (name, wanted) in enumerate(engines.items())
            ]
        finally:
            if understanding is not None:
                await understanding.close()


def _row(one: EngineFigures, files: int) -> tuple[str, ...]:
    from voicebot.hearing.report import share

    return (
        one.name,
        share(one.word_errors, one.words),
        share(one.letter_errors, one.letters),
        share(one.matter_errors, one.matter_errors.n),
        f"{one.late_ms(50):.0f}",
        f"{one.late_ms(95):.0f}",
        f"{one.cpu_per_s:.2f}",
        "–" if one.memory_mb is None else f"{one.memory_mb:.0f}",
        f"{len(one.heard)} of {files}",
    )


def _as_json(one: EngineFigures) -> dict[str, Any]:
    return {
        "engine": one.name,
        "word_errors": _estimate(one.word_errors, one.words),
        "letter_errors": _estimate(one.letter_errors, one.letters),
        "matter_errors": _estimate(one.matter_errors, one.matter_errors.n),
        "late_ms": {"p50": round(one.late_ms(50)), "p95": round(one.late_ms(95))},
        "cpu_s_per_s": round(one.cpu_per_s, 3),
        "memory_mb": None if one.memory_mb is None else round(one.memory_mb),
        "audio_s": round(one.audio_s, 1),
        "failed": {shown(path.name): why for path, why in one.failed.items()},
        "files": [
            {
                "file": heard.spoken.name,
                "said": heard.spoken.text,
                "heard": heard.text,
                "word_errors": heard.errors.words if heard.errors else None,
                "wrong_matter": heard.wrong,
                "late_ms": round(1000 * heard.late_s),
            }
            for heard in one.heard
        ],
    }


def _estimate(found: Estimate, of: int) -> dict[str, float | int] | None:
    if not of:
        return None
    return {"share": round(found.k / of, 4), "low": round(found.low, 4), "high": round(found.high, 4), "of": of, "n": found.n}

"""Commands for those who edit a bundle: conversation tests, replay, pictures and schemas of the flow, prompts."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config

if TYPE_CHECKING:
    from dialogs.data.bundle import Bundle


def _today(bundle: Bundle) -> date:
    """The day where the bank is."""
    return bundle.calendar.local(datetime.now(UTC)).date()


flow_app = typer.Typer(no_args_is_help=True, help="The conversation: its picture, and schemas for editors.")
prompts_app = typer.Typer(
    no_args_is_help=True, help="Approved texts: what may be spoken, what is to be recorded, what is missing."
)


def conversation_tests(
    paths: Annotated[list[Path] | None, typer.Argument(help="test files; without any, the bundle's own")] = None,
    words: Annotated[bool, typer.Option(help="let the real classifier understand every utterance")] = False,
    config: Config = None,
) -> None:
    """Run the conversation tests of a bundle; exit 1 when one fails."""
    from dialogs.data.bundle import load_bundle
    from dialogs.rehearsal.conversation_test import run_tests
    from voicebot.config.loading import load_settings
    from voicebot.logs import configure_logs
    from voicebot.understanding.service import load_understander

    configure_logs(level="error")
    with told_plainly():
        settings = load_settings(config)
        bundle = load_bundle(settings.bundle)
        understander = load_understander(settings.nlu, bundle.prompts.languages) if words else None
        report = run_tests(bundle, understander, paths or None)
    for result in report.failed:
        print(f"FAILED {result.file}:{result.line} {result.name}")
        for failure in result.failures:
            print(f"    {failure}")
        for row in result.transcript:
            print(f"        {row}")
    print(f"{len(report.results) - len(report.failed)} passed, {len(report.failed)} failed")
    raise typer.Exit(1 if report.failed else 0)


def replay(
    record: Annotated[Path, typer.Argument(help="a call's JSON record")],
    as_test: Annotated[Path | None, typer.Option(help="also write the call as a conversation test")] = None,
    config: Config = None,
) -> None:
    """Run a recorded call through the dialogue again; exit 1 when it now goes another way."""
    from dialogs.data.bundle import load_bundle
    from dialogs.rehearsal.record_to_test import to_test
    from dialogs.rehearsal.replay import replay as run_again
    from voicebot.config.loading import load_settings
    from voicebot.records.reading import read_exchanges

    with told_plainly():
        bundle = load_bundle(load_settings(config).bundle)
        recorded = read_exchanges(record)
        report = run_again(bundle, recorded.exchanges, call_id=recorded.call_id, bundle_version=recorded.bundle_version)
    if report.bundle_changed:
        print(f"the record was made with bundle {recorded.bundle_version}, this is {bundle.version}")
    for difference in report.differences:
        print(difference)
    print(f"{report.events} events, {len(report.differences)} answered differently")
    if as_test is not None:
        as_test.write_text(to_test(bundle, recorded.exchanges, record.stem), encoding="utf-8")
        print(f"written: {as_test}")
    raise typer.Exit(0 if report.identical else 1)


@flow_app.command()
def draw(
    folder: Annotated[Path, typer.Argument(help="where the two SVG files go")] = Path(),
    config: Config = None,
) -> None:
    """Draw the conversation and the routes as SVG."""
    from dialogs.authoring.draw import flow_svg, routes_svg
    from dialogs.data.bundle import load_bundle
    from voicebot.config.loading import load_settings

    with told_plainly():
        bundle = load_bundle(load_settings(config).bundle)
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in (("flow.svg", flow_svg(bundle)), ("routes.svg", routes_svg(bundle))):
        (folder / name).write_text(svg, encoding="utf-8")
        print(folder / name)


@flow_app.command()
def schema(kind: Annotated[str, typer.Argument(help="flow, routes, prompts or tests")] = "flow") -> None:
    """Print a JSON schema, for completion and checks in an editor."""
    from dialogs.authoring.schema import schema as made

    try:
        print(json.dumps(made(kind), indent=2, ensure_ascii=False))
    except ValueError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from error


@flow_app.command()
def check(config: Config = None) -> None:
    """Check a bundle: every mistake by file and line, warnings too."""
    from dialogs.data.bundle import load_bundle
    from voicebot.config.loading import load_settings

    with told_plainly():
        bundle = load_bundle(load_settings(config).bundle)
    for warning in bundle.warnings:
        print(warning)
    print(f"bundle {bundle.version}: {len(bundle.warnings)} warnings")


@prompts_app.command("list")
def list_prompts(
    lang: Annotated[str | None, typer.Option(help="only this language")] = None,
    trouble: Annotated[bool, typer.Option(help="only what is unapproved, expired, not yet valid or missing")] = False,
    config: Config = None,
) -> None:
    """List every prompt with its status today."""
    from dialogs.authoring.prompt_list import Status, inventory
    from dialogs.data.bundle import load_bundle
    from voicebot.cli.prompt_list import show_prompts
    from voicebot.config.loading import load_settings

    with told_plainly():
        bundle = load_bundle(load_settings(config).bundle)
    shown = [
        entry
        for entry in inventory(bundle, _today(bundle))
        if (lang is None or entry.language == lang) and not (trouble and entry.status is Status.OK)
    ]
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
        print(recording_script(bundle, lang, _today(bundle)), end="")


@prompts_app.command("import")
def import_recordings(folder: Path, bundle: Path, lang: str = "pl") -> None:
    """Take <prompt>.wav files of FOLDER into the bundle's folder BUNDLE."""
    from dialogs.authoring.prompt_recordings import import_recordings as take

    try:
        report = take(bundle, lang, folder)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from error
    for name, why in report.refused:
        print(f"not taken: {name}: {why}")
    print(f"{len(report.imported)} imported, {len(report.refused)} not")
    raise typer.Exit(1 if report.refused else 0)


@prompts_app.command()
def gaps(calls: Annotated[Path, typer.Argument(help="CSV with the columns intent and times")], config: Config = None) -> None:
    """Matters that callers raise and no approved message answers."""
    from dialogs.authoring.prompt_list import gaps as found
    from dialogs.data.bundle import load_bundle
    from voicebot.config.loading import load_settings

    with told_plainly():
        bundle = load_bundle(load_settings(config).bundle)
    raised: Counter[str] = Counter()
    with calls.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            raised[row["intent"]] += int(row.get("times") or 1)
    for gap in found(bundle, raised, _today(bundle)):
        print(f"{gap.times:6}  {gap.intent}  ({gap.language})")

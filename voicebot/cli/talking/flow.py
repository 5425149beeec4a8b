"""Commands for those who edit a bundle: conversation tests, replay, pictures and schemas of the flow."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from voicebot.cli.errors import told_plainly, write_file
from voicebot.cli.options import Config, spoken

flow_app = typer.Typer(no_args_is_help=True, help="The conversation: its picture, and schemas for editors.")


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
        with told_plainly():
            as_test.write_text(to_test(bundle, recorded.exchanges, record.stem), encoding="utf-8")
        print(f"written: {as_test}")
    raise typer.Exit(0 if report.identical else 1)


class Format(StrEnum):
    """What a picture is written as."""

    SVG = "svg"
    PDF = "pdf"
    PNG = "png"
    DOT = "dot"


@flow_app.command()
def draw(
    folder: Annotated[Path, typer.Argument(help="where the two pictures go")] = Path(),
    lang: Annotated[str | None, typer.Option(help="the language of the pictures' texts; else the bundle's first")] = None,
    form: Annotated[Format, typer.Option("--format", help="dot is the description that Graphviz draws")] = Format.SVG,
    config: Config = None,
) -> None:
    """Draw the conversation and the routes, with Graphviz. SVG and PDF can be enlarged; PDF and PNG fit an A3 page."""
    from dialogs.authoring.flow_picture import flow_picture
    from dialogs.authoring.picture import drawn
    from dialogs.authoring.routes_picture import routes_picture
    from dialogs.data.bundle import load_bundle
    from voicebot.config.loading import load_settings

    with told_plainly():
        bundle = load_bundle(load_settings(config).bundle)
        language = spoken(bundle, lang)
        pictures = {
            f"{name}.{form}": drawn(picture(bundle, language), form.value)
            for name, picture in (("flow", flow_picture), ("routes", routes_picture))
        }
        for name, content in pictures.items():
            write_file(folder / name, content)
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

"""`voicebot talk`: the same conversation in text, interactive, from a script, or from a folder of scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config
from voicebot.cli.progress import shown_progress

if TYPE_CHECKING:
    from dialogs.data.bundle import Bundle
    from dialogs.events import CallStarted
    from dialogs.rehearsal.rehearsal import Exchange
    from nlu.types import Understander
    from voicebot.talk import CallOptions, Starter, TextCall

_A_WORKING_DAY = "2026-11-24T11:00"  # a batch gives the same answers whenever it is run


def talk(
    caller: Annotated[str | None, typer.Option(help="the caller's number; withheld without it")] = None,
    lang: Annotated[str | None, typer.Option(help="language of the call: pl or en")] = None,
    at: Annotated[
        str | None,
        typer.Option(help=f"local time of the call, like 2026-11-21T03:10 (default: now; of a batch {_A_WORKING_DAY})"),
    ] = None,
    script: Annotated[Path | None, typer.Option(help="what the caller does, a line each; - for standard input")] = None,
    batch: Annotated[Path | None, typer.Option(help="a folder of scripts: every file is a call, summed up in one line")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="an event or action per line as JSON; of a batch, a call per line")
    ] = False,
    events: Annotated[bool, typer.Option(help="with --batch --json: each call with all its events and actions")] = False,
    line: Annotated[str | None, typer.Option(help="the dialled line's name in the bundle (default: main)")] = None,
    segment: Annotated[str | None, typer.Option(help="private_banking, select, sme or mass, whatever the directory says")] = None,
    config: Config = None,
) -> None:
    """Talk to the bot in text. What the caller does: words, [key 1], [keys 123#], [silence 8], [interrupt] words, [hangup].

    Where no customers were imported the callers of examples/customers.csv are known. A caller whose script has
    ended stays silent until the call ends. With --json the last line is the outcome: queue, priority, message or goodbye.

    A script may begin with the options of its call: --caller +48601000001 --lang pl, or YAML between lines of ---.
    The command's own come first. A script with a mistake is named, and the rest of a batch goes on.
    """
    with told_plainly():
        from voicebot.talk import CallOptions, TalkError

        options = CallOptions(caller, lang, at, line, segment)
        if batch is None:
            _talk(options, script, as_json, config)
        elif script is not None:
            raise TalkError("--script is one call and --batch a folder of them. Give one of the two")
        else:
            _batch(options, batch, as_json, events, config)


def _talk(options: CallOptions, path: Path | None, as_json: bool, config: Path | None) -> None:
    from voicebot.talk import TextCall, outcome_of, parse_script, turns_of

    script = parse_script(path) if path is not None and str(path) != "-" else None
    bundle, starter, understander = _opened(config)
    started, when = starter.start(options.over(script.options) if script is not None else options, script)
    call = TextCall(bundle, understander(), at=when, show=_shower(bundle, as_json))
    if script is not None:
        call.run(started, script.turns)
    elif path is not None or not sys.stdin.isatty():
        call.run(started, turns_of(sys.stdin, "line "))
    else:
        _converse(call, started)
    if as_json:
        print(json.dumps(outcome_of(call.rehearsal.exchanges), ensure_ascii=False), flush=True)


def _batch(options: CallOptions, folder: Path, as_json: bool, events: bool, config: Path | None) -> None:
    """One line a call; exits with 1 when a script had a mistake."""
    from voicebot.talk.batch import Batch, scripts_in

    scripts = scripts_in(folder)
    bundle, starter, understander = _opened(config, _A_WORKING_DAY)
    batch = Batch(bundle, understander(), starter, options, events=events)
    mistakes = 0
    with shown_progress("calls") as tell:
        for number, path in enumerate(scripts):
            tell(f"{number} of {len(scripts)}", number / len(scripts))
            row = batch.hold(folder, path)
            mistakes += "error" in row
            if "error" in row:
                print(row["error"]["message"], file=sys.stderr)
            if as_json or "error" not in row:
                print(json.dumps(row, ensure_ascii=False) if as_json else _in_words(row), flush=True)
    print(f"{len(scripts) - mistakes} calls held, {mistakes} scripts with a mistake", file=sys.stderr)
    if mistakes:
        raise typer.Exit(1)


def _in_words(row: dict[str, Any]) -> str:
    where = row["queue"] or ", ".join(row["messages"]) or row["end"]
    return f"{row['script']}: {row['outcome']} {where}, {row['turns']} turns, {row['seconds']:.0f} s"


def _opened(config: Path | None, now: str | None = None) -> tuple[Bundle, Starter, Callable[[], Understander]]:
    """Bundle, caller's directory, and the classifier for when the options are known to be right; `now` is local."""
    from dialogs.data.bundle import load_bundle
    from voicebot.config.loading import load_settings
    from voicebot.identity.customers import SampleCustomers, customer_directory
    from voicebot.logs import configure_logs
    from voicebot.talk import Starter
    from voicebot.understanding.service import load_understander

    settings = load_settings(config)
    configure_logs(level="error")
    _progress("reading the bundle")
    bundle = load_bundle(settings.bundle)
    directory = customer_directory(settings)
    known = directory.find if directory.path.exists() else SampleCustomers().find
    moment = datetime.fromisoformat(now).replace(tzinfo=bundle.calendar.zone) if now else datetime.now().astimezone()

    def understander() -> Understander:
        _progress("loading the classifier (the first time it is trained)")
        return load_understander(settings.nlu, bundle.prompts.languages)

    return bundle, Starter(bundle, known, now=moment, warn=lambda said: print(said, file=sys.stderr)), understander


def _converse(call: TextCall, started: CallStarted) -> None:
    """With a person, who hangs up with the end of input."""
    from voicebot.talk import TalkError, parse_turn

    call.start(started)
    while not call.over:
        try:
            turn = parse_turn(input("> "))
        except EOFError:
            break
        except TalkError as error:
            print(error, file=sys.stderr)
            continue
        if turn is not None:
            call.take(turn)
    call.hang_up()


def _progress(doing: str) -> None:
    if sys.stderr.isatty():
        print(f"… {doing}", file=sys.stderr)


def _shower(bundle: Bundle, as_json: bool) -> Callable[[Exchange], None]:
    from voicebot.screen import CallScreen
    from voicebot.talk import as_json as json_lines

    def print_json(exchange: Exchange) -> None:
        for row in json_lines(exchange, bundle):
            print(json.dumps(row, ensure_ascii=False), flush=True)

    if as_json:
        return print_json
    console = Console()
    screen = CallScreen(console, lambda say: str(say["text"]))
    began: list[datetime] = []

    def show(exchange: Exchange) -> None:
        began.append(exchange.at)
        for row in json_lines(exchange, bundle):
            screen("talk", {**row, "t": (exchange.at - began[0]).total_seconds()})

    return show

"""`voicebot talk`: the same conversation in text, interactive or from a script."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly

if TYPE_CHECKING:
    from dialogs.bundle import Bundle
    from dialogs.rehearsal import Exchange


def talk(
    caller: Annotated[str | None, typer.Option(help="the caller's number; withheld without it")] = None,
    lang: Annotated[str | None, typer.Option(help="language of the call: pl or en")] = None,
    at: Annotated[str | None, typer.Option(help="local time of the call, e.g. 2026-11-21T03:10")] = None,
    script: Annotated[Path | None, typer.Option(help="what the caller does, a line each; - for standard input")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one event or action per line as JSON")] = False,
    line: Annotated[str, typer.Option(help="the dialled line's name in the bundle")] = "main",
    segment: Annotated[str | None, typer.Option(help="private_banking, select, sme or mass, whatever the directory says")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file; see examples/voicebot.yml")] = None,
) -> None:
    """Talk to the bot in text. What the caller does: words, [key 1], [silence 8], [interrupt] words, [hangup]."""
    with told_plainly():
        _talk(caller, lang, at, script, as_json, line, segment, config)


def _talk(
    number: str | None,
    lang: str | None,
    at: str | None,
    script: Path | None,
    as_json: bool,
    line: str,
    segment: str | None,
    config: Path | None,
) -> None:
    from caller_id.types import Segment
    from dialogs.bundle import load_bundle
    from dialogs.events import CallStarted
    from voicebot.config import load_settings
    from voicebot.house import customer_directory
    from voicebot.logs import configure_logs
    from voicebot.talk import TalkError, TextCall, caller_for, parse_script, parse_turn
    from voicebot.understanding import load_understander

    settings = load_settings(config)
    configure_logs(level="error")
    bundle = load_bundle(settings.bundle)
    if line not in bundle.routes.lines:
        raise TalkError(f"there is no line {line!r}; lines are {', '.join(bundle.routes.lines)}")
    who = caller_for(number, customer_directory(settings), Segment(segment) if segment else None)
    understander = load_understander(settings.nlu, bundle.prompts.languages)
    call = TextCall(bundle, understander, at=_time(at, bundle), show=_shower(bundle, as_json))
    started = CallStarted(who, line=line, language=lang)
    if script is not None and str(script) != "-":
        call.run(started, parse_script(script))
    elif script is not None or not sys.stdin.isatty():
        turns = (parse_turn(text, f"line {row}") for row, text in enumerate(sys.stdin, 1))
        call.run(started, (turn for turn in turns if turn is not None))
    else:
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
        call.finish()


def _time(at: str | None, bundle: Bundle) -> datetime:
    from voicebot.talk import TalkError

    if at is None:
        return bundle.calendar.local(datetime.now().astimezone())
    try:
        when = datetime.fromisoformat(at)
    except ValueError as error:
        raise TalkError(f"--at {at!r} is no time; write it like 2026-11-21T03:10") from error
    return when if when.tzinfo else when.replace(tzinfo=bundle.calendar.zone)


def _shower(bundle: Bundle, as_json: bool) -> Callable[[Exchange], None]:
    from voicebot.cli.screen import CallScreen
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

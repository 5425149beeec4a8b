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
from voicebot.cli.options import Config

_A_CUSTOMERS_NUMBER = "+48600000000"

if TYPE_CHECKING:
    from caller_id.types import Caller
    from dialogs.data.bundle import Bundle
    from dialogs.events import CallStarted
    from dialogs.rehearsal.rehearsal import Exchange
    from voicebot.config.settings import Settings
    from voicebot.talk import TextCall


def talk(
    caller: Annotated[str | None, typer.Option(help="the caller's number; withheld without it")] = None,
    lang: Annotated[str | None, typer.Option(help="language of the call: pl or en")] = None,
    at: Annotated[str | None, typer.Option(help="local time of the call, e.g. 2026-11-21T03:10")] = None,
    script: Annotated[Path | None, typer.Option(help="what the caller does, a line each; - for standard input")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one event or action per line as JSON")] = False,
    line: Annotated[str, typer.Option(help="the dialled line's name in the bundle")] = "main",
    segment: Annotated[str | None, typer.Option(help="private_banking, select, sme or mass, whatever the directory says")] = None,
    config: Config = None,
) -> None:
    """Talk to the bot in text. What the caller does: words, [key 1], [keys 123#], [silence 8], [interrupt] words, [hangup].

    Where no customers were imported the callers of examples/customers.csv are known. A caller whose script has
    ended stays silent until the call ends. With --json the last line is the outcome: queue, priority, message or goodbye.
    """
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
    from dialogs.data.bundle import load_bundle
    from dialogs.events import CallStarted
    from voicebot.config.loading import load_settings
    from voicebot.logs import configure_logs
    from voicebot.talk import TalkError, TextCall, outcome_of, parse_script, turns_of
    from voicebot.understanding.service import load_understander

    turns = parse_script(script) if script is not None and str(script) != "-" else None
    settings = load_settings(config)
    configure_logs(level="error")
    _progress("reading the bundle")
    bundle = load_bundle(settings.bundle)
    if line not in bundle.routes.lines:
        raise TalkError(f"there is no line {line!r}; lines are {', '.join(bundle.routes.lines)}")
    started = CallStarted(_caller(number, segment, settings), line=line, language=_language(lang, bundle))
    when = _time(at, bundle)
    _progress("loading the classifier (the first time it is trained)")
    understander = load_understander(settings.nlu, bundle.prompts.languages)
    call = TextCall(bundle, understander, at=when, show=_shower(bundle, as_json))
    if turns is not None:
        call.run(started, turns)
    elif script is not None or not sys.stdin.isatty():
        call.run(started, turns_of(sys.stdin, "line "))
    else:
        _converse(call, started)
    if as_json:
        print(json.dumps(outcome_of(call.rehearsal.exchanges), ensure_ascii=False), flush=True)


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


def _caller(number: str | None, segment: str | None, settings: Settings) -> Caller:
    """With the hints of the configured directory, or of the sample where there is none."""
    from caller_id.types import Segment
    from voicebot.identity.customers import SampleCustomers, customer_directory
    from voicebot.talk import TalkError, caller_for

    if segment is not None and segment not in list(Segment):
        raise TalkError(f"there is no segment {segment!r}; segments are {', '.join(Segment)}")
    if number is None and segment is not None:
        number = _A_CUSTOMERS_NUMBER  # a segment is a hint that comes with a number: who withholds theirs has none
    directory = customer_directory(settings)
    known = directory if directory.path.exists() else SampleCustomers()
    caller = caller_for(number, known, Segment(segment) if segment else None)
    if number is not None and caller.number is None and not caller.withheld:
        print(f"{number!r} is no telephone number: the caller has none. Write it like +48601000001.", file=sys.stderr)
    return caller


def _language(wanted: str | None, bundle: Bundle) -> str | None:
    from voicebot.talk import TalkError

    rule = bundle.routes.languages
    known = (*bundle.prompts.languages, *rule.short, *rule.same_as)
    if wanted is not None and wanted not in known:
        raise TalkError(f"there is no language {wanted!r} in the bundle; languages are {', '.join(known)}")
    return wanted


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

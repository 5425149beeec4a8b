"""`voicebot call`: one scripted call by the softphone, to any SIP address on this machine or the bank's network, or as the bank's
app calls (WebRTC).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console


def call(
    target: Annotated[str, typer.Argument(help="SIP address (sip:bot@127.0.0.1:5060), or the service's URL (https://…)")],
    say: Annotated[list[str] | None, typer.Option(help="English words to say; again for the next answer")] = None,
    wav: Annotated[list[Path] | None, typer.Option(help="16-bit mono WAV to play instead")] = None,
    keys: Annotated[list[str] | None, typer.Option(help="keys to press, after what is said")] = None,
    number: Annotated[str, typer.Option(help="the caller's number, as the From header shows it")] = "caller",
    codec: Annotated[str, typer.Option(help="pcma, pcmu, g722 or opus")] = "pcma",
    host: Annotated[str, typer.Option(help="this machine's address to call from")] = "127.0.0.1",
    ticket: Annotated[str, typer.Option(envvar="VOICEBOT_TICKET", help="for https://…: the ticket that lets the app call")] = "",
    record: Annotated[Path | None, typer.Option(help="save what is heard as WAV")] = None,
    max_s: Annotated[float, typer.Option(help="hang up after so many seconds")] = 90.0,
) -> None:
    """Place a call with the softphone: wait for the bot to finish, say or play each line, press the keys, show the result."""
    from voicebot.endpoints.sip.codecs import Codec
    from voicebot.softphone import (
        CallScript,
        Keys,
        Moment,
        Play,
        Say,
        ScriptError,
        Step,
        UntilEnded,
        UntilSilent,
        run_script_process,
    )

    console = Console()
    steps: list[Step] = []
    turns: list[Step] = [*map(Say, say or []), *map(Play, wav or []), *map(Keys, keys or [])]
    for turn in turns:
        steps += [UntilSilent(0.8), turn]
    began: list[float] = []

    def show(moment: Moment) -> None:
        began.append(moment.at)
        console.print(f"{moment.at - began[0]:7.2f}  {moment.what:14} {moment.detail}", highlight=False)

    try:
        script = CallScript(
            target,
            (*steps, UntilEnded(min(30.0, max_s))),
            number=number,
            ticket=ticket,
            codecs=(cast("Codec", codec),),
            max_s=max_s,
            record=record,
        )
        (report,) = asyncio.run(run_script_process([script], host=host, on_moment=show))
    except ScriptError as error:
        console.print(f"[red]{error}")
        raise typer.Exit(2) from error
    console.print(f"answered: {report.answered}   closed: {report.close_reason or '-'}")
    console.print(f"put through to: {report.transfer_target or '-'}")
    for latency in report.responses:
        console.print(f"answer to step {latency.step} began after {latency.seconds * 1000:.0f} ms")
    raise typer.Exit(0 if report.answered else 1)

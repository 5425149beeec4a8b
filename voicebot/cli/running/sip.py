"""`voicebot sip`: what a telephone engineer asks about a trunk and a call."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.console import Console

from voicebot.cli.errors import told_plainly, write_file
from voicebot.cli.options import AsJson, Config
from voicebot.tables import show_table

if TYPE_CHECKING:
    from voicebot.endpoints.sip.tracing.ring import TracedCall

app = typer.Typer(no_args_is_help=True, help="Trunks and calls, for whoever keeps the telephone side.")

_HEAD = ("began", "call", "X-Call-Ref", "Call-ID", "far end", "messages", "last")
_ASK_S = 10.0


@app.command()
def trace(
    call: Annotated[
        str | None,
        typer.Argument(metavar="[CALL]", help="our id, the SIP Call-ID or X-Call-Ref; without it the latest are listed"),
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="write the ladder as a picture")] = None,
    pcap: Annotated[Path | None, typer.Option(help="write the SIP packets for Wireshark; never audio")] = None,
    messages: Annotated[bool, typer.Option("--messages", help="print every message in full, below the ladder")] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Show what was said on the wire of one of the last calls, and what happened in it, from the running service's memory.

    Numbers are shortened, names, secrets and keys are masked. Nothing is kept on disk: a restart forgets.
    """
    with told_plainly():
        if call is None:
            _list(_asked(config, "/sip/traces"), as_json)
            return
        told = _asked(config, f"/sip/traces/{quote(call, safe='')}")
    if as_json:
        print(json.dumps(told, ensure_ascii=False, indent=1))
    _show(told, call, svg, pcap, messages, quiet=as_json)


def _asked(config: Path | None, path: str) -> Any:
    """Of the running service. Raises ConfigError."""
    from voicebot.config.loading import load_settings
    from voicebot.errors import ConfigError

    url = load_settings(config).health.url
    try:
        answer = httpx.get(f"{url}{path}", timeout=_ASK_S, trust_env=False)
        told = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise ConfigError(
            f"no service answers on {url}. Start it (voicebot serve), or name its configuration with --config: "
            "health.host and health.port must be those it runs with"
        ) from error
    if answer.status_code == httpx.codes.NOT_FOUND:
        print(
            "no such call in the trace. It keeps the last calls since the start only (sip.trace.calls); "
            "`voicebot sip trace` lists them, `voicebot calls show` has older ones without their SIP",
            file=sys.stderr,
        )
        raise typer.Exit(1)
    if answer.is_error:
        raise ConfigError(f"the service on {url} refuses: {told.get('detail', answer.status_code)}")
    return told


def _list(told: Any, as_json: bool) -> None:
    if as_json:
        print(json.dumps(told, ensure_ascii=False, indent=1))
        return
    rows = [
        (
            f"{datetime.fromtimestamp(each['began'], UTC).astimezone():%m-%d %H:%M:%S}",
            each["ref"] or ("(leg of ours)" if each["outgoing"] else "-"),
            each["call_ref"] or "-",
            each["call_id"],
            each["far"],
            str(each["messages"]),
            each["last"],
        )
        for each in told["calls"]
    ]
    show_table(Console(), _HEAD, [tuple(map(_plain, row)) for row in rows])


def _show(told: Any, name: str, svg: Path | None, pcap: Path | None, messages: bool, *, quiet: bool) -> None:
    from voicebot.endpoints.sip.tracing.ladder import as_text, ladder_of
    from voicebot.endpoints.sip.tracing.pcap import as_pcap
    from voicebot.endpoints.sip.tracing.shown import from_json
    from voicebot.endpoints.sip.tracing.svg import as_svg

    calls = from_json(told)
    ladder = ladder_of(calls)
    if svg is not None:
        write_file(svg, as_svg(ladder, f"call {name}").encode())
    if pcap is not None:
        write_file(pcap, as_pcap(message for each in calls for message in each.messages))
    if quiet:
        return
    print("\n".join(_names(calls)))
    print(as_text(ladder))
    for message in sorted((m for each in calls for m in each.messages), key=lambda m: m.at) if messages else ():
        print(f"\n--- {message.at - ladder.began:.3f} {'received' if message.received else 'sent'} {message.transport}")
        print("\n".join(map(_plain, message.text.split("\n"))))


def _names(calls: list[TracedCall]) -> list[str]:
    head = calls[0]
    lines = [f"call {head.ref or '-'}   Call-ID {head.call_id}   X-Call-Ref {head.call_ref or '-'}"]
    lines += [f"leg of ours: Call-ID {leg.call_id}" for leg in calls[1:]]
    if left := sum(each.left_out for each in calls):
        lines.append(f"{left} messages from the middle are not kept")
    return [_plain(line) for line in lines]


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)

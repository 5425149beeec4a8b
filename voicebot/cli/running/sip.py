"""`voicebot sip`: what a telephone engineer asks about a trunk and a call."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.console import Console
from rich.text import Text

from voicebot.cli.errors import told_plainly, write_file
from voicebot.cli.options import AsJson, Config
from voicebot.tables import show_table

if TYPE_CHECKING:
    from voicebot.endpoints.sip.checking.check import Wanted
    from voicebot.endpoints.sip.checking.findings import Finding
    from voicebot.endpoints.sip.settings import SipSettings
    from voicebot.endpoints.sip.tracing.ring import TracedCall

app = typer.Typer(no_args_is_help=True, help="Trunks and calls, for whoever keeps the telephone side.")

_HEAD = ("began", "call", "X-Call-Ref", "Call-ID", "far end", "messages", "last")
_ASK_S = 10.0
_FOUND = ("trunk", "check", "", "seen", "what to do")
_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "dim"}


@app.command()
def check(
    trunk: Annotated[str | None, typer.Argument(metavar="[TRUNK]", help="its name in sip.trunks; without it all")] = None,
    to: Annotated[str, typer.Option(help="place a test call to this SIP URI: media, keys, SRTP are seen in it")] = "",
    keys: Annotated[str, typer.Option(help="pressed in the test call")] = "***",
    refer_to: Annotated[str, typer.Option("--refer", help="transfer the test call to this SIP URI: a telephone will ring")] = "",
    address: Annotated[str, typer.Option(help="ask the far end here: sip:HOST:PORT")] = "",
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.5, max=60, help="seconds to wait for an answer")] = 8.0,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Tell what works between us and a trunk or PBX, what does not, and what to do. Exit 1 when something failed.

    It needs no running service, and disturbs none: it asks from ports of its own. Only --to places a call.
    """
    from voicebot.config.loading import load_settings
    from voicebot.endpoints.sip.checking.check import Wanted

    with told_plainly():
        settings = load_settings(config)
        sip = settings.sip_settings()
        _refuse_unknown(sip, trunk, {"--to": to, "--refer": refer_to}, address, keys)
    wanted = Wanted(trunk, address, to, refer_to, keys, timeout_s)
    with told_plainly(), _quiet_stack():
        found = asyncio.run(_found(sip, settings.health.url, wanted))
    if as_json:
        print(json.dumps([{**each, "outcome": str(each["outcome"])} for each in map(_as_dict, found)], indent=1))
    else:
        _print_findings(found)
    raise typer.Exit(1 if any(each.outcome == "failed" for each in found) else 0)


def _refuse_unknown(sip: SipSettings, trunk: str | None, calls: dict[str, str], address: str, keys: str) -> None:
    """Raises ConfigError for what cannot be asked."""
    from voicebot.endpoints.leg import KEYS
    from voicebot.endpoints.sip.checking.places import place_of
    from voicebot.endpoints.sip.transfer import is_transfer_target
    from voicebot.errors import ConfigError

    if trunk is not None and trunk not in sip.all_trunks:
        raise ConfigError(f"no trunk {_plain(trunk)!r}; there are: {', '.join(sip.all_trunks) or 'none, name one in sip.trunks'}")
    for option, uri in calls.items():
        if uri and not (is_transfer_target(uri) and place_of(uri)):
            raise ConfigError(f"{option} {_plain(uri)!r}: write it like sip:802@192.0.2.7, without parameters")
    if address and place_of(address) is None:
        raise ConfigError(f"--address {_plain(address)!r}: write it like sip:pbx.bank.example:5060 or 192.0.2.7")
    if calls["--refer"] and not calls["--to"]:
        raise ConfigError("--refer transfers the test call: name its number with --to as well")
    if any(key not in KEYS for key in keys):
        raise ConfigError(f"--keys {_plain(keys)!r}: only {KEYS} are keys of a telephone")


async def _found(sip: SipSettings, url: str, wanted: Wanted) -> list[Finding]:
    from voicebot.endpoints.sip.checking.check import check as checked
    from voicebot.endpoints.sip.checking.running_service import RunningService

    console = Console(stderr=True)
    found = []
    with console.status("checking") as status:
        async for finding in checked(sip, RunningService(url), wanted, lambda doing: status.update(Text(_plain(doing)))):
            found.append(finding)
            if not console.is_terminal:
                print(f"… {finding.trunk} {finding.check}: {finding.outcome}".replace("  ", " "), file=sys.stderr, flush=True)
    return found


@contextmanager
def _quiet_stack() -> Iterator[None]:
    """The table says it all: log lines would stand between. Nothing is switched off: the stack's trace comes by logging."""
    nowhere = logging.NullHandler()
    logging.getLogger().addHandler(nowhere)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(nowhere)


def _as_dict(finding: Finding) -> dict[str, Any]:
    return asdict(finding)


def _print_findings(found: list[Finding]) -> None:
    console = Console()
    if not console.is_terminal:
        rows = [(each.trunk, each.check, str(each.outcome), each.what, each.todo) for each in found]
        show_table(console, _FOUND, [tuple(map(_plain, row)) for row in rows], tabs=False)
    else:
        for each in found:
            where = f"{each.trunk + ' ' if each.trunk else ''}{each.check}"
            line = Text.assemble((f"{each.outcome:8}", _COLOURS[each.outcome]), (f"{_plain(where)}  ", "bold"), _plain(each.what))
            console.print(line, highlight=False)
            if each.todo:
                console.print(Text(f"          → {_plain(each.todo)}", style="cyan"), highlight=False)
    failed = sum(each.outcome == "failed" for each in found)
    warned = sum(each.outcome == "warning" for each in found)
    console.print(f"{failed} failed, {warned} to look at, {len(found)} in all", highlight=False)


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
        print(json.dumps(told, indent=1))
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
        print(json.dumps(told, indent=1))
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

"""`python -m voicebot.softphone [FILE]`: place the calls a JSON object names and print, a JSON object a line, what happens.

In: one script (`voicebot.softphone.script`), or {"calls": [script…], "together": n, "host": local address, "cache": folder}; from
FILE or standard input. Out: {"moment": …} as things happen, then {"report": …, "number": its place in the list} for each call.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from baresip import BaresipError

from audio.errors import AudioError
from voicebot.endpoints.errors import TelephonyError
from voicebot.softphone.report import CallReport, Moment
from voicebot.softphone.script import ScriptError, parse_script
from voicebot.softphone.session import place_calls


def main(arguments: list[str]) -> int:
    """Run; the exit status is 0 when every call could be placed, whatever came of it."""
    text = Path(arguments[0]).read_text(encoding="utf-8") if arguments else sys.stdin.read()
    try:
        order = json.loads(text)
        if "calls" not in order:
            order = {"calls": [order]}
        asyncio.run(_place(order))
    except (ScriptError, AudioError, TelephonyError, BaresipError, OSError, json.JSONDecodeError) as error:
        print(f"softphone: {error}", file=sys.stderr)
        return 2
    return 0


async def _place(order: dict[str, Any]) -> None:
    reports = await place_calls(
        [parse_script(call) for call in order["calls"]],
        host=order.get("host"),
        together=order.get("together"),
        cache=Path(order["cache"]) if "cache" in order else None,
        on_moment=_print_moment,
    )
    for number, report in enumerate(reports):
        _print_report(number, report)


def _print_moment(moment: Moment) -> None:
    print(json.dumps({"moment": asdict(moment)}), flush=True)


def _print_report(number: int, report: CallReport) -> None:
    print(json.dumps({"report": report.json(), "number": number}), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

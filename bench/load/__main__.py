"""`make bench-load`: calls at once and calls a second that this machine holds, and where the knee is.

sipp places real calls with real RTP and keys. The tables are printed and, with --write, put into docs/capacity.md.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from bench.calls import long_speech
from bench.load.attackers import TRUNK
from bench.load.bot import running_bot
from bench.load.engines import measure_engines
from bench.load.legs import LEGS, measure_legs, sections
from bench.load.model import Machine, OneCall, sizing, sizing_table
from bench.load.speaking import measure_speaking
from bench.load.steps import Row, held, per_second
from bench.load.tables import HEARING, PAGE, busy, knee, measured_on, row_table, write
from bench.load.workers import measure_workers
from bench.parts import part
from voicebot.logs import configure_logs

FOLDER = Path("var/bench-load")
SIZES = (60, 500, 2000, 10_000)
PARTS = ("held", "attacked", "rate", "legs", "workers", "speaking", "engines")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when a part could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[10, 20, 40, 60, 80, 100], help="calls at once, step by step")
    parser.add_argument("--rates", type=float, nargs="+", default=[2, 5, 10, 15, 20], help="new calls a second, step by step")
    parser.add_argument(
        "--speaking", type=int, nargs="+", default=[1, 2, 4, 6, 8], help="speaking callers at once, recogniser on"
    )
    parser.add_argument("--legs", choices=LEGS, nargs="+", default=LEGS, help="legs that are no SIP, for the part legs")
    parser.add_argument("--leg-calls", type=int, nargs="+", default=[20, 40], help="calls at once by each of them")
    parser.add_argument("--workers", type=int, default=2, help="processes of calls, for the part workers")
    parser.add_argument(
        "--engines", nargs="+", default=["whisper"], help="for the part engines: whisper, vosk:FOLDER, sherpa:KIND:FOLDER"
    )
    parser.add_argument("--engine-calls", type=int, default=12, help="calls by each of them")
    parser.add_argument("--seconds", type=float, default=15, help="how long each step is held")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/capacity.md and docs/hearing.md")
    asked = parser.parse_args(arguments)
    configure_logs(level="error")
    signal.signal(signal.SIGTERM, _end)
    failed: list[str] = []
    with part("load", failed):
        asyncio.run(_measure(asked))
    return 1 if failed else 0


def _end(*_: object) -> None:
    """Ended from outside, it ends what it started as well."""
    raise SystemExit(143)


async def _measure(asked: argparse.Namespace) -> None:
    good: list[Row] = []
    if {"held", "attacked", "rate"}.intersection(asked.only):
        async with running_bot(FOLDER, deaf=True, max_calls=200, trunks={"attackers": TRUNK}) as bot:
            if "held" in asked.only:
                rows = [_said(row) async for row in held(bot, FOLDER, asked.calls, asked.seconds)]
                good = [row for row in rows if row.good]
                _tell("held", row_table(rows, "calls at once"), knee(rows, "calls at once") + _busy(rows), keep=asked.write)
            if "attacked" in asked.only:
                rows = [_said(row) async for row in held(bot, FOLDER, asked.calls, asked.seconds, attacked=True)]
                _tell("attacked", row_table(rows, "calls at once"), _attacked(rows), keep=asked.write)
            if "rate" in asked.only:
                rows = [_said(row) async for row in per_second(bot, FOLDER, asked.rates, asked.seconds)]
                _tell("rate", row_table(rows, "calls a second"), knee(rows, "calls a second") + _busy(rows), keep=asked.write)
    if "legs" in asked.only:
        async with running_bot(FOLDER, deaf=True, max_calls=200, sections=sections()) as bot:
            speech = await long_speech(FOLDER)
            _tell("legs", *await measure_legs(bot, asked.legs, asked.leg_calls, asked.seconds, speech), keep=asked.write)
    if "workers" in asked.only:
        found = await measure_workers(FOLDER, asked.workers, asked.calls, asked.seconds)
        _tell("workers", *found, keep=asked.write)
    if "speaking" in asked.only:
        async with running_bot(FOLDER, deaf=False, max_calls=200) as bot:
            spoken = await measure_speaking(bot, asked.speaking)
        _tell("speaking", spoken.table, spoken.verdict, keep=asked.write)
        if good:
            _tell("sizing", *_sized(good, spoken.utterance_s), keep=asked.write)
    if "engines" in asked.only:
        found = await measure_engines(FOLDER, asked.engines, asked.engine_calls)
        _tell("engines", *found, keep=asked.write, page=HEARING)


def _said(row: Row) -> Row:
    print(
        f"… {row.calls} calls, {row.per_second:g} a second: {'good' if row.good else ', '.join(row.troubles)}",
        file=sys.stderr,
        flush=True,
    )
    return row


def _attacked(rows: Sequence[Row]) -> str:
    done: Counter[str] = Counter()
    for row in rows:
        done.update(row.attacks)
    told = ", ".join(f"{count} {what}" for what, count in sorted(done.items()))
    return f"{knee(rows, 'calls at once')} Meanwhile: {told}.{_busy(rows)}"


def _busy(rows: Sequence[Row]) -> str:
    return busy([row.machine for row in rows])


def _sized(good: Sequence[Row], utterance_s: float) -> tuple[str, str]:
    """The model, with what was measured."""
    row = good[-1]
    call = OneCall(cores=row.call_cores, utterance_s=utterance_s, redis=row.redis, rows=row.rows)
    figures = ", ".join(f"{each.name} {getattr(call, each.name):.3g}" for each in fields(OneCall))
    machine = ", ".join(f"{each.name} {getattr(Machine(), each.name):g}" for each in fields(Machine))
    verdict = f"Of one call: {figures}. Of a machine, and assumed of the servers: {machine}."
    return sizing_table([sizing(calls, call, Machine()) for calls in SIZES]), verdict


def _tell(name: str, found: str, verdict: str, *, keep: bool, page: Path = PAGE) -> None:
    text = f"{measured_on()} {verdict}\n\n{found}"
    print(f"{name}\n{text}\n", flush=True)
    if keep:
        write(name, text, page)


if __name__ == "__main__":
    sys.exit(main())

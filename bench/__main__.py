"""`make bench`: every budget of the design, measured on this machine now, each with how it was measured.

A yardstick of the machine comes first: compare figures of two machines by their ratio to it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.bridged import measure_bridged
from bench.calls import CALL_PARTS, measure_calls
from bench.parts import part
from bench.tickets import measure_tickets
from bench.understanding import measure_understanding
from bench.web_calls import measure_web_calls
from bench.yardstick import measure_yardstick
from voicebot.logs import configure_logs

PARTS = ("yardstick", "understanding", "tickets", "web_calls", *CALL_PARTS, "bridge")
FOLDER = Path("var/bench")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print `name: value  (how)` lines as they are found. Returns 1 when a part could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a quarter of the work: minutes, and rougher figures")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="these parts, after the yardstick (default: all)")
    asked = parser.parse_args(arguments)
    configure_logs(level="error")
    print("shared, noisy machines give noisy figures: compare within one run", flush=True)
    failed: list[str] = []
    with part("yardstick", failed):
        measure_yardstick(say, FOLDER)
    if "understanding" in asked.only:
        with part("understanding", failed):
            measure_understanding(say)
    if "tickets" in asked.only:
        with part("tickets", failed):
            asyncio.run(measure_tickets(say))
    if "web_calls" in asked.only:
        with part("web_calls", failed):
            asyncio.run(measure_web_calls(say, FOLDER, quick=asked.quick))
    if wanted := [name for name in CALL_PARTS if name in asked.only]:
        with part("calls", failed):
            failed += asyncio.run(measure_calls(say, FOLDER, wanted, quick=asked.quick))
    if "bridge" in asked.only:
        with part("bridge", failed):
            asyncio.run(measure_bridged(say, calls=10 if asked.quick else 25, seconds=10))
    return 1 if failed else 0


def say(name: str, value: float, how: str) -> None:
    """One figure."""
    print(f"{name}: {value:.4g}  ({how})", flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""`make bench`: every budget of the design, measured on this machine now, each with how it was measured."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from bench.calls import CALL_PARTS, measure_calls
from bench.understanding import measure_understanding
from voicebot.logs import configure_logs

PARTS = ("understanding", *CALL_PARTS)


def main() -> None:
    """Print `name: value  (how)` lines as they are found."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a quarter of the work: minutes, and rougher figures")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="these parts (default: all)")
    asked = parser.parse_args()
    configure_logs(level="error")
    print("shared, noisy machines give noisy figures: compare within one run", flush=True)
    if "understanding" in asked.only:
        measure_understanding(say)
    if parts := [part for part in CALL_PARTS if part in asked.only]:
        asyncio.run(measure_calls(say, Path("var/bench"), parts, quick=asked.quick))


def say(name: str, value: float, how: str) -> None:
    """One figure."""
    print(f"{name}: {value:.4g}  ({how})", flush=True)


if __name__ == "__main__":
    main()

"""`make bench`: every budget of the design, measured on this machine now, each with how it was measured."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bench.calls import measure_calls
from bench.understanding import measure_understanding
from voicebot.logs import configure_logs


def main() -> None:
    """Print `name: value  (how)` lines as they are found."""
    configure_logs(level="error")
    print("shared, noisy machines give noisy figures: compare within one run", flush=True)
    measure_understanding(say)
    asyncio.run(measure_calls(say, Path("var/bench"), quick="--quick" in sys.argv))


def say(name: str, value: float, how: str) -> None:
    """One figure."""
    print(f"{name}: {value:.4g}  ({how})", flush=True)


if __name__ == "__main__":
    main()

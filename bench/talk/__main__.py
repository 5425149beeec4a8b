"""`make bench-talk`: thousands of simulated callers, held in text with the real understanding, and what came of their calls.

The figures go to standard output; every call and examples of each fault are written to a folder, to be read.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.talk.calls import Held, hold
from bench.talk.people import people
from bench.talk.phrases import LANGUAGES, load_phrases
from bench.talk.report import examples_of, lines_of, write_calls
from dialogs.data.bundle import Bundle, load_bundle
from nlu.types import Understander
from voicebot.logs import configure_logs
from voicebot.understanding.service import load_understander
from voicebot.understanding.settings import NluSettings

FOLDER = Path("var/bench/talk")
_TOLD_EVERY = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Hold the calls and print the figures of each language."""
    parser = argparse.ArgumentParser(prog="python -m bench.talk", description=__doc__)
    parser.add_argument("--calls", type=int, default=2000, help="of each language (default: 2000)")
    parser.add_argument("--seed", type=int, default=1, help="other callers of the same kinds (default: 1)")
    parser.add_argument("--languages", choices=LANGUAGES, nargs="+", default=LANGUAGES)
    parser.add_argument("--bundle", type=Path, help="the bank's bundle (default: the one that ships)")
    parser.add_argument("--examples", type=int, default=5, help="calls of each fault to write for reading (default: 5)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"for calls and examples (default: {FOLDER})")
    asked = parser.parse_args(arguments)
    configure_logs(level="error")
    bundle = load_bundle(asked.bundle)
    understander = load_understander(NluSettings(), asked.languages)
    if understander is None:
        print("the classifier cannot be loaded", file=sys.stderr)
        return 1
    asked.folder.mkdir(parents=True, exist_ok=True)
    for language in asked.languages:
        began = time.perf_counter()
        calls = held(language, bundle, understander, count=asked.calls, seed=asked.seed)
        print("\n".join(lines_of(language, calls)))
        print(f"  held in {time.perf_counter() - began:.0f} s, seed {asked.seed}\n", flush=True)
        write_calls(asked.folder / f"{language}.jsonl", calls)
        (asked.folder / f"{language}.md").write_text("\n".join(examples_of(calls, each=asked.examples)) + "\n", encoding="utf-8")
    print(f"calls to read are in {asked.folder}")
    return 0


def held(language: str, bundle: Bundle, understander: Understander, *, count: int, seed: int) -> list[Held]:
    """The calls of one language's population."""
    phrases = load_phrases(language)
    calls = []
    for caller in people(phrases, bundle, count=count, seed=seed):
        calls.append(hold(caller, phrases, bundle, understander))
        if len(calls) % _TOLD_EVERY == 0 and sys.stderr.isatty():
            print(f"… {language}: {len(calls)} of {count}", file=sys.stderr)
    return calls


if __name__ == "__main__":
    sys.exit(main())

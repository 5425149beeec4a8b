"""What understanding costs: training the default Polish model, and one utterance."""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nlu
from nlu.types import Hypothesis

CALLERS = Path(__file__).parent / "callers" / "pl.tsv"

Say = Callable[[str, float, str], None]


def measure_understanding(say: Say) -> None:
    """Train from nothing into an empty cache, then understand 300 lines one at a time."""
    with tempfile.TemporaryDirectory() as cache:
        wall, cpu = time.perf_counter(), time.process_time()
        classifier = nlu.load(languages=("pl",), cache=Path(cache))
        say("nlu_train_s", time.perf_counter() - wall, f"Polish, empty cache; {time.process_time() - cpu:.1f} s CPU")
    with CALLERS.open(encoding="utf-8") as file:
        lines = [row["text"] for row in csv.DictReader(file, delimiter="\t")][:300]
    spent = []
    for line in lines:
        began = time.perf_counter()
        classifier.understand([Hypothesis(line)], "pl")
        spent.append((time.perf_counter() - began) * 1000)
    spent.sort()
    say("nlu_ms_p50", spent[len(spent) // 2], "300 callers' lines, one at a time, wall")
    say("nlu_ms_p95", spent[int(len(spent) * 0.95)], "300 callers' lines, one at a time, wall")

"""What is printed of a population, and what is written for whoever reads calls."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from bench.talk.calls import Held
from bench.talk.figures import FAULTS, figures_of, kinds_of

_WORST = 15


def lines_of(language: str, calls: Sequence[Held]) -> Iterator[str]:
    """Figures, worst kinds, and where callers were put instead."""
    yield f"{language}: {len(calls)} calls"
    yield from (f"  {figure}" for figure in figures_of(calls))
    yield "  worst kinds, right place first time:"
    yield from (f"    {kind}" for kind in kinds_of(calls)[:_WORST])
    yield "  from what to where, when wrong:"
    wrong = Counter((call.person.goal, call.place or call.outcome) for call in calls if call.counts and not call.right)
    yield from (f"    {count:4} {goal} → {place}" for (goal, place), count in wrong.most_common(_WORST))


def examples_of(calls: Sequence[Held], *, each: int) -> Iterator[str]:
    """Calls of every fault to read, as Markdown; of a fault, one from each matter before a second one from any."""
    for fault, shown in FAULTS.items():
        found = [call for call in calls if shown(call)]
        yield f"\n## {fault}: {len(found)} of {len(calls)}"
        for call in islice(_spread(found), each):
            person = call.person
            yield f"\n{person.name}: {person.goal}, {person.opening}, {person.mood} → {call.place or call.outcome}\n"
            yield "```"
            yield from call.transcript
            yield "```"


def _spread(calls: Sequence[Held]) -> Iterator[Held]:
    seen: Counter[str] = Counter()
    ranked = []
    for call in calls:
        ranked.append((seen[call.person.goal], call.person.name, call))
        seen[call.person.goal] += 1
    yield from (call for _, _, call in sorted(ranked, key=lambda each: each[:2]))


def write_calls(path: Path, calls: Sequence[Held]) -> None:
    """Every call, a JSON object a line."""
    with path.open("w", encoding="utf-8") as file:
        for call in calls:
            file.write(json.dumps(_as_row(call), ensure_ascii=False) + "\n")


def _as_row(call: Held) -> dict[str, object]:
    person = call.person
    counted = {name: getattr(call, name) for name in Held.__slots__ if name not in ("person", "transcript")}
    who = {"name": person.name, "goal": person.goal, "also": person.way.also, "second": person.second, "opening": person.opening}
    about = {"mood": person.mood, "edits": person.edits, "at": person.at.isoformat(), "segment": person.caller.segment.value}
    return {**who, **about, **counted, "transcript": call.transcript}

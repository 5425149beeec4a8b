"""What the labelled sample says of decisions, and of the queues that calls came to. Blocks; raises what SQLAlchemy raises."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from typing import Any

from sqlalchemy import Engine, Row, func, select

from dialogs.data.routes import Routes
from voicebot.figures.definitions import Good
from voicebot.figures.estimates import Estimate, corrected
from voicebot.outcomes.misroute import Judged as ByTheRule
from voicebot.outcomes.misroute import judge, may_take
from voicebot.outcomes.store import Outcomes
from voicebot.records.among import among
from voicebot.records.models import CallRow, UtteranceRow
from voicebot.review.measures import Judged, Sampled, SampledLine, domain, meant, sampled, share, taken_as, taken_right, voted
from voicebot.review.store import OUT_OF_SCOPE

KINDS: Mapping[str, Good] = {
    "accepted_right": "up",
    "accepted_wrong": "down",
    "accepted_outside": "down",
    "asked_right": "none",
    "asked_wrong": "down",
    "rejected_wrong": "down",
    "rejected_right": "none",
}
"""Every labelled line is one of these; with which way is good."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """Shares of all lines, by traffic."""

    kinds: Mapping[str, Estimate]
    """By `KINDS`, in that order."""
    outside: Estimate
    """First answers that are out of scope, by the labels."""
    outside_by_model: Estimate
    """The same lines, as the model took them."""
    right_queue: Estimate
    """Calls that came to a queue of their matter, of those that were handed over with one."""
    noticed: Estimate
    """Of calls in a wrong queue that an agent answered: passed on early (the sensitivity of transfers)."""
    spared: Estimate
    """Of calls in a right one: not passed on early (their specificity)."""
    misrouted: Estimate
    """The share of misroutes by transfers, corrected for what they miss and what they blame wrongly."""

    @property
    def by_labels(self) -> list[tuple[str, Estimate, Good]]:
        """What each line came to: name, share, which way is good."""
        of_kinds: list[tuple[str, Estimate, Good]] = [(name, estimate, KINDS[name]) for name, estimate in self.kinds.items()]
        return [*of_kinds, ("outside", self.outside, "none"), ("outside_by_model", self.outside_by_model, "none")]

    @property
    def to_queues(self) -> list[tuple[str, Estimate, Good]]:
        """How calls were steered."""
        return [
            ("right_queue", self.right_queue, "up"),
            ("noticed", self.noticed, "none"),
            ("spared", self.spared, "none"),
            ("corrected", self.misrouted, "down"),
        ]


def decisions(engine: Engine, first: date, last: date, routes: Routes, candidates: Estimate) -> Decisions:
    """Of these days of the bank's calendar. `candidates` is their share of calls that agents passed on."""
    sample = sampled(engine, first, last)
    calls, firsts = _calls(engine, {line.call_id for line in sample.lines})

    def outside(line: SampledLine, *, by_model: bool) -> float | None:
        if firsts.get(line.call_id) != line.position:
            return None
        return voted(line.deciding, lambda row: (taken_as(row.decided, row.decision) if by_model else row.label) == OUT_OF_SCOPE)

    kinds = {line[:2]: [kind_of(row) for row in line.deciding] for line in sample.lines}
    came_right = _came_right(sample, calls, routes)
    noticed, spared = _transfers(engine, sample, calls, came_right, routes)
    return Decisions(
        {name: share(sample, partial(_of_kind, kinds, name)) for name in KINDS},
        share(sample, lambda line: outside(line, by_model=False)),
        share(sample, lambda line: outside(line, by_model=True)),
        share(sample, lambda line: came_right[line[:2]]),
        noticed,
        spared,
        corrected(candidates, sensitivity=noticed, specificity=spared),
    )


def kind_of(row: Judged) -> str:
    """What a decision was, by a label: {accept, ask, reject} by {right, wrong}, as speech applications are tuned by."""
    right = taken_right(row)
    if row.decision == "accept":
        return "accepted_right" if right else "accepted_outside" if row.label == OUT_OF_SCOPE else "accepted_wrong"
    if taken_as(row.decided, row.decision) in (OUT_OF_SCOPE, None):
        return "rejected_right" if right else "rejected_wrong"
    return "asked_right" if right else "asked_wrong"


def _of_kind(kinds: Mapping[tuple[str, int], Sequence[str]], name: str, line: SampledLine) -> float | None:
    """The share of one line's labels by which it is of this kind."""
    found = kinds[line[:2]]
    return found.count(name) / len(found) if found else None


def _calls(engine: Engine, ids: Collection[str]) -> tuple[dict[str, Row[Any]], dict[str, int]]:
    """The calls that are still kept, and where their first answer stands."""
    columns: tuple[Any, ...] = (CallRow.call_id, CallRow.queue, CallRow.segment, CallRow.intent, CallRow.handoff_ref)
    place = (UtteranceRow.call_id, func.min(UtteranceRow.position).label("first"))
    with engine.connect() as connection:
        calls: dict[str, Row[Any]] = {
            row.call_id: row for row in connection.execute(select(*columns).where(among(CallRow.call_id, ids)))
        }
        chosen = select(*place).where(among(UtteranceRow.call_id, ids)).group_by(UtteranceRow.call_id)
        return calls, {row.call_id: row.first for row in connection.execute(chosen)}


def _came_right(sample: Sampled, calls: Mapping[str, Row[Any]], routes: Routes) -> dict[tuple[str, int], bool | None]:
    """Of each line, whether its call came to a queue of the matter that people heard in it; None where that cannot be told: no
    hand-off with a matter, or a line about none.
    """
    queues = cache(lambda matter, segment: may_take(matter, segment, routes))

    def right(line: SampledLine) -> bool | None:
        call, matter = calls.get(line.call_id), meant(row.label for row in line.labels)
        if call is None or call.handoff_ref is None or call.intent is None or matter not in routes.matters:
            return None
        return call.queue in queues(matter, call.segment)

    return {line[:2]: right(line) for line in sample.lines}


def _transfers(
    engine: Engine,
    sample: Sampled,
    calls: Mapping[str, Row[Any]],
    came_right: Mapping[tuple[str, int], bool | None],
    routes: Routes,
) -> tuple[Estimate, Estimate]:
    """How well transfers tell: of the calls in wrong queues how many were passed on, of those in right ones how many were not."""
    asked = {line.call_id for line in sample.lines if came_right[line[:2]] is not None}
    told = Outcomes(engine).of([calls[call_id].handoff_ref for call_id in asked])
    wrong: list[tuple[bool, float]] = []
    right: list[tuple[bool, float]] = []
    for line in sample.lines:
        right_queue = came_right[line[:2]]
        if right_queue is None:
            continue
        call = calls[line.call_id]
        outcome = told.get(call.handoff_ref)
        judged = ByTheRule.NOT_ANSWERED
        if outcome is not None:
            judged = judge(outcome, queue=call.queue or "", intent=call.intent, routes=routes)
        if judged is not ByTheRule.NOT_ANSWERED:
            passed_on = judged is ByTheRule.CANDIDATE
            (right if right_queue else wrong).append((passed_on is not right_queue, line.weight))
    return domain(wrong), domain(right)

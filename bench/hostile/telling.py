"""What was measured, told: a block for each attack, beside that of none, and a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.hostile.attacks import ATTACKS
from bench.hostile.callers import CallersReport
from bench.hostile.watching import Asked, GoodClient, Watch

_TARGET_MS = 40


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attack and all that was measured meanwhile."""

    name: str
    calls: CallersReport
    up: int
    tally: Counter[str]
    good: GoodClient
    service: Watch
    web: Watch
    log_lines: int

    @property
    def refused(self) -> int:
        """Calls that were not answered, of both kinds."""
        return sum(each.setup_s is None for each in (*self.calls.lasting, *self.calls.new))

    @property
    def gaps_ms(self) -> list[float]:
        """The longest of each call."""
        return [1000 * each.gap_s for each in self.calls.lasting if each.packets]


def tell(outcome: Outcome, baseline: Outcome) -> None:
    """Print the block of one attack."""
    calls, good = outcome.calls, outcome.good
    ended = sum(each.ended_by_service for each in calls.lasting)
    setups = [1000 * each.setup_s for each in calls.new if each.setup_s is not None]
    told = ", ".join(f"{name} {count}" for name, count in outcome.tally.most_common(8)) or "-"
    worst = max(outcome.gaps_ms, default=0.0)
    usual = max(baseline.gaps_ms, default=0.0)
    placed = f"{outcome.up} up, {len(calls.new)} placed meanwhile"
    gaps = f"{_at(outcome.gaps_ms, 0.5):.0f} / {_at(outcome.gaps_ms, 0.99):.0f} / {worst:.0f} ms (p50, p99, longest)"
    missing = sum(each.missing for each in calls.lasting)
    print(
        f"\n{outcome.name}: {ATTACKS[outcome.name].__doc__}\n"
        f"  attackers        {told}\n"
        f"  calls            {placed}, {outcome.refused} refused, {ended} ended by the service\n"
        f"  setup of new     {_spread(setups)} ms\n"
        f"  longest gap      {gaps} against {usual:.0f}: x{worst / max(usual, 1):.1f}; {missing} packets missing\n"
        f"  calls' process   {_used(outcome.service)}, log +{outcome.log_lines} lines of both\n"
        f"  web process      {_used(outcome.web)}{', ENDED AND STARTED AGAIN' if outcome.web.replaced else ''}\n"
        f"  GET /health/live {_answered(good.live)}; kept alive {_answered(good.kept)}\n"
        f"  chat's first words {_answered(good.chat)}",
        flush=True,
    )


def summarise(outcomes: Sequence[Outcome]) -> None:
    """Print the worst of all; the first is that of none."""
    usual = max(outcomes[0].gaps_ms, default=0.0)
    worst = max(outcomes[1:], key=lambda each: max(each.gaps_ms, default=0.0), default=outcomes[0])
    beyond = max(0.0, max(worst.gaps_ms, default=0.0) - usual)
    refused = {each.name: each.refused for each in outcomes if each.refused}
    unanswered = [each.name for each in outcomes if len(each.good.live.seconds) < each.good.live.times]
    print(
        f"\nlongest gap beyond that of none: {beyond:.0f} ms in {worst.name} (target: {_TARGET_MS})\n"
        f"calls refused: {refused or 'none'} (target: none)\n"
        f"a well-behaved client was left without an answer in: {', '.join(unanswered) or 'none'}",
        flush=True,
    )


def _used(watch: Watch) -> str:
    return f"{100 * watch.cpu_share:.0f} % of a core, memory +{watch.rss_growth_mb:.1f} MB, file handles +{watch.handles_growth}"


def _answered(asked: Asked) -> str:
    return f"{len(asked.seconds)} of {asked.times} answered, {_spread([1000 * each for each in asked.seconds])} ms"


def _spread(values: Sequence[float]) -> str:
    return f"{_at(values, 0.5):.1f} / {_at(values, 0.95):.1f}"


def _at(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")

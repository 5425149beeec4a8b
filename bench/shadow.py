"""What a release in the shadow costs the calls beside it: the same calls with and without, by turns in one run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from statistics import median

from nlu.types import Hypothesis
from voicebot.memory import resident_bytes
from voicebot.service import Service
from voicebot.understanding.shadow import LiveShadow, ShadowLine, load_shadow

PHASE_S = 8.0
EVERY_S = 8.0
"""A caller says something to be understood once in so many seconds."""
_LAG_EVERY_S = 0.01


@dataclass
class _Phase:
    """One kind of phases, added up."""

    shares: list[float] = field(default_factory=list)
    lags_ms: list[float] = field(default_factory=list)
    lines: int = 0


async def measure_shadow(say: Callable[[str, float, str], None], service: Service, texts: list[str], *, pairs: int) -> None:
    """While calls are under way: load the classifier that serves a second time, then offer it lines in every other phase."""
    session, live = service.call_services.session, service.sip.counts.live
    languages, settings = session.bundle.prompts.languages, service.follower.settings.nlu
    before, began = resident_bytes(), time.monotonic()
    loading: list[float] = []
    watching = asyncio.create_task(_watch_lag(loading))
    classifier = await load_shadow(settings, languages)
    watching.cancel()
    grown, took = (resident_bytes() - before) / 1e6, time.monotonic() - began
    how = f"{live} calls at once, every caller talking, recogniser deaf"
    say("shadow_mb", grown, f"resident memory for {len(languages)} languages, loaded in {took:.1f} s beside {live} calls")
    long = sum(lag > 20 for lag in loading)
    say("shadow_load_lag_ms_max", max(loading), f"longest wait of the event loop meanwhile; {long} of over 20 ms")
    shadow = LiveShadow(session.records, session.metrics)
    phases = {"without": _Phase(), "with": _Phase()}
    for number in range(2 * pairs):
        name = ("without", "with")[(number + number // 2) % 2]  # without, with, with, without: what drifts falls on both
        if name == "with":
            shadow.begin("bench", classifier, languages)
        await _phase(phases[name], shadow, texts, live, languages[-1])
        await shadow.end()
    for name, phase in phases.items():
        lags = sorted(phase.lags_ms)
        told = f"{how}; {pairs} phases of {PHASE_S:g} s {name} a shadow, by turns; {phase.lines} lines"
        say(f"shadow_{name}_cpu_percent", 100 * median(phase.shares), f"of a core; {told}")
        for share in (50, 95, 99):
            say(f"shadow_{name}_lag_ms_p{share}", lags[int(share / 100 * (len(lags) - 1))], f"wait of the event loop; {told}")
        say(
            f"shadow_{name}_lags_over_20_ms",
            sum(lag > 20 for lag in lags),
            f"of {len(lags)}, the longest {lags[-1]:.0f} ms; {told}",
        )


async def _phase(phase: _Phase, shadow: LiveShadow, texts: list[str], calls: int, language: str) -> None:
    """In both kinds of phases lines are offered; without a shadow they go nowhere, as in calls."""
    watching = asyncio.create_task(_watch_lag(phase.lags_ms))
    cpu, began = time.process_time(), time.monotonic()
    ends = began + PHASE_S
    for text in cycle(texts):
        shadow.offer(ShadowLine("20261128-000000-bench0", phase.lines, (Hypothesis(text, 0.9),), language))
        phase.lines += 1
        if time.monotonic() + EVERY_S / calls >= ends:
            break
        await asyncio.sleep(EVERY_S / calls)
    await asyncio.sleep(max(0.0, ends - time.monotonic()))
    phase.shares.append((time.process_time() - cpu) / (time.monotonic() - began))
    watching.cancel()


async def _watch_lag(lags_ms: list[float]) -> None:
    """How much later than asked for the loop wakes."""
    while True:
        due = time.monotonic() + _LAG_EVERY_S
        await asyncio.sleep(_LAG_EVERY_S)
        lags_ms.append(1000 * max(0.0, time.monotonic() - due))

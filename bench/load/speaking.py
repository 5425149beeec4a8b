"""Speaking callers with the recogniser on: how many understand and are understood in time."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.calls import MATTERS
from bench.load.bot import Bot, cpu_by_process
from bench.load.tables import busy, table
from voicebot.demo.scenarios import ENGLISH_LINE, LISTEN, YES
from voicebot.softphone import CallReport, CallScript, Say, Step, UntilEnded, run_script_process

RESPONSE_S = 2.5
"""From the end of speech to the bot's first sound; longer is not good enough."""
_NUMBERS = itertools.count(7_000_000)


@dataclass(frozen=True, slots=True)
class Speaking:
    """What came of it."""

    table: str
    verdict: str
    """Where the knee is."""
    utterance_s: float
    """Processor seconds of one utterance, what the rest of its call takes included."""


async def measure_speaking(bot: Bot, steps: Sequence[int]) -> Speaking:
    """Each caller says a matter, confirms it, and is put through."""
    rows, best, worst, utterance_s = [], 0, "", 0.0
    loads: list[float] = []
    for callers in steps:
        await bot.idle(40)
        bot.asked_anew()
        before, began, machine = dict(cpu_by_process()), time.monotonic(), os.getloadavg()[0]
        reports = await run_script_process(_scripts(bot, callers), host="127.0.0.1")
        wall = time.monotonic() - began
        cpu = {name: (seconds - before.get(name, 0.0)) / wall for name, seconds in cpu_by_process().items()}
        spent, utterances = cpu["service"] * wall, sum(len(report.responses) for report in reports)
        utterance_s = utterance_s or spent / max(1, utterances)
        p50, p95, through = heard(reports)
        good = p95 <= RESPONSE_S and through == callers
        best = callers if good and not worst else best
        worst = worst or ("" if good else f"at {callers}: response p95 {p95:.1f} s, {through} of {callers} put through")
        cores = ", ".join(f"{name} {share:.2f}" for name, share in cpu.items())
        loads.append(machine)
        rows.append(
            (str(callers), "yes" if good else "no", f"{p50:.2f}, {p95:.2f} s", f"{through} of {callers}", cores, f"{machine:.1f}")
        )
    head = ("callers at once", "held up", "response p50, p95", "put through", "CPU in cores", "load before")
    verdict = f"{best} speaking callers at once held up; {worst or 'the knee lies above'}.{busy(loads)}"
    return Speaking(table(head, rows), verdict, utterance_s)


def _scripts(bot: Bot, callers: int) -> list[CallScript]:
    steps = [(LISTEN, Say(MATTERS[number % len(MATTERS)]), LISTEN, YES, UntilEnded(30)) for number in range(callers)]
    return [script(bot, each, number, delay_s=0.4 * number) for number, each in enumerate(steps)]


def script(bot: Bot, steps: tuple[Step, ...], number: int, *, delay_s: float) -> CallScript:
    """A caller of the English line, who never called before."""
    host, port = bot.address
    return CallScript(
        f"sip:{ENGLISH_LINE}@{host}:{port}",
        steps,
        name=f"caller {number}",
        number=f"+4860{next(_NUMBERS):07}",
        delay_s=delay_s,
    )


def heard(reports: Sequence[CallReport]) -> tuple[float, float, int]:
    """Response p50 and p95 in seconds, and how many were put through."""
    ordered = sorted(latency.seconds for report in reports for latency in report.responses) or [float("inf")]
    through = sum(report.put_through for report in reports)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], through

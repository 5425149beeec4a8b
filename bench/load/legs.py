"""Speaking callers at once by the legs that are no SIP, recogniser off: what a call costs, and whether it is served well."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.load.bot import Bot
from bench.load.far_ends import FAR_ENDS, StreamPlan, StreamReport, run_far_ends
from bench.load.rtp import GAP_MS
from bench.load.tables import busy, table
from voicebot.endpoints.asterisk.dialplan_endpoint import DialplanEndpoint
from voicebot.endpoints.carriers.endpoint import CarriersEndpoint

TOKEN = "token-of-the-load-bench"
_PROCESSES = multiprocessing.get_context("spawn")
_SETTLE_S = 2.0
_UNHEARD_S = 3.0
_STEP_S = 90.0
"""Longer than the step itself takes nothing."""


def sections() -> Mapping[str, Any]:
    """Of the configuration: ways in for these legs, on free ports of loopback."""
    nowhere = {"default": "sip:general@127.0.0.1", "api": "http://127.0.0.1:9"}  # callers hang up before they are put through
    return {
        "asterisk": {"dialplan": {"port": 0, "token": TOKEN}, "media": {"websocket_port": 0, "audiosocket_port": 0}},
        "carriers": {"port": 0, "telnyx": {"api_key": TOKEN, "token": TOKEN, **nowhere}},
    }


@dataclass(frozen=True, slots=True)
class LegRow:
    """One step, measured."""

    leg: str
    calls: int
    up: int
    """Calls in which the bot was heard."""
    first_p95_s: float
    keys: int
    broke: int
    gaps_ms: list[float] | None
    """The worst of each call, as their process saw it, itself late at times; None where the leg does not send all the time."""
    lag_p95_ms: float
    call_cores: float
    machine: float

    @property
    def good(self) -> bool:
        """Everybody was served, and heard no gap."""
        return self.up == self.keys == self.calls and not self.broke and self.heard <= 0.01 * self.calls

    @property
    def heard(self) -> int:
        """Calls with a gap that is heard."""
        return sum(worst > GAP_MS for worst in self.gaps_ms or ())


async def measure_legs(bot: Bot, legs: Sequence[str], steps: Sequence[int], seconds: float, speech: Path) -> tuple[str, str]:
    """A table and its verdict."""
    rows = [await _step(bot, leg, calls, seconds, speech, number) for number, (leg, calls) in enumerate(_each(legs, steps))]
    head = ("leg", "calls at once", "held up", "first sound p95", "keys", "broke", "worst gap, heard")
    cells = [
        (
            row.leg,
            str(row.calls),
            "yes" if row.good else "no",
            f"{row.first_p95_s:.2f} s",
            f"{row.keys} of {row.calls}",
            str(row.broke),
            "not sent all the time" if row.gaps_ms is None else f"{max(row.gaps_ms):.0f} ms, {row.heard} of {row.calls}",
            f"{row.lag_p95_ms:.1f} ms",
            f"{row.call_cores:.4f}",
            f"{1 / row.call_cores:.0f}",
            f"{row.machine:.1f}",
        )
        for row in rows
    ]
    found = table((*head, "loop late p95", "cores of a call", "calls a core", "load before"), cells)
    return found, _verdict(rows) + busy([row.machine for row in rows])


def _each(legs: Sequence[str], steps: Sequence[int]) -> Iterator[tuple[str, int]]:
    return ((leg, calls) for leg in legs for calls in steps)


def _verdict(rows: Sequence[LegRow]) -> str:
    bad = [f"{row.leg} at {row.calls}" for row in rows if not row.good]
    return f"Did not hold up: {', '.join(bad)}." if bad else "All steps held up."


async def _step(bot: Bot, leg: str, calls: int, seconds: float, speech: Path, number: int) -> LegRow:
    await bot.idle(40)
    told, machine = bot.asked_anew(), os.getloadavg()[0]
    speaking = seconds + _SETTLE_S + 1
    plan = StreamPlan(leg, calls, speaking, "7", speech, _dialplan(bot), TOKEN, _media(bot, leg), 1_000_000 + 1000 * number)
    ours, theirs = _PROCESSES.Pipe()
    callers = _PROCESSES.Process(target=run_far_ends, args=(plan, theirs), daemon=True)
    callers.start()
    theirs.close()
    try:
        _, up = await _within(ours)
        await asyncio.sleep(_SETTLE_S)
        bot.lags_ms.clear()
        cpu, wall, live = time.process_time(), time.monotonic(), bot.live
        await asyncio.sleep(seconds)
        share = (time.process_time() - cpu) / (time.monotonic() - wall) / max(1, live)
        lags = sorted(bot.lags_ms) or [0.0]
        _, reports = await _within(ours)
    finally:
        callers.kill()
        await asyncio.to_thread(callers.join)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_UNHEARD_S):
            while told.keys < calls:  # noqa: ASYNC110 - a count
                await asyncio.sleep(0.05)
    return _row(leg, calls, up, told.keys, reports, lags, share, machine)


def _row(
    leg: str, calls: int, up: int, keys: int, reports: Sequence[StreamReport], lags: Sequence[float], share: float, machine: float
) -> LegRow:
    firsts = sorted(each.first_sound_s if each.first_sound_s is not None else float("inf") for each in reports)
    gaps = [1000 * each.worst_gap_s for each in reports] if leg == "audiosocket" else None
    broke = sum(each.broke for each in reports)
    return LegRow(leg, calls, up, _p95(firsts), keys, broke, gaps, _p95(lags), share, machine)


def _p95(ordered: Sequence[float]) -> float:
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]


async def _within(parent: Connection) -> tuple[str, Any]:
    """What the callers say next. Raises TimeoutError when they do not."""
    if not await asyncio.to_thread(parent.poll, _STEP_S):
        raise TimeoutError("the callers say nothing")
    said: tuple[str, Any] = parent.recv()
    return said


def _dialplan(bot: Bot) -> str:
    (endpoint,) = [each for each in bot.service.endpoints if isinstance(each, DialplanEndpoint)]
    return f"http://127.0.0.1:{endpoint.port}"


def _media(bot: Bot, leg: str) -> tuple[str, int]:
    (dialplan,) = [each for each in bot.service.endpoints if isinstance(each, DialplanEndpoint)]
    (carriers,) = [each for each in bot.service.endpoints if isinstance(each, CarriersEndpoint)]
    ports = {
        "audiosocket": dialplan._server.audiosocket_port,
        "websocket": dialplan._server.websocket_port,
        "telnyx": carriers.port,
    }
    return "127.0.0.1", ports[leg]


LEGS = tuple(FAR_ENDS)

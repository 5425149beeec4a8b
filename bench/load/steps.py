"""Steps of load, one after another, each a row: calls held at once, and calls a second."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.load import sipp
from bench.load.attackers import attacking
from bench.load.bot import RTP_PORTS, Bot, cpu_by_process
from bench.load.rtp import GAP_MS, Gaps, caller_rtp, watched

KEY, QUEUE = "7", "sme"
"""A key of the first menu, and the queue it leads to."""
ANSWER_MS = 500.0
_TAKEN_OVER_S = 60.0


@dataclass(slots=True)
class Row:
    """One step, measured."""

    calls: int
    per_second: float
    successful: int
    failed: int
    answer_p50_ms: float
    answer_p95_ms: float
    retransmissions: int
    keys: int
    """Received, of as many as there were calls."""
    steered: int
    """Handed to the queue that the key asks for."""
    gaps: Gaps
    lag_p95_ms: float
    cpu: dict[str, float]
    """Cores, by process."""
    call_cores: float
    """Cores of the service for one call while it lasts."""
    redis: float
    """Commands of the state server, of each call."""
    rows: float
    """Of the records, of each call."""
    machine: float
    """The machine's load average when the step began, before our own load."""
    troubles: list[str] = field(default_factory=list)
    attacks: dict[str, int] = field(default_factory=dict)
    """What attackers did meanwhile."""

    @property
    def good(self) -> bool:
        """Below the knee."""
        return not self.troubles


def judged(row: Row) -> Row:
    """Say what was not good enough."""
    if row.failed or row.successful < row.calls:
        row.troubles.append(f"{max(row.failed, row.calls - row.successful)} calls failed")
    if row.answer_p95_ms > ANSWER_MS:
        row.troubles.append(f"INVITE→200 p95 over {ANSWER_MS:.0f} ms")
    if row.keys < row.calls:
        row.troubles.append(f"{row.calls - row.keys} keys lost")
    if row.steered < row.calls:
        row.troubles.append(f"{row.calls - row.steered} calls not steered right")
    if row.gaps.heard > 0.01 * row.calls:
        row.troubles.append(f"{row.gaps.heard} calls with a gap over {GAP_MS:.0f} ms")
    return row


async def held(bot: Bot, folder: Path, steps: Sequence[int], seconds: float, *, attacked: bool = False) -> AsyncIterator[Row]:
    """So many calls at once, each with RTP both ways for `seconds`, then a key, a hand-off by REFER, and the bot's BYE.

    `attacked`: one call in a hundred beside them is an attacker's, one at least.
    """
    capture = folder.absolute() / "held.pcap"
    folder.mkdir(parents=True, exist_ok=True)
    capture.write_bytes(caller_rtp(seconds + 20, [(seconds, KEY)]))
    flow = sipp.invite() + sipp.answered() + sipp.ack() + sipp.talk(str(capture)) + sipp.taken_over(seconds + _TAKEN_OVER_S)
    for calls in steps:
        # all of them are there for half of the time at least
        attackers = max(1, round(calls / 100)) if attacked else 0
        async with attacking(attackers, bot.address, RTP_PORTS) as done:
            row = await _step(bot, folder, "held", flow, calls, at_once=calls, per_second=max(4.0, calls / (seconds / 2)))
        row.attacks = dict(done)
        yield row


async def per_second(bot: Bot, folder: Path, rates: Sequence[float], seconds: float) -> AsyncIterator[Row]:
    """So many new calls a second: each is answered, presses the key at once, is handed over and gone."""
    capture = folder.absolute() / "short.pcap"
    folder.mkdir(parents=True, exist_ok=True)
    capture.write_bytes(caller_rtp(8, [(0.3, KEY)]))
    flow = sipp.invite() + sipp.answered() + sipp.ack() + sipp.talk(str(capture)) + sipp.taken_over(_TAKEN_OVER_S)
    for rate in rates:
        yield await _step(bot, folder, "short", flow, round(rate * seconds), at_once=500, per_second=rate)


async def _step(bot: Bot, folder: Path, name: str, flow: str, calls: int, *, at_once: int, per_second: float) -> Row:
    await bot.idle(40)
    told, before, machine = bot.asked_anew(), dict(cpu_by_process()), os.getloadavg()[0]
    commands, began = await bot.redis_commands(), time.monotonic()
    order = sipp.Order(name, flow, calls, at_once, per_second, bot.address)
    async with watched(RTP_PORTS, folder / f"{name}-seen.pcap") as gaps, sipp.placing(order, folder) as placing:
        placed = await placing
    wall = time.monotonic() - began
    await bot.idle(40)
    after = cpu_by_process()
    cpu = {process: (seconds - before.get(process, 0.0)) / wall for process, seconds in after.items()}
    cpu["sipp"] = placed.cpu_s / wall
    lags = sorted(bot.lags_ms) or [0.0]
    return judged(
        Row(
            calls,
            per_second,
            placed.successful,
            placed.failed,
            placed.answer_at(0.5),
            placed.answer_at(0.95),
            placed.retransmissions,
            told.keys,
            told.queues[QUEUE],
            gaps,
            lags[min(len(lags) - 1, int(0.95 * len(lags)))],
            cpu,
            (after["service"] - before["service"]) / max(1.0, bot.call_seconds),
            (await bot.redis_commands() - commands) / calls,
            (told.lines + told.began) / calls,
            machine,
        )
    )

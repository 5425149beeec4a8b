"""`voicebot serve --workers N` under calls of sipp, spread over the workers' ports: how many hold up, on how many cores."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from bench.hostile.serving import Running, free_port, serving, until_quiet
from bench.hostile.watching import tree_cpu_s
from bench.load import sipp
from bench.load.bot import RTP_PORTS
from bench.load.rtp import caller_rtp, watched
from bench.load.steps import ANSWER_MS, KEY
from bench.load.tables import busy, table

_APART = 2
"""Between the SIP ports of two workers."""
_TAKEN_OVER_S = 60.0
_RTP_OF_SIPP, _RTP_APART = 40_000, 4_000


async def measure_workers(folder: Path, workers: int, steps: Sequence[int], seconds: float) -> tuple[str, str]:
    """A table and its verdict."""
    folder.mkdir(parents=True, exist_ok=True)
    capture = folder.absolute() / "held.pcap"
    capture.write_bytes(caller_rtp(seconds + 20, [(seconds, KEY)]))
    flow = sipp.invite() + sipp.answered() + sipp.ack() + sipp.talk(str(capture)) + sipp.taken_over(seconds + _TAKEN_OVER_S)
    rows, loads, bad = [], [], []
    async with serving(folder, _settings(folder, workers)) as running:
        await until_quiet(running)
        for calls in steps:
            loads.append(os.getloadavg()[0])
            cells, good = await _step(running, folder, flow, workers, calls, seconds)
            rows.append((str(calls), "yes" if good else "no", *cells, f"{loads[-1]:.1f}"))
            bad += [] if good else [str(calls)]
            await asyncio.sleep(3)
    head = ("calls at once", "held up", "put through", "INVITE→200 p50, p95", "worst gap, heard", "CPU in cores", "of a call")
    verdict = f"{workers} workers. " + (f"Did not hold up: {', '.join(bad)}." if bad else "All steps held up.")
    return table((*head, "load before"), rows), verdict + busy(loads)


async def _step(
    running: Running, folder: Path, flow: str, workers: int, calls: int, seconds: float
) -> tuple[tuple[str, ...], bool]:
    cpu, began = tree_cpu_s(running.process.pid), time.monotonic()
    async with watched(RTP_PORTS, folder / "workers-seen.pcap") as gaps, AsyncExitStack() as stack:
        placing = []
        for number in range(workers):
            target = ("127.0.0.1", running.sip + _APART * number)
            share = calls // workers + (number < calls % workers)
            order = sipp.Order(f"worker-{number}", flow, share, share, max(2.0, share / (seconds / 2)), target)
            placing.append(await stack.enter_async_context(sipp.placing(order, folder, _RTP_OF_SIPP + _RTP_APART * number)))
        placed = await asyncio.gather(*placing)
    wall = time.monotonic() - began
    cores = (tree_cpu_s(running.process.pid) - cpu) / wall
    answers = sorted(each for one in placed for each in one.answer_ms) or [float("inf")]
    p50, p95 = answers[len(answers) // 2], answers[min(len(answers) - 1, int(0.95 * len(answers)))]
    through = sum(one.successful for one in placed)
    good = through == calls and p95 <= ANSWER_MS and gaps.heard <= 0.01 * calls
    # each is there for `seconds`, and a hand-off; the tree is the parent, the workers, the web and the state server
    live = calls * (seconds + 1.5) / wall
    return (
        f"{through} of {calls}",
        f"{p50:.0f}, {p95:.0f} ms",
        f"{max(gaps.worst_ms, default=0.0):.0f} ms, {gaps.heard} of {len(gaps.worst_ms)}" if gaps.measured else "not measured",
        f"{cores:.2f}",
        f"{cores / max(1.0, live):.3f}",
    ), good


def _settings(folder: Path, workers: int) -> Mapping[str, Any]:
    """No recogniser: decoding would cost more than all else, and nobody speaks."""
    shutil.rmtree(folder / "state", ignore_errors=True)  # callers of an earlier run are not callers of today
    peers = {"peers": ["127.0.0.1/32"], "net_interface": "127.0.0.1"}
    return {
        "workers": workers,
        "sip": {"host": "127.0.0.1", "port": _ports(workers), "transports": ["udp"], "rtp_ports": RTP_PORTS, **peers},
        "limits": {"max_calls": 150, "drain_s": 1},
        "recognisers": {"pl": {"engine": "none"}, "en": {"engine": "none"}},
        "state": {"data_dir": str(folder)},
        "health": {"port": free_port()},
        "web": {"port": free_port(), "token": "token-of-the-load-bench"},
        "console": {"enabled": False},
        "handoff": {"address": "sip:{queue}@127.0.0.1:5999", "way": "refer"},
        "log": {"format": "json"},
    }


def _ports(workers: int) -> int:
    """The first of as many free SIP ports."""
    while True:
        first = free_port(socket.SOCK_DGRAM)
        try:
            for number in range(workers):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.bind(("127.0.0.1", first + _APART * number))
        except OSError:
            continue
        return first

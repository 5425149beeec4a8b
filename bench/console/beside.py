"""Calls with and without the console beside them, in turn: what a caller would notice, as ratios of the two."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from statistics import mean, stdev

import httpx
from scipy import stats

from bench.calls import key_stops
from bench.load.bot import Bot, running_bot
from bench.load.steps import held
from bench.load.tables import table
from voicebot.accounts.roles import EVERYBODY
from voicebot.config.settings import Settings
from voicebot.console.guard import COOKIE
from voicebot.console.service import open_console
from voicebot.logs import configure_logs

BROWSERS, CLICK_S = 5, 1.0
_PAGES = ("/calls", "/calls?words=kart", "/calls?language=en", "/figures", "/review", "/matters", "/figures/times", "/live")
_CONSOLE_NICE, _FAR_NICE = 5, 15
"""The service starts the console so; browsers are other machines: as far as they can be none of this one's business."""
_STOPS = 2
"""Calls one after another that press keys over the bot's words, beside those that are held."""


async def measure(folder: Path, url: str, *, calls: int, seconds: float, pairs: int) -> tuple[str, str]:
    """A table and what the ratios are. `url` is of the records, which both work on."""
    found: dict[bool, list[Mapping[str, float]]] = {False: [], True: []}
    loads = []
    bot_folder = folder / "beside"
    async with running_bot(bot_folder, deaf=True, max_calls=200, sections={"records": {"database_url": url}}) as bot:
        await bot.service.prompts_ready.wait()
        for number in range(pairs):
            in_turn = (False, True) if number % 2 == 0 else (True, False)  # what changes in the meantime meets both
            for watched in in_turn:
                loads.append(os.getloadavg()[0])
                async with _console(bot, url, folder) if watched else nullcontext():
                    figures = await _step(bot, bot_folder, calls, seconds)
                found[watched].append(figures)
                told = ", ".join(f"{name} {value:.3g}" for name, value in figures.items())
                print(f"… {'with' if watched else 'without'} the console: {told}", file=sys.stderr, flush=True)
    rows = [_row(name, *([each[name] for each in found[watched]] for watched in (False, True))) for name in found[True][0]]
    how = (
        f"{calls} calls at once for {seconds:g} s, {pairs} times without and {pairs} times with the console, {BROWSERS} browsers'"
    )
    how += f" event streams and a person who opens a page every {CLICK_S:g} s. Load average {min(loads):.0f} to {max(loads):.0f}."
    return table(("what", "without: mean", "with: mean", "with / without", "95 % interval"), rows), how


async def _step(bot: Bot, folder: Path, calls: int, seconds: float) -> dict[str, float]:
    stopping = asyncio.create_task(key_stops(bot.service, calls=_STOPS, deaf=True))
    (row,) = [row async for row in held(bot, folder, [calls], seconds)]
    stops = await stopping
    return {
        "INVITE→200 p95, ms": row.answer_p95_ms,
        "key to silence p95, ms": _at(stops, 0.95),
        "gap heard, p95 of calls, ms": _at(row.gaps.worst_ms, 0.95),
        "loop late p95, ms": row.lag_p95_ms,
        "processor of a call, cores": row.call_cores,
    }


def _at(values: Sequence[float], share: float) -> float:
    ordered = sorted(values) or [0.0]
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _row(name: str, without: Sequence[float], beside: Sequence[float]) -> list[str]:
    """The ratio of pairs: their logarithms have a mean, and Student's interval."""
    ratios = [math.log(b / a) for a, b in zip(without, beside, strict=True) if a > 0 and b > 0]
    told = [name, f"{mean(without):.3g}", f"{mean(beside):.3g}"]
    if len(ratios) < 2:
        return [*told, "–", "–"]
    half = stats.t.ppf(0.975, len(ratios) - 1) * stdev(ratios) / math.sqrt(len(ratios))
    low, high = (math.exp(mean(ratios) + each * half) for each in (-1, 1))
    return [*told, f"{math.exp(mean(ratios)):.2f}", f"{low:.2f}–{high:.2f}"]


@asynccontextmanager
async def _console(bot: Bot, url: str, folder: Path) -> AsyncIterator[None]:
    """The console as a process of its own, watched and clicked through by others."""
    own = [sys.executable, "-m", "bench.console.beside"]
    console = await asyncio.create_subprocess_exec(
        *own, "console", bot.service.stores.url, url, str(folder / "beside"), stdout=asyncio.subprocess.PIPE
    )
    others = []
    try:
        if console.stdout is None:
            raise SystemExit("the console does not start")
        async with asyncio.timeout(120):
            origin, cookie = (await console.stdout.readline()).decode().split()
        others.append(await asyncio.create_subprocess_exec(*own, "click", origin, cookie))
        watching = f"import os; os.nice({_FAR_NICE}); from bench.traffic.live_cost import watch; watch({origin!r}, {cookie!r})"
        others += [await asyncio.create_subprocess_exec(sys.executable, "-c", watching) for _ in range(BROWSERS)]
        await asyncio.sleep(8)
        yield
    finally:
        for each in (*others, console):
            if each.returncode is None:
                each.send_signal(signal.SIGKILL if each is not console else signal.SIGTERM)
            await each.wait()


async def _serve(state: str, url: str, folder: str) -> None:
    settings = Settings.model_validate(
        {
            "state": {"data_dir": folder, "redis_url": state},
            "console": {"port": 0},
            "records": {"keep_days": None, "database_url": url},
        }
    )
    async with open_console(settings) as console:
        user = console.parts.users.add(f"beside-{time.time_ns()}", EVERYBODY, made_by="bench")
        print(f"http://127.0.0.1:{console.address[1]} {console.parts.sessions.begin(user, 'password')}", flush=True)
        await asyncio.Event().wait()


def _click(origin: str, cookie: str) -> None:
    """A person, page after page."""
    with httpx.Client(base_url=origin, headers={"Cookie": f"{COOKIE}={cookie}"}, timeout=60) as client:
        while True:
            for page in _PAGES:
                client.get(page)
                time.sleep(CLICK_S)


if __name__ == "__main__":
    configure_logs(level="error")
    if sys.argv[1] == "console":
        os.nice(_CONSOLE_NICE)
        asyncio.run(_serve(*sys.argv[2:]))
    else:
        os.nice(_FAR_NICE)
        _click(*sys.argv[2:])

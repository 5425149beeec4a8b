"""What bridged calls cost, and how much later the two hear each other: the bridge in this process, callers and agents in others.

As a program (`python -m bench.bridged agent|caller …`) it is one of those others.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import numpy as np

from voicebot.endpoints.bridge import Bridge
from voicebot.endpoints.endpoint import Identify
from voicebot.endpoints.leg import Leg, LegEnded, TransferTarget
from voicebot.endpoints.sip.endpoint import SipEndpoint
from voicebot.endpoints.sip.settings import SipSettings

Figure = Callable[[str, float, str], None]

QUEUE = TransferTarget("cards")
PORTS: Mapping[str, int] = {"bridge": 15610, "agent": 15620, "caller": 15630}
_LOUD = 6000
_CLICK_S = 0.02
_TRIES = 12


@asynccontextmanager
async def _endpoint(role: str, serve: object, calls_to: str = "agent") -> AsyncIterator[SipEndpoint]:
    port = PORTS[role]
    settings = SipSettings.model_validate(
        {
            "port": port,
            "transports": ["udp"],
            "peers": ["127.0.0.1/32"],
            "net_interface": "127.0.0.1",
            "codecs": ["pcma"],
            "rtp_ports": [port + 10000 * (1 + list(PORTS).index(role)), port + 10000 * (1 + list(PORTS).index(role)) + 990],
            "max_calls": 100,
            "queue_address": f"sip:{{queue}}@127.0.0.1:{PORTS[calls_to]}",
        }
    )
    endpoint = SipEndpoint(settings, serve)  # type: ignore[arg-type]
    await endpoint.start()
    endpoint.let_dial([QUEUE])
    try:
        yield endpoint
    finally:
        await endpoint.close()


async def measure_bridged(say: Figure, *, calls: int, seconds: float) -> None:
    """CPU of this process per bridged call, every caller and agent talking; then the delay of one call, against none between."""

    async def join(leg: Leg, identify: Identify) -> None:
        await leg.answer()
        uri = endpoint.settings.queue_uri(QUEUE)
        far = await endpoint.dial(uri, {}, 10.0, sample_rate=leg.sample_rate)
        await Bridge(leg, far).run()

    async with _endpoint("bridge", join) as endpoint, _role("agent"):
        async with _role("caller", "load", str(calls), str(seconds)):
            async with asyncio.timeout(60):
                while len(endpoint._all_legs()) < 2 * calls:  # noqa: ASYNC110 - a count of the endpoint, not an event
                    await asyncio.sleep(0.1)
            await asyncio.sleep(2)
            cpu, wall = time.process_time(), time.monotonic()
            await asyncio.sleep(seconds)
            share = (time.process_time() - cpu) / (time.monotonic() - wall) / calls
        how = f"{calls} at once, {seconds:g} s, PCMA both sides, both talking; CPU {share * 100:.2f} % of a core a call"
        say("bridged_calls_per_core", 1 / share, how)
        direct, bridged = await _round_trip("agent"), await _round_trip("bridge")
        how = f"half of {bridged:.0f} ms to an echo through the bridge, less {direct:.0f} ms without it; medians"
        say("bridge_added_ms", (bridged - direct) / 2, how)


@asynccontextmanager
async def _role(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process; it is there when it has said so, and ended on leaving."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.bridged", *arguments, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.readline(), 60)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _round_trip(target: str) -> float:
    async with _role("caller", "delay", target) as process:
        assert process.stdout is not None
        return float(json.loads(await asyncio.wait_for(process.stdout.readline(), 60)))


# ---------------------------------------------------------------- the other processes


async def _agent() -> None:
    """Answers, and gives back what it hears."""

    async def echo(leg: Leg, identify: Identify) -> None:
        await leg.answer()
        ending = asyncio.create_task(_end_of(leg))
        while not ending.done():
            if pcm := leg.read():
                leg.write(pcm)
            await asyncio.sleep(0.005)

    async with _endpoint("agent", echo):
        print("ready", flush=True)
        await asyncio.Event().wait()


async def _end_of(leg: Leg) -> None:
    while not isinstance(await leg.next_event(), LegEnded):
        pass


async def _caller_load(calls: int, seconds: float) -> None:
    """So many calls to the bridge, each talking all the time."""
    async with _endpoint("caller", None, "bridge") as endpoint:
        print("ready", flush=True)
        uri = endpoint.settings.queue_uri(QUEUE)
        legs = [await endpoint.dial(uri, {}, 10.0) for _ in range(calls)]
        tone = (8000 * np.sin(np.arange(1600) * 0.4)).astype("<i2").tobytes()
        until = time.monotonic() + seconds + 30
        while time.monotonic() < until:
            for leg in legs:
                leg.read()
                if leg.buffered() < len(tone):
                    leg.write(tone)
            await asyncio.sleep(0.05)


async def _caller_delay(target: str) -> None:
    """Clicks, and how long until each comes back: the median, in ms."""
    async with _endpoint("caller", None, target) as endpoint:
        print("ready", flush=True)
        leg = await endpoint.dial(endpoint.settings.queue_uri(QUEUE), {}, 10.0)
        click = (20_000 * np.sin(np.arange(int(_CLICK_S * 8000)) * 0.8)).astype("<i2").tobytes()
        await asyncio.sleep(2)
        took = [each for each in [await _click(leg, click) for _ in range(_TRIES)] if each]
        print(json.dumps(float(np.median(took)) if took else float("nan")), flush=True)
        await leg.hang_up()


async def _click(leg: Leg, click: bytes) -> float | None:
    leg.read()
    leg.write(click)
    began = time.monotonic()
    while time.monotonic() - began < 1.0:
        heard = np.frombuffer(leg.read(), "<i2").astype(int)
        if len(heard) and np.abs(heard).max() > _LOUD:
            took = (time.monotonic() - began) * 1000
            await asyncio.sleep(0.4)
            return took
        await asyncio.sleep(0.002)
    return None


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["agent"]:
            asyncio.run(_agent())
        case ["caller", "load", calls, seconds]:
            asyncio.run(_caller_load(int(calls), float(seconds)))
        case ["caller", "delay", target]:
            asyncio.run(_caller_delay(target))

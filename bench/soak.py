"""`make soak MINUTES=30`: calls of every kind of ending, for a long time, and whether nothing of them stays.

Memory, tasks, file handles, RTP ports and places for calls are sampled all the while, and judged: memory may not grow, and when
the last call is over all else must be what it was before the first.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import secrets
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.load import sipp
from bench.load.bot import Bot, Resources, running_bot
from bench.load.rtp import caller_rtp
from bench.load.steps import KEY
from bench.load.tables import measured_on, table, write
from voicebot.logs import configure_logs

FOLDER = Path("var/soak")
_SAMPLES = 120
_SETTLED_S = 45.0  # SIP transactions live for 32 s after their call
_IDLE_S = 120.0  # for the last calls to end
_MOST_MB, _MOST_SHARE = 8.0, 0.04
_LEFT_OVER = {"tasks": 3, "handles": 8}  # a connection of a pool, once; a leak of thousands of calls is more
HOLD_S = 8.0


def kinds(talking: str, pressing: str) -> Mapping[str, str]:
    """What each kind of call does after its 200, by name. The captures are what sipp plays."""
    begin = sipp.invite() + sipp.answered()
    return {
        "hangs up at once": begin + sipp.ack() + sipp.bye(),
        "hangs up while the bot speaks": begin + sipp.ack() + sipp.talk(talking) + sipp.pause(1.5) + sipp.bye(),
        "hangs up while it waits": begin + sipp.ack() + sipp.talk(talking) + sipp.pause(9) + sipp.bye(),
        "key, transfer done": begin + sipp.ack() + sipp.talk(pressing) + sipp.taken_over(40),
        "key, transfer refused": begin + sipp.ack() + sipp.talk(pressing) + sipp.refused(40),
        "silent, no RTP": begin + sipp.ack() + sipp.pause(8) + sipp.bye(),
        "ACK lost": begin + sipp.pause(2) + sipp.bye(),
        "vanishes without ACK": begin + sipp.pause(1),
        "hold, abandoned": begin + sipp.ack() + sipp.talk(talking) + sipp.pause(1) + sipp.hold() + sipp.hung_up(60),
    }


@dataclass(slots=True)
class Soaked:
    """What came of it."""

    calls: int
    minutes: float
    before: Resources
    during: list[Resources]
    rests: list[Resources]
    """At rest: behind the first half of the calls, and behind the second."""
    outcomes: Mapping[str, int]
    cancelled: Mapping[str, int]
    troubles: list[str] = field(default_factory=list)


FIGURES = ("rss_mb", "tasks", "handles", "ports", "slots", "legs")


def judge(soaked: Soaked) -> list[str]:
    """What grew, and what stayed; [] when all is flat. While calls are up, memory goes with how many they are."""
    troubles = []
    first, last = (each.rss_mb for each in soaked.rests)
    if last - first > max(_MOST_MB, first * _MOST_SHARE):
        troubles.append(f"memory at rest grew from {first:.0f} to {last:.0f} MB with the second half of the calls")
    for name in FIGURES[1:]:
        left = getattr(soaked.rests[-1], name) - getattr(soaked.before, name)
        if left > _LEFT_OVER.get(name, 0):
            troubles.append(f"{name}: {left:.0f} more after the last call than before the first")
    return troubles


async def soak(minutes: float, per_second: float) -> Soaked:
    """Run it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    talking, pressing = FOLDER.absolute() / "talking.pcap", FOLDER.absolute() / "pressing.pcap"
    talking.write_bytes(caller_rtp(30, []))
    pressing.write_bytes(caller_rtp(12, [(0.6, KEY)]))
    limits = {"max_hold_s": HOLD_S}
    async with running_bot(FOLDER, deaf=True, max_calls=200, limits=limits) as bot:
        _say("warming up")
        await _warm(bot)
        before, told = bot.resources(), bot.asked_anew()
        wanted = kinds(str(talking), str(pressing))
        rate = per_second / (len(wanted) + 1)
        cancelled: Counter[str] = Counter()
        during: list[Resources] = []
        rests: list[Resources] = []
        calls = 0
        for half in (1, 2):
            _say(f"half {half} of 2")
            cancelling = asyncio.create_task(_cancel_all_the_while(bot.address, rate, minutes * 30))
            orders = [
                sipp.Order(f"soak-{number}", steps, max(1, round(rate * minutes * 30)), 60, rate, bot.address)
                for number, steps in enumerate(wanted.values())
            ]
            async with AsyncExitStack() as stack:
                placing = [
                    await stack.enter_async_context(sipp.placing(order, FOLDER, 40_000 + 2_400 * number))
                    for number, order in enumerate(orders)
                ]
                during += await _sampled(bot, asyncio.gather(cancelling, *placing), minutes * 60 / _SAMPLES)
            cancelled.update(await cancelling)
            calls += sum(order.calls for order in orders)
            _say(f"all calls are placed; waiting for the last to end ({bot.resources().legs:.0f} legs)")
            await bot.idle(_IDLE_S)
            _say(f"waiting for {_SETTLED_S:.0f} s until transactions are over")
            await asyncio.sleep(_SETTLED_S)
            rests.append(bot.resources())
        calls += sum(cancelled.values())
        soaked = Soaked(calls, minutes, before, during, rests, dict(told.outcomes), dict(cancelled))
    soaked.troubles = judge(soaked)
    return soaked


def _say(doing: str) -> None:
    print(doing, file=sys.stderr, flush=True)


async def _warm(bot: Bot) -> None:
    """The first calls load what later ones share."""
    steps = sipp.invite() + sipp.answered() + sipp.ack() + sipp.pause(1) + sipp.bye()
    async with sipp.placing(sipp.Order("soak-warm", steps, 60, 20, 10, bot.address), FOLDER) as placing:
        await placing
    await bot.idle(60)
    await asyncio.sleep(_SETTLED_S)


async def _sampled(bot: Bot, every: asyncio.Future[Any], seconds: float) -> list[Resources]:
    samples, began = [], time.monotonic()
    while not every.done():
        samples.append(now := bot.resources())
        _say(f"{time.monotonic() - began:.0f} s: {now.legs:.0f} legs, {now.rss_mb:.0f} MB, {now.handles:.0f} handles")
        await asyncio.wait({every}, timeout=max(1.0, seconds))
    await every  # raises what kept calls from being placed
    return samples


# ---------------------------------------------------------------- CANCEL, which races with the answer


async def _cancel_all_the_while(target: tuple[str, int], per_second: float, seconds: float) -> dict[str, int]:
    """Calls that are cancelled when they ring; counts who was first."""
    counts = {"cancelled": 0, "answered first": 0, "no answer": 0}
    end = time.monotonic() + seconds
    running: list[asyncio.Task[str]] = []
    while time.monotonic() < end:
        running.append(asyncio.create_task(_cancel_one(target)))
        await asyncio.sleep(1 / per_second)
    for result in await asyncio.gather(*running):
        counts[result] += 1
    return counts


async def _cancel_one(target: tuple[str, int]) -> str:
    answers: asyncio.Queue[str] = asyncio.Queue()

    class Wire(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, _: tuple[str, int]) -> None:
            answers.put_nowait(data.decode("latin-1"))

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Wire, local_addr=("127.0.0.1", 0))
    port, name = transport.get_extra_info("sockname")[1], secrets.token_hex(8)
    branch, to = f"z9hG4bK{name}", ""

    def send(method: str, cseq: int = 1, body: str = "", own: bool = False) -> None:
        lines = (
            f"{method} sip:802@{target[0]}:{target[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch={branch + method if own else branch}",
            f"From: <sip:+48600100200@127.0.0.1>;tag={name}",
            to or f"To: <sip:802@{target[0]}:{target[1]}>",
            f"Call-ID: {name}@soak",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:soak@127.0.0.1:{port}>",
            "Max-Forwards: 70",
            *(("Content-Type: application/sdp",) if body else ()),
            f"Content-Length: {len(body)}",
        )
        transport.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), target)

    sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n"
    send("INVITE", body=sdp)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                while True:
                    answer = await answers.get()
                    lines = answer.split("\r\n")
                    status, method = answer[8:11], next((line.split()[-1] for line in lines if line.startswith("CSeq")), "")
                    to = next((line for line in lines if line.startswith("To:")), to)
                    if (status, method) == ("180", "INVITE"):
                        kept, to = to, ""  # a CANCEL has the To of its INVITE (RFC 3261, 9.1)
                        send("CANCEL")
                        to = kept
                    elif method == "INVITE" and status == "200":
                        send("ACK", own=True)
                        send("BYE", 2, own=True)
                        await answers.get()
                        return "answered first"
                    elif method == "INVITE" and status >= "300":
                        send("ACK")
                        return "cancelled"
        return "no answer"
    finally:
        transport.close()


# ---------------------------------------------------------------- telling


def told(soaked: Soaked) -> str:
    """In Markdown."""
    verdict = "Flat: nothing grew, nothing stayed." if not soaked.troubles else f"NOT flat: {'; '.join(soaked.troubles)}."
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(soaked.outcomes.items(), key=lambda each: -each[1]))
    cancelled = ", ".join(f"{count} {name}" for name, count in soaked.cancelled.items())
    rows = [(name, *(f"{value:.0f}" for value in _figure(soaked, name))) for name in FIGURES]
    found = table(("", "before", "most", "at rest after the first half", "at rest after the second"), rows)
    return (
        f"{measured_on()} {soaked.calls} calls in {soaked.minutes:g} minutes. {verdict}\n\n{found}\n\n"
        f"Outcomes of conversations: {outcomes}. Of the calls cancelled while ringing: {cancelled}."
    )


def _figure(soaked: Soaked, name: str) -> tuple[float, ...]:
    most = max(float(getattr(each, name)) for each in soaked.during or [soaked.before])
    return (getattr(soaked.before, name), most, *(getattr(each, name) for each in soaked.rests))


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when something is not flat."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=4, help="calls a second, of all kinds together")
    parser.add_argument("--write", action="store_true", help="put the result into docs/capacity.md")
    asked = parser.parse_args(arguments)
    configure_logs(level="error")
    soaked = asyncio.run(soak(asked.minutes, asked.rate))
    text = told(soaked)
    print(text, flush=True)
    if asked.write:
        write("soak", text)
    return 1 if soaked.troubles else 0


if __name__ == "__main__":
    sys.exit(main())

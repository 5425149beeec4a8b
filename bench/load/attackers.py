"""Calls that attack while others are measured: junk RTP, packets of strangers, floods, broken SDP, hang-ups in the middle.

They come from an address of loopback that may call (a bad customer of the trunk) and from one that may not. What is asked is
whether those who behave notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import random
import secrets
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection

from bench.hostile.callers import Caller, CallPlan

Address = tuple[str, int]
STRANGER, BAD = "127.0.0.2", "127.0.0.3"
TRUNK = {"peers": [f"{BAD}/32"], "calls_per_second": 3, "max_calls": 5}
"""That of the attackers who may call: limited, as any trunk that is not the bank's own should be."""
_PROCESSES = multiprocessing.get_context("spawn")
_JUNK_EVERY_S = 0.01
_PACKETS = 20
"""Of strangers, each time."""
_INVITES_PER_S = 50
"""Of the flood, by one who may call."""
_CALL_S = (0.0, 1.5)
_BROKEN = (
    "v=0\r\nm=audio 99999 RTP/AVP 8\r\n",
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 999.1.1.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n",
    "v=0\r\n" + "a=" + "x" * 4000 + "\r\n",
    "\0" * 200,
    "m=audio",
)


@asynccontextmanager
async def attacking(attackers: int, target: Address, rtp_ports: tuple[int, int]) -> AsyncIterator[Counter[str]]:
    """So many attackers while the context lasts, in a process of their own. What they did is told in the end."""
    done: Counter[str] = Counter()
    if not attackers:
        yield done
        return
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(target=run_attackers, args=(attackers, target, rtp_ports, theirs), daemon=True)
    process.start()
    try:
        yield done
        ours.send("stop")
        if await asyncio.to_thread(ours.poll, 20):
            done.update(ours.recv())
    finally:
        process.kill()
        await asyncio.to_thread(process.join)


def run_attackers(attackers: int, target: Address, rtp_ports: tuple[int, int], parent: Connection) -> None:
    """Until the parent says something; it gets what was done."""
    parent.send(asyncio.run(_attack(attackers, target, rtp_ports, parent)))


async def _attack(attackers: int, target: Address, rtp_ports: tuple[int, int], parent: Connection) -> Counter[str]:
    done: Counter[str] = Counter()
    plan = CallPlan(*target, "+48225550100", 1, 1.0, source=BAD)
    kinds = (_strangers(target, rtp_ports, done), _flood(plan, done), _broken(plan, done))
    tasks = [asyncio.create_task(each) for each in kinds]
    tasks += [asyncio.create_task(_calls(plan, number, done)) for number in range(attackers)]
    await asyncio.to_thread(parent.poll, None)
    for each in tasks:
        each.cancel()
    for told in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(told, Exception):
            done[f"ended by {type(told).__name__}"] += 1
    return done


async def _strangers(target: Address, rtp_ports: tuple[int, int], done: Counter[str]) -> None:
    """SIP and RTP of one who is no peer, to every port in turn."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((STRANGER, 0))
        sock.setblocking(False)
        invite = f"INVITE sip:x@{target[0]} SIP/2.0\r\n\r\n".encode()
        while True:
            for _ in range(_PACKETS):
                with contextlib.suppress(OSError):
                    port = random.randrange(*rtp_ports)
                    sock.sendto(b"\x80\x08" + secrets.token_bytes(170), (target[0], port))
                    sock.sendto(invite, target)
                    done["packets of strangers"] += 2
            await asyncio.sleep(_JUNK_EVERY_S)


async def _flood(plan: CallPlan, done: Counter[str]) -> None:
    """INVITEs whose answers nobody reads."""
    number = 900_000
    while True:
        number += 1
        caller = Caller(plan, number)
        caller._send(caller._request("INVITE", 1, body=caller._sdp()).replace("m=audio", "m=video"))
        caller._sip.close()
        caller._rtp.close()
        done["INVITEs of the flood"] += 1
        await asyncio.sleep(1 / _INVITES_PER_S)


async def _broken(plan: CallPlan, done: Counter[str]) -> None:
    number = 800_000
    while True:
        number += 1
        caller = Caller(plan, number)
        caller._send(caller._request("INVITE", 1, body=random.choice(_BROKEN)))
        caller._sip.close()
        caller._rtp.close()
        done["broken SDP"] += 1
        await asyncio.sleep(0.2)


async def _calls(plan: CallPlan, attacker: int, done: Counter[str]) -> None:
    """One call after another: answered, fed with junk from many ports, and gone in the middle, also without a BYE."""
    number = 700_000 + 10_000 * attacker
    while True:
        number += 1
        caller = Caller(plan, number)
        placing = asyncio.create_task(caller.place())
        await asyncio.wait({placing}, timeout=random.uniform(0.05, 5.0))
        if placing.done() and caller._media is not None:
            await _junk(caller, done)
        placing.cancel()
        await asyncio.gather(placing, return_exceptions=True)
        caller.hang_up()
        done["calls left in the middle"] += 1


async def _junk(caller: Caller, done: Counter[str]) -> None:
    assert caller._media is not None
    ports = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(10)]
    try:
        for _ in range(round(random.uniform(*_CALL_S) / 0.02)):
            for each in (caller._rtp, *ports):
                with contextlib.suppress(OSError):
                    each.sendto(secrets.token_bytes(random.randrange(1, 300)), caller._media)
                    each.sendto(b"\x80\x08" + secrets.token_bytes(170), caller._media)
                    done["junk RTP"] += 2
            await asyncio.sleep(0.02)
    finally:
        for each in ports:
            each.close()

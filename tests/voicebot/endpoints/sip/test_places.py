"""Places for calls: a malformed INVITE must not take one from a caller, and the endpoint's count is of calls that live.

The endpoint runs in a process of its own: a stack that frees memory twice ends the process, and must not end the tests.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from tests.voicebot.endpoints.sip.conftest import Bot, end_of, settings
from tests.voicebot.endpoints.sip.sip_probe import Probe
from voicebot.endpoints.endpoint import Identify
from voicebot.endpoints.leg import Leg
from voicebot.endpoints.sip.endpoint import SipEndpoint
from voicebot.endpoints.sip.leg import SipLeg

Told = dict[str, Any]


def malformed(probe: Probe, kind: str, number: int) -> bytes:
    """An INVITE that a correct stack answers with an error."""
    probe.call_id = f"{kind}{number}@probe"
    lines = probe.request("INVITE", body=probe.offer()).decode().split("\r\n")
    match kind:
        case "contact":
            lines = [line for line in lines if not line.startswith("Contact")]
        case "tag":
            lines = [line.replace(f";tag={probe.tag}", "") for line in lines]
        case "sdp":
            lines = [line for line in lines if not line.startswith(("m=", "c="))]
    return "\r\n".join(lines).encode()


async def send_malformed(bot: Bot, kind: str, count: int) -> None:
    liar = await Probe.open(bot.address)
    for number in range(count):
        liar.send(malformed(liar, kind, number))
        await liar.final("INVITE")
    await liar.close()


async def every_place_serves_a_call(bot: Bot, kind: str) -> Told:
    """More malformed INVITEs than the stack has places (255) while a caller talks; then all its calls, and one more."""
    talker = await Probe.open(bot.address)
    talking = await bot.connect(talker)
    await send_malformed(bot, kind, 300)
    alive = not talking.ended.is_set()
    await talker.bye()
    await end_of(talking)
    callers = [await Probe.open(bot.address) for _ in range(9)]
    legs = [await bot.connect(caller, talk=False) for caller in callers[:8]]
    callers[8].invite()
    told: Told = {"talker": alive, "live": bot.endpoint.counts.live, "over": (await callers[8].final("INVITE")).status}
    for caller, leg in zip(callers[:8], legs, strict=True):
        await caller.bye()
        await end_of(leg)
    return told | {"healthy": bot.endpoint.healthy, "malformed": bot.endpoint.counts.malformed}


async def _run(kind: str) -> Told:
    ringing: asyncio.Queue[SipLeg] = asyncio.Queue()

    async def serve(leg: Leg, identify: Identify) -> None:
        assert isinstance(leg, SipLeg)
        ringing.put_nowait(leg)
        await leg.ended.wait()

    endpoint = SipEndpoint(settings(max_calls=8), serve)
    await endpoint.start()
    told = await every_place_serves_a_call(Bot(endpoint, ringing), kind)
    await endpoint.close()
    return told


async def _in_a_process(kind: str) -> Told:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, kind, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()[-2000:]
    told: Told = json.loads(out)
    return told


@pytest.mark.parametrize(("kind", "malformed"), [("contact", 300), ("tag", 300), ("sdp", 0)])
async def test_malformed_invites_leave_every_place_to_callers(kind: str, malformed: int) -> None:
    told = await _in_a_process(kind)
    assert told == {"talker": True, "live": 8, "over": 503, "healthy": True, "malformed": malformed}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_run(sys.argv[1]))), flush=True)

"""The state server is killed under callers on hold or with an agent, and comes back empty: a whole service, real SIP."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.voicebot.calls.test_bridging import URGENT, Hotline, end, hotline
from tests.voicebot.calls.test_transferring import asked, held, name_in, put_through
from tests.voicebot.endpoints.looking import DEADLINE_S, until
from tests.voicebot.endpoints.sip.answerer import MEDIA
from tests.voicebot.endpoints.sip.sip_probe import Probe
from tests.voicebot.endpoints.sip.test_bridge import AGENT_HERTZ, CALLER_HERTZ, hears
from tests.voicebot.state.servers import StateServer, back, other, server
from voicebot.state import renewal
from voicebot.state.live_calls import LiveCalls
from voicebot.state.shared import PREFIX, SharedState

__all__ = ["other", "server"]


@pytest.fixture(autouse=True)
def leases_are_renewed_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server forgot is told to it with the next renewal."""
    monkeypatch.setattr(renewal, "_RENEW_S", 0.5)


def shared_by(server: StateServer) -> dict[str, Any]:
    """Sections of a service that shares its state and its limit of calls with others."""
    return {"state": {"redis_url": server.url}, "limits": {"max_shared_calls": 10}}


async def knows(line: Hotline, other: SharedState, calls: int) -> None:
    """Wait until the server is back, and another process sees so many calls, and as many slots taken."""
    await back(line.service.service.stores.shared)
    await back(other)
    live = LiveCalls(other)
    async with asyncio.timeout(DEADLINE_S):
        while [await _slots(other), len(await live.everywhere())] != [calls, calls]:
            await asyncio.sleep(0.05)


async def _slots(shared: SharedState) -> int:
    return int(await shared.ask(lambda redis: redis.zcount(f"{PREFIX}admitted", shared.now(), "+inf")))


async def away(line: Hotline, server: StateServer) -> None:
    """Killed, and the service has noticed."""
    server.kill()
    await until(lambda: not line.service.service.stores.shared.available)


async def comes_back(probe: Probe) -> None:
    """The far end takes its hold back (re-INVITE)."""
    probe.send(probe.request("INVITE", body=probe.offer(MEDIA, extra=("a=sendrecv",))))
    probe.ack(await probe.final("INVITE"))


async def steered(line: Hotline, probe: Probe) -> None:
    """The caller who is back presses keys and is put through."""
    for number, key in enumerate(URGENT, start=1):
        await probe.press_as_a_phone(key, 101)
        await until(lambda wanted=number: line.said("KeyPressed") >= wanted)  # type: ignore[misc]
    refer = await asked(probe, "REFER")
    assert name_in(refer) == "card_emergency"
    await put_through(probe, refer)
    assert (await line.closed())["outcome"] == "handed_over"
    assert not line.lines("Failed")


@pytest.mark.parametrize("returns", ["after the caller", "before the caller"])
async def test_a_caller_on_hold_comes_back_and_is_put_through(
    server: StateServer, other: SharedState, tmp_path: Path, returns: str
) -> None:
    async with hotline(tmp_path, handoff={"way": "refer"}, **shared_by(server)) as line:
        probe = await line.caller(keys="")
        await held(line, probe)
        await away(line, server)
        if returns == "before the caller":
            server.start_again()
            await knows(line, other, 1)
        await comes_back(probe)
        await steered(line, probe)
        if returns == "after the caller":
            server.start_again()
        await knows(line, other, 0)
        assert line.service.service.stores.admission.taken == 0


async def test_a_caller_and_an_agent_talk_on(server: StateServer, other: SharedState, tmp_path: Path) -> None:
    async with hotline(tmp_path, **shared_by(server)) as line:
        probe = await line.caller()
        assert await line.called() == "card_emergency"
        await line.queue.answer()
        await until(lambda: line.lines("bridged"))
        await away(line, server)
        await hears(probe.rtp, AGENT_HERTZ)
        await hears(line.queue.rtp, CALLER_HERTZ)
        assert line.service.service.calls.bridged == 1
        server.start_again()
        await knows(line, other, 1)
        await hears(probe.rtp, AGENT_HERTZ)
        assert (await end(line, probe))["outcome"] == "handed_over"
        await knows(line, other, 0)
        assert not line.lines("Failed")
        assert line.metric("voicebot_bridged_calls") == 0


async def test_a_caller_is_joined_with_an_agent_while_it_is_away(server: StateServer, other: SharedState, tmp_path: Path) -> None:
    """Dialled without it, answered without it, hung up without it; nothing of the call is left when it is back."""
    async with hotline(tmp_path, **shared_by(server)) as line:
        probe = await line.caller(keys="")
        await away(line, server)
        for number, key in enumerate(URGENT, start=1):
            await probe.press_as_a_phone(key, 101)
            await until(lambda wanted=number: line.said("KeyPressed") >= wanted)  # type: ignore[misc]
        assert await line.called() == "card_emergency"
        await line.queue.answer()
        await hears(probe.rtp, AGENT_HERTZ)
        await hears(line.queue.rtp, CALLER_HERTZ)
        assert (await end(line, probe))["outcome"] == "handed_over"
        server.start_again()
        await knows(line, other, 0)

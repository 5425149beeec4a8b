"""Calls through the shipped edge (a real Kamailio) to two real services."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.edge import HOST, Bot, Edge, open_bot, open_edge, until
from tests.voicebot.state.servers import StateServer, server
from voicebot.endpoints.sip.ports import free_port
from voicebot.softphone import (
    CallReport,
    CallScript,
    Keys,
    OnTransfer,
    Pause,
    Step,
    UntilEnded,
    UntilSpeaking,
    run_script_process,
)

__all__ = ["server"]

pytestmark = [
    pytest.mark.skipif(shutil.which("kamailio") is None, reason="Kamailio is not installed here"),
    pytest.mark.timeout(300),  # bots are started again and again, on machines that have other things to do
]

EMERGENCY = (UntilSpeaking(0.3), Keys("91"), UntilEnded(40))
"""A caller who has lost a card, by keys."""


@dataclass
class Hotline:
    """An edge, and bots that share their state."""

    edge: Edge
    bots: list[Bot]
    folder: Path
    sections: dict[str, Any]
    stack: AsyncExitStack

    async def start(self, at: int) -> Bot:
        """Bot number `at`, from nothing or again."""
        port = int(self.bots[at].uri.rpartition(":")[2])
        bot = await self.stack.enter_async_context(open_bot(self.folder / f"bot-{at}", port, rtp_ports(at), **self.sections))
        self.bots[at] = bot
        await until(lambda: self.edge.takes(bot.uri))
        return bot

    def script(self, *steps: Step, **more: Any) -> CallScript:
        """A call to the edge."""
        more = {"number": "+48600100200", "max_s": 90.0, **more}
        return CallScript(f"sip:+48225550100@{HOST}:{self.edge.port}", steps, **more)

    async def call(self, *scripts: CallScript) -> list[CallReport]:
        """All at once."""
        return await run_script_process(scripts, host=HOST)


def rtp_ports(at: int) -> tuple[int, int]:
    return 23000 + at * 500, 23498 + at * 500


@pytest.fixture
async def hotline(server: StateServer, tmp_path: Path) -> AsyncIterator[Hotline]:
    """Two bots behind an edge."""
    ports = [free_port(HOST), free_port(HOST)]
    async with AsyncExitStack() as stack:
        edge = await stack.enter_async_context(open_edge(tmp_path / "edge", [f"sip:{HOST}:{port}" for port in ports]))
        sections = {"state": {"redis_url": server.url}, "limits": {"drain_s": 5}}
        bots = await asyncio.gather(
            *(
                stack.enter_async_context(open_bot(tmp_path / f"bot-{at}", port, rtp_ports(at), **sections))
                for at, port in enumerate(ports)
            )
        )
        await until(lambda: all(edge.takes(bot.uri) for bot in bots))
        yield Hotline(edge, list(bots), tmp_path, sections, stack)


def arrived(report: CallReport) -> bool:
    """At a queue; one that only rings ends the call with its transfer."""
    return report.put_through or bool(report.transfer_target)


def all_arrived(reports: Sequence[CallReport]) -> bool:
    return all(report.put_through for report in reports)


async def test_calls_are_shared_and_when_a_bot_dies_no_new_call_is_lost(hotline: Hotline) -> None:
    """Killed without a word: the next call comes before the edge has noticed, and is answered by the other one."""
    script = hotline.script(*EMERGENCY)
    assert all_arrived(await hotline.call(script, script, script, script))
    assert [len(bot.calls) for bot in hotline.bots] == [2, 2]
    under_way = asyncio.create_task(hotline.call(hotline.script(UntilEnded(80))))
    await until(lambda: any(len(bot.calls) == 3 for bot in hotline.bots))
    dead, other = sorted(hotline.bots, key=lambda bot: -len(bot.calls))
    dead.process.kill()
    await dead.process.wait()
    reports = await hotline.call(*[script] * 3)
    assert all_arrived(reports), [report.close_reason for report in reports]
    assert {report.transfer_target.partition("@")[0] for report in reports} == {"sip:card_emergency"}
    assert len(other.calls) == 5
    (cut_off,) = await under_way
    assert (cut_off.timed_out, cut_off.put_through) == ((), False), "its PBX goes on with the caller: the edge hung up"
    back = await hotline.start(hotline.bots.index(dead))
    assert all_arrived(await hotline.call(script, script))
    assert len(back.calls) == 1, "one that is back has calls again"


async def test_a_rolling_restart_drops_nobody(hotline: Hotline) -> None:
    """One bot after the other is stopped, as a deploy does, under callers in every phase; calls come in all the time."""
    phases = {
        "listens": (UntilEnded(60),),
        "hears the greeting": (UntilSpeaking(0.3), Keys("91"), UntilEnded(60)),
        "in the menu": (UntilSpeaking(0.3), Keys("9"), Pause(6), Keys("1"), UntilEnded(60)),
        "barges in": (UntilSpeaking(1.0), Keys("9"), UntilSpeaking(0.5), Keys("2"), UntilEnded(60)),
        "is being transferred": (UntilSpeaking(0.3), Keys("93"), UntilEnded(60)),
    }
    ringing = {"is being transferred": OnTransfer.IGNORE}
    scripts = [
        hotline.script(*steps, name=name, delay_s=3.0 * turn + 0.5 * at, on_transfer=ringing.get(name, OnTransfer.ACCEPT))
        for turn in range(9)
        for at, (name, steps) in enumerate(phases.items())
    ]
    calls = asyncio.create_task(hotline.call(*scripts))
    restarted = 0
    for at in (0, 1):
        bot = hotline.bots[at]
        await until(lambda bot=bot: len(bot.calls) >= 4)  # type: ignore[misc]
        assert not calls.done(), "they call all the while"
        assert await bot.stop() == 0
        restarted += len(bot.calls)
        await hotline.start(at)
    reports = await calls
    dropped = [(report.call, report.status, report.close_reason) for report in reports if not arrived(report)]
    assert dropped == []
    assert restarted >= 8, "calls were under way on the bots that stopped"

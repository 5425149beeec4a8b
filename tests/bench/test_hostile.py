"""The bench of hostile clients: its callers, its frames, its attacks, each for a moment and against the real thing."""

from __future__ import annotations

import asyncio
import os
from multiprocessing import Pipe
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from websockets.frames import Frame
from websockets.streams import StreamReader

from bench.hostile.__main__ import main
from bench.hostile.attacks import ATTACKS, Attack
from bench.hostile.callers import CallPlan, call
from bench.hostile.clients import CONTINUATION, TEXT, Target, frame
from bench.hostile.watching import GoodClient, Watch, child_named, usage
from tests.voicebot.running import open_service
from voicebot.health.routes import health_routes
from voicebot.http.server import listen, serve


async def test_callers_are_answered_hear_the_service_and_leave_nothing_behind(tmp_path: Path) -> None:
    """Calls that last and new ones; what is measured is what came."""
    # the sweep for cases would open its connection to the database meanwhile, once and for good
    async with open_service(tmp_path, cases={"enabled": False}) as service:
        host, port = service.service.sip.address
        ours, theirs = Pipe()
        handles = usage(os.getpid()).handles
        report = await call(CallPlan(host, port, "+48225550100", calls=2, seconds=2.0), theirs)
        assert ours.recv() == ("up", 2)
        assert all(each.setup_s is not None and not each.refused for each in (*report.lasting, *report.new))
        assert report.new
        assert all(each.packets > 10 and each.gap_s >= 0 for each in report.lasting)
        ours.close()
        theirs.close()
        async with asyncio.timeout(20):
            while service.service.sip.counts.live or usage(os.getpid()).handles > handles:
                await asyncio.sleep(0.05)


async def test_a_call_that_is_refused_is_told_apart(tmp_path: Path) -> None:
    """Its status; nothing else was heard."""
    async with open_service(tmp_path, limits={"max_calls": 1}) as service:
        host, port = service.service.sip.address
        ours, theirs = Pipe()
        report = await call(CallPlan(host, port, "+48225550100", calls=2, seconds=0.5), theirs)
        assert ours.recv() == ("up", 1)
        assert sorted(each.refused >= 300 for each in report.lasting) == [False, True]
        ours.close()
        theirs.close()


@given(st.binary(max_size=70_000), st.booleans(), st.sampled_from([TEXT, CONTINUATION]))
def test_a_frame_that_is_not_meant_to_be_wrong_is_right(payload: bytes, last: bool, opcode: int) -> None:
    """As another implementation reads it."""
    reader = StreamReader()
    reader.feed_data(frame(opcode, payload, last=last))
    parsing = Frame.parse(reader.read_exact, mask=True, max_size=None)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    read = done.value.value
    assert (read.opcode, read.data, read.fin) == (opcode, payload, last)


@pytest.mark.parametrize("name", sorted(set(ATTACKS) - {"handshakes", "local_socket"}))
async def test_every_attack_reaches_the_server_and_ends(name: str) -> None:
    """Whatever it meets; while it goes on, a well-behaved client asks."""
    server = await serve(Starlette(routes=health_routes([])), listen("127.0.0.1", 0, setting="test"))
    target = Target(server.port, server.port, "a-token-of-the-test")
    attack = Attack(target)
    attacking = asyncio.ensure_future(ATTACKS[name](attack))
    good = GoodClient(target)
    await good.ask_for(0.5)
    if name != "none":
        async with asyncio.timeout(10):
            while not attack.tally["opened"]:
                await asyncio.sleep(0.01)
    attacking.cancel()
    await asyncio.gather(attacking, return_exceptions=True)
    assert attacking.cancelled()
    assert good.live.times
    await server.close()


async def test_a_process_is_watched_and_its_children_are_found() -> None:
    """By the module that they run."""
    child = await asyncio.create_subprocess_exec("sleep", "60")
    async with asyncio.timeout(10):
        while child_named(os.getpid(), "60") != child.pid:
            await asyncio.sleep(0.01)
    assert child_named(os.getpid(), "voicebot.web") is None
    watch = Watch(lambda: child.pid)
    await watch.watch(0.1)
    assert not watch.replaced
    child.kill()
    await child.wait()


@pytest.mark.parametrize("arguments", [["--calls", "0"], ["--seconds", "1"], ["--attacks", "party"]])
def test_what_cannot_be_asked_for_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is started."""
    with pytest.raises(SystemExit):
        main(arguments)
    assert arguments[0] in capsys.readouterr().err

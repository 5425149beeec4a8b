"""No file handles left in a whole service: who is on the line is put through; who comes meanwhile is served afterwards."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from caller_id.types import Caller
from dialogs.events import CallStarted, Say
from dialogs.rehearsal.rehearsal import Rehearsal
from tests.voicebot.calls.test_bridging import URGENT, Hotline, hotline
from tests.voicebot.calls.test_transferring import asked, put_through
from tests.voicebot.endpoints.asterisk.fake_asterisk import AudioSocketChannel
from tests.voicebot.endpoints.looking import until
from tests.voicebot.handles import handles_settled, no_handles_left
from tests.voicebot.logged import line_with
from tests.voicebot.running import TOKEN
from voicebot.endpoints.asterisk.dialplan_endpoint import DialplanEndpoint

DIALPLAN_TOKEN = "dialplan-token-1234"
FRAME = b"\x10\x01\x40"
"""Begins 20 ms of sound at 8 kHz."""
DEADLINE_S = 20.0
Address = tuple[str, int]


@asynccontextmanager
async def with_audiosocket(folder: Path) -> AsyncIterator[tuple[Hotline, DialplanEndpoint]]:
    asterisk = {
        "dialplan": {"port": 0, "token": DIALPLAN_TOKEN, "expect_s": 60.0},
        "media": {"websocket_port": None, "audiosocket_port": 0},
        "connect_s": 20.0,
    }
    async with hotline(folder, handoff={"way": "refer"}, asterisk=asterisk) as line:
        (endpoint,) = [each for each in line.service.service.endpoints if isinstance(each, DialplanEndpoint)]
        yield line, endpoint


async def says_ready(line: Hotline) -> None:
    """What the caller of this test hears has been spoken: without handles no voice can be started, and the bot would not wait for
    the second key.
    """
    services = line.service.service.call_services
    rehearsal = Rehearsal(line.service.service.bundle, None, at=services.session.clock())
    rehearsal.start(CallStarted(Caller(), language="pl"))
    for key in URGENT:
        rehearsal.press(key)
    says = [action for action in rehearsal.actions if isinstance(action, Say)]
    await services.speaker.warm_likely(says, (8000,))


async def asks(sock: socket.socket, address: Address, octets: bytes) -> None:
    """The kernel takes the connection, though nobody accepts it yet."""
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, address)
    await loop.sock_sendall(sock, octets)


async def answer(sock: socket.socket) -> bytes:
    """All that comes until the far end closes, 4 kB at most."""
    loop, found = asyncio.get_running_loop(), b""
    async with asyncio.timeout(DEADLINE_S):
        while len(found) < 4096 and (octets := await loop.sock_recv(sock, 4096)):
            found += octets
    return found


def request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n".encode()


async def test_who_is_on_the_line_is_put_through_and_who_comes_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with with_audiosocket(tmp_path) as (line, endpoint), AsyncExitStack() as stack:
        records = line.service.service.stores.records
        records._writer._longest_pause = 0.5  # it would be half a minute
        await says_ready(line)
        probe = await line.caller(keys="")
        headers = {"Authorization": f"Bearer {DIALPLAN_TOKEN}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{endpoint.port}", headers=headers, trust_env=False) as dialplan:
            name = (await dialplan.post("/calls", data={"cli": "+48600100200", "did": "+48225550100"})).text
        web, health, sound = (stack.enter_context(socket.socket()) for _ in range(3))
        for each in (web, health, sound):
            each.setblocking(False)
        audiosocket = ("127.0.0.1", endpoint._server.audiosocket_port)
        await handles_settled()
        with caplog.at_level("ERROR", "asyncio"), line_with("connections cannot be accepted") as told, no_handles_left():
            await asks(web, line.service.web.api, request("/health/ready"))
            await asks(health, line.service.service.health, request("/health/ready"))
            await asks(sound, audiosocket, AudioSocketChannel(*audiosocket, name).named())
            await told.written()
            for number, key in enumerate(URGENT, start=1):
                await probe.press_as_a_phone(key, 101)
                await until(lambda wanted=number: line.said("KeyPressed") >= wanted)  # type: ignore[misc]
            await put_through(probe, await asked(probe, "REFER"))
            assert (await line.closed())["outcome"] == "handed_over"
            assert len(line.service.journals) == 1, "nobody else could come in"
        assert 1 <= sum("accept" in each.getMessage() for each in caplog.records) <= 30, "told, and the log is not flooded"
        for each in (web, health):
            assert (await answer(each)).startswith(b"HTTP/1.1 ")  # it may still say that it could not look at a part
        async with line.service.api() as api, asyncio.timeout(DEADLINE_S):
            while (await api.get("/health/ready")).status_code != 200:
                await asyncio.sleep(0.1)
        assert (await answer(sound)).startswith(FRAME), "the caller by AudioSocket is served"
        sound.close()
        await until(lambda: len(line.service.journals) == 2)
        first, second = line.service.journals
        await line.service.closed(second)
        async with asyncio.timeout(DEADLINE_S):
            while not (kept := await records.call(first)) or records.waiting:
                await asyncio.sleep(0.05)
        assert kept.summary.outcome == "handed_over"

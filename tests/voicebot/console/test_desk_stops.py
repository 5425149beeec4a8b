"""The console ends while agents are at their desks: nobody waits for it, and no customer hears of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.voicebot.chat.bank import AgentDesk, open_bank
from tests.voicebot.chat.handed.talks import hand_over, until
from tests.voicebot.console.running import console_of
from tests.voicebot.state.servers import StateServer
from voicebot.accounts.roles import Role
from voicebot.console import desk_socket
from voicebot.console.guard import COOKIE
from voicebot.console.pages import desk
from voicebot.state.shared import SharedState


async def test_the_end_of_the_console_answers_what_is_held_and_keeps_chats(
    tmp_path: Path, server: StateServer, shared: SharedState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent comes back with the claim."""
    monkeypatch.setattr(desk, "_HOLD_S", 600.0)
    for name in ("bank", "console"):
        (tmp_path / name).mkdir()
    async with open_bank(shared, tmp_path / "bank", desk=False) as bank, bank.customer() as customer:
        async with console_of(tmp_path / "console", server) as console:
            headers = {"Cookie": f"{COOKIE}={console.cookie(Role.AGENT)}"}
            async with httpx.AsyncClient(base_url=console.origin, headers=headers, timeout=60) as client:
                mark = (await client.get("/desk/chats.json?take=1")).json()["mark"]

                async def has_desk() -> bool:
                    await bank.desks.refresh()
                    return "payments" in bank.desks.queues

                await until(has_desk)
                handed = await hand_over(customer)
                url = f"{console.origin.replace('http', 'ws')}/desk/chats/{handed['ref']}/ws"
                async with connect(url, additional_headers=headers, origin=console.origin) as socket:  # type: ignore[arg-type]
                    agent = AgentDesk(socket)
                    claim = await agent.take()
                    await customer.until("agent")
                    taken = (await client.get(f"/desk/chats.json?take=1&hold=1&known={mark}")).json()["mark"]
                    held = asyncio.create_task(client.get(f"/desk/chats.json?take=1&hold=1&known={taken}"))
                    await asyncio.sleep(0.3)  # nothing tells that a question is held
                    assert not held.done()
                    console.parts.stopping.set()
                    answer = await held
                    assert (answer.status_code, len(answer.json()["chats"])) == (200, 1)
                    assert await agent.until_closed() == 1012
                    assert agent.of("moving")
        async with bank.agent(handed["ref"]) as again:
            await again.take(claim=claim)
            await again.send("end")
            await customer.until_closed()
        assert customer.of("agent_left") == []


async def test_a_page_that_says_nothing_for_long_is_gone(
    tmp_path: Path, server: StateServer, shared: SharedState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser answers pings for a page that it has put to sleep."""
    monkeypatch.setattr(desk_socket, "_SILENT_S", 1.0)
    for name in ("bank", "console"):
        (tmp_path / name).mkdir()
    async with (
        open_bank(shared, tmp_path / "bank", desk=False) as bank,
        bank.customer() as customer,
        console_of(tmp_path / "console", server) as console,
    ):
        headers = {"Cookie": f"{COOKIE}={console.cookie(Role.AGENT)}"}
        async with httpx.AsyncClient(base_url=console.origin, headers=headers, timeout=60) as client:
            await client.get("/desk/chats.json?take=1")
        await until(bank.desks.refresh)
        handed = await hand_over(customer)
        url = f"{console.origin.replace('http', 'ws')}/desk/chats/{handed['ref']}/ws"
        async with connect(url, additional_headers=headers, origin=console.origin) as socket:  # type: ignore[arg-type]
            await AgentDesk(socket).take()
            await customer.until("agent")
            await customer.until("agent_left")

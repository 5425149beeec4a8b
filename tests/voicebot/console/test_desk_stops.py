"""The console ends while agents are at their desks: nobody waits for it, and no customer hears of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.voicebot.chat.bank import AgentDesk, Bank
from tests.voicebot.chat.handed.talks import hand_over, has_desk, until
from tests.voicebot.console.running import Console, console_of
from tests.voicebot.state.servers import StateServer
from voicebot.accounts.roles import Role
from voicebot.console import desk_socket
from voicebot.console.guard import COOKIE
from voicebot.console.pages import desk


def page_of(console: Console) -> tuple[str, dict[str, str]]:
    """Where an agent's page is, and what it brings."""
    return console.origin, {"Cookie": f"{COOKIE}={console.cookie(Role.AGENT)}"}


def chat_of(origin: str, ref: str, headers: dict[str, str]) -> connect:
    url = f"{origin.replace('http', 'ws')}/desk/chats/{ref}/ws"
    return connect(url, additional_headers=headers, origin=origin)  # type: ignore[arg-type]


async def test_the_end_of_the_console_answers_what_is_held_and_keeps_chats(
    tmp_path: Path, server: StateServer, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent comes back with the claim."""
    monkeypatch.setattr(desk, "_HOLD_S", 600.0)
    async with bank.customer() as customer:
        async with console_of(tmp_path, server) as console:
            origin, headers = page_of(console)
            async with httpx.AsyncClient(base_url=origin, headers=headers, timeout=60) as client:
                mark = (await client.get("/desk/chats.json?take=1")).json()["mark"]
                await until(lambda: has_desk(bank.desks))
                handed = await hand_over(customer)
                async with chat_of(origin, handed["ref"], headers) as socket:
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


async def test_a_page_that_says_nothing_for_long_is_gone(bank: Bank, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser answers pings for a page that it has put to sleep."""
    monkeypatch.setattr(desk_socket, "_SILENT_S", 1.0)
    origin, headers = page_of(console)
    async with bank.customer() as customer:
        async with httpx.AsyncClient(base_url=origin, headers=headers, timeout=60) as client:
            await client.get("/desk/chats.json?take=1")
        await until(lambda: has_desk(bank.desks))
        handed = await hand_over(customer)
        async with chat_of(origin, handed["ref"], headers) as socket:
            await AgentDesk(socket).take()
            await customer.until("agent")
            await customer.until("agent_left")

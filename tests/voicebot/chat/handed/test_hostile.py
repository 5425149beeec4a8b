"""A chat that is handed over, and those who do not mean well."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.voicebot.chat.bank import Bank, open_bank
from tests.voicebot.chat.handed.talks import come_back, hand_over, until
from voicebot.chat.settings import ChatSettings
from voicebot.state.shared import SharedState

# ---------------------------------------------------------------- those who do not mean well


@pytest.mark.parametrize("token", ["", "wrong-token-of-a-stranger"])
async def test_nobody_without_the_token_is_an_agent(bank: Bank, token: str) -> None:
    """Refused before the WebSocket is open, whether the chat is there or not."""
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        for ref in (handed["ref"], "x" * 32):
            with pytest.raises(InvalidStatus) as refused:
                async with bank.agent(ref, token=token):
                    pass
            assert refused.value.response.status_code in (401, 403)


async def test_a_chat_that_is_none_is_told_to_be_over(bank: Bank) -> None:
    """As one that was, long ago."""
    async with bank.agent("x" * 32) as agent:
        assert (await agent.until("over"))["how"] == "unknown"
        assert await agent.until_closed() == 1000


@pytest.mark.parametrize("ref", ["short", "..%2F..%2Fswitches", "x" * 65])
async def test_what_can_be_no_reference_is_refused(bank: Bank, ref: str) -> None:
    """Before the WebSocket is open."""
    with pytest.raises(InvalidStatus):
        async with bank.agent(ref):
            pass


async def test_what_an_agent_sends_that_makes_no_sense_changes_nothing(bank: Bank) -> None:
    """As for customers."""
    bad: list[str | bytes] = [
        "nonsense",
        "[" * 50_000,
        b"\x00",
        '{"type": "take"}',
        '{"type": "take", "name": " "}',
        json.dumps({"type": "take", "name": "A" * 61}),
        '{"type": "take", "name": "Anna", "claim": 5}',
        '{"type": "transfer", "queue": "a b"}',
    ]
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        async with bank.agent(handed["ref"]) as agent:
            for message in bad:
                await agent.socket.send(message)
                assert (await agent.until("error"))["code"] in ("bad_message", "empty", "too_long")
            await agent.send("take", name="An\u202ena\u0000 <b>")
            assert (await customer.until("agent"))["name"] == "Anna <b>"
            await agent.send("say", text="x" * 2001)
            assert (await agent.until("error"))["code"] == "too_long"


async def test_a_customer_who_floods_an_agent_is_slowed_down_and_then_shown_out_for_good(
    shared: SharedState, tmp_path: Path
) -> None:
    """Typing without end as well."""
    settings = ChatSettings(max_messages_per_minute=5)
    async with open_bank(shared, tmp_path, answered=False, settings=settings) as bank:
        for flood in ('{"type":"typing"}', '{"type":"say","text":"a"}'):
            async with bank.customer() as customer:
                handed = await hand_over(customer)
                for _ in range(60):
                    await customer.socket.send(flood)
                assert await customer.until_closed() == 1008
                async with come_back(bank, handed) as again:
                    await again.until_closed()
                    assert not again.of("history")
            await bank.until_empty()


async def test_an_agent_who_floods_is_shown_out_and_the_customer_waits_again(shared: SharedState, tmp_path: Path) -> None:
    settings = ChatSettings(max_agent_messages_per_minute=5)
    async with open_bank(shared, tmp_path, answered=False, settings=settings) as bank, bank.customer() as customer:
        handed = await hand_over(customer)
        async with bank.agent(handed["ref"]) as agent:
            await agent.take()
            await customer.until("agent")
            for _ in range(20):
                await agent.send("say", text="kup teraz")
            assert await agent.until_closed() == 1008
        await customer.until("agent_left")


async def test_a_huge_message_costs_its_sender_the_connection(bank: Bank) -> None:
    """The other side keeps the chat."""
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        async with bank.agent(handed["ref"]) as agent:
            await agent.take()
            await customer.until("agent")
            await agent.socket.send("x" * 200_000)
            assert await agent.until_closed() == 1009
        await customer.until("agent_left")


async def test_a_customer_with_an_agent_who_goes_quiet_is_asked_and_then_let_go(shared: SharedState, tmp_path: Path) -> None:
    """While they wait nothing is expected of them."""
    settings = ChatSettings(idle_s=0.6, idle_warning_s=0.3)
    async with open_bank(shared, tmp_path, answered=False, settings=settings) as bank, bank.customer() as customer:
        handed = await hand_over(customer)
        await until(lambda: waited(bank, handed["ref"]))
        assert not customer.of("idle")
        async with bank.agent(handed["ref"]) as agent:
            await agent.take()
            await customer.until("idle")
            assert (await agent.until("over"))["how"] == "gone"
        assert (await customer.until("ended"))["reason"] == "idle", "the agent did not end it"
        await customer.until_closed()


async def waited(bank: Bank, ref: str) -> bool:
    """Some looks later the chat still waits."""
    for _ in range(40):
        assert (await bank.chats.look(ref)).chat is not None
        await asyncio.sleep(0.03)
    return True

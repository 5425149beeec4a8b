"""A chat that is handed over, while connections, processes and the state server come and go."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.voicebot.chat.bank import Bank, open_bank
from tests.voicebot.chat.handed.talks import CARD, come_back, hand_over, stored, two_processes, until
from tests.voicebot.state.servers import StateServer, back
from voicebot.chat.handed import ChatOver, Told
from voicebot.chat.settings import ChatSettings
from voicebot.errors import StateUnavailable
from voicebot.state.shared import SharedState

# ---------------------------------------------------------------- lost connections, other processes


async def test_a_customer_who_loses_the_connection_comes_back_to_the_same_chat(bank: Bank) -> None:
    """The agent is told; what was written is on the screen again, and what came meanwhile too."""
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        async with bank.agent(handed["ref"]) as agent:
            await agent.take()
            await customer.until("agent")
            await customer.socket.close()
            await agent.until("away")
            await agent.send("say", text="Poczekam")
            await agent.until("sent")
            async with come_back(bank, handed) as again:
                history = await again.until("history")
                assert [line["text"] for line in history["lines"]][-1] == "Poczekam"
                assert (await again.until("agent"))["name"] == "Anna"
                await agent.until("back")
                await again.say("Jestem")
                assert (await agent.until("say"))["text"] == "Jestem"
                await agent.send("end")
                await again.until_closed()
    [summary] = await bank.records_written()
    assert summary.outcome == "handed_over"


async def test_a_page_that_is_opened_twice_holds_the_chat_once(bank: Bank) -> None:
    """The newer window has it; the older is told why it has not."""
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        async with come_back(bank, handed) as again:
            await again.until("history")
            assert await customer.until_closed() == 4001
            async with bank.agent(handed["ref"]) as agent:
                await agent.take()
                await again.until("agent")


@pytest.mark.parametrize("token", ["x" * 32, "short", "'; drop"])
async def test_a_stranger_with_the_reference_is_not_the_customer(bank: Bank, token: str) -> None:
    """The reference is no secret: it is in the desk's list."""
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        async with come_back(bank, handed, token) as stranger:
            assert await stranger.until_closed() == 1000
            assert [message.get("code") for message in stranger.got] == ["over"]
        await customer.say("jestem tu nadal")


async def test_a_customer_who_stays_away_is_gone(shared: SharedState, tmp_path: Path) -> None:
    """The agent is told, and the chat cannot be resumed any more."""
    settings = ChatSettings(resume_s=0.3)
    async with open_bank(shared, tmp_path, answered=False, settings=settings) as bank:
        async with bank.customer() as customer:
            handed = await hand_over(customer)
        async with bank.agent(handed["ref"]) as agent:
            assert (await agent.until("over"))["how"] == "gone"
        await bank.until_empty()
        async with come_back(bank, handed) as again:
            assert (await again.next())["code"] == "over"


async def test_customer_and_agent_may_be_in_different_processes(shared: SharedState, other: SharedState, tmp_path: Path) -> None:
    """Two web processes on one state server."""
    async with (
        two_processes(shared, other, tmp_path) as (one, two),
        one.customer() as customer,
    ):
        handed = await hand_over(customer)
        async with two.agent(handed["ref"]) as agent:
            await agent.take()
            await customer.until("agent")
            await customer.say(CARD)
            assert (await agent.until("say"))["text"] == CARD
            await agent.send("say", text=CARD)
            assert (await customer.until("agent_says"))["text"] == CARD
            await agent.send("end")
            assert (await customer.until("ended"))["reason"] == "handed_over"


async def test_a_process_that_stops_sends_customer_and_agent_to_another(
    shared: SharedState, other: SharedState, tmp_path: Path
) -> None:
    """Both come back to the chat as it was; each part of it is in a record."""
    async with two_processes(shared, other, tmp_path) as (one, two):
        async with one.customer() as customer:
            handed = await hand_over(customer)
            async with one.agent(handed["ref"]) as agent:
                claim = await agent.take()
                await customer.until("agent")
                await customer.say("przed zatrzymaniem")
                await agent.until("say")
                one.room.stop_taking()
                await one.room.put_all_through(10)
                assert await customer.until_closed() == 1012
                assert await agent.until_closed() == 1012
        assert customer.got[-1]["type"] == "moving"
        async with come_back(two, handed) as again, two.agent(handed["ref"]) as same:
            assert "przed zatrzymaniem" in [line["text"] for line in (await again.until("history"))["lines"]]
            await same.take(claim=claim)
            await same.send("say", text="Jesteśmy z powrotem")
            assert (await again.until("agent_says"))["text"] == "Jesteśmy z powrotem"
            await again.say("dobrze")
            assert (await same.until("say"))["text"] == "dobrze"
            await same.send("end")
            assert (await again.until("ended"))["reason"] == "handed_over"
            await again.until_closed()
        [first], [second] = await one.records_written(), await two.records_written()
    assert (first.outcome, second.outcome) == ("handed_over", "handed_over")
    assert first.call_id in stored(tmp_path / "b")


async def test_a_process_that_crashed_loses_neither_customer_nor_agent(
    shared: SharedState, other: SharedState, tmp_path: Path
) -> None:
    """It says nothing to anybody; the page comes back to another process by itself."""
    async with two_processes(shared, other, tmp_path) as (one, two):
        async with one.customer() as customer:
            handed = await hand_over(customer)
            async with two.agent(handed["ref"]) as agent:
                await agent.take()
                await customer.until("agent")
                # as seen from the other process a crash is: the connection ends, and nobody renews anything
                async with come_back(two, handed) as again:
                    assert (await again.until("agent"))["name"] == "Anna"
                    await agent.send("say", text="Halo")
                    assert (await again.until("agent_says"))["text"] == "Halo"
                    assert await customer.until_closed() == 4001, "the process before lets the customer go, for good"
                    await agent.send("end")
                    await again.until("ended")
        await one.until_empty()


async def test_resuming_when_nobody_answers_in_the_new_process_is_told(
    shared: SharedState, other: SharedState, tmp_path: Path
) -> None:
    """There is no conversation with the bot to fall back on: the number is shown, and a new chat can be begun."""
    async with (
        two_processes(shared, other, tmp_path, second=ChatSettings(agent_wait_s=0.5)) as (one, two),
        one.customer() as customer,
    ):
        handed = await hand_over(customer)
        async with come_back(two, handed) as again:
            await again.until("hotline")
            assert (await again.until("ended"))["reason"] == "unanswered"


async def test_a_process_about_to_stop_leaves_the_chat_of_who_comes_back_where_it_is(
    shared: SharedState, other: SharedState, tmp_path: Path
) -> None:
    """As does one without a place: the customer is told to try again, and nobody has lost them meanwhile."""
    async with (
        two_processes(shared, other, tmp_path) as (one, two),
        one.customer() as customer,
    ):
        handed = await hand_over(customer)
        two.room.stop_taking()
        async with come_back(two, handed) as again:
            assert await again.until_closed() == 1013
            assert [message.get("code") for message in again.got] == ["try_again"]
        async with one.agent(handed["ref"]) as agent:
            await agent.take()
            await customer.until("agent")


async def test_two_windows_in_two_processes_do_not_take_the_chat_from_each_other_for_ever(
    shared: SharedState, other: SharedState, tmp_path: Path
) -> None:
    """The older one, also one that came back itself, is told that the chat is elsewhere, not that it may come back."""
    async with (
        two_processes(shared, other, tmp_path) as (one, two),
        one.customer() as first,
    ):
        handed = await hand_over(first)
        async with come_back(two, handed) as second:
            await second.until("history")
            assert await first.until_closed() == 4001
            await one.until_empty()
            async with come_back(one, handed) as third:
                await third.until("history")
                assert await second.until_closed() == 4001
                assert not first.of("moving")
                assert not second.of("moving")


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_in_an_emergency_the_number_is_in_view_again_when_the_page_is_loaded_anew(
    shared: SharedState, other: SharedState, tmp_path: Path, elsewhere: bool
) -> None:
    """In the same process and in another one."""
    async with (
        two_processes(shared, other, tmp_path) as (one, two),
        one.customer() as customer,
    ):
        handed = await hand_over(customer, "zgubiłem kartę")
        async with come_back(two if elsewhere else one, handed) as again:
            assert (await again.until("hotline"))["number"] == "+48225550100"


async def test_what_was_written_is_shown_as_soon_as_it_can_be_read(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state server that is away when the customer comes back leaves no empty page for good."""
    real, asked = bank.chats.lines, []

    async def away_once(ref: str, after: int = 0) -> Any:
        asked.append(after)
        if len(asked) == 1:
            raise StateUnavailable("away")
        return await real(ref, after)

    async with bank.customer() as customer:
        handed = await hand_over(customer)
        monkeypatch.setattr(bank.chats, "lines", away_once)
        async with come_back(bank, handed) as again:
            assert "nie działa mi blik" in [line["text"] for line in (await again.until("history"))["lines"]]
    assert len(asked) > 1


async def test_a_window_that_comes_while_another_is_being_let_in_is_let_in_as_well(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one has the conversation, however quickly the page was loaded anew."""
    real, first_is_let_in, second_is_there = bank.chats.tell, asyncio.Event(), asyncio.Event()

    async def slow(ref: str, told: Told) -> None:
        if told.what == "back" and not first_is_let_in.is_set():
            first_is_let_in.set()
            await second_is_there.wait()
        await real(ref, told)

    monkeypatch.setattr(bank.chats, "tell", slow)
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        async with come_back(bank, handed) as first:
            await first_is_let_in.wait()
            await first.until("history")
            async with come_back(bank, handed) as second:
                assert await first.until_closed() == 4001
                second_is_there.set()
                await second.until("history")
                await second.say("jestem", id="a-1")
                await second.until("sent")


# ---------------------------------------------------------------- the state server


async def test_without_the_state_server_nobody_is_handed_over_and_the_truth_is_told(server: StateServer, bank: Bank) -> None:
    """The number, a callback, a message."""
    async with bank.customer() as customer:
        await customer.until("options")
        server.kill()
        await until(lambda: away(bank))
        await customer.say("nie działa mi blik")
        assert [each["name"] for each in (await customer.until("options"))["choices"]] == ["callback", "message", "leave"]
        await customer.until("hotline")
        assert not customer.of("handed_over")


async def away(bank: Bank) -> bool:
    await bank.desks.refresh()
    return not bank.desks.queues


async def test_words_that_cannot_be_passed_on_are_said_to_be_so_and_the_chat_goes_on_later(
    server: StateServer, shared: SharedState, bank: Bank
) -> None:
    """The state server does not answer for a moment: both sides are told, and neither loses the chat."""
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        async with bank.agent(handed["ref"]) as agent:
            await agent.take()
            await customer.until("agent")
            server.freeze()
            try:
                await customer.say("pierwsze")
                assert (await customer.until("error"))["code"] == "not_sent"
                await customer.say("raz jeszcze", id="a-1")
                assert await customer.until("error") == {"type": "error", "code": "not_sent", "id": "a-1"}
                await agent.send("say", text="zaraz", id="b-1")
                error = await agent.until("error")
                assert (error["code"], error["id"]) == ("state_away", "b-1")
            finally:
                server.thaw()
            await back(shared)
            for _ in range(2):  # the frozen server may have taken them, or not; said again by the same name they are said once
                await customer.say("raz jeszcze", id="a-1")
                assert (await customer.until("sent"))["id"] == "a-1"
                await agent.send("say", text="zaraz", id="b-1")
                assert (await agent.until("sent"))["id"] == "b-1"
            await agent.send("say", text="a ja tak", id="a-1")  # the other side's names are its own
            lines = [line.text for line in await bank.chats.lines(handed["ref"])]
            assert [lines.count(said) for said in ("raz jeszcze", "zaraz")] == [1, 1]
            await customer.say("drugie")
            while (await agent.until("say"))["text"] != "drugie":
                pass
            await agent.send("say", text="drugie")
            while (await customer.until("agent_says"))["text"] != "drugie":
                pass
            assert [told["text"] for told in customer.of("agent_says")] == ["zaraz", "a ja tak", "drugie"]


async def test_a_state_server_that_forgot_everything_ends_the_chat_with_the_number(server: StateServer, bank: Bank) -> None:
    """It is not pretended that somebody still reads."""
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        await customer.until("waiting")
        await bank.chats.end(handed["ref"], "nonsense of another version")
        await customer.until("hotline")
        with pytest.raises(ChatOver):
            await bank.chats.take(handed["ref"], "x" * 20, "Anna")


async def test_a_state_server_that_is_slow_for_a_moment_sends_neither_side_away(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hand-off, and the agent's look at it, are tried again."""
    asked: list[str] = []

    def slow_once(name: str) -> None:
        real = getattr(bank.chats, name)

        async def ask(*given: Any) -> Any:
            asked.append(name)
            if asked.count(name) == 1:
                raise StateUnavailable("slow")
            return await real(*given)

        monkeypatch.setattr(bank.chats, name, ask)

    slow_once("put")
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        slow_once("lines")
        take = bank.chats.take

        async def unanswered(*given: Any, **more: Any) -> None:
            monkeypatch.setattr(bank.chats, "take", take)
            await take(*given, **more)
            raise StateUnavailable("done, and the answer was lost")

        monkeypatch.setattr(bank.chats, "take", unanswered)
        async with bank.agent(handed["ref"]) as agent:
            await agent.until("chat")
            await agent.send("take", name="Anna")
            assert (await agent.until("error"))["code"] == "state_away"
            await agent.send("take", name="Anna")
            await agent.until("taken")
    assert asked[:2] == ["put", "put"]
    assert asked.count("lines") > 1

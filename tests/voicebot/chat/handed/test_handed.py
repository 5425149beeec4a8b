"""A chat that is handed over: the customer waits, an agent takes it, both write; and the truth where nobody comes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.voicebot.chat.bank import NIGHT, Bank, open_bank
from tests.voicebot.chat.handed.talks import CARD, come_back, hand_over, has_lines, stored, until
from voicebot.chat import agents
from voicebot.chat.connection import send_json
from voicebot.chat.handed import NotYours, patiently
from voicebot.chat.settings import ChatSettings
from voicebot.state.shared import SharedState

# ---------------------------------------------------------------- the usual way


async def test_the_desk_sees_who_waits_and_an_agent_and_the_customer_write(bank: Bank, tmp_path: Path) -> None:
    """From the list to the end, with names, typing and the story; the record has it all, redacted."""
    async with bank.customer() as customer, bank.api() as api:
        handed = await hand_over(customer)
        assert (await customer.until("waiting"))["queue"] == "payments"
        await customer.say(f"moja karta {CARD}")
        [listed] = (await api.get("/api/chats")).json()["chats"]
        assert (listed["ref"], listed["queue"], listed["intent"], listed["taken"]) == (handed["ref"], "payments", "blik", False)
        async with bank.agent(handed["ref"]) as agent:
            await until(lambda: has_lines(bank, handed["ref"], 4))
            claim = await agent.take("Anna Kowalska")
            [shown] = agent.of("chat")
            assert shown["story"]["words"] == "nie działa mi blik"
            assert next(line["text"] for line in shown["lines"] if line["who"] == "you") == "nie działa mi blik"
            assert CARD not in json.dumps(shown)
            assert (await customer.until("agent"))["name"] == "Anna Kowalska"
            assert (await api.get("/api/chats")).json()["chats"][0]["taken"]
            await agent.send("typing")
            await customer.until("typing")
            await (await agent.send("here")).until("here")
            await agent.send("say", text="Dzień dobry, w czym mogę pomóc?")
            assert (await customer.until("agent_says"))["text"] == "Dzień dobry, w czym mogę pomóc?"
            await customer.send("typing")
            await agent.until("typing")
            await customer.say(f"pesel 44051401359, karta {CARD}")
            while CARD not in (said := await agent.until("say"))["text"]:
                pass
            assert said["text"] == f"pesel 44051401359, karta {CARD}", "what is written live is passed on as it was written"
            assert len(claim) > 16
            await agent.send("end")
            assert (await agent.until("over"))["how"] == "agent"
        assert (await customer.until("ended"))["reason"] == "handed_over"
        assert await customer.until_closed() == 1000
        assert (await api.get("/api/chats")).json()["chats"] == []
    [summary] = await bank.records_written()
    assert (summary.outcome, summary.queue) == ("handed_over", "payments")
    kept = stored(tmp_path)
    assert "w czym mogę pomóc" in kept
    assert "1111" not in kept
    assert "44051401359" not in kept


async def test_what_is_kept_of_a_chat_that_lasts_is_redacted_and_forgotten_at_its_end(bank: Bank, shared: SharedState) -> None:
    """Nothing personal stands in the state server, not even for a moment; after the end nothing at all."""
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        async with bank.agent(handed["ref"]) as agent:
            await agent.take()
            await agent.send("say", text=f"Czy to karta {CARD}?")
            await agent.until("sent")
            await customer.say(f"tak, {CARD}")
            await agent.until("say")
            lines = await bank.chats.lines(handed["ref"])
            assert "<" in lines[-1].text
            assert CARD not in str(lines)
            await agent.send("end")
            await agent.until("over")
        await customer.until_closed()

    async def keys(redis: Any) -> list[str]:
        return [key async for key in redis.scan_iter(f"*{handed['ref']}*") if "handoff" not in key]

    assert await shared.ask(keys) == [f"voicebot:chat:{handed['ref']}"]
    assert (await bank.chats.look(handed["ref"])).over == "agent"


@pytest.mark.parametrize(("keeps_words", "asked_not"), [(False, False), (True, True)])
async def test_words_are_kept_only_as_the_line_and_the_customer_want(
    shared: SharedState, tmp_path: Path, keeps_words: bool, asked_not: bool
) -> None:
    """What happened stays in the record, what was written does not."""
    async with open_bank(shared, tmp_path, answered=False, keeps_words=keeps_words) as bank, bank.customer() as customer:
        if asked_not:
            await customer.until("options")
            await customer.say("bez nagrywania")
        handed = await hand_over(customer)
        async with bank.agent(handed["ref"]) as agent:
            await agent.take()
            await agent.send("say", text="Tajemnica agenta")
            await customer.until("agent_says")
            await customer.say("tajemnica klienta")
            await agent.until("say")
            await agent.send("end")
            await agent.until("over")
        await customer.until_closed()
        await bank.records_written()
    assert "agent_came" in stored(tmp_path)
    assert "tajemnica" not in stored(tmp_path).lower()


async def test_the_customer_is_told_how_long_the_queue_says_it_takes(bank: Bank) -> None:
    """In whole minutes; and again when that changes."""
    bank.waits["payments"] = 150.0
    async with bank.customer() as customer:
        await hand_over(customer)
        assert (await customer.until("waiting"))["minutes"] == 3
        bank.waits["payments"] = 30.0
        assert (await customer.until("waiting"))["minutes"] == 1
        del bank.waits["payments"]
        assert (await customer.until("waiting"))["minutes"] is None


async def test_the_most_urgent_chat_comes_first(bank: Bank) -> None:
    """Then the one that has waited longest; a desk may ask for some of the queues."""
    async with bank.customer() as first, bank.customer() as second, bank.api() as api:
        ordinary, urgent = await hand_over(first), await hand_over(second, "zgubiłem kartę")
        listed = (await api.get("/api/chats")).json()["chats"]
        assert [each["ref"] for each in listed] == [urgent["ref"], ordinary["ref"]]
        some = (await api.get("/api/chats", params={"queue": ["payments", "cards"]})).json()["chats"]
        assert [each["ref"] for each in some] == [ordinary["ref"]]


async def test_chats_that_wait_are_a_figure_for_every_queue(bank: Bank) -> None:
    """Also where none wait; one that has an agent does not."""
    bank.metrics.read_from("voicebot_chats_waiting", lambda: bank.chats.counted)
    async with bank.customer() as first, bank.customer() as second, bank.api() as api:
        await hand_over(first)
        await bank.chats.take((await hand_over(second))["ref"], "a-claim-of-the-test", "Anna")
        told = (await api.get("/metrics")).text.splitlines()
    assert 'voicebot_chats_waiting{process="web",queue="payments"} 1.0' in told
    assert 'voicebot_chats_waiting{process="web",queue="mortgage"} 0.0' in told


async def test_an_agent_sends_the_chat_on_to_another_queue(bank: Bank) -> None:
    """Its place is kept; the next agent reads what was written before. A queue without people, or none at all, is refused."""
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        await bank.staff("payments", "cards")
        async with bank.agent(handed["ref"]) as agent:
            await agent.take()
            await agent.send("say", text="Przekażę dalej")
            await agent.send("transfer", queue="nowhere")
            assert (await agent.until("error"))["code"] == "unknown_queue"
            await agent.send("transfer", queue="loans")
            assert (await agent.until("error"))["code"] == "nobody_there"
            await agent.send("transfer", queue="cards")
            assert (await agent.until("given_back"))["queue"] == "cards"
        assert (await customer.until("agent_left"))["moved"], "no connection broke"
        while (await customer.until("waiting"))["queue"] != "cards":
            pass
        async with bank.agent(handed["ref"]) as other:
            await other.take("Jan")
            assert "Przekażę dalej" in [line["text"] for line in other.of("chat")[0]["lines"]]
            while (await customer.until("agent"))["name"] != "Jan":
                pass


async def test_a_customer_may_leave_while_waiting_and_while_writing(bank: Bank) -> None:
    """The desk is told, and the chat is in no list."""
    for taken in (False, True):
        async with bank.customer() as customer, bank.api() as api:
            handed = await hand_over(customer)
            async with bank.agent(handed["ref"]) as agent:
                if taken:
                    await agent.take()
                    await customer.until("agent")
                await customer.send("bye")
                await customer.until_closed()
                assert (await agent.until("over"))["how"] in ("customer", "gone")
            assert (await api.get("/api/chats")).json()["chats"] == []
    await bank.until_empty()
    outcomes = [summary.outcome for summary in await bank.records_written()]
    assert sorted(outcomes) == ["caller_hung_up", "handed_over"]


# ---------------------------------------------------------------- one agent at a time


async def test_of_two_agents_one_gets_the_chat(bank: Bank) -> None:
    """The other is told so, cannot write into it, and gets it when the first gives it back."""
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        async with bank.agent(handed["ref"]) as first, bank.agent(handed["ref"]) as second:
            await second.until("chat")
            await first.take("Anna")
            await second.send("say", text="Jestem tu!")
            assert (await second.until("error"))["code"] == "not_taken"
            await second.send("take", name="Jan")
            assert (await second.until("error"))["code"] == "taken"
            await customer.until("agent")
            await first.send("give_back")
            await first.until("given_back")
            await customer.until("agent_left")
            await second.send("take", name="Jan")
            await second.until("taken")
            assert (await customer.until("agent"))["name"] == "Jan"
        assert "Jestem tu!" not in json.dumps(customer.got)


async def test_many_agents_at_once_and_one_gets_it(bank: Bank) -> None:
    async with bank.customer() as customer:
        handed = await hand_over(customer)

        async def take(number: int) -> bool:
            try:
                await patiently(lambda: bank.chats.take(handed["ref"], f"claim-number-{number:04}", "Anna"))
            except NotYours:
                return False
            return True

        assert sum(await asyncio.gather(*(take(number) for number in range(20)))) == 1


async def test_an_agent_whose_connection_ends_gives_the_chat_back_with_a_word(bank: Bank) -> None:
    """The customer waits again, in the same chat; what they write meanwhile reaches the next agent."""
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        async with bank.agent(handed["ref"]) as agent:
            await agent.take()
            await customer.until("agent")
        assert not (await customer.until("agent_left"))["moved"]
        await customer.until("waiting")
        await customer.say("halo, jest tam kto?")
        await until(lambda: has_lines(bank, handed["ref"], 4))
        async with bank.agent(handed["ref"]) as other:
            await other.take("Jan")
            assert "halo, jest tam kto?" in [line["text"] for line in other.of("chat")[0]["lines"]]
    assert 'voicebot_chat_given_back_total{why="connection"} 1.0' in bank.metrics.render().splitlines()


async def test_an_agent_whose_process_died_loses_the_chat_when_the_lease_ends(shared: SharedState, tmp_path: Path) -> None:
    """Nobody says goodbye for it."""
    settings = ChatSettings(agent_lease_s=1)
    async with open_bank(shared, tmp_path, answered=False, settings=settings) as bank, bank.customer() as customer:
        handed = await hand_over(customer)
        await bank.chats.take(handed["ref"], "claim-of-a-dead-process", "Anna")
        await customer.until("agent")
        await customer.until("agent_left")
        async with bank.agent(handed["ref"]) as other:
            await other.take("Jan")


async def test_an_agent_who_comes_back_with_the_claim_goes_on(shared: SharedState, tmp_path: Path) -> None:
    """When the process stopped; with another claim it is somebody else's chat."""
    async with open_bank(shared, tmp_path, answered=False) as bank, bank.customer() as customer:
        handed = await hand_over(customer)
        await bank.chats.take(handed["ref"], "claim-before-the-stop", "Anna")
        async with bank.agent(handed["ref"]) as agent:
            await agent.until("chat")
            await agent.send("take", name="Anna", claim="a-claim-that-is-none")
            assert (await agent.until("error"))["code"] == "taken"
            await agent.send("take", name="Anna", claim="claim-before-the-stop")
            assert (await agent.until("taken"))["claim"] != "claim-before-the-stop", "one that is spent is worth nothing"
            await agent.send("say", text="Już jestem")
            assert (await customer.until("agent_says"))["text"] == "Już jestem"
    assert not customer.of("agent_left")


async def test_an_agents_connection_that_was_dead_for_a_while_does_not_take_the_chat_from_the_new_one(bank: Bank) -> None:
    """The claim was spent by the connection that goes on with it."""
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        async with bank.agent(handed["ref"]) as new:
            async with bank.agent(handed["ref"]) as dead:
                claim = await dead.take()
                await new.take(claim=claim)
            await until(lambda: alone(bank))
            await new.send("say", text="Jestem")
            await new.until("sent")
            await customer.until("agent_says")
    assert not customer.of("agent_left")


async def alone(bank: Bank) -> bool:
    """One agent is connected."""
    return bank.room.agents == 1


async def test_a_part_of_a_claim_is_no_claim(bank: Bank) -> None:
    """Nor is one that goes on."""
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        await bank.chats.take(handed["ref"], "claim-of-the-agent-1", "Anna")
        for claim in ("claim-of-the-agent", "claim-of-the-agent-12"):
            with pytest.raises(NotYours):
                await bank.chats.take(handed["ref"], claim, "Jan", before=claim)
            with pytest.raises(NotYours):
                await bank.chats.say(handed["ref"], "agent", "Jestem tu", claim=claim)


async def test_a_desk_that_does_not_read_loses_the_chat(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is sent would be lost, and the customer would think it is read."""

    async def full(socket: Any, message: Any) -> bool:
        return message["type"] != "say" and await send_json(socket, message)

    async with bank.customer() as customer:
        handed = await hand_over(customer)
        async with bank.agent(handed["ref"]) as agent:
            await agent.take()
            await customer.until("agent")
            monkeypatch.setattr(agents, "send_json", full)
            await customer.say("halo?")
            assert await agent.until_closed() == 1013
        await customer.until("agent_left")


# ---------------------------------------------------------------- words


async def test_the_page_is_told_what_became_of_its_words(bank: Bank) -> None:
    """By its own name for them; one who comes back finds that name in what was written."""
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        await customer.say("pierwsze", id="a-1")
        assert (await customer.until("sent"))["id"] == "a-1"
        await customer.say("x" * 501, id="a-2")
        assert ((refused := await customer.until("error"))["code"], refused["id"]) == ("too_long", "a-2")
        async with come_back(bank, handed) as again:
            assert [line["id"] for line in (await again.until("history"))["lines"]][-1] == "a-1"


@pytest.mark.parametrize(("lang", "words"), [("pl", "Zgubiona karta lub oszustwo"), ("en", "Lost card or fraud")])
async def test_what_was_chosen_with_a_button_is_read_by_its_name(bank: Bank, lang: str, words: str) -> None:
    """By the agent, and by the customer who comes back: a figure says nothing to either of them."""
    async with bank.customer(lang) as customer:
        await customer.until("options")
        await customer.key("9")
        first, *_ = (await customer.until("options"))["choices"]
        await customer.key(first["key"])
        handed = await customer.until("handed_over")
        async with bank.agent(handed["ref"]) as agent:
            lines = (await agent.until("chat"))["lines"]
    assert [line["text"] for line in lines if line["who"] == "you"] == [words, first["label"]]


async def test_a_secret_is_known_by_the_question_before_it(bank: Bank, tmp_path: Path) -> None:
    """Whoever asks and whoever answers: it is passed on, and kept nowhere."""
    async with bank.customer() as customer:
        handed = await hand_over(customer)
        async with bank.agent(handed["ref"]) as agent:
            await agent.take()
            await agent.send("say", text="Jaki ma Pani PIN?")
            await customer.until("agent_says")
            await customer.say("7391")
            assert (await agent.until("say"))["text"] == "7391"
            await customer.say("a pana hasło?")
            await agent.until("say")
            await agent.send("say", text="Kotek8264")
            assert (await customer.until("agent_says"))["text"] == "Kotek8264"
            kept = str(await bank.chats.lines(handed["ref"]))
            await agent.send("end")
        await customer.until_closed()
    await bank.records_written()
    for where in (kept, stored(tmp_path)):
        assert "Jaki ma Pani PIN" in where
        assert "7391" not in where
        assert "8264" not in where


# ---------------------------------------------------------------- nobody there


@pytest.mark.parametrize("agents", [True, False])
@pytest.mark.parametrize("lang", ["pl", "en"])
async def test_an_emergency_with_nobody_there_shows_the_number_at_once(
    shared: SharedState, tmp_path: Path, agents: bool, lang: str
) -> None:
    """And promises nothing: nobody is put through, nothing is blocked."""
    settings = ChatSettings(agents=agents)
    async with open_bank(shared, tmp_path, desk=not agents, answered=False, settings=settings, now=NIGHT) as bank:
        for words in ("zgubiłem kartę", None):
            async with bank.customer(lang) as customer:
                await customer.until("options")
                before = len(customer.got)
                await (customer.say(words) if words else customer.key("9"))
                told = await customer.until("hotline")
                assert not [message for message in customer.got[before:] if message["type"] == "bot"]
                assert told["number"] == {"pl": "+48225550100", "en": "+48225550103"}[lang]
                assert told["shown"].replace(" ", "") == told["number"]
                assert await customer.until_closed() == 1000
                assert not customer.of("handed_over")
                said = customer.read.lower()
                assert "łączę" not in said
                assert "putting you through" not in said
                assert "828 828 828" in said
                assert (await customer.until("ended") if not customer.of("ended") else customer.of("ended")[0])[
                    "reason"
                ] == "apology"


@pytest.mark.parametrize(("words", "queue"), [("nie działa mi blik", "payments"), ("człowiek", "general")])
async def test_an_ordinary_matter_with_nobody_there_is_offered_what_can_be_done(
    shared: SharedState, tmp_path: Path, words: str, queue: str
) -> None:
    """The telephone, a callback, or a message: never a transfer to nobody."""
    async with open_bank(shared, tmp_path, desk=False) as bank, bank.customer() as customer:
        await customer.until("options")
        await customer.say(words)
        offered = await customer.until("options")
        while not offered["choices"]:
            await customer.say(words)
            offered = await customer.until("options")
        assert [choice["name"] for choice in offered["choices"]] == ["callback", "message", "leave"]
        assert (await customer.until("hotline"))["number"] == "+48225550100"
        await customer.key("2")
        assert (await customer.until("options"))["digits"], "to whom the answer goes"
        await customer.say("600 100 200")
        while not (await customer.until("options"))["choices"]:
            pass
        await customer.key("1")
        await customer.until("options")
        await customer.say("proszę o kontakt")
        await customer.until_closed()
        assert "łączę" not in customer.read.lower()
        assert not customer.of("handed_over")


async def test_nobody_in_time_is_told_and_what_else_can_be_done_is_offered(shared: SharedState, tmp_path: Path) -> None:
    """The desk says it is there and takes no chat: the conversation goes on with the assistant."""
    settings = ChatSettings(agent_wait_s=0.3)
    async with open_bank(shared, tmp_path, answered=False, settings=settings) as bank, bank.customer() as customer:
        handed = await hand_over(customer)
        await customer.until("hotline")
        assert [choice["name"] for choice in (await customer.until("options"))["choices"]] == ["callback", "message", "leave"]
        assert (await bank.chats.look(handed["ref"])).over == "unanswered"
        await customer.key("1")
        await customer.until("options")
        await customer.say("600 100 200")
        await customer.until("options")
        await customer.key("1")
        await customer.until_closed()
        [callback] = await bank.callbacks.waiting("payments")
    assert callback.number == "+48600100200"


async def test_when_the_last_desk_goes_home_whoever_waits_is_told(bank: Bank) -> None:
    """At once, not when the longest wait is over; whoever has an agent keeps them."""
    async with bank.customer() as waiting, bank.customer() as served:
        with_agent = await hand_over(served)
        async with bank.agent(with_agent["ref"]) as agent:
            await agent.take()
            await served.until("agent")
            await hand_over(waiting)
            await bank.nobody()
            await waiting.until("hotline")
            assert [each["name"] for each in (await waiting.until("options"))["choices"]] == ["callback", "message", "leave"]
            await agent.send("say", text="Jestem nadal")
            assert (await served.until("agent_says"))["text"] == "Jestem nadal"


async def test_an_emergency_nobody_takes_in_time_is_tried_elsewhere_with_the_number_in_view(
    shared: SharedState, tmp_path: Path
) -> None:
    """The number is there from the first moment of the wait."""
    settings = ChatSettings(agent_wait_s=0.2)
    async with open_bank(shared, tmp_path, answered=False, settings=settings) as bank, bank.customer() as customer:
        await customer.until("options")
        await customer.say("zgubiłem kartę")
        await customer.until("hotline")
        assert (await customer.until("handed_over"))["queue"] == "card_emergency"
        assert (await customer.until("handed_over"))["queue"] == "fraud"
        assert (await customer.until("handed_over"))["queue"] == "general"
        await customer.until_closed()
    assert "zastrzeżemy" not in customer.read
    assert "828 828 828" in customer.read

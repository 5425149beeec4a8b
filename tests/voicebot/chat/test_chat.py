"""Whole chats over a real WebSocket: the conversation, the hand-off, the record, and those who do not mean well."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.voicebot.chat.bank import NIGHT, Bank, open_bank
from tests.voicebot.handoff.receiver import receiving
from voicebot.chat.settings import ChatSettings
from voicebot.conversation.session import Session
from voicebot.handoff.webhook import Webhook
from voicebot.state.shared import SharedState

# ---------------------------------------------------------------- the conversation


async def test_the_matter_in_own_words_leads_to_the_right_queue(bank: Bank) -> None:
    """The agent's screen finds the matter and the customer's words under the reference; nobody claims to know who writes."""
    async with bank.customer() as customer:
        await customer.until("options")
        await customer.say("nie działa mi blik")
        handed = await customer.until("handed_over")
        assert (await customer.until("ended"))["reason"] == "handed_over"
        assert await customer.until_closed() == 1000
    record = await bank.handoffs.get(handed["ref"])
    assert record is not None
    assert (handed["queue"], record.queue, record.intent, record.words) == ("payments", "payments", "blik", "nie działa mi blik")
    assert record.call_ref.startswith("chat:")
    assert (record.number, record.authentication, record.kind) == (None, "none", "transfer")


async def test_a_chat_is_kept_as_a_record_of_the_chat_line(bank: Bank) -> None:
    """Statistics count it like a call."""
    async with bank.customer("en") as customer:
        await (await customer.say("my blik does not work")).until_closed()
        handed = next(message for message in customer.got if message["type"] == "handed_over")
    [summary] = await bank.records_written()
    assert (summary.line, summary.language, summary.intent, summary.queue) == ("chat", "en", "blik", "payments")
    assert (summary.outcome, summary.handoff_ref, summary.number) == ("handed_over", handed["ref"], None)
    assert len(bank.room) == 0


@pytest.mark.parametrize(
    ("turns", "queue", "intent"),
    [
        (["zgubiłem kartę"], "card_emergency", "card_block"),
        (["coś z kredytem", "2"], "loans", "cash_loan"),
        (["chyba kredyt", "tak"], "mortgage", "mortgage"),
        (["chyba kredyt", "1"], "mortgage", "mortgage"),
        (["nie rozumiem", "wcale nie", "1", "2"], "cards", "card_issue"),
        (["człowiek", "człowiek"], "general", None),
        (["ile mam na koncie", "tak"], "accounts", "balance"),
    ],
)
async def test_words_and_keys_lead_where_they_lead_on_the_telephone(
    bank: Bank, turns: list[str], queue: str, intent: str | None
) -> None:
    """A key may be written or chosen with a button."""
    async with bank.customer() as customer:
        for turn in turns:
            await customer.until("options")
            await (customer.key(turn) if turn.isdigit() else customer.say(turn))
        handed = await customer.until("handed_over")
    record = await bank.handoffs.get(handed["ref"])
    assert record is not None
    assert (record.queue, record.intent) == (queue, intent)


async def test_a_written_key_is_a_key(bank: Bank) -> None:
    """Somebody who reads "card: 1" writes 1."""
    async with bank.customer() as customer:
        await customer.until("options")
        await customer.say("*")
        assert len((await customer.until("options"))["choices"]) == 8
        await customer.say("1")
        assert (await customer.until("options"))["choices"][0]["label"] == "Zastrzeżenie karty"


async def test_the_emergency_key_counts_from_the_first_second_and_can_be_made_precise(
    shared: SharedState, tmp_path: Path
) -> None:
    """At night, before anything else: five buttons stand for a while, one of them says what it is."""
    async with open_bank(shared, tmp_path, now=NIGHT) as bank, bank.customer() as customer:
        await customer.until("options")
        await customer.key("9")
        assert [choice["key"] for choice in (await customer.until("options"))["choices"]] == ["1", "2", "3", "4", "5"]
        await customer.key("3")
        handed = await customer.until("handed_over")
        record = await bank.handoffs.get(handed["ref"])
    assert record is not None
    assert (record.queue, record.intent, record.priority) == ("fraud", "document_block", 10)


async def test_the_emergency_key_alone_is_enough(shared: SharedState, tmp_path: Path) -> None:
    """One who chooses nothing more is put through all the same."""
    async with open_bank(shared, tmp_path, settings=ChatSettings(keys_held_s=0.05)) as bank, bank.customer() as customer:
        await customer.until("options")
        await customer.key("9")
        assert (await customer.until("handed_over"))["queue"] == "card_emergency"


async def test_out_of_hours_a_callback_is_promised_to_a_number_written_in_one_go(shared: SharedState, tmp_path: Path) -> None:
    """The number is asked for, written with spaces, confirmed in figures; the callback waits in its queue."""
    async with open_bank(shared, tmp_path, now=NIGHT) as bank, bank.customer("en") as customer:
        await customer.until("options")
        await customer.say("chcę kupić mieszkanie")
        assert [choice["name"] for choice in (await customer.until("options"))["choices"]] == ["callback", "message", "leave"]
        await customer.key("1")
        assert (await customer.until("options"))["digits"]
        await customer.say("600 100-200")
        assert [choice["name"] for choice in (await customer.until("options"))["choices"]] == ["yes", "no"]
        assert "600 100 200" in customer.read
        await customer.key("1")
        await customer.until_closed()
        [callback] = await bank.callbacks.waiting("mortgage")
    assert callback.number == "+48600100200"
    assert not [message for message in customer.got if message["type"] == "handed_over"]


async def test_the_language_changes_in_the_middle(bank: Bank) -> None:
    """The page's link does what the words would do; what was said before is not lost."""
    async with bank.customer("pl") as customer:
        await customer.until("options")
        await customer.socket.send(json.dumps({"type": "language", "language": "en"}))
        await customer.until("options")
        assert [message["lang"] for message in customer.got if message["type"] == "bot"] == ["pl", "en"]
        await customer.say("my blik does not work")
        handed = await customer.until("handed_over")
    record = await bank.handoffs.get(handed["ref"])
    assert record is not None
    assert record.language == "en"


async def test_the_banks_systems_are_told_of_a_chat_that_waits(shared: SharedState, tmp_path: Path) -> None:
    """By the same signed message as for a call."""
    async with receiving() as receiver:
        webhook = Webhook(receiver.url, "a secret of the bank")
        await webhook.start()
        async with open_bank(shared, tmp_path, webhook=webhook) as bank, bank.customer() as customer:
            await (await customer.say("zgubiłem kartę")).until("handed_over")
            await receiver.received(1)
        await webhook.close()
    [message] = receiver.messages()
    assert message["data"]["queue"] == "card_emergency"
    assert message["data"]["call_ref"].startswith("chat:")


# ---------------------------------------------------------------- what is stored


async def test_numbers_of_cards_and_people_reach_no_record(bank: Bank, tmp_path: Path) -> None:
    """Whatever a customer writes about themselves."""
    async with bank.customer() as customer:
        await customer.until("options")
        await customer.say("karta 4111 1111 1111 1111 pesel 44051401359")
        await customer.until("options")
        await customer.say("człowiek")
        await (await customer.say("człowiek")).until_closed()
    await bank.records_written()
    stored = "".join(path.read_text() for path in (tmp_path / "files").rglob("*.json"))
    assert "Heard" in stored
    assert "1111" not in stored
    assert "44051401359" not in stored


async def test_one_who_does_not_want_the_chat_stored_leaves_no_words(bank: Bank, tmp_path: Path) -> None:
    """The notice offers it; what happened is kept for the statistics, what was written is not."""
    async with bank.customer() as customer:
        await customer.until("options")
        assert "Rozmowa jest zapisywana" in customer.read
        await customer.say("bez nagrywania")
        await customer.until("options")
        await (await customer.say("nie działa mi blik")).until_closed()
    [summary] = await bank.records_written()
    assert summary.intent == "blik"
    stored = "".join(path.read_text() for path in (tmp_path / "files").rglob("*.json"))
    assert "payments" in stored
    assert "nie działa mi" not in stored


async def test_without_storing_there_is_no_notice_of_it(shared: SharedState, tmp_path: Path) -> None:
    """As on a line that is not recorded."""
    async with open_bank(shared, tmp_path, keeps_words=False) as bank, bank.customer() as customer:
        await customer.until("options")
        assert "zapisywana" not in customer.read


# ---------------------------------------------------------------- leaving and going quiet


@pytest.mark.parametrize("politely", [True, False])
async def test_a_customer_may_leave_at_any_time(bank: Bank, politely: bool) -> None:
    """With the button or by closing the page: the chat is over, and its record is kept."""
    async with bank.customer() as customer:
        await customer.until("options")
        await (await customer.key("9")).until("options")
        if politely:
            await customer.socket.send('{"type": "bye"}')
            assert await customer.until_closed() == 1000
        else:
            await customer.socket.close()
    await bank.until_empty()
    assert [summary.outcome for summary in await bank.records_written()] == ["caller_hung_up"]


async def test_who_sends_nothing_at_all_leaves_no_record(bank: Bank) -> None:
    """Opening the page is no conversation, and a machine that opens sockets must not fill the records."""
    async with bank.customer() as customer:
        await customer.until("options")
    await bank.until_empty()
    assert await bank.records_written() == []


async def test_one_address_has_its_share_of_the_chats(shared: SharedState, tmp_path: Path) -> None:
    """Whoever opens more is told at once."""
    async with open_bank(shared, tmp_path, settings=ChatSettings(max_chats_per_address=2)) as bank:
        async with bank.customer() as first, bank.customer() as second:
            for customer in (first, second):
                await customer.until("options")
            async with bank.customer() as third:
                assert await third.until_closed() == 1013
        await bank.until_empty()
        async with bank.customer() as again:
            await again.until("options")
        assert 'voicebot_chats_refused_total{reason="address_full"} 1.0' in bank.metrics.render().splitlines()


async def test_when_all_chats_are_taken_who_is_silent_from_the_start_gives_way(shared: SharedState, tmp_path: Path) -> None:
    """The longest silent first; whoever has sent something keeps their place."""
    async with open_bank(shared, tmp_path, settings=ChatSettings(max_chats=2, silent_s=0.001)) as bank:  # noqa: SIM117
        async with bank.customer() as busy, bank.customer() as silent:
            await busy.until("options")
            await (await busy.key("9")).until("options")
            await silent.until("options")
            async with bank.customer() as third:
                await third.until("options")
                assert await silent.until_closed() == 1000
                assert silent.got[-1]["type"] == "ended"
                await (await third.key("9")).until("options")
                async with bank.customer() as fourth:
                    assert await fourth.until_closed() == 1013, "both have begun"
            await busy.key("1")
            assert (await busy.until("handed_over"))["queue"] == "card_emergency"


async def test_a_quiet_customer_is_asked_and_then_let_go(shared: SharedState, tmp_path: Path) -> None:
    """A warning first, then the end, and no nagging in between."""
    settings = ChatSettings(idle_s=0.4, idle_warning_s=0.2)
    async with open_bank(shared, tmp_path, settings=settings) as bank, bank.customer() as customer:
        assert await customer.until_closed() == 1000
    kinds = [message["type"] for message in customer.got]
    assert kinds.count("idle") == 1
    assert kinds.index("idle") < kinds.index("ended")


async def test_one_who_answers_the_warning_stays(shared: SharedState, tmp_path: Path) -> None:
    """The chat is not over, and the next quiet is warned of again."""
    settings = ChatSettings(idle_s=1.0, idle_warning_s=0.7)
    async with open_bank(shared, tmp_path, settings=settings) as bank, bank.customer() as customer:
        await customer.until("idle")
        await customer.socket.send('{"type": "still_here"}')
        await customer.until("idle")
        await (await customer.say("nie działa mi blik")).until("handed_over")


# ---------------------------------------------------------------- those who do not mean well


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_a_page_of_somebody_else_cannot_open_a_chat(bank: Bank, origin: str) -> None:
    """Refused before the WebSocket is open."""
    with pytest.raises(InvalidStatus) as refused:
        async with bank.customer(origin=origin):
            pass
    assert refused.value.response.status_code == 403


async def test_a_page_the_bank_names_can(shared: SharedState, tmp_path: Path) -> None:
    """The bank's web site beside the chat's own."""
    settings = ChatSettings(origins=("https://www.bank.example",))
    async with (
        open_bank(shared, tmp_path, settings=settings) as bank,
        bank.customer(origin="https://www.bank.example") as customer,
    ):
        await customer.until("options")


async def test_messages_that_make_no_sense_are_answered_and_change_nothing(bank: Bank) -> None:
    """The chat goes on after each of them."""
    bad: list[str | bytes] = [
        "nonsense",
        '{"type": "key", "key": "A"}',
        json.dumps({"type": "say", "text": "a" * 501}),
        b"\x00\x01",
    ]
    async with bank.customer() as customer:
        await customer.until("options")
        for message in bad:
            await customer.socket.send(message)
        codes = [(await customer.until("error"))["code"] for _ in bad]
        assert codes == ["bad_message", "bad_message", "too_long", "bad_message"]
        await (await customer.say("nie działa mi blik")).until("handed_over")


async def test_one_who_floods_the_chat_is_slowed_down_and_then_shown_out(shared: SharedState, tmp_path: Path) -> None:
    """The budget first, then the door."""
    settings = ChatSettings(max_messages_per_minute=3)
    async with open_bank(shared, tmp_path, settings=settings) as bank, bank.customer() as customer:
        for _ in range(8):
            await customer.socket.send('{"type": "still_here"}')
        assert await customer.until_closed() == 1008
    assert [message["code"] for message in customer.got if message["type"] == "error"] == ["too_many"] * 3


async def test_when_all_chats_are_taken_the_next_customer_is_told(shared: SharedState, tmp_path: Path) -> None:
    """At once, and a place that becomes free is given to whoever comes then."""
    async with open_bank(shared, tmp_path, settings=ChatSettings(max_chats=1)) as bank:
        async with bank.customer() as first:
            await first.until("options")
            async with bank.customer() as second:
                assert await second.until_closed() == 1013
                assert second.got == [{"type": "error", "code": "full"}]
            await first.socket.send('{"type": "bye"}')
            await first.until_closed()
        await bank.until_empty()
        async with bank.customer() as third:
            await third.until("options")


async def test_a_service_that_is_stopping_lets_nobody_in_and_the_others_finish(shared: SharedState, tmp_path: Path) -> None:
    """As on the telephone."""
    async with open_bank(shared, tmp_path) as bank, bank.customer() as first:
        await first.until("options")
        bank.room.stop_taking()
        async with bank.customer() as second:
            assert await second.until_closed() == 1013
        await (await first.say("nie działa mi blik")).until("handed_over")
        assert 'voicebot_chats_refused_total{reason="draining"} 1.0' in bank.metrics.render().splitlines()


async def test_a_message_of_any_size_costs_its_sender_the_connection_and_nothing_else(bank: Bank) -> None:
    """It is not even kept until it is complete (RFC 6455, close code 1009)."""
    async with bank.customer() as customer:
        await customer.until("options")
        await customer.socket.send("x" * 100_000)
        assert await customer.until_closed() == 1009
    await bank.until_empty()
    async with bank.customer() as customer:
        await customer.until("options")
        await customer.socket.send(json.dumps({"type": "say", "text": "😀" * 4000}))
        assert (await customer.until("error"))["code"] == "too_long"


async def test_chats_are_counted_by_how_they_ended(bank: Bank) -> None:
    """Apart from calls."""
    async with bank.customer() as customer:
        await customer.until("options")
        await (await customer.say("nie działa mi blik")).until("handed_over")
        await customer.until_closed()
    async with bank.customer() as customer:
        await customer.until("options")
        await customer.socket.send('{"type": "bye"}')
        await customer.until_closed()
    await bank.until_empty()
    told = bank.metrics.render().splitlines()
    assert 'voicebot_chats_total{outcome="handed_over"} 1.0' in told
    assert 'voicebot_chats_total{outcome="caller_hung_up"} 1.0' in told
    assert not [line for line in told if line.startswith("voicebot_calls_total")]


async def test_markup_in_words_is_kept_as_words(bank: Bank) -> None:
    """It reaches the agent as text; what a page makes of it is seen in the browser's tests."""
    async with bank.customer() as customer:
        await customer.until("options")
        await customer.say("<script>alert(1)</script>")
        handed = await customer.until("handed_over")
    record = await bank.handoffs.get(handed["ref"])
    assert record is not None
    assert "<script>alert(1)</script>" in record.words


# ---------------------------------------------------------------- the page over HTTP


@pytest.mark.parametrize(
    ("query", "accept", "language"),
    [("", "en-GB", "en"), ("", "pl", "pl"), ("?lang=en", "pl", "en"), ("?lang=%22%3E", "de", "pl")],
)
async def test_the_page_needs_no_token_and_comes_in_the_customers_language(
    bank: Bank, query: str, accept: str, language: str
) -> None:
    """With a policy that lets nothing in from elsewhere and runs no script but its own."""
    async with httpx.AsyncClient(base_url=bank.origin) as client:
        response = await client.get(f"/chat{query}", headers={"Accept-Language": accept})
        assert response.status_code == 200
        assert f'<html lang="{language}">' in response.text
        assert response.headers["content-language"] == language
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "://" not in response.text.replace('xmlns="http://www.w3.org', "")
        for part in ("chat.css", "chat.js", "icon.svg"):
            found = await client.get(f"/chat/{part}")
            assert (found.status_code, found.headers["x-content-type-options"]) == (200, "nosniff")


@pytest.mark.parametrize("path", ["/chat/page.html", "/chat/texts.json", "/chat/..%2Fpage.py", "/chat/ws", "/chat/"])
async def test_nothing_else_of_the_folder_is_served(bank: Bank, path: str) -> None:
    """Only the parts of the page by their names."""
    async with httpx.AsyncClient(base_url=bank.origin) as client:
        assert (await client.get(path)).status_code in (307, 404)


# ---------------------------------------------------------------- what breaks


def breaks(*_: object, **__: object) -> None:
    raise RuntimeError("it broke")


def without(bank: Bank, **parts: object) -> None:
    """From now on chats are served with these parts."""
    session = replace(bank.room.services.session, **parts)  # type: ignore[arg-type]
    bank.room.services = replace(bank.room.services, session=session)


async def test_a_live_list_and_switches_that_break_cost_nobody_the_chat(bank: Bank) -> None:
    live = bank.room.services.session.live
    live.began = breaks  # type: ignore[method-assign]
    without(bank, conditions=breaks)
    async with bank.customer() as customer:
        await customer.until("options")
        await customer.say("nie działa mi blik")
        assert (await customer.until("handed_over"))["queue"] == "payments"
        assert await customer.until_closed() == 1000


async def test_a_chat_that_cannot_be_held_is_a_sentence_and_a_human(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the conversation has even begun; a record is kept, and the place is free."""
    monkeypatch.setattr(Session, "started", breaks)
    async with bank.customer("en") as customer:
        assert await customer.until_closed() == 1000
        assert customer.read == "Sorry, something isn't working on our side. I'm putting you through to an advisor."
        handed, ended = (next(each for each in customer.got if each["type"] == kind) for kind in ("handed_over", "ended"))
    assert (handed["queue"], ended["reason"]) == ("general", "handed_over")
    await bank.until_empty()
    [summary] = await bank.records_written()
    assert (summary.outcome, summary.queue) == ("handed_over", "general")
    assert len(bank.room.services.session.live) == 0


async def test_a_record_that_cannot_be_kept_leaves_nobody_in_the_live_list(bank: Bank) -> None:
    bank.records.save = breaks  # type: ignore[method-assign]
    async with bank.customer() as customer:
        await customer.until("options")
        await customer.socket.send('{"type": "bye"}')
        await customer.until_closed()
    await bank.until_empty()
    assert len(bank.room.services.session.live) == 0

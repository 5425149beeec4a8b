"""Hand-off records and promised callbacks, and where they are kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caller_id.types import Authentication, Caller, NumberTrust
from dialogs.events import HandOff, Told
from tests.voicebot.state.servers import StateServer, back
from voicebot.errors import StateUnavailable
from voicebot.handoff.callbacks import Callback, CallbackStore, callback_for
from voicebot.handoff.record import HandOffRecord, make_record, new_ref, record_codec
from voicebot.handoff.store import HandOffStore
from voicebot.redaction import redact_text
from voicebot.state.shared import SharedState

CALLER = Caller("+48600100200", NumberTrust.TRUNK, authentication=Authentication.APP, customer_ref="C-1")
TO_CARDS = HandOff("cards")


def record(action: HandOff = TO_CARDS, *, keep_for: timedelta = timedelta(hours=1), now: datetime | None = None) -> HandOffRecord:
    return make_record(action, caller=CALLER, call_id="c1", call_ref="sip-1", now=now or datetime.now(UTC), keep_for=keep_for)


@given(
    st.builds(
        HandOff,
        queue=st.text(min_size=1),
        intent=st.none() | st.text(),
        confidence=st.none() | st.floats(0, 1),
        words=st.text(),
        tried=st.lists(st.text()).map(tuple),
        entities=st.lists(st.tuples(st.text(), st.text())).map(tuple),
        call_back=st.none() | st.text(),
    )
)
def test_a_record_survives_json(action: HandOff) -> None:
    """What another process reads is what this one wrote."""
    kept = record(action)
    assert record_codec.from_text(record_codec.to_text(kept)) == kept


def test_a_record_keeps_number_trust_and_authentication_apart() -> None:
    """The agent must see that a number is no proof."""
    kept = record_codec.encode(record())
    assert (kept["number"], kept["number_trust"], kept["authentication"]) == ("+48600100200", "trunk", "app")


def test_what_the_caller_said_is_redacted_once_more() -> None:
    """No PIN, PESEL, card number or BLIK code reaches a screen."""
    action = HandOff(
        "cards",
        words="mój pesel to 44051401359 a pin 4321",
        tried=("heard 4111 1111 1111 1111",),
        entities=(("number", "123456"),),
    )
    shown = record_codec.to_text(record(action))
    for secret in ("44051401359", "4321", "4111", "123456"):
        assert secret not in shown


def test_references_cannot_be_guessed_and_survive_redaction() -> None:
    """They must be found again in logs and journals."""
    refs = {new_ref() for _ in range(2000)}
    assert len(refs) == 2000
    assert all(len(ref) == 32 and redact_text(ref) == ref for ref in refs)


async def test_a_record_is_read_in_every_process(shared: SharedState, other: SharedState) -> None:
    """The agent's screen may ask any of them."""
    kept = record(HandOff("cards", words="zgubiłem kartę", tried=("open",)))
    await HandOffStore(shared).put(kept)
    assert await HandOffStore(other).get(kept.ref) == kept
    assert await HandOffStore(other).get(new_ref()) is None


async def test_an_expired_record_is_gone_everywhere(shared: SharedState, other: SharedState) -> None:
    """Personal data do not stay."""
    kept = record(keep_for=timedelta(hours=1))
    store = HandOffStore(shared)
    await store.put(kept)
    later = datetime.now(UTC) + timedelta(hours=2)
    for state in (shared, other):
        assert await HandOffStore(state, clock=lambda: later).get(kept.ref) is None
    old = record(now=datetime.now(UTC) - timedelta(hours=2))
    await store.put(old)
    assert await store.get(old.ref) is None


async def test_records_expire_by_the_clock_they_are_made_by(shared: SharedState, other: SharedState) -> None:
    """The state server's clock, which is the machine's, has no say: a rehearsal of another day works too."""
    then = datetime(2019, 11, 20, 11, tzinfo=UTC)
    kept = record(now=then)
    await HandOffStore(shared, clock=lambda: then).put(kept)
    assert await HandOffStore(other, clock=lambda: then).get(kept.ref) == kept


async def test_the_latest_hand_off_of_a_call_is_found_by_the_calls_id(shared: SharedState, other: SharedState) -> None:
    """A queue that was busy is followed by another."""
    store, first, second = HandOffStore(shared), record(), record(HandOff("general"))
    await store.put(first)
    await store.put(second)
    for each in (store, HandOffStore(other)):
        assert await each.find("sip-1") == second
        assert await each.find(first.ref) == first
        assert await each.find("sip-2") is None


async def test_a_forgotten_record_is_found_by_nothing(shared: SharedState, other: SharedState) -> None:
    """Neither where it was put, nor elsewhere; and its ids are not kept either."""
    store, kept = HandOffStore(shared), record()
    await store.put(kept)
    await HandOffStore(other).forget(kept.ref)
    for each in (store, HandOffStore(other)):
        assert [await each.find(key) for key in (kept.ref, kept.call_id, kept.call_ref)] == [None] * 3
    left = await shared.ask(lambda redis: redis.keys("*handoff-of*"))
    assert left == []


async def test_the_ids_of_a_call_expire_with_its_record_and_do_not_tell_what_they_are(shared: SharedState) -> None:
    await HandOffStore(shared).put(record())
    names = await shared.ask(lambda redis: redis.keys("*handoff*"))
    assert len(names) == 3
    assert not any("sip-1" in name for name in names)
    left = await shared.ask(lambda redis: asyncio.gather(*map(redis.pttl, names)))
    assert all(0 < each <= 3_600_000 for each in left)


async def test_a_call_is_found_where_it_was_handed_over_while_the_state_server_is_away(
    server: StateServer, shared: SharedState
) -> None:
    store, kept = HandOffStore(shared), record()
    server.kill()
    await store.put(kept)
    assert await store.find("sip-1") == kept
    with pytest.raises(StateUnavailable):
        await store.find("sip-2")


def test_what_the_network_sends_is_kept_only_where_something_can_be_found_by_it() -> None:
    """No control characters, nothing endless."""
    now, hour = datetime.now(UTC), timedelta(hours=1)

    def made(headers: dict[str, str]) -> HandOffRecord:
        return make_record(TO_CARDS, caller=CALLER, call_id="c1", call_ref="s", now=now, keep_for=hour, headers=headers)

    good = made({"x-call-ref": " 1764236400.17 ", "user-to-user": "04ab;encoding=hex"})
    assert (good.x_call_ref, good.user_to_user) == ("1764236400.17", "04ab")
    for odd in ("\x1b[2J", "a b", "x" * 257, "zażółć", "a\nb"):
        bad = made({"x-call-ref": odd, "user-to-user": odd})
        assert (bad.x_call_ref, bad.user_to_user) == ("", "")


@pytest.mark.parametrize("trouble", ["kill", "freeze"])
async def test_a_record_put_while_the_server_is_away_is_here_at_once_and_elsewhere_later(
    server: StateServer, shared: SharedState, other: SharedState, trouble: str
) -> None:
    """The transfer does not wait, and the agent gets the context all the same."""
    here, there = HandOffStore(shared), HandOffStore(other)
    kept = record()
    getattr(server, trouble)()
    await here.put(kept)
    assert await here.get(kept.ref) == kept
    with pytest.raises(StateUnavailable):
        await there.get(kept.ref)
    server.thaw() if trouble == "freeze" else server.start_again()
    await shared.flush()
    await back(other)
    assert await there.get(kept.ref) == kept


async def test_a_damaged_record_is_none(shared: SharedState) -> None:
    """The screen says "not found" rather than failing."""
    shared.write_later("bad", lambda pipeline: pipeline.set("voicebot:handoff:" + "x" * 32, '{"ref": 1}'))
    await shared.flush()
    assert await HandOffStore(shared).get("x" * 32) is None


def promise(ref: str, minute: int, *, queue: str = "cards", priority: int = 0) -> Callback:
    return Callback(ref, queue, "+48600100200", datetime(2026, 11, 23, 10, minute, tzinfo=UTC), priority)


async def test_callbacks_keep_their_places(shared: SharedState, other: SharedState) -> None:
    """Highest priority first, then who asked first; each queue by itself."""
    here, there = CallbackStore(shared), CallbackStore(other)
    for each in (promise("b", 2), promise("a", 1), promise("p", 3, priority=5), promise("x", 0, queue="loans")):
        await here.put(each)
    assert [each.ref for each in await there.waiting("cards")] == ["p", "a", "b"]
    await there.done(promise("a", 1))
    assert [each.ref for each in await here.waiting("cards")] == ["p", "b"]


async def test_a_promise_made_while_the_server_is_away_gets_its_old_place(
    server: StateServer, shared: SharedState, other: SharedState
) -> None:
    """Who asked during the outage stands before who asked after it."""
    here, there = CallbackStore(shared), CallbackStore(other)
    server.kill()
    await here.put(promise("a", 1))
    assert [each.ref for each in await here.waiting("cards")] == ["a"]
    server.start_again()
    await there.put(promise("b", 2))
    await back(shared)
    await back(other)
    assert [each.ref for each in await there.waiting("cards")] == ["a", "b"]
    await there.done(promise("a", 1))
    assert [each.ref for each in await here.waiting("cards")] == ["b"]


def test_only_a_hand_off_with_a_number_becomes_a_callback() -> None:
    """The place is kept since the hand-off."""
    kept = record(HandOff("cards", priority=3, call_back="+48600100200", due="2026-11-24T08:00:00+01:00"))
    made = callback_for(kept)
    assert (made.number, made.since, made.priority) == ("+48600100200", kept.created, 3)
    assert made.due == datetime(2026, 11, 24, 7, tzinfo=UTC)
    with pytest.raises(ValueError, match="names no number"):
        callback_for(replace(kept, call_back=None))


def test_the_agents_story_is_redacted_and_survives_the_way_to_the_screen() -> None:
    action = HandOff(
        "cards",
        others=("fees",),
        denied=("card_block",),
        story=(Told("said", "moja karta 4111 1111 1111 1111 nie działa"), Told("asked", "card_issue")),
        wishes=(("callback_part", "morning"),),
        bot_s=12.5,
        segment_by="number",
        answer_to="+48601234567",
    )
    made = record_codec.from_text(record_codec.to_text(record(action)))
    assert "4111" not in made.story[0].text
    assert made.story[0].text.startswith("moja karta")
    assert made.story[1] == Told("asked", "card_issue")
    assert (made.others, made.denied, made.bot_s) == (("fees",), ("card_block",), 12.5)
    assert (made.wishes, made.segment_by, made.answer_to) == ((("callback_part", "morning"),), "number", "+48601234567")

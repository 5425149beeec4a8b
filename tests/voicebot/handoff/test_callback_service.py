"""Callbacks are made in the order of the places they keep, within the rules, once, whatever fails."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dialogs.data.bundle import load_bundle
from tests.voicebot.state.servers import StateServer, back
from voicebot.errors import StateUnavailable
from voicebot.handoff.callback_queue import CallbackError
from voicebot.handoff.callback_service import CallbackService, ClaimLost, Outcome, RangAgain
from voicebot.handoff.callbacks import Callback, CallbackStore, Served
from voicebot.state.embedded import EmbeddedValkey
from voicebot.state.shared import SharedState

BUNDLE = load_bundle()
RULE = BUNDLE.routes.callback
NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)  # a Tuesday noon in Warsaw


class OddStore(CallbackStore):
    """Breaks at one callback in a way that nobody foresaw."""

    async def serve(self, callback: Callback, served: Served) -> bool:
        if callback.ref == "odd":
            raise ZeroDivisionError
        return await super().serve(callback, served)


@dataclass
class Office:
    """A callback service with a clock that a test sets, and what it told."""

    shared: SharedState
    now: datetime = NOON
    told: list[tuple[str, str]] = field(default_factory=list)
    store: type[CallbackStore] = CallbackStore

    def __post_init__(self) -> None:
        self.service = CallbackService(
            self.store(self.shared),
            BUNDLE,
            clock=lambda: self.now,
            told=lambda what, callback: self.told.append((what, callback.ref)),
        )

    async def promise(self, *refs: str, **more: object) -> None:
        """Asked for a minute apart, in the order given."""
        for minute, ref in enumerate(refs):
            since = NOON - timedelta(minutes=30 - minute)
            await self.service.promise(replace(Callback(ref, "cards", "+48600100200", since), **more))  # type: ignore[arg-type]

    async def take(self, queue: str = "cards", seconds: float = 60.0) -> str | None:
        taken = await self.service.take(queue, seconds=seconds)
        return taken.callback.ref if taken else None

    async def rings_again(self, number: str = "+48600100200", queue: str = "cards") -> list[str]:
        return await self.service.rang_again(RangAgain(number, queue, "call-2", self.now))

    async def order(self) -> list[str]:
        return [each.callback.ref for each in await self.service.line("cards")]


async def test_each_is_taken_once_in_the_order_of_places(shared: SharedState, other: SharedState) -> None:
    """Two processes take turns; the third finds nobody."""
    here, there = Office(shared), Office(other)
    await here.promise("a", "b")
    await here.promise("urgent", priority=5)
    assert [await here.take(), await there.take(), await here.take(), await there.take()] == ["urgent", "a", "b", None]
    assert [each.taken for each in await there.service.line("cards")] == [True, True, True]
    assert await here.take("mortgage") is None


async def test_many_diallers_at_once_never_take_the_same(shared: SharedState, other: SharedState) -> None:
    """A customer is called by one agent."""
    offices = [Office(shared), Office(other)]
    refs = [f"c{number:02}" for number in range(8)]
    await offices[0].promise(*refs)
    taken = await asyncio.gather(*(offices[number % 2].take() for number in range(10)))
    assert Counter(taken) == Counter([*refs, *[None] * 2])


@pytest.mark.parametrize(
    ("now", "may"),
    [
        ("2026-11-24T08:59:59+01:00", False),
        ("2026-11-24T09:00:00+01:00", True),
        ("2026-11-24T19:59:59+01:00", True),
        ("2026-11-24T20:00:00+01:00", False),
        ("2026-07-24T08:30:00+02:00", False),
        ("2026-07-24T09:30:00+02:00", True),
    ],
)
async def test_nobody_is_called_outside_the_window(shared: SharedState, now: str, may: bool) -> None:
    """On the bank's wall clock, summer and winter."""
    office = Office(shared, now=datetime.fromisoformat(now))
    await office.promise("a", since=datetime(2026, 1, 1, tzinfo=UTC))
    assert [each.may_be_made for each in await office.service.line("cards")] == [may]
    assert (await office.take() == "a") is may


async def test_one_that_is_not_due_yet_lets_the_next_go_first_and_keeps_its_place(shared: SharedState) -> None:
    """Asked for at night, due when the queue opens."""
    office = Office(shared)
    await office.promise("early", due=NOON + timedelta(hours=2))
    await office.promise("ready", since=NOON)
    assert await office.take() == "ready"
    assert await office.take() is None
    office.now += timedelta(hours=2)
    assert await office.take() == "early"
    assert await office.order() == ["early", "ready"]


async def test_nobody_answers_three_times_and_the_callback_is_given_up(shared: SharedState) -> None:
    """Each attempt some time after the last; in between the others are served; giving up is told."""
    office = Office(shared)
    await office.promise("a", "b")
    for attempt in range(1, RULE.attempts + 1):
        taken = await office.service.take("cards", seconds=60)
        assert taken is not None
        assert (taken.callback.ref, taken.callback.attempts, taken.cli) == ("a", attempt - 1, RULE.cli)
        kept = await office.service.settle("cards", "a", taken.claim, Outcome.NOT_REACHED)
        assert (kept is None) is (attempt == RULE.attempts)
        next_one = await office.service.take("cards", seconds=60)
        assert next_one is not None
        assert next_one.callback.ref == "b"
        await office.service.settle("cards", "b", next_one.claim, Outcome.GIVEN_BACK)
        office.now += timedelta(minutes=RULE.minutes_between)
    assert await office.order() == ["b"]
    assert [what for what, ref in office.told if ref == "a"] == [
        "promised",
        *["taken", "not_reached"] * (RULE.attempts - 1),
        "taken",
        "given_up",
    ]


async def test_done_is_done(shared: SharedState) -> None:
    """It is out of the line, and its claim settles nothing a second time."""
    office = Office(shared)
    await office.promise("a")
    taken = await office.service.take("cards", seconds=60)
    assert taken is not None
    assert await office.service.settle("cards", "a", taken.claim, Outcome.DONE) is None
    assert await office.order() == []
    with pytest.raises(ClaimLost, match="no such callback"):
        await office.service.settle("cards", "a", taken.claim, Outcome.DONE)


async def test_a_dialler_that_died_loses_its_claim_and_cannot_settle_it_late(shared: SharedState, other: SharedState) -> None:
    """The customer is called by the next one, in the old place."""
    office, crashed = Office(shared), Office(other)
    await office.promise("a", "b")
    lost = await crashed.service.take("cards", seconds=0.02)
    assert lost is not None
    async with asyncio.timeout(10):
        while next(each for each in await office.service.line("cards")).taken:
            await asyncio.sleep(0.005)
    again = await office.service.take("cards", seconds=60)
    assert again is not None
    assert again.callback.ref == lost.callback.ref == "a"
    with pytest.raises(ClaimLost, match="Take the next one"):
        await crashed.service.settle("cards", "a", lost.claim, Outcome.DONE)
    assert await office.service.settle("cards", "a", again.claim, Outcome.DONE) is None


async def test_a_customer_who_called_again_is_not_called_back(shared: SharedState) -> None:
    """Withdrawn, also while a dialler has it: its outcome changes nothing any more."""
    office = Office(shared)
    await office.promise("a")
    taken = await office.service.take("cards", seconds=60)
    assert taken is not None
    assert await office.service.withdraw("cards", "a")
    assert not await office.service.withdraw("cards", "a")
    with pytest.raises(ClaimLost):
        await office.service.settle("cards", "a", taken.claim, Outcome.NOT_REACHED)
    assert await office.order() == []


@pytest.mark.parametrize("number", [*sorted(BUNDLE.routes.own_numbers), "+48700123456", "+4860"])
async def test_some_numbers_are_never_promised(shared: SharedState, number: str) -> None:
    """The hotline's own only receive; premium rate costs; half a number reaches nobody."""
    office = Office(shared)
    with pytest.raises(CallbackError):
        await office.promise("a", number=number)
    assert await office.order() == []
    assert office.told == []


async def test_a_number_that_became_the_hotlines_own_is_shown_and_not_called(shared: SharedState) -> None:
    """Promised by an older bundle; a person sees it in the list."""
    office = Office(shared)
    await CallbackStore(shared).put(Callback("a", "cards", min(BUNDLE.routes.own_numbers), NOON))
    await office.promise("b")
    assert [(each.callback.ref, each.may_be_made) for each in await office.service.line("cards")] == [("b", True), ("a", False)]
    assert [await office.take(), await office.take()] == ["b", None]


def test_callbacks_never_come_from_the_hotlines_own_number(shared: SharedState) -> None:
    """A service with such a bundle does not start."""
    own = BUNDLE.routes.model_copy(update={"callback": RULE.model_copy(update={"cli": min(BUNDLE.routes.own_numbers)})})
    with pytest.raises(CallbackError, match="only receives"):
        CallbackService(CallbackStore(shared), replace(BUNDLE, routes=own))


async def test_promises_outlive_a_restart_of_the_whole_service(tmp_path: Path) -> None:
    """State server and all: places, attempts, and that it is too soon for another one."""

    @asynccontextmanager
    async def restarted(now: datetime) -> AsyncIterator[Office]:
        server = EmbeddedValkey(tmp_path / "state")
        await asyncio.to_thread(server.start)
        shared = SharedState(server.url)
        yield Office(shared, now)
        await shared.close()
        await asyncio.to_thread(server.stop)

    async with restarted(NOON) as before:
        await before.promise("a", "b")
        taken = await before.service.take("cards", seconds=60)
        assert taken is not None
        await before.service.settle("cards", "a", taken.claim, Outcome.NOT_REACHED)
    async with restarted(NOON + timedelta(minutes=1)) as after:
        assert [(each.callback.ref, each.callback.attempts) for each in await after.service.line("cards")] == [("a", 1), ("b", 0)]
        assert await after.take() == "b"
        after.now += timedelta(minutes=RULE.minutes_between)
        assert await after.take() == "a"


async def test_a_promise_made_while_the_state_server_is_away_is_called_once_it_is_back(
    server: StateServer, shared: SharedState
) -> None:
    """Nothing is taken meanwhile: two processes could call the same person."""
    office = Office(shared)
    server.kill()
    await office.promise("a")
    with pytest.raises(StateUnavailable):
        await office.take()
    await office.service.count()
    server.start_again()
    await shared.flush()
    assert await office.order() == ["a"]
    assert await office.take() == "a"


async def test_a_queue_that_left_the_bundle_keeps_its_promises(shared: SharedState) -> None:
    """They are listed and counted with the others."""
    office = Office(shared)
    await office.promise("old", queue="dissolved")
    await shared.flush()
    assert [each.callback.ref for each in await office.service.line()] == ["old"]
    await office.service.count()
    assert (office.service.counted["dissolved"], office.service.counted["cards"]) == (1, 0)


async def test_a_damaged_callback_does_not_hide_the_others(shared: SharedState) -> None:
    """The line goes on."""
    office = Office(shared)
    await office.promise("a", "b")
    shared.write_later("bad", lambda pipeline: pipeline.set("voicebot:callback:a", "{}"))
    await shared.flush()
    assert await office.order() == ["b"]
    assert await office.take() == "b"


# ---------------------------------------------------------------- whoever rings again and is put through


async def test_whoever_rings_again_and_is_put_through_is_not_called_back(shared: SharedState, other: SharedState) -> None:
    """By any process; the place is given up, the others move on, and everybody can see why."""
    office, elsewhere = Office(shared), Office(other)
    await office.promise("a", number="+48600100201")
    await office.promise("mine")
    assert await elsewhere.rings_again() == ["mine"]
    assert await office.order() == ["a"]
    assert elsewhere.told == [("served", "mine")]
    (served,) = await office.service.served("cards")
    assert (served.ref, served.call_id, served.at) == ("mine", "call-2", NOON)
    assert [each.ref for each in await office.service.served()] == ["mine"]
    assert await office.service.served("loans") == []
    assert await office.rings_again() == []


@pytest.mark.parametrize(("number", "queue"), [("+48600100201", "cards"), ("+48600100200", "loans")])
async def test_another_number_or_another_queue_ends_no_callback(shared: SharedState, number: str, queue: str) -> None:
    """The matter may be another, the person too."""
    office = Office(shared)
    await office.promise("mine")
    assert await office.rings_again(number, queue) == []
    assert (await office.order(), await office.service.served()) == (["mine"], [])


async def test_a_callback_that_somebody_is_making_is_left_alone(shared: SharedState, other: SharedState) -> None:
    """The dialler's outcome counts; when it gives the callback back, the customer still has the place."""
    office, elsewhere = Office(shared), Office(other)
    await office.promise("mine")
    taken = await office.service.take("cards", seconds=60)
    assert taken is not None
    assert await elsewhere.rings_again() == []
    assert elsewhere.told == []
    assert await office.service.settle("cards", "mine", taken.claim, Outcome.GIVEN_BACK) is not None
    assert await office.order() == ["mine"]


async def test_a_dialler_and_a_caller_who_rings_again_never_both_get_the_callback(
    shared: SharedState, other: SharedState
) -> None:
    """In the same instant: it is made or it is over, not both, not neither."""
    diallers, callers = Office(shared), Office(other)
    for number in range(25):
        await diallers.promise(f"c{number}")
        taken, ended = await asyncio.gather(diallers.take(), callers.rings_again())
        assert (taken is not None) is (ended == []), number
        if taken is not None:
            await diallers.service.withdraw("cards", taken)
        assert await diallers.order() == []


@pytest.mark.parametrize("trouble", ["kill", "freeze"])
async def test_while_the_state_server_is_away_it_is_found_out_later(
    server: StateServer, shared: SharedState, other: SharedState, trouble: str
) -> None:
    """Nothing raises meanwhile; the next dialler that comes gets another customer's callback."""
    office = Office(shared)
    await office.promise("mine")
    getattr(server, trouble)()
    assert await office.rings_again() == []
    assert office.told == [("promised", "mine")]
    if trouble == "kill":
        server.start_again()
        await Office(other).promise("mine")  # as from the disk
    else:
        server.thaw()
    office.now += timedelta(minutes=1)
    await Office(other).promise("next", number="+48600100201")
    await back(shared)
    await office.service.count()
    assert ("served", "mine") in office.told
    assert await office.order() == ["next"]
    assert await office.take() == "next"


async def test_one_caller_who_cannot_be_looked_at_keeps_nobody_waiting(server: StateServer, shared: SharedState) -> None:
    """Found out late, for two callers: the second one's callback ends though the first one's breaks, and all are counted."""
    office = Office(shared, store=OddStore)
    server.kill()
    for number in ("+48600100201", "+48600100200"):
        assert await office.rings_again(number) == []
    server.start_again()
    await back(shared)
    await office.promise("odd", number="+48600100201")
    await office.promise("mine")
    await office.service.count()
    assert ("served", "mine") in office.told
    assert office.service.counted["cards"] == 1


async def test_a_callback_promised_after_the_call_was_put_through_is_another(server: StateServer, shared: SharedState) -> None:
    """Found out late, the call ends only what was promised before it."""
    office = Office(shared)
    server.kill()
    assert await office.rings_again() == []
    server.start_again()
    office.now += timedelta(minutes=5)
    await office.promise("newer", since=NOON + timedelta(minutes=2))
    await back(shared)
    assert await office.take() == "newer"
    assert await office.service.served() == []


async def test_a_promise_that_the_state_server_never_got_ends_too(server: StateServer, shared: SharedState) -> None:
    """Promised and served in one outage: nobody is called once it is over."""
    office = Office(shared)
    server.kill()
    await office.promise("mine")
    assert await office.order() == ["mine"]
    assert await office.rings_again() == ["mine"]
    assert await office.order() == []
    server.start_again()
    await shared.flush()
    assert await office.order() == []
    assert [each.ref for each in await office.service.served("cards")] == ["mine"]


async def test_of_those_served_only_the_last_days_are_kept(shared: SharedState) -> None:
    """It is a list for people, not an archive."""
    office = Office(shared)
    await office.promise("old")
    await office.rings_again()
    office.now += timedelta(days=8)
    await office.promise("new", since=office.now)
    await office.rings_again()
    assert [each.ref for each in await office.service.served()] == ["new"]

"""A process goes where the pointer points, whichever store tells it, and keeps what it has when a release is broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from dialogs.data.bundle import DEFAULT_BUNDLE, load_bundle
from nlu.pack.pack import BANK_PACK, Pack
from nlu.understanding.keywords import KeywordUnderstander
from tests.voicebot.endpoints.looking import until
from tests.voicebot.state.servers import StateServer
from voicebot.config.settings import Settings
from voicebot.metrics.registry import Metrics
from voicebot.records.engine import open_engine
from voicebot.records.store import RecordStore
from voicebot.releases import following, orders
from voicebot.releases import shadowing as shadowing_module
from voicebot.releases.contents import contents_of, read_contents
from voicebot.releases.drafts import Drafts, Folders
from voicebot.releases.errors import ReleaseError
from voicebot.releases.following import ReleaseFollower, announce, from_text, starting_release, to_text
from voicebot.releases.placing import last_release, releases_folder, remember_last
from voicebot.releases.pointer import Arm, Pointer, ShadowOrder, Stage, arm_of, before
from voicebot.releases.publishing import Publishing
from voicebot.releases.shadowing import ShadowFollower
from voicebot.releases.shadowing import announce as announce_shadow
from voicebot.releases.shadowing import from_text as shadow_from_text
from voicebot.releases.shadowing import to_text as shadow_to_text
from voicebot.releases.store import Checked, Releases, Shadowed, State
from voicebot.state.shared import SharedState
from voicebot.understanding.shadow import InThread, LiveShadow

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


class Recorded:
    """Editions that only remember; a release named in `broken` cannot be loaded, one in `slow` waits."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.used: list[tuple[str, ...]] = []
        self.kept: set[str] = set()
        self.broken: set[str] = set()
        self.slow = asyncio.Event()
        self.slow.set()

    async def load(self, release: str, settings: Settings) -> None:
        await self.slow.wait()
        if release in self.broken:
            raise ValueError("no queue of that name")
        self.loaded.append(release)

    def use(self, arms: Sequence[Arm]) -> None:
        self.used.append(tuple(arm.release for arm in arms))

    def keep(self, releases: Collection[str]) -> None:
        self.kept = set(releases)


@pytest.fixture
def made(engine: Engine, tmp_path: Path) -> list[str]:
    """Two small releases."""
    releases, ids = Releases(engine), []
    for text in ("one", "two"):
        folder = tmp_path / text
        folder.mkdir()
        (folder / "flow.yml").write_text(text)
        ids.append(releases.put(*read_contents({"bundle": folder}), NOW))
    return ids


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"state": {"data_dir": str(tmp_path / "data")}})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("LOOK_EVERY_S", 0.05), ("_TELL_EVERY_S", 0.2), ("_TRY_AGAIN_S", 0.2)):
        monkeypatch.setattr(following, name, seconds)
    monkeypatch.setattr(orders, "DATABASE_EVERY_S", 0.2)


@pytest.fixture
async def editions() -> Recorded:
    return Recorded()


@pytest.fixture
async def follower(settings: Settings, engine: Engine, shared: SharedState, editions: Recorded) -> AsyncIterator[ReleaseFollower]:
    found = ReleaseFollower("calls", settings, Releases(engine), shared, editions, began_with="", clock=lambda: datetime.now(UTC))
    await found.start()
    yield found
    await found.close()


async def order(engine: Engine, stage: Stage, *releases: str) -> Pointer:
    arms = [Arm(each, 1 / len(releases)) for each in releases]
    return await asyncio.to_thread(lambda: Releases(engine).order(stage, arms, who="sam", why="test", at=NOW))


async def test_prepared_first_then_switched_to_and_back(
    follower: ReleaseFollower, engine: Engine, editions: Recorded, made: list[str], settings: Settings
) -> None:
    """By the database alone: nobody announced anything."""
    await order(engine, Stage.PREPARE, made[0])
    await until(lambda: editions.loaded == [made[0]])
    assert editions.used == []
    (process,) = Releases(engine).processes(datetime.now(UTC))
    assert process.live == ""
    await until(lambda: made[0] in Releases(engine).processes(datetime.now(UTC))[0].loaded)
    assert (releases_folder(settings) / made[0] / "bundle" / "flow.yml").read_text() == "one"
    await order(engine, Stage.LIVE, made[0])
    await until(lambda: editions.used == [(made[0],)])
    assert editions.kept == {"", made[0]}, "the one before stays, to go back to"
    assert last_release(settings) == made[0]
    await order(engine, Stage.LIVE, "")
    await until(lambda: editions.used == [(made[0],), ("",)])
    assert editions.loaded == [made[0]], "nothing was loaded to go back"


async def test_whoever_prepares_the_next_hides_no_switch(
    follower: ReleaseFollower, engine: Engine, editions: Recorded, made: list[str]
) -> None:
    """Both within one look; and what was prepared and never published is not kept for ever."""
    await order(engine, Stage.LIVE, made[0])
    await order(engine, Stage.PREPARE, made[1])
    await until(lambda: editions.used == [(made[0],)])
    await until(lambda: editions.loaded == made)
    await order(engine, Stage.LIVE, "")
    await until(lambda: follower.live == "")
    assert editions.kept == {made[0], ""}


async def test_what_is_announced_holds_at_once_also_with_the_database_away(
    follower: ReleaseFollower,
    engine: Engine,
    shared: SharedState,
    editions: Recorded,
    made: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await order(engine, Stage.PREPARE, made[0])
    await until(lambda: editions.loaded == [made[0]])
    monkeypatch.setattr(orders, "DATABASE_EVERY_S", 3600)
    await follower.look()
    pointer = await order(engine, Stage.LIVE, made[0])
    assert await announce(shared, pointer)
    await until(lambda: follower.live == made[0])


async def test_the_database_suffices_when_the_state_server_is_away(
    follower: ReleaseFollower, engine: Engine, server: StateServer, shared: SharedState, editions: Recorded, made: list[str]
) -> None:
    server.kill()
    pointer = await order(engine, Stage.LIVE, made[0])
    assert not await announce(shared, pointer)
    await until(lambda: editions.used == [(made[0],)])


async def test_a_broken_release_changes_nothing_is_told_and_can_be_left(
    follower: ReleaseFollower, engine: Engine, editions: Recorded, made: list[str]
) -> None:
    editions.broken.add(made[0])
    await order(engine, Stage.LIVE, made[0])
    await until(lambda: "no queue of that name" in follower.trouble)
    assert (follower.live, editions.used) == ("", [])
    await until(lambda: "no queue of that name" in Releases(engine).processes(datetime.now(UTC))[0].trouble)
    await order(engine, Stage.LIVE, made[1])
    await until(lambda: follower.live == made[1])
    assert follower.trouble == ""


async def test_going_back_does_not_wait_for_a_release_that_is_still_loading(
    follower: ReleaseFollower, engine: Engine, editions: Recorded, made: list[str]
) -> None:
    await order(engine, Stage.LIVE, made[0])
    await until(lambda: follower.live == made[0])
    editions.slow.clear()
    await order(engine, Stage.LIVE, made[1])
    await until(lambda: follower._loading is not None and not follower._loading.done())
    await order(engine, Stage.LIVE, "")
    await until(lambda: follower.live == "")
    editions.slow.set()
    await until(lambda: made[1] in editions.loaded)
    await follower.look()
    assert follower.live == "", "what was ordered last"


async def test_a_process_begins_with_what_is_live_and_without_a_database_with_the_last_one(
    engine: Engine, settings: Settings, made: list[str], tmp_path: Path
) -> None:
    """A release whose bundle cannot be loaded is not begun with: a process must come up."""
    assert await starting_release(settings, Releases(engine)) == ""
    await order(engine, Stage.LIVE, made[0])
    assert await starting_release(settings, Releases(engine)) == "", "it is no bundle"
    real = read_contents({"bundle": DEFAULT_BUNDLE})
    release = Releases(engine).put(*real, NOW)
    await order(engine, Stage.LIVE, release)
    assert await starting_release(settings, Releases(engine)) == release
    remember_last(settings, release)
    away = open_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert await starting_release(settings, Releases(away)) == release
    away.dispose()


@pytest.fixture
async def shadowing(
    settings: Settings, engine: Engine, shared: SharedState, tmp_path: Path
) -> AsyncIterator[tuple[ShadowFollower, LiveShadow]]:
    records = RecordStore(engine.url.render_as_string(hide_password=False), spool_dir=tmp_path / "spool")
    shadow = LiveShadow(records, Metrics())
    follower = ShadowFollower(Releases(engine), shared, shadow, Metrics(), lambda: datetime.now(UTC))
    yield follower, shadow
    await follower.close()


async def test_a_shadow_begins_by_its_order_and_ends_by_itself(
    shadowing: tuple[ShadowFollower, LiveShadow],
    engine: Engine,
    shared: SharedState,
    settings: Settings,
    made: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the state server at once, by the database else; when its time is over, when calls go by it, when another goes live."""
    follower, shadow = shadowing
    releases = Releases(engine)

    def begin(days: float) -> ShadowOrder:
        until_ = datetime.now(UTC) + timedelta(days=days)
        return releases.begin_shadow(made[0], 1, until=until_, who="sam", at=datetime.now(UTC))

    async def ready(*_: object) -> Any:
        return InThread(KeywordUnderstander(Pack(BANK_PACK)))

    monkeypatch.setattr(shadowing_module, "load_bundle", lambda _: load_bundle(DEFAULT_BUNDLE))
    monkeypatch.setattr(shadowing_module, "trained", lambda *_: True)
    monkeypatch.setattr(shadowing_module, "load_shadow", ready)

    async def looked(live: Collection[str] = ("",)) -> str:
        await follower.look(settings, live)
        if follower._loading is not None:
            await follower._loading
        return shadow.release

    assert await looked() == ""
    monkeypatch.setattr(orders, "DATABASE_EVERY_S", 3600)
    order = await asyncio.to_thread(begin, 1)
    assert await looked() == "", "nobody told, and the database was just asked"
    assert await announce_shadow(shared, order)
    assert await looked() == made[0]
    assert follower.state == Shadowed(made[0], follower.state.octets if follower.state is not None else -1, "")
    assert await looked([made[0]]) == "", "what calls go by needs no shadow"
    assert await looked() == made[0]
    ended = await asyncio.to_thread(lambda: releases.end_shadow(1, who="sam", why="", at=datetime.now(UTC)))
    assert ended is not None
    assert await announce_shadow(shared, ended)
    assert await looked() == ""
    await announce_shadow(shared, await asyncio.to_thread(begin, 1 / 86400))
    assert await looked() == made[0]
    async with asyncio.timeout(10):
        while await looked():
            await asyncio.sleep(0.05)
    await announce_shadow(shared, await asyncio.to_thread(begin, 1))
    assert await looked() == made[0]
    await asyncio.to_thread(lambda: releases.order(Stage.PREPARE, [Arm(made[1])], who="sam", why="", at=datetime.now(UTC)))
    assert releases.shadow().release == made[0]  # type: ignore[union-attr]
    await asyncio.to_thread(lambda: releases.order(Stage.LIVE, [Arm(made[1])], who="ola", why="new", at=datetime.now(UTC)))
    last = releases.shadow()
    assert last is not None
    assert (last.release, last.who, last.why) == ("", "ola", "new"), "what it was compared with is gone"
    assert [each.release for each in releases.shadows_of(1)] == ["", made[0], made[0], "", made[0]]
    assert shadow_from_text(shadow_to_text(last)) == last
    for text in ("{}", "[]", '{"seq": 1}'):
        with pytest.raises(ValueError):  # noqa: PT011 - any will do
            shadow_from_text(text)


async def test_a_release_that_cannot_be_in_the_shadow_is_told_and_changes_nothing(
    shadowing: tuple[ShadowFollower, LiveShadow], engine: Engine, settings: Settings, made: list[str]
) -> None:
    follower, shadow = shadowing
    now = datetime.now(UTC)
    await asyncio.to_thread(lambda: Releases(engine).begin_shadow(made[0], 1, until=now + timedelta(days=1), who="sam", at=now))
    await follower.look(settings, [""])
    await until(lambda: follower.state is not None and "routes.yml" in follower.state.trouble)
    assert shadow.release == ""
    await follower.look(settings, [""])
    assert follower._loading is None, "not again at once"


@given(st.lists(st.sampled_from(["one", "two", "three", "back"]), max_size=12))
def test_whoever_goes_back_never_comes_to_what_was_taken_back(orders: list[str]) -> None:
    history: list[Pointer] = []
    stack = [""]
    for seq, each in enumerate(orders, 1):
        if each != "back":
            history.insert(0, Pointer(seq, Stage.LIVE, (Arm(each),), "sam", "why", NOW))
            stack += [each] if each != stack[-1] else []
            continue
        arms = before(history)
        assert (arms[0].release if arms is not None else None) == (stack[-2] if len(stack) > 1 else None)
        if arms is not None:
            stack.pop()
            history.insert(0, Pointer(seq, Stage.BACK, arms, "sam", "why", NOW))


def test_back_from_all_callers_is_not_back_to_a_share_of_them() -> None:
    """A release is tried with a tenth of the callers, then with all: taken back, nobody hears it."""
    old, tenth, whole = (Arm("old"),), (Arm("old", 0.9), Arm("new", 0.1)), (Arm("new"),)
    orders = [(Stage.LIVE, old), (Stage.LIVE, tenth), (Stage.LIVE, whole)]
    history = [Pointer(seq, stage, arms, "sam", "why", NOW) for seq, (stage, arms) in enumerate(orders, 1)]
    assert before(history[::-1]) == old
    history.append(Pointer(4, Stage.BACK, old, "sam", "why", NOW))
    assert before(history[::-1]) == (Arm(""),)


def test_going_live_and_closing_the_proposal_are_one_step(engine: Engine, made: list[str]) -> None:
    releases = Releases(engine)
    kept, gone = (releases.propose(made[0], f"base-{each}", authors=["ola"], by="ola", note="", at=NOW) for each in "ab")

    def publish(seq: int, *, to_all: bool = True) -> Pointer:
        return releases.order(Stage.LIVE, [Arm(made[0])], who="sam", why="test", at=NOW, proposal=seq, closes=to_all)

    assert releases.close(gone, State.WITHDRAWN, "ola", "", NOW)
    for to_all in (True, False):
        with pytest.raises(ReleaseError):
            publish(gone, to_all=to_all)
    assert releases.newest() is None, "nobody goes by what was withdrawn at this moment"
    assert releases.live() is None
    publish(kept, to_all=False)
    assert releases.proposal(kept).state is State.OPEN, "a share of the callers tries it"  # type: ignore[union-attr]
    published = publish(kept)
    assert releases.live() == published
    assert releases.proposal(kept).state is State.PUBLISHED  # type: ignore[union-attr]


async def test_it_is_live_whatever_lies_in_the_folder_of_the_draft(
    engine: Engine, shared: SharedState, made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Folders(DEFAULT_BUNDLE, Path(BANK_PACK))
    releases = Releases(engine)
    drafts = Drafts(tmp_path / "draft", releases, lambda: live, lambda: NOW)
    monkeypatch.setattr("voicebot.releases.publishing.missing", lambda _: ())
    seq = releases.propose(made[0], live.contents()[0].id, authors=["ola"], by="ola", note="", at=NOW)
    assert releases.take_for_checks(seq, "run")
    assert releases.checks_end(seq, "run", Checked.PASSED, made[0])
    await order(engine, Stage.PREPARE, made[0])
    (drafts.begin().bundle / "a-link").symlink_to(tmp_path)
    await Publishing(releases, drafts, shared, lambda: live, lambda: NOW).switch(seq, "sam")
    assert releases.live().release == made[0]  # type: ignore[union-attr]
    assert drafts.begun, "whoever looks finds what is wrong with it"


def test_callers_stay_in_their_arm_and_the_shares_hold() -> None:
    """Also when the share grows: nobody who has the new release goes back to the old one."""
    callers = [f"+4860{number:07}" for number in range(2000)]
    few = [Arm("old", 0.9), Arm("new", 0.1)]
    many = [Arm("old", 0.5), Arm("new", 0.5)]
    first = {caller: arm_of(few, caller) for caller in callers}
    later = {caller: arm_of(many, caller) for caller in callers}
    assert 140 < sum(arm == "new" for arm in first.values()) < 260
    assert 900 < sum(arm == "new" for arm in later.values()) < 1100
    assert all(later[caller] == "new" for caller in callers if first[caller] == "new")
    assert arm_of(few, "") == "old"


def test_an_order_travels_whole_and_nonsense_is_no_order() -> None:
    pointer = Pointer(7, Stage.LIVE, (Arm("a", 0.25), Arm("", 0.75)), "sam", "z powodu", NOW)
    assert from_text(to_text(pointer)) == pointer
    for text in ("", "{}", "[]", '{"seq": 1, "arms": []}', '{"seq": "x", "arms": [["a", 1]], "stage": "live"}'):
        with pytest.raises(ValueError):  # noqa: PT011 - any will do
            from_text(text)


def test_an_empty_release_has_an_id() -> None:
    assert len(contents_of([]).id) == 64

"""The checks of a proposal, in their own process: what is wrong is found, told line by line, and nothing can be published."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from dialogs.data.bundle import DEFAULT_BUNDLE
from nlu.tools.editing import add_example
from tests.nlu.tools_pack import LINES, write_pack
from tests.voicebot.records.databases import heard, summary
from voicebot.config.settings import Settings
from voicebot.records.database import Database
from voicebot.records.engine import open_engine
from voicebot.records.summary import CallRecord
from voicebot.releases.checking import PROGRESS, Checks, check_apart
from voicebot.releases.contents import MODELS
from voicebot.releases.drafts import Drafts, Folders
from voicebot.releases.errors import ReleaseError
from voicebot.releases.publishing import Publishing
from voicebot.releases.store import CHECKS_GONE, Check, Checked, Proposal, Releases
from voicebot.review.lines import words_of
from voicebot.review.queues import Queue
from voicebot.review.sampling import draw
from voicebot.review.store import Review
from voicebot.state.shared import SharedState

TEST = """
tests:
  - name: a lost card
    at: 2026-11-25T10:00
    caller: {}
    turns:
      - say: zgubiłam kartę w tramwaju
        means: card_block
    expect: {queue: card_emergency}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    sections = {"state": {"data_dir": str(tmp_path / "data")}, "nlu": {"semantic": False, "cache_dir": str(tmp_path / "cache")}}
    return Settings.model_validate(sections)


@pytest.fixture
def live(tmp_path: Path) -> Folders:
    """A small bank: Polish alone, four matters, one conversation test."""
    bundle = tmp_path / "bundle"
    shutil.copytree(DEFAULT_BUNDLE, bundle)
    shutil.rmtree(bundle / "tests")
    (bundle / "tests").mkdir()
    (bundle / "tests" / "card.yml").write_text(TEST)
    pack = write_pack(write_pack(tmp_path / "pack"), lang="en")
    return Folders(bundle, pack)


@pytest.fixture
def releases(settings: Settings) -> Releases:
    return Releases(open_engine(settings.database_url))


@pytest.fixture
def drafts(tmp_path: Path, releases: Releases, live: Folders) -> Drafts:
    return Drafts(tmp_path / "drafts", releases, lambda: live, lambda: datetime.now(UTC))


async def checked(
    settings: Settings, releases: Releases, drafts: Drafts, change: Callable[[Folders], object], *, apart: bool = False
) -> tuple[Proposal, dict[str, Check]]:
    """The proposal of this change, checked, and what the checks found."""
    with drafts.change("tola", "a change") as folders:
        change(folders)
    seq = drafts.propose("tola", "to try")
    if apart:
        await check_apart(settings, releases, seq)
    else:
        proposed = releases.proposal(seq)
        assert proposed is not None
        assert releases.take_for_checks(seq, "a-run")
        with tempfile.TemporaryDirectory() as name:
            checks = Checks(releases, open_engine(settings.database_url), settings, proposed, Path(name), "a-run")
            await asyncio.to_thread(checks.run)
    proposal = releases.proposal(seq)
    assert proposal is not None
    return proposal, {each.name: each for each in releases.checks(seq) if each.name != PROGRESS}


async def test_a_good_change_passes_and_its_models_travel_with_it(
    settings: Settings, releases: Releases, drafts: Drafts, tmp_path: Path
) -> None:
    def change(folders: Folders) -> None:
        add_example(folders.pack / "pl", "balance", "ile mi jeszcze zostało na rachunku bieżącym")

    proposal, found = await checked(settings, releases, drafts, change)
    assert {name: check.ok for name, check in found.items() if check.ok is not True} == {"last_week": None}, found
    assert proposal.checked is Checked.PASSED
    assert proposal.final is not None
    contents = releases.contents(proposal.final)
    assert contents is not None
    models = {file.path.split("/")[1][:2] for file in contents.files if file.path.startswith(f"{MODELS}/")}
    assert models == {"pl", "en"}
    assert found["conversations"].told["tests"] == 1


async def test_a_lost_emergency_a_broken_test_and_worse_labels_are_found(
    settings: Settings, releases: Releases, drafts: Drafts, shared: SharedState, live: Folders
) -> None:
    """Somebody gives the lines of lost cards to the mortgages."""
    engine = open_engine(settings.database_url)
    said = [line.strip() for line in LINES["card_block"].splitlines()]
    database = Database(settings.database_url)
    database.upgrade()
    today = datetime.now(UTC)

    def write(lines: list[str]) -> None:
        for text in lines:
            database.write(CallRecord(summary(f"call-{said.index(text)}", started=today), [heard(text)]))

    write(said[:9])
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
    draw(engine, today.date(), midnight, today + timedelta(seconds=1))
    review = Review(engine)
    for who in ("rita", "ruth"):
        while lines := review.waiting(Queue.SAMPLE, who):
            review.label((lines[0].call_id, lines[0].position), "card_block", who=who, queue=Queue.SAMPLE)
    write(said[9:])
    database.close()

    def change(folders: Folders) -> None:
        for name in ("card_block", "mortgage"):
            (folders.pack / "pl" / f"{name}.yml").unlink()
        swapped = {**LINES, "card_block": LINES["mortgage"], "mortgage": LINES["card_block"]}
        write_pack(folders.pack, swapped)

    proposal, found = await checked(settings, releases, drafts, change)
    assert proposal.checked is Checked.FAILED
    failed = {name for name, check in found.items() if check.ok is False}
    assert {"emergencies", "kept_apart", "conversations"} <= failed, found
    lost = [(line["call_id"], line["position"]) for line in found["emergencies"].told["lost"]]
    assert set(words_of(engine, lost).values()) & set(said)
    assert not any(text in str(check.told) for check in found.values() for text in said), "words stay with the calls"
    assert found["kept_apart"].told["broken"] > 0
    assert found["last_week"].told["changed"] > 0
    publishing = Publishing(releases, drafts, shared, lambda: live, lambda: datetime.now(UTC))
    with pytest.raises(ReleaseError, match="checks have not passed"):
        await publishing.prepare(proposal.seq, "sam")


async def test_a_bundle_that_cannot_be_loaded_is_told_with_its_line(
    settings: Settings, releases: Releases, drafts: Drafts
) -> None:
    def change(folders: Folders) -> None:
        routes = folders.bundle / "routes.yml"
        routes.write_text(routes.read_text().replace("queues:", "queuse:", 1))

    proposal, found = await checked(settings, releases, drafts, change, apart=True)
    assert (proposal.checked, proposal.final) == (Checked.FAILED, None)
    assert list(found) == ["loads"]
    assert "routes.yml:" in found["loads"].told["why"]


async def test_a_process_that_dies_leaves_checks_that_failed_and_can_be_done_again(
    settings: Settings, releases: Releases, drafts: Drafts, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_example(drafts.begin().pack / "pl", "balance", "ile mi jeszcze zostało na rachunku bieżącym")
    seq = drafts.propose("tola", "to try")
    monkeypatch.setattr("voicebot.releases.checking.secrets", SimpleNamespace(token_hex=lambda _: "a-run"))
    assert releases.take_for_checks(seq, "a-run")
    monkeypatch.setattr("voicebot.releases.checking.PROGRAM", ("sh", "-c", "cat > /dev/null; kill -9 $$"))
    await check_apart(settings, releases, seq)
    assert checked_of(releases, seq) is Checked.FAILED
    assert releases.take_for_checks(seq, "another")


def checked_of(releases: Releases, seq: int) -> Checked:
    proposal = releases.proposal(seq)
    assert proposal is not None
    return proposal.checked


def test_checks_whose_machine_went_down_have_failed_and_what_comes_back_late_changes_nothing(
    settings: Settings, releases: Releases, drafts: Drafts
) -> None:
    """Nobody is there who could tell: the run is silent for too long. One that stood still is not the proposal's any more."""
    now = [datetime.now(UTC)]
    later = Releases(open_engine(settings.database_url), clock=lambda: now[0])
    add_example(drafts.begin().pack / "pl", "balance", "ile mi jeszcze zostało na rachunku bieżącym")
    seq = drafts.propose("tola", "to try")
    assert later.take_for_checks(seq, "a-run")
    now[0] += CHECKS_GONE * 0.9
    assert later.checks_live(seq, "a-run")
    now[0] += CHECKS_GONE * 0.9
    assert checked_of(later, seq) is Checked.RUNS
    assert not later.take_for_checks(seq, "another"), "the first one is there"
    now[0] += CHECKS_GONE * 0.2
    assert checked_of(later, seq) is Checked.FAILED
    assert later.take_for_checks(seq, "another")
    assert not later.checks_live(seq, "a-run")
    later.keep_check(seq, "a-run", Check("lint", False, {}, now[0]))
    assert not later.checks_end(seq, "a-run", Checked.PASSED, "r" * 64)
    assert (checked_of(later, seq), later.checks(seq)) == (Checked.RUNS, [])
    assert later.checks_end(seq, "another", Checked.PASSED, "s" * 64)
    now[0] += CHECKS_GONE * 9
    assert checked_of(later, seq) is Checked.PASSED

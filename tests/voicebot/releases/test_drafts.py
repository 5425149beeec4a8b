"""A draft begins as a copy of what is live, knows who changed it, and is never proposed on top of something else."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from dialogs.authoring.prompt_editing import change_text
from dialogs.data.bundle import DEFAULT_BUNDLE, load_bundle
from dialogs.data.errors import BundleError
from tests.nlu.tools_pack import write_pack
from voicebot.identity.audit_table import AuditTable
from voicebot.prompts.editing import edit_texts
from voicebot.releases.approvals import Kind
from voicebot.releases.contents import BUNDLE, PACK, read_contents
from voicebot.releases.drafts import Drafts, Folders
from voicebot.releases.errors import ReleaseError
from voicebot.releases.merging import Choice
from voicebot.releases.pointer import Arm, Stage
from voicebot.releases.store import Releases

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def live(tmp_path: Path) -> Folders:
    shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    return Folders(tmp_path / "bundle", write_pack(tmp_path / "pack"))


@pytest.fixture
def drafts(tmp_path: Path, engine: Engine, live: Folders) -> Drafts:
    return Drafts(tmp_path / "drafts", Releases(engine), lambda: live, lambda: NOW)


def reword(folders: Folders, prompt: str, text: str) -> None:
    edit_texts(folders.bundle, lambda: [change_text(folders.bundle, "pl", prompt, text)])


def test_a_changed_text_is_proposed_with_all_who_changed_anything(drafts: Drafts, engine: Engine) -> None:
    assert not drafts.begun
    with pytest.raises(ReleaseError, match="nothing differs"):
        drafts.propose("tola", "for clarity")
    with drafts.change("cora", "pl ask_matter") as folders:
        reword(folders, "ask_matter", "W czym możemy pomóc?")
    assert drafts.differs().paths == ("bundle/prompts/pl.yml",)
    with pytest.raises(ReleaseError, match="what the change is for"):
        drafts.propose("tola", "")
    proposal = Releases(engine).proposal(drafts.propose("tola", "for clarity, as 601 234 567 asked"))
    assert proposal is not None
    assert proposal.note == "for clarity, as <phone> asked"
    assert (proposal.authors, proposal.by, proposal.needed) == (("cora", "tola"), "tola", (Kind.TEXTS,))


def test_begun_again_it_is_still_there(drafts: Drafts) -> None:
    reword(drafts.begin(), "ask_matter", "W czym możemy pomóc?")
    drafts.begin()
    assert drafts.differs()


def test_two_who_change_one_file_at_once_lose_nothing(drafts: Drafts) -> None:
    """Both begin the draft, too."""
    texts = load_bundle(DEFAULT_BUNDLE).prompts.files["pl"].prompts
    wanted = {prompt: f"Nowe brzmienie {at}." for at, prompt in enumerate(list(texts)[:4]) if "{" not in texts[prompt].text}

    def change(prompt: str) -> None:
        with drafts.change(f"who-{prompt}", prompt) as folders:
            reword(folders, prompt, wanted[prompt])

    with ThreadPoolExecutor() as pool:
        list(pool.map(change, wanted))
    texts = load_bundle(drafts.folders.bundle).prompts.files["pl"].prompts
    assert {each: texts[each].text for each in wanted} == wanted
    assert {each.who for each in drafts.changes()} == {f"who-{each}" for each in wanted}


def test_no_change_is_without_its_author_and_what_is_refused_has_none(drafts: Drafts) -> None:
    with pytest.raises(BundleError), drafts.change("eve", "nonsense") as folders:
        reword(folders, "ask_matter", "a {brace")
    assert drafts.changes() == []

    def changes_on_a_full_disk() -> None:
        with drafts.change("eve", "pl ask_matter") as folders:
            reword(folders, "ask_matter", "Słucham?")
            raise OSError(28, "the disk is full")

    with pytest.raises(ReleaseError, match=r"\(the disk is full\): tell who runs the console"):
        changes_on_a_full_disk()
    assert [each.who for each in drafts.changes()] == ["eve"]
    (drafts.folder / "changes.ndjson").write_text('{"who": "ev')
    with pytest.raises(ReleaseError, match="who changed what"):
        drafts.propose("tola", "for clarity")


def test_what_a_process_that_died_left_of_a_beginning_is_not_taken_for_a_draft(drafts: Drafts, live: Folders) -> None:
    """Else the draft would quietly take back what went live since."""
    drafts.begin()
    (drafts.folder / "base").rename(drafts.folder / ".begins")
    reword(live, "ask_matter", "Słucham?")
    drafts.begin()
    assert not drafts.differs()


def test_texts_half_written_are_no_part_of_a_draft(drafts: Drafts, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk, or by a process that was killed."""
    folders = drafts.begin()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("voicebot.files.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            reword(folders, "ask_matter", "Słucham?")
        patch.setattr(Path, "unlink", full)
        with pytest.raises(OSError, match="No space"):
            reword(folders, "ask_matter", "Słucham?")
    assert list((folders.bundle / "prompts").glob(".*.draft")), "as kill -9 leaves it"
    assert not drafts.differs()
    load_bundle(folders.bundle)


def test_a_damaged_copy_on_disk_is_written_anew(drafts: Drafts, engine: Engine, live: Folders, tmp_path: Path) -> None:
    """Changed, missing, or with a text that nobody approved beside it."""
    releases = Releases(engine)
    release = releases.put(*live.contents(), NOW)
    folder = releases.unpack(release, tmp_path / "unpacked")
    (folder / BUNDLE / "prompts" / "pl.yml").write_text("gone")
    releases.unpack(release, tmp_path / "unpacked")
    (folder / BUNDLE / "routes.yml").unlink()
    releases.unpack(release, tmp_path / "unpacked")
    (folder / BUNDLE / "prompts" / "xx.yml").touch()
    releases.unpack(release, tmp_path / "unpacked")
    assert read_contents({BUNDLE: folder / BUNDLE, PACK: folder / PACK})[0].id == release


def test_of_two_orders_at_once_one_is_refused(engine: Engine) -> None:
    releases = Releases(engine)
    first = releases.order(Stage.PREPARE, (Arm("a"),), who="sam", why="x", at=NOW)
    releases.order(Stage.LIVE, (Arm("a"),), who="sam", why="x", at=NOW, after=first)
    with pytest.raises(ReleaseError, match="at this moment"):
        releases.order(Stage.LIVE, (Arm("b"),), who="eve", why="x", at=NOW, after=first)
    with ThreadPoolExecutor() as pool:
        orders = list(pool.map(lambda who: releases.order(Stage.BACK, (Arm(""),), who=who, why="x", at=NOW), "abc"))
    assert sorted(each.seq for each in orders) == [3, 4, 5]
    trail = AuditTable(engine.url.render_as_string(hide_password=False))
    told = [line.note.what for line in trail.latest(10, what="release.")]
    trail.close()
    assert told == ["release.prepared", "release.live", *["release.back"] * 3], (
        "what was done, once; what was refused is not there"
    )


def test_two_processes_may_keep_the_same_at_once(engine: Engine, live: Folders) -> None:
    contents, where = live.contents()
    releases = Releases(engine)
    with ThreadPoolExecutor() as pool:
        assert set(pool.map(lambda _: releases.put(contents, where, NOW), range(3))) == {contents.id}


def test_another_release_went_live_meanwhile(drafts: Drafts, live: Folders) -> None:
    """What the draft did not touch comes from there; a file that both changed is settled by a person."""
    reword(drafts.begin(), "ask_matter", "W czym możemy pomóc?")
    routes = live.bundle / "routes.yml"
    routes.write_text(routes.read_text() + "# changed\n")
    assert drafts.behind()
    with pytest.raises(ReleaseError, match="renew the draft"):
        drafts.propose("tola", "for clarity")
    assert drafts.renew().both == ()
    assert not drafts.behind()
    assert (drafts.folders.bundle / "routes.yml").read_text().endswith("# changed\n")
    assert drafts.differs().paths == ("bundle/prompts/pl.yml",)
    reword(live, "ask_matter", "Słucham?")
    before = (drafts.folders.bundle / "prompts" / "pl.yml").read_text()
    assert [each.path for each in drafts.renew().both] == ["bundle/prompts/pl.yml"]
    assert drafts.behind()
    assert (drafts.folders.bundle / "prompts" / "pl.yml").read_text() == before, "nothing is lost"


def test_a_release_comes_out_of_the_database_as_it_went_in(drafts: Drafts, engine: Engine, live: Folders, tmp_path: Path) -> None:
    releases = Releases(engine)
    contents, where = live.contents()
    release = releases.put(contents, where, NOW)
    folder = releases.unpack(release, tmp_path / "releases")
    assert releases.unpack(release, tmp_path / "releases") == folder
    assert Folders(folder / "bundle", folder / "nlu").contents()[0] == contents
    with pytest.raises(ReleaseError, match="not in the database"):
        releases.unpack("0" * 64, tmp_path / "releases")
    assert sorted(path.name for path in (tmp_path / "releases").iterdir()) == [release]


def test_what_both_changed_in_one_file_is_merged_by_line_and_settled_by_a_person(drafts: Drafts, live: Folders) -> None:
    """Comments stay. The choices are for what the person saw, and what comes out of them must load."""
    routes = Path("routes.yml")
    first, last = (live.bundle / routes).read_text().splitlines()[0], (live.bundle / routes).read_text().splitlines()[-1]
    mine = drafts.begin().bundle / routes
    mine.write_text(mine.read_text().replace(first, f"# mine\n{first}", 1))
    (live.bundle / routes).write_text(f"{(live.bundle / routes).read_text()}# theirs\n")
    assert drafts.renew().places == ()
    assert mine.read_text().startswith(f"# mine\n{first}\n")
    assert mine.read_text().endswith(f"{last}\n# theirs\n")
    mine.write_text(f"{mine.read_text()}# mine, too\n")
    (live.bundle / routes).write_text(f"{(live.bundle / routes).read_text()}other: 1\n")
    found = drafts.renew()
    (place,) = found.places
    assert (place.base, place.theirs, place.mine) == ((), ("other: 1\n",), ("# mine, too\n",))
    assert place.context[-1] == "# theirs\n"
    assert drafts.behind(), "nothing is done before it is settled"
    with pytest.raises(ReleaseError, match="cannot be loaded"):
        drafts.renew([Choice.THEIRS], found.id)
    assert mine.read_text().endswith("# mine, too\n")
    assert drafts.renew([Choice.MINE, Choice.MINE], found.id).places == (place,), "as many choices as places"
    (live.bundle / routes).write_text((live.bundle / routes).read_text().replace("other: 1\n", "# other\n"))
    with pytest.raises(ReleaseError, match="look at the places again"):
        drafts.renew([Choice.BOTH], found.id)
    drafts.renew([Choice.BOTH], drafts.renewal().id)
    assert mine.read_text().endswith("# theirs\n# other\n# mine, too\n")
    assert not drafts.behind()
    assert not (drafts.folder / ".renewed").exists()


def test_a_file_that_one_side_took_away_or_that_is_no_text_is_taken_whole(drafts: Drafts, live: Folders) -> None:
    for name, data in (("recordings/a.bin", b"\xff\x00"), ("more.yml", b"a: 1\n")):
        (live.bundle / name).parent.mkdir(exist_ok=True)
        (live.bundle / name).write_bytes(data)
    draft = drafts.begin().bundle
    (draft / "recordings/a.bin").write_bytes(b"\xff\x01")
    (live.bundle / "recordings/a.bin").write_bytes(b"\xff\x02")
    (draft / "more.yml").unlink()
    (live.bundle / "more.yml").write_bytes(b"a: 2\n")
    found = drafts.renewal()
    assert [(each.path, each.parts) for each in found.both] == [("bundle/more.yml", None), ("bundle/recordings/a.bin", None)]
    drafts.renew([Choice.MINE, Choice.THEIRS], found.id)
    assert not (draft / "more.yml").exists()
    assert (draft / "recordings/a.bin").read_bytes() == b"\xff\x02"

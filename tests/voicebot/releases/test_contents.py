"""The same files give the same id; a draft is brought onto a newer release without losing either side's work."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.releases.contents import Contents, File, contents_of, difference, read_contents, rebased
from voicebot.releases.errors import ReleaseError

PATHS = ["bundle/flow.yml", "bundle/prompts/pl.yml", "nlu/pl/blik.yml", "nlu/en/blik.yml"]
TREES = st.dictionaries(st.sampled_from(PATHS), st.sampled_from("abc")).map(
    lambda files: contents_of(File(path, 1, sha) for path, sha in files.items())
)


def as_dict(contents: Contents) -> dict[str, str]:
    return {file.path: file.sha256 for file in contents.files}


def test_the_id_goes_by_content_and_name_alone(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "a.yml").write_text("a")
        (tmp_path / name / "b.yml").write_text("b")
    (tmp_path / "two" / ".hidden").write_text("left out")
    one, where = read_contents({"bundle": tmp_path / "one"})
    two, _ = read_contents({"bundle": tmp_path / "two"})
    other, _ = read_contents({"nlu": tmp_path / "one"})
    assert one.id == two.id != other.id
    assert [file.path for file in one.files] == ["bundle/b.yml", "bundle/sub/a.yml"]
    assert {path.name for path in where.values()} == {"a.yml", "b.yml"}
    (tmp_path / "one" / "b.yml").write_text("c")
    assert read_contents({"bundle": tmp_path / "one"})[0].id != two.id


def test_a_link_is_refused_for_it_may_lead_anywhere(tmp_path: Path) -> None:
    (tmp_path / "secret.yml").symlink_to("/etc/passwd")
    with pytest.raises(ReleaseError, match="is a link"):
        read_contents({"bundle": tmp_path})


@given(TREES, TREES)
def test_what_differs_is_added_removed_or_changed(old: Contents, new: Contents) -> None:
    found, before, after = difference(old, new), as_dict(old), as_dict(new)
    assert set(found.added) == after.keys() - before.keys()
    assert set(found.removed) == before.keys() - after.keys()
    assert set(found.paths) == {path for path in PATHS if before.get(path) != after.get(path)}


@given(TREES, TREES, TREES)
def test_a_renewed_draft_keeps_its_own_changes_and_takes_all_others(base: Contents, live: Contents, draft: Contents) -> None:
    found = rebased(base, live, draft)
    began, lives, drafted, made = (as_dict(each) for each in (base, live, draft, found.contents))
    for path in PATHS:
        mine, theirs = drafted.get(path) != began.get(path), lives.get(path) != began.get(path)
        assert made.get(path) == (drafted if mine else lives).get(path)
        assert (path in found.conflicts) == (mine and theirs and drafted.get(path) != lives.get(path))

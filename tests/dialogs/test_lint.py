"""Mistakes in a bundle are found when it is loaded, and shown by file and line with the fix."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from dialogs import Bundle, BundleError, load_bundle
from dialogs.data.bundle import DEFAULT_BUNDLE


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the default bundle to make mistakes in."""
    return Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))


def change(file: Path, old: str, new: str) -> int:
    """Replace `old` (which must be there once) and say on which line."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    file.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def problems(root: Path) -> list[str]:
    with pytest.raises(BundleError) as caught:
        load_bundle(root)
    return [str(problem) for problem in caught.value.problems]


MISTAKES = YAML(typ="safe").load((Path(__file__).parent / "mistakes.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("mistake", MISTAKES["errors"], ids=lambda mistake: mistake["says"][:40])
def test_a_mistake_is_shown_with_file_line_and_mend(copy: Path, mistake: dict[str, str]) -> None:
    change(copy / mistake["file"], mistake["old"], mistake["new"])
    found = [problem for problem in problems(copy) if mistake["says"] in problem]
    assert found, problems(copy)
    assert all(re.match(r"^(flow|routes|mail|prompts/..)\.yml(:\d+)?: ", problem) for problem in found)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("flow.yml", "    then: can_we_hear", "    then: can_we_heer"),
        ("routes.yml", "  blik:            {queue: payments}", "  blik:            {queue: paiments}"),
        ("routes.yml", "    mon-fri: 07:00-22:00", "    mon-fri: 7-22"),
        ("flow.yml", "    check: hears", "    check: listens"),
    ],
)
def test_the_line_is_the_line_of_the_mistake(copy: Path, file: str, old: str, new: str) -> None:
    line = change(copy / file, old, new)
    assert any(re.match(rf"{file}:({line}|{line - 1}): ", problem) for problem in problems(copy)), problems(copy)


def test_all_mistakes_are_shown_at_once(copy: Path) -> None:
    change(copy / "flow.yml", "    check: hears", "    check: listens")
    change(copy / "routes.yml", "  blik:            {queue: payments}", "  blik:            {queue: paiments}")
    change(copy / "routes.yml", '  not_before: "09:00"', '  not_before: "21:00"')
    assert {problem.split(":")[0] for problem in problems(copy)} == {"flow.yml", "routes.yml"}
    assert len(problems(copy)) == 3


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("flow.yml", "start: [a\n", "not valid YAML"),
        ("flow.yml", "- a list\n", "must be a mapping"),
        ("routes.yml", None, "no such file"),
        ("prompts/pl.yml", "language: pl\nprompts: {a: {text: ''}}\n", "at least 1 character"),
        ("routes.yml", "a: 1\na: 2\n", "not valid YAML"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(copy: Path, file: str, content: str | None, complaint: str) -> None:
    (copy / file).unlink()
    if content is not None:
        (copy / file).write_text(content, encoding="utf-8")
    assert any(problem.startswith(file) and complaint in problem for problem in problems(copy))


def test_bytes_that_are_no_text_are_named(copy: Path) -> None:
    (copy / "flow.yml").write_bytes(b"\xff\xfe\x00")
    assert any("not UTF-8" in problem for problem in problems(copy))


@pytest.mark.parametrize("mistake", MISTAKES["warnings"], ids=lambda mistake: mistake["says"][:40])
def test_what_may_be_meant_is_only_warned_about(copy: Path, mistake: dict[str, str]) -> None:
    change(copy / mistake["file"], mistake["old"], mistake["new"])
    warnings = [str(problem) for problem in load_bundle(copy).warnings]
    assert any(mistake["says"] in warning for warning in warnings), warnings


def test_the_default_bundle_has_no_problems(bundle: Bundle) -> None:
    assert bundle.warnings == ()


def test_the_version_changes_with_the_content_and_with_nothing_else(copy: Path, bundle: Bundle) -> None:
    assert load_bundle(copy).version == bundle.version
    (copy / "tests" / "more.yml").write_text("tests: []\n", encoding="utf-8")
    assert load_bundle(copy).version == bundle.version, "conversation tests are no part of a call"
    change(copy / "prompts" / "pl.yml", '"Dziękuję, zapisane. Odezwiemy się w godzinach pracy."', '"Zapisane."')
    assert load_bundle(copy).version != bundle.version

"""What the operator's guide (docs/conversation.md) shows has the effect it promises."""

from __future__ import annotations

import re
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from dialogs import load_bundle
from dialogs.data.bundle import DEFAULT_BUNDLE
from dialogs.data.spoken_values import KNOWN_VALUES
from dialogs.events import Prompt
from dialogs.rehearsal.conversation_test import run_tests
from tests.dialogs.calls import WARSAW, WEDNESDAY_NOON, Call, means

GUIDE = (Path(__file__).parents[2] / "docs" / "conversation.md").read_text(encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))


def example(*words: str) -> str:
    """The YAML example of the guide that has all these words in it."""
    found = [block for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL) if all(word in block for word in words)]
    assert len(found) == 1, (words, len(found))
    return str(found[0])


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, (old, text.count(old))
    file.write_text(text.replace(old, new), encoding="utf-8")


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=WARSAW)


def test_a_text_changes_by_itself_on_the_day_it_becomes_valid(copy: Path) -> None:
    edit(copy / "prompts" / "pl.yml", '  ask_matter: "W czym mogę pomóc?"\n', example("Słucham, o co chodzi?"))
    bundle = load_bundle(copy)
    said = [bundle.text(Prompt("ask_matter"), "pl", day(when)).text for when in ("2026-12-31T23:59", "2027-01-01T00:00")]
    assert said == ["W czym mogę pomóc?", "Słucham, o co chodzi?"]


def test_an_exception_closes_the_days_it_names(copy: Path) -> None:
    exception = example("Long weekend").split("exceptions:\n")[1]
    edit(copy / "routes.yml", "exceptions:                #", f"exceptions:\n{exception}# ")
    calendar = load_bundle(copy).calendar
    assert [calendar.is_open("office", day(f"2027-05-0{number}T12:00")) for number in (4, 5)] == [False, True]
    assert calendar.is_open("long", day("2027-05-04T12:00"))


def test_a_new_queue_and_a_key_for_it_take_three_lines(copy: Path) -> None:
    routes = copy / "routes.yml"
    queue = example("target: leasing").removeprefix("queues:\n")
    edit(routes, "  complaints:      {target", f"{queue}  complaints:      {{target")
    business = "  business:        {queue: "
    edit(routes, f"{business}sme}}", f"{business}leasing}}\n  leasing:         {{queue: leasing}}")
    key = next(line for line in example("menu_name.leasing").splitlines() if "menu_name.leasing" in line)
    loan_service = '    "3": {say: menu_name.loan_service, intents: loan_service}\n'
    edit(routes, loan_service, f"{loan_service}{key}\n")
    names = '  menu_name.leasing: "Leasing"\n  matter.leasing: "leasing"\n'
    for language in ("pl", "en"):
        edit(copy / "prompts" / f"{language}.yml", "  menu_name.login_help:", f"{names}  menu_name.login_help:")
    bundle = load_bundle(copy)
    assert Call(bundle).presses("34").waits().place == ("leasing", 2)
    assert Call(bundle).hears(means("leasing")).waits().place == ("leasing", 2)


def test_the_test_in_the_guide_passes(copy: Path) -> None:
    path = copy / "tests" / "guide.yml"
    path.write_text(example("A lost card at night"), encoding="utf-8")
    report = run_tests(load_bundle(copy), None, [path])
    assert [result.passed for result in report.results] == [True]


def test_the_question_in_the_guide_is_the_one_that_ships(copy: Path) -> None:
    shown = re.sub(r"\s*#.*", "", example("kind: question"))
    fields = dict(line.strip().split(": ", 1) for line in shown.strip().splitlines()[1:])
    step = load_bundle(copy).flow.steps["matter"]
    assert fields["ask"] == f"[{', '.join(step.ask)}]"  # type: ignore[union-attr]
    assert fields["spent"] == step.spent  # type: ignore[union-attr]


def test_every_value_a_text_may_hold_is_in_the_guide() -> None:
    assert all(f"`{name}`" in GUIDE for name in KNOWN_VALUES)


def test_the_guides_hours_can_be_tried(copy: Path) -> None:
    bundle = load_bundle(copy)
    assert Call(bundle, at=day("2027-05-03T12:00")).hears(means("mortgage")).last_said == ["closed"], "a public holiday"
    assert Call(bundle, at=WEDNESDAY_NOON).hears(means("mortgage")).waits().place == ("mortgage", 0)

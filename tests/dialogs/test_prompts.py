"""Approved texts: which wording is spoken on which day, in which language, and what keeps them in order."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from pathlib import Path

import pytest

from dialogs import Bundle, PromptMissing, load_bundle
from dialogs.authoring.prompt_list import Gap, Status, gaps, inventory, rendered
from dialogs.data.bundle import DEFAULT_BUNDLE
from dialogs.data.prompts import PromptFile
from dialogs.events import Prompt
from tests.dialogs.calls import WARSAW, WEDNESDAY_NOON

TODAY = WEDNESDAY_NOON.date()


@pytest.mark.parametrize(
    ("day", "begins"),
    [("2026-11-18", "Saldo widać"), ("2025-09-01", "Saldo widać"), ("2025-08-31", "Saldo można"), ("2025-01-01", "Saldo można")],
)
def test_the_wording_of_the_day_is_spoken(bundle: Bundle, day: str, begins: str) -> None:
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=WARSAW)
    assert bundle.text(Prompt("message.balance"), "pl", noon).text.startswith(begins)


def test_a_message_is_not_spoken_before_it_is_valid_but_the_conversation_always_has_words(bundle: Bundle) -> None:
    long_ago = datetime(2020, 1, 1, 12, 0, tzinfo=WARSAW)
    with pytest.raises(PromptMissing, match=r"'message\.balance' in 'pl' on 2020-01-01"):
        bundle.text(Prompt("message.balance"), "pl", long_ago)
    assert bundle.text(Prompt("ask_matter"), "pl", long_ago).text == "W czym mogę pomóc?"


def test_the_day_is_the_banks_day(bundle: Bundle) -> None:
    late = datetime.fromisoformat("2025-08-31T22:30:00+00:00")  # half past midnight in Warsaw
    assert bundle.text(Prompt("message.balance"), "pl", late).text.startswith("Saldo widać")


def test_values_stay_typed_and_nested_prompts_are_filled_in(bundle: Bundle) -> None:
    confirm = bundle.text(Prompt("confirm", (("matter", "matter.blik"),)), "pl", WEDNESDAY_NOON)
    assert confirm.text == "Chodzi o BLIK, tak?"
    assert confirm.places == ()
    wait = bundle.text(Prompt("expected_wait", (("wait", "5"),)), "en", WEDNESDAY_NOON)
    assert wait.text == "The wait is {wait:about_minutes}."
    assert wait.places == (("wait", "about_minutes"),)


def test_what_a_language_does_not_have_is_said_in_the_default_language(bundle: Bundle) -> None:
    text = bundle.text(Prompt("ask_matter"), "uk", WEDNESDAY_NOON)
    assert (text.language, text.text) == ("pl", "W czym mogę pomóc?")


def test_an_unknown_prompt_is_missing(bundle: Bundle) -> None:
    with pytest.raises(PromptMissing):
        bundle.text(Prompt("no_such_prompt"), "pl", WEDNESDAY_NOON)


def test_every_prompt_is_short_enough_to_be_heard(bundle: Bundle) -> None:
    """About two sentences: nobody remembers more on the telephone."""
    for language, file in bundle.prompts.files.items():
        for prompt_id, spec in file.prompts.items():
            if prompt_id.startswith("mail."):
                continue  # it is read
            sentences = [part for part in spec.text.replace("!", ".").replace("?", ".").split(".") if part.strip()]
            listing = prompt_id.startswith(("connect_security", "closed_again", "closed_keys"))
            assert len(sentences) <= (5 if listing else 3), (language, prompt_id)
            longest = 260 if prompt_id == "connect.life_danger" else 190  # four telephone numbers read out
            assert len(spec.text) <= longest, (language, prompt_id)


def test_a_prompt_may_be_just_its_text_and_takes_the_files_approval() -> None:
    file = PromptFile.model_validate(
        {
            "language": "pl",
            "approval": {"author": "A", "approver": "B", "valid_from": date(2026, 1, 1)},
            "prompts": {"x": "Dzień dobry."},
        }
    )
    spec = file.prompts["x"]
    assert (spec.text, spec.author, spec.approver, spec.valid_from) == ("Dzień dobry.", "A", "B", date(2026, 1, 1))


# ---------------------------------------------------------------- the desk


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ("valid_to: 2026-11-17", Status.EXPIRED),
        ("valid_to: 2026-11-18", Status.OK),
        ("valid_from: 2026-11-19", Status.FUTURE),
        ("approver: ''", Status.UNAPPROVED),
    ],
)
def test_the_inventory_says_what_may_not_be_spoken_and_why(copy: Path, change: str, status: Status) -> None:
    edit(
        copy / "prompts" / "pl.yml",
        "  message.branch_atm:\n    kind: message\n",
        f"  message.branch_atm:\n    kind: message\n    {change}\n",
    )
    found = {(entry.id, entry.language): entry for entry in inventory(load_bundle(copy), TODAY)}
    assert found["message.branch_atm", "pl"].status is status
    assert found["message.branch_atm", "en"].status is Status.OK


def test_the_inventory_shows_what_a_language_lacks(copy: Path) -> None:
    edit(copy / "prompts" / "en.yml", '  outage: {text: "We know', '  outage_en: {text: "We know')
    found = {(entry.id, entry.language): entry.status for entry in inventory(load_bundle(copy), TODAY)}
    assert found["outage", "en"] is Status.MISSING
    assert found["outage_en", "pl"] is Status.MISSING
    assert ("outage", "uk") not in found, "a short language need not have everything"
    assert ("name.child", "en") not in found, "the name within a sentence is said then"


def test_gaps_are_matters_callers_raise_that_no_message_answers(bundle: Bundle) -> None:
    raised = {"fees": 40, "balance": 900, "blik": 70, "card_block": 50, "unknown": 3, "insurance": 0}
    by_language = {(intent, "pl"): times for intent, times in raised.items()} | {("blik", "en"): 3, ("fees", "xx"): 9}
    found = list(gaps(bundle, by_language, TODAY))
    assert found == [Gap("blik", "pl", 70), Gap("fees", "pl", 40), Gap("blik", "en", 3)], "each language by its own callers"
    long_ago = list(gaps(bundle, {("balance", "pl"): 5, ("balance", "en"): 4}, date(2020, 1, 1)))
    assert [gap.language for gap in long_ago] == ["pl", "en"], "a message that is not valid answers nothing"


def test_a_text_is_rendered_for_approval(bundle: Bundle) -> None:
    assert rendered(bundle, "confirm", "pl", TODAY) == "Chodzi o [matter], tak?"
    assert rendered(bundle, "callback_number", "en", TODAY) == "We will call <number_digits>. Is that right?"
    assert rendered(bundle, "leave_message", "en", TODAY, "chat").startswith("Please write")
    with pytest.raises(LookupError):
        rendered(bundle, "message.balance", "pl", date(2020, 1, 1))

"""What the demo expects is what the agents are told: without sound and without a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from caller_id.customer_rows import CustomerRow, read_customers
from caller_id.directory import Customer
from dialogs.data.bundle import load_bundle
from dialogs.events import CallStarted
from dialogs.rehearsal.rehearsal import Rehearsal
from voicebot.demo.run import A_WORKING_DAY, Outcome
from voicebot.demo.scenarios import AT_ONCE, CUSTOMERS, ONE_BY_ONE, Scenario
from voicebot.records.journal import Journal
from voicebot.softphone import Keys
from voicebot.talk import caller_for

BUNDLE = load_bundle()
SCENARIOS = (*ONE_BY_ONE, *AT_ONCE)


@pytest.fixture
def known(tmp_path: Path) -> dict[str, Sequence[Customer]]:
    """The demo's customers by number."""
    path = tmp_path / "customers.csv"
    path.write_text(CUSTOMERS)
    rows = [row for row in read_customers(path) if isinstance(row, CustomerRow)]
    return {row.number: (Customer(row.segment, row.language, row.tenure_years, row.customer_ref),) for row in rows}


def held(scenario: Scenario, keys: str, known: dict[str, Sequence[Customer]]) -> Outcome:
    """The call of a scenario's caller who presses these keys."""
    caller = caller_for(scenario.number, lambda number: known.get(number, ()))
    call = Rehearsal(BUNDLE, None, at=A_WORKING_DAY)
    call.start(CallStarted(caller, line=BUNDLE.routes.line_of(scenario.line)))
    for key in keys:
        call.press(key)
    call.stay_silent()
    journal = Journal("c1", started=A_WORKING_DAY)
    for action in call.actions:
        journal.did(action)
    return Outcome(scenario, journal.lines)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_the_segment_expected_is_the_one_that_the_agent_is_told(scenario: Scenario, known: dict[str, Sequence[Customer]]) -> None:
    """Whatever the caller wants: here a human."""
    human = BUNDLE.routes.keys.human
    assert held(scenario, human * 2, known).hand_off["segment"] == scenario.segment


def by_keys_alone(scenario: Scenario) -> str:
    """The keys of a caller who never speaks; "" for one who does."""
    return "".join(step.keys for step in scenario.steps if isinstance(step, Keys))


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if by_keys_alone(each)], ids=lambda scenario: scenario.title)
def test_who_only_presses_keys_arrives_as_expected(scenario: Scenario, known: dict[str, Sequence[Customer]]) -> None:
    """Queue, priority and segment."""
    assert held(scenario, by_keys_alone(scenario), known).as_expected

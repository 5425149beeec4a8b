"""The default bundle's own conversation tests pass, and a conversation test says what is wrong with it or with the call."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialogs import Bundle, BundleError
from dialogs.rehearsal.conversation_test import ConversationReport, find_tests, run_tests


@pytest.fixture(scope="module")
def report(bundle: Bundle) -> ConversationReport:
    return run_tests(bundle, None)


def test_every_conversation_of_the_default_bundle_goes_as_written(report: ConversationReport) -> None:
    shown = "\n".join(
        f"{result.file}:{result.line} {result.name}: {'; '.join(result.failures)}\n" + "\n".join(result.transcript)
        for result in report.failed
    )
    assert not report.failed, shown


def test_there_are_conversations_enough_in_both_languages(bundle: Bundle, report: ConversationReport) -> None:
    assert len(report.results) >= 220
    english = [result for result in report.results if result.file == "english.yml"]
    assert len(english) >= 30
    assert len({(result.file, result.name) for result in report.results}) == len(report.results), "each has a name of its own"
    assert {path.name for path in find_tests(bundle)} == {
        *("english.yml", "people.yml", "pilne.yml", "rozmowy.yml", "sprawy.yml", "trudne.yml")
    }


WRONG = """\
tests:
  - name: a test that cannot pass
    turns:
      - {say: zgubiłam kartę, means: card_block}
    expect: %s
"""


@pytest.mark.parametrize(
    ("expected", "failure"),
    [
        ("{queue: loans}", "expected queue 'loans', got 'card_emergency'"),
        ("{priority: 0}", "expected priority 0, got 10"),
        ("{hand_off: false}", "nothing was to be handed over, but the call went to card_emergency"),
        ("{says: [connect.fraud, greeting]}", "expected the bot to say ['connect.fraud', 'greeting'] in this order"),
        ("{never_says: [greeting]}", "the bot said greeting"),
        ("{ends: goodbye}", "expected the call to end as goodbye, it ended as handed_over"),
        ("{says_in: en}", "expected the last words in en"),
        ("{tried: [menu]}", "the agent is not told of ['menu']"),
        ("{decides: {survey: helped}}", "expected a decision 'survey' about 'helped', there were []"),
        ("{remembers: [slow]}", "'slow' was not remembered"),
        ("{stops_recording: true}", "the recording was not stopped"),
    ],
)
def test_a_call_that_goes_otherwise_is_reported(bundle: Bundle, tmp_path: Path, expected: str, failure: str) -> None:
    path = tmp_path / "wrong.yml"
    path.write_text(WRONG % expected, encoding="utf-8")
    (result,) = run_tests(bundle, None, [path]).failed
    assert any(failure in found for found in result.failures), result.failures
    assert (result.file, result.line) == ("wrong.yml", 2)
    assert any("zgubiłam kartę" in line for line in result.transcript)


def test_what_the_bot_said_is_checked_where_it_is_written(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yml"
    path.write_text(WRONG.replace("    expect", "      - bot: [menu]\n      - say: tak\n    expect") % "{}", encoding="utf-8")
    (result,) = run_tests(bundle, None, [path]).failed
    assert result.failures[0].startswith("turn 2: the bot said ['connect.card_emergency'], not ['menu']")


@pytest.mark.parametrize(
    ("turn", "complaint"),
    [
        ("{say: tak, key: '1'}", "a turn is one thing, not say and key"),
        ("{}", "a turn is one thing, not nothing"),
        ("{say: tak, means: ''}", "a meaning cannot be empty"),
        ("{sya: tak}", "unknown field. Did you mean 'say'?"),
    ],
)
def test_a_test_that_cannot_be_read_is_shown_by_line(bundle: Bundle, tmp_path: Path, turn: str, complaint: str) -> None:
    path = tmp_path / "broken.yml"
    path.write_text((WRONG % "{}").replace("{say: zgubiłam kartę, means: card_block}", turn), encoding="utf-8")
    with pytest.raises(BundleError) as caught:
        run_tests(bundle, None, [path])
    assert any(complaint in str(problem) and str(problem).startswith("broken.yml:4") for problem in caught.value.problems)

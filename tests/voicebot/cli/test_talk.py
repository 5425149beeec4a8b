"""The conversation as text: scripts in place of callers."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import voicebot.understanding.service
from caller_id.types import Caller, Segment
from dialogs.data.bundle import load_bundle
from dialogs.events import CallStarted
from dialogs.rehearsal.rehearsal import Exchange
from nlu.pack.pack import BANK_PACK, Pack
from nlu.understanding.keywords import KeywordUnderstander
from voicebot.cli.main import app
from voicebot.identity.customers import SampleCustomers
from voicebot.talk import CallerTurn, TalkError, TextCall, caller_for, outcome_of, parse_script, parse_turn

ROOT = Path(__file__).parents[3]
BUNDLE = load_bundle()
KEYWORDS = KeywordUnderstander(Pack(BANK_PACK))
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=BUNDLE.calendar.zone)
NIGHT = datetime(2026, 11, 24, 3, 10, tzinfo=BUNDLE.calendar.zone)


@pytest.mark.parametrize(
    ("line", "turn"),
    [
        ("zgubiłem kartę", CallerTurn("say", "zgubiłem kartę")),
        ("  zgubiłem kartę \r", CallerTurn("say", "zgubiłem kartę")),
        ("\ufeffdzień dobry", CallerTurn("say", "dzień dobry")),
        ("numer # 1", CallerTurn("say", "numer # 1")),
        ("", None),
        (" \r", None),
        ("# what follows is the second try", None),
        ("[key 1]", CallerTurn("key", "1")),
        ("[KEY *]", CallerTurn("key", "*")),
        ("[keys 600100200#]", CallerTurn("key", "600100200#")),
        ("[key 1]   # the cards menu", CallerTurn("key", "1")),
        ("[silence]", CallerTurn("silence")),
        ("[silence 8]", CallerTurn("silence", "8")),
        ("[ silence 2.5 s ]", CallerTurn("silence", "2.5")),
        ("[interrupt] konsultant", CallerTurn("interrupt", "konsultant")),
        ("[interrupt konsultant]", CallerTurn("interrupt", "konsultant")),
        ("[hangup]", CallerTurn("hangup")),
    ],
)
def test_a_line_is_what_the_caller_does(line: str, turn: CallerTurn | None) -> None:
    """However it was typed, and whatever editor saved it."""
    assert parse_turn(line) == turn


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[kye 1]", "[key 1], [keys 123#], [silence 8]"),
        ("[wait 5]", "is no mark"),
        ("[key 1", "is no mark"),
        ("[key x]", "with 0-9, * or #"),
        ("[key]", "with 0-9, * or #"),
        ("[silence long]", "write [silence 8]"),
        ("[hangup] dziękuję", "on a line of its own"),
    ],
)
def test_what_cannot_be_followed_is_explained_by_its_line(tmp_path: Path, line: str, said: str) -> None:
    """Before the call begins."""
    script = tmp_path / "call.txt"
    script.write_text(f"# a caller\n\nzgubiłem kartę\n{line}\n", encoding="utf-8")
    with pytest.raises(TalkError) as error:
        parse_script(script)
    assert str(error.value).startswith(f"{script}:4: ")
    assert said in str(error.value)


@given(st.text(max_size=40))
def test_any_line_is_a_turn_or_nothing_or_explained(line: str) -> None:
    """Nothing else happens."""
    said = ""
    turn = None
    try:
        turn = parse_turn(line, "line 1")
    except TalkError as error:
        said = str(error)
    assert said == "" or said.startswith("line 1: ")
    assert turn is None or turn.kind in ("say", "key", "silence", "interrupt", "hangup")


@pytest.mark.parametrize("encoded", [b"\xef\xbb\xbftak\r\n\r\n[key 1]\r\n", b"tak\n[key 1]", b"# x\ntak\n\n[key 1]\n\n"])
def test_a_script_may_come_from_any_editor(tmp_path: Path, encoded: bytes) -> None:
    """With a byte order mark, with CRLF, without an end."""
    script = tmp_path / "call.txt"
    script.write_bytes(encoded)
    assert parse_script(script).turns == (CallerTurn("say", "tak"), CallerTurn("key", "1"))


@pytest.mark.parametrize("content", [None, b"\xff\xfez\x00"])
def test_a_script_that_cannot_be_read_is_explained(tmp_path: Path, content: bytes | None) -> None:
    """With its path and the fix."""
    script = tmp_path / "call.txt"
    if content is not None:
        script.write_bytes(content)
    with pytest.raises(TalkError, match=r"call\.txt.*(Give|Save)"):
        parse_script(script)


def test_the_sample_customers_are_those_of_the_example() -> None:
    """What the package brings is what the folder shows; each segment has a number."""
    shipped = (ROOT / "voicebot" / "samples" / "customers.csv").read_text(encoding="utf-8")
    assert shipped == (ROOT / "examples" / "customers.csv").read_text(encoding="utf-8")
    numbers = [row.split(",")[0] for row in shipped.splitlines()[1:]]
    assert {caller_for(number, SampleCustomers().find).segment for number in numbers} == set(Segment)
    assert caller_for("+48601000099", SampleCustomers().find).segment is Segment.MASS


def test_what_is_no_number_is_a_caller_without_one() -> None:
    """As a trunk's odd header would be."""
    caller = caller_for("?", SampleCustomers().find)
    assert (caller.number, caller.segment) == (None, Segment.MASS)
    assert caller_for(None, SampleCustomers().find, Segment.SELECT).segment is Segment.SELECT


def held(*turns: CallerTurn, at: datetime = NOON, caller: Caller | None = None) -> tuple[list[Exchange], dict[str, Any]]:
    """A whole script; what happened, and the outcome."""
    shown: list[Exchange] = []
    call = TextCall(BUNDLE, KEYWORDS, at=at, show=shown.append)
    call.run(CallStarted(caller or Caller(), language="pl"), turns)
    assert call.over
    return shown, outcome_of(shown)


def test_a_caller_whose_script_is_empty_ends_at_a_human() -> None:
    """Silence is no reason to be dropped."""
    _, outcome = held()
    assert (outcome["outcome"], outcome["queue"]) == ("handed_over", BUNDLE.default_queue)


@pytest.mark.parametrize("words", ["bla bla bla", "nie wiem", "proszę chwilę poczekać", "halo?"])
@pytest.mark.parametrize("at", [NOON, NIGHT])
def test_a_caller_who_falls_silent_never_keeps_the_call_open(words: str, at: datetime) -> None:
    """It ends by itself, with an outcome."""
    _, outcome = held(CallerTurn("say", words), at=at)
    assert outcome["outcome"] in ("handed_over", "callback", "message", "self_service", "done", "goodbye")


def test_the_outcome_of_an_emergency_is_its_queue() -> None:
    """At night, at the highest priority, with the segment of the caller's number."""
    _, outcome = held(CallerTurn("say", "zgubiłem kartę"), at=NIGHT, caller=caller_for("+48601000002", SampleCustomers().find))
    told = {name: outcome[name] for name in ("outcome", "queue", "priority", "intent", "segment")}
    assert told == {
        "outcome": "handed_over",
        "queue": "card_emergency",
        "priority": 10,
        "intent": "card_block",
        "segment": "select",
    }


def test_the_outcome_of_hanging_up_names_no_queue() -> None:
    """Whatever was about to happen."""
    _, outcome = held(CallerTurn("key", "1"), CallerTurn("hangup"), CallerTurn("say", "never heard"))
    assert (outcome["outcome"], outcome["queue"], outcome["priority"]) == ("caller_hung_up", None, None)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """`voicebot talk`, with keywords in place of the trained model: rows of --json, or the result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(voicebot.understanding.service, "load_understander", lambda settings, languages: KEYWORDS)

    def talk(script: str, *options: str, status: int = 0) -> list[dict[str, Any]]:
        (tmp_path / "call.txt").write_text(script, encoding="utf-8")
        result = CliRunner().invoke(app, ["talk", "--script", "call.txt", "--json", "--at", "2026-11-24T12:00", *options])
        assert result.exit_code == status, result.output
        return [json.loads(row) for row in result.stdout.splitlines()] if status == 0 else [{"said": result.output}]

    return talk


def test_json_is_one_event_or_action_a_line_and_the_outcome_last(run: Any, tmp_path: Path) -> None:
    """Without any configuration, and nothing is written anywhere."""
    rows = run("zgubiłem kartę\n", "--caller", "+48601000001", "--lang", "pl")
    assert [row["what"] for row in rows].count("outcome") == 1
    assert {row["what"] for row in rows[:-1]} == {"event", "action"}
    assert all(row["type"] and row["at"] for row in rows)
    assert rows[0]["type"] == "CallStarted"
    assert all(row["text"] for row in rows if row["type"] == "Say")
    assert (rows[-1]["queue"], rows[-1]["segment"]) == ("card_emergency", "private_banking")
    assert [path.name for path in tmp_path.iterdir()] == ["call.txt"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--line", "mian"), "there is no line 'mian'"),
        (("--lang", "xx"), "there is no language 'xx'"),
        (("--segment", "gold"), "there is no segment 'gold'"),
        (("--at", "noon"), "write it like 2026-11-21T03:10"),
    ],
)
def test_a_wrong_option_is_explained(run: Any, options: tuple[str, ...], said: str) -> None:
    """With what there is."""
    assert said in run("tak\n", *options, status=2)[0]["said"]


def test_a_configured_directory_takes_the_place_of_the_sample(run: Any, tmp_path: Path) -> None:
    """The sample's customers are nobody then."""
    (tmp_path / "mine.csv").write_text("number,segment\n+48601000009,sme\n", encoding="utf-8")
    (tmp_path / "voicebot.yml").write_text(f"customers: {{csv: {tmp_path / 'mine.csv'}}}\n", encoding="utf-8")
    segments = [
        run("zgubiłem kartę\n", "--config", "voicebot.yml", "--caller", number)[-1]["segment"]
        for number in ("+48601000001", "+48601000009")
    ]
    assert segments == ["unknown", "sme"]

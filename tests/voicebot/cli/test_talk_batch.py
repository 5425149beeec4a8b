"""A folder of scripts: each is a call of its own, in one line, and a mistake in one is no mistake of the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

import voicebot.understanding.service
from nlu.pack.pack import BANK_PACK, Pack
from nlu.understanding.keywords import KeywordUnderstander
from voicebot.cli.main import app
from voicebot.talk import CallerTurn, CallOptions, TalkError, parse_script

KEYWORDS = KeywordUnderstander(Pack(BANK_PACK))
TOLD = {"script", "outcome", "queue", "intent", "said", "heard", "decisions", "hand_off", "end", "hung_up_by", "turns", "seconds"}


class Folder:
    """Scripts, and the command on them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.loads = 0

    def write(self, name: str, text: str) -> None:
        """One script."""
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text, encoding="utf-8")

    def run(self, *options: str) -> Result:
        """The command."""
        return CliRunner().invoke(app, ["talk", "--batch", str(self.path), *options])

    def rows(self, *options: str, status: int = 0) -> dict[str, dict[str, Any]]:
        """What it tells as JSON, by the script's name."""
        result = self.run("--json", *options)
        assert result.exit_code == status, result.output
        return {row["script"]: row for row in map(json.loads, result.stdout.splitlines())}


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Folder:
    """An empty one, with keywords in place of the trained model."""
    made = Folder(tmp_path / "scripts")
    made.path.mkdir()

    def load(*_: object) -> KeywordUnderstander:
        made.loads += 1
        return KEYWORDS

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(voicebot.understanding.service, "load_understander", load)
    return made


def test_every_script_is_a_call_and_the_models_are_loaded_once(folder: Folder) -> None:
    """Also those in folders within; hidden files are none."""
    for name in ("b.txt", "a.talk", "night/c.txt", ".b.txt.swp", ".git/d"):
        folder.write(name, "zgubiłem kartę\n")
    rows = folder.rows()
    assert list(rows) == ["a.talk", "b.txt", "night/c.txt"]
    assert folder.loads == 1
    assert all(row.keys() >= TOLD and row["queue"] == "card_emergency" for row in rows.values())


def test_a_call_is_told_in_one_object(folder: Folder) -> None:
    """What was said and heard, what was decided and why, what the agent sees, and how it ended."""
    folder.write("call.txt", "--lang pl --caller +48601000002\nzgubiłem kartę\n")
    row = folder.rows()["call.txt"]
    assert row["said"][0].startswith("Dzień dobry")
    assert [(heard["text"], heard["intent"]) for heard in row["heard"]] == [("zgubiłem kartę", "card_block")]
    assert "emergency" in [decision["kind"] for decision in row["decisions"]]
    assert (row["hand_off"]["queue"], row["hand_off"]["words"], row["hand_off"]["number"]) == (
        "card_emergency",
        "zgubiłem kartę",
        "+48601000002",
    )
    assert (row["outcome"], row["end"], row["hung_up_by"], row["turns"]) == ("handed_over", "handed_over", None, 1)
    assert 4 < row["seconds"] < 20


@pytest.mark.parametrize(
    ("script", "by", "outcome"),
    [
        ("[hangup]\n", "caller", "caller_hung_up"),
        ("do widzenia\n", "bot", "goodbye"),
        ("konsultant\nkonsultant\n", None, "handed_over"),
    ],
)
def test_who_hung_up_is_told(folder: Folder, script: str, by: str | None, outcome: str) -> None:
    """Nobody did when the call was put through."""
    folder.write("call.txt", script)
    row = folder.rows()["call.txt"]
    assert (row["hung_up_by"], row["outcome"]) == (by, outcome)


def test_keys_pressed_in_a_row_are_one_turn(folder: Folder) -> None:
    """As callers count."""
    folder.write("call.txt", "[keys 31]\n")
    row = folder.rows()["call.txt"]
    assert (row["heard"], row["turns"]) == ([{"keys": "31"}], 1)


def test_a_mistake_is_named_by_its_line_and_stops_no_other_script(folder: Folder) -> None:
    """On standard error as a sentence, among the calls as an object; the exit status tells that there was one."""
    folder.write("a.txt", "zgubiłem kartę\n[kye 1]\n")
    folder.write("b.txt", "# who\n---\nlang: pl\nat: noon\n---\nzgubiłem kartę\n")
    folder.write("c.txt", "zgubiłem kartę\n")
    (folder.path / "d.txt").write_bytes(b"\xff\xfe")
    result = folder.run("--json")
    rows = {row["script"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert result.exit_code == 1
    assert rows["c.txt"]["queue"] == "card_emergency"
    for name, where, said in (("a.txt", ":2: ", "[key 1]"), ("b.txt", ":4: ", "2026-11-21T03:10"), ("d.txt", ": ", "UTF-8")):
        message = rows[name]["error"]["message"]
        assert message.startswith(f"{folder.path / name}{where}")
        assert said in message
        assert message in result.stderr
    assert "1 calls held, 3 scripts with a mistake" in result.stderr


def test_the_same_scripts_give_the_same_answers(folder: Folder) -> None:
    """Whenever they are run: without a time of its own a call is on a working day."""
    folder.write("a.txt", "chcę kredyt hipoteczny\ntak\n")
    folder.write("b.txt", "--at 2026-11-21T03:10\nchcę kredyt hipoteczny\ntak\n")
    first, second = folder.run("--json").stdout, folder.run("--json").stdout
    assert first == second
    rows = folder.rows()
    assert rows["a.txt"]["queue"] == "mortgage"
    assert rows["b.txt"]["queue"] != "mortgage"


def test_what_a_caller_dictates_is_in_no_answer(folder: Folder) -> None:
    """Not in what was heard, not for the agent, not among the events; the caller's own number is the script's."""
    folder.write("a.txt", "--caller +48601000001\nzgubiłem kartę, pesel 44051401359, numer karty 4532 0151 1283 0366\n")
    result = folder.run("--json", "--events")
    assert "44051401359" not in result.stdout
    assert "4532" not in result.stdout
    row = json.loads(result.stdout)
    assert {line["what"] for line in row["events"]} == {"event", "action"}
    assert row["hand_off"]["number"] == "+48601000001"


def test_the_commands_own_options_come_first(folder: Folder) -> None:
    """So that a whole folder can be tried at another hour."""
    folder.write("a.txt", "---\nsegment: select\nlang: pl\n---\nkonsultant\nkonsultant\n")
    assert folder.rows()["a.txt"]["queue"] == "select"
    assert folder.rows("--segment", "mass")["a.txt"]["queue"] == "general"


def test_without_json_a_call_is_a_line_to_read(folder: Folder) -> None:
    """With where it went."""
    folder.write("a.txt", "zgubiłem kartę\n")
    assert folder.run().stdout.startswith("a.txt: handed_over card_emergency, 1 turns, ")


@pytest.mark.parametrize("options", [("--script", "x.txt"), ()])
def test_a_folder_that_cannot_be_is_explained(folder: Folder, options: tuple[str, ...]) -> None:
    """Nothing in it, or a script beside it."""
    result = folder.run(*options)
    assert result.exit_code == 2
    assert ("Give one of the two" if options else "there is no script") in result.stderr


@pytest.mark.parametrize(
    ("header", "options"),
    [
        ("", CallOptions()),
        ("---\n---\n", CallOptions()),
        (
            '---\ncaller: "+48601000001"   # a customer\nlang: pl\n\n# at night\nat: 2026-11-21T03:10\n---\n',
            CallOptions("+48601000001", "pl", "2026-11-21T03:10"),
        ),
        ("# a customer\n\n---\nsegment: 'sme'\nline: app\nlang:\n---\n", CallOptions(line="app", segment="sme")),
        ("--caller +48601000001 --lang=en --at '2026-11-21 03:10'\n", CallOptions("+48601000001", "en", "2026-11-21 03:10")),
    ],
)
def test_a_header_says_who_calls_and_when(tmp_path: Path, header: str, options: CallOptions) -> None:
    """In YAML or as on the command line; what follows is what the caller does."""
    path = tmp_path / "call.txt"
    path.write_text(f"{header}tak\n", encoding="utf-8")
    script = parse_script(path)
    assert (script.options, script.turns) == (options, (CallerTurn("say", "tak"),))


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("---\nlang: pl\ntak\n", 1, "close it with a line of ---"),
        ("---\nlang: pl\ntak\n---\n", 3, "write it like lang: pl"),
        ("---\nlanguage: pl\n---\n", 2, "options are caller, lang"),
        ("---\nlang: pl\nlang: en\n---\n", 3, "given twice"),
        ("--lang\n", 1, "has no value"),
        ("# x\n--lang 'pl\n", 2, "close every quotation mark"),
        ("---\nlang: pl\n---\n\n[kye 1]\n", 5, "is no mark"),
    ],
)
def test_a_header_that_cannot_be_followed_is_explained_by_its_line(tmp_path: Path, text: str, where: int, said: str) -> None:
    """The line of the file, header and all."""
    path = tmp_path / "call.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TalkError) as error:
        parse_script(path)
    assert str(error.value).startswith(f"{path}:{where}: ")
    assert said in str(error.value)


@given(st.text(max_size=60), st.sampled_from(["", "---\n", "--", "---\nlang: pl\n---\n"]))
def test_any_file_is_a_script_or_explained(tmp_path_factory: pytest.TempPathFactory, text: str, begin: str) -> None:
    """Nothing else happens."""
    path = tmp_path_factory.mktemp("any") / "call.txt"
    path.write_text(begin + text, encoding="utf-8", newline="")
    said = f"{path}:"
    turns: tuple[CallerTurn, ...] = ()
    try:
        turns = parse_script(path).turns
    except TalkError as error:
        said = str(error)
    assert said.startswith(f"{path}:")
    assert all(turn.kind in ("say", "key", "silence", "interrupt", "hangup") for turn in turns)

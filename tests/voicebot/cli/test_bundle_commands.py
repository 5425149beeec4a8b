"""The commands of those who design the conversation, as they are typed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import soundfile
from typer.testing import CliRunner, Result

from caller_id.types import Caller
from dialogs import wire
from dialogs.data.bundle import DEFAULT_BUNDLE
from dialogs.events import CallStarted, Prompt, Say
from tests.voicebot.records.databases import summary
from voicebot.cli.main import app
from voicebot.records import RecordStore


def run(*arguments: object, **environment: str) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)


@pytest.mark.parametrize(("form", "begins"), [("svg", b"<?xml"), ("dot", b"digraph")])
def test_the_pictures_are_written_where_they_are_asked_for(tmp_path: Path, form: str, begins: bytes) -> None:
    result = run("flow", "draw", tmp_path / "new" / "pictures", "--lang", "en", "--format", form)
    assert result.exit_code == 0
    assert {path.name for path in (tmp_path / "new" / "pictures").iterdir()} == {f"flow.{form}", f"routes.{form}"}
    flow = (tmp_path / "new" / "pictures" / f"flow.{form}").read_bytes()
    assert flow.startswith(begins)
    assert b"How may I help you?" in flow


@pytest.mark.parametrize("language", ["de", "uk"])
def test_a_language_in_which_nothing_can_be_drawn_is_refused(tmp_path: Path, language: str) -> None:
    result = run("flow", "draw", tmp_path, "--lang", language)
    assert (result.exit_code, result.output) == (2, f"no language '{language}' in the bundle; there are pl, en\n")


@pytest.mark.parametrize("command", ["list", "script", "gaps"])
def test_prompts_of_a_short_message_have_their_lists_and_an_unknown_language_is_named(tmp_path: Path, command: str) -> None:
    here = {"VOICEBOT_STATE__DATA_DIR": str(tmp_path)}
    assert run("prompts", command, "--lang", "uk", **here).exit_code == 0
    unknown = run("prompts", command, "--lang", "de", **here)
    assert (unknown.exit_code, unknown.output) == (2, "no language 'de' in the bundle; there are pl, en, uk\n")


def test_without_graphviz_it_is_said_how_to_install_it_and_nothing_is_written(tmp_path: Path) -> None:
    result = run("flow", "draw", tmp_path / "pictures", PATH=os.devnull)
    assert result.exit_code == 2
    assert "apt-get install graphviz" in result.output
    assert not (tmp_path / "pictures").exists()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("flow", "draw", tmp_path / "file", "--format", "dot")
    assert result.exit_code == 2
    assert f"{tmp_path / 'file' / 'flow.dot'} cannot be written" in result.output


def test_every_file_from_the_studio_is_named_with_what_became_of_it(tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))
    studio = tmp_path / "studio"
    studio.mkdir()
    soundfile.write(studio / "back.WAV", [0.3, -0.3] * 20000, 16000)
    soundfile.write(studio / "wait.flac", [0.0] * 40000, 16000)
    (studio / "notes.txt").write_text("take 3")
    result = run("prompts", "import", studio, "--bundle", bundle, "--json")
    assert result.exit_code == 1
    found = {row["file"]: row for row in json.loads(result.stdout)}
    assert (found["back.WAV"]["result"], found["back.WAV"]["prompt"]) == ("imported", "back")
    assert found["notes.txt"]["what"].startswith("no recording: .txt is no ending of a sound file")
    assert found["wait.flac"]["what"].startswith("silent")
    again = run("prompts", "import", studio / "back.WAV", "--bundle", bundle)
    assert again.exit_code == 0
    assert "1 unchanged" in again.output
    heard = tmp_path / "heard.wav"
    assert run("prompts", "hear", "back", "--telephone", "-o", heard, "--bundle", bundle).exit_code == 0
    assert soundfile.info(str(heard)).samplerate == 8000


@pytest.mark.parametrize(
    ("prompt", "values", "said"),
    [
        ("expected_wait", [], "'expected_wait' holds values: give --value wait=…"),
        ("expected_wait", ["wait=soon"], "'soon' is no whole number such as 12"),
        ("confirm", ["matter=expected_wait"], "give --value wait=…"),
        ("confirm", ["matter=confirm"], "would be a part of itself"),
        ("confirm", ["matter=gone"], "no approved and valid text of 'gone'"),
        ("gone", [], "there is no prompt 'gone' in 'pl'"),
        ("part.dwadziescia", [], "'part.dwadziescia' is not recorded; what is to be read: dwadzieścia"),
    ],
)
def test_what_cannot_be_heard_is_said(tmp_path: Path, prompt: str, values: list[str], said: str) -> None:
    given = [option for value in values for option in ("--value", value)]
    result = run("prompts", "hear", prompt, "-o", tmp_path / "heard.wav", *given)
    assert (result.exit_code, said in result.output) == (2, True)


@pytest.mark.parametrize("kind", ["csv", "tsv", "html"])
def test_the_studio_gets_its_script_and_what_is_missing_is_listed(tmp_path: Path, kind: str) -> None:
    script = tmp_path / f"script.{kind}"
    assert run("prompts", "script", "--missing", "-o", script).exit_code == 0
    text = script.read_text(encoding="utf-8")
    assert "W czym mogę pomóc?" in text
    assert "part.dwadziescia.wav" in text
    assert "Trzeba poczekać {wait:about_minutes}." in text
    assert run("prompts", "script", "-o", tmp_path / "script.docx").exit_code == 2
    missing = run("prompts", "missing", "--lang", "uk", "--json")
    assert missing.exit_code == 1
    assert {row["recorded"] for row in json.loads(missing.stdout)} == {"-"}


@pytest.mark.parametrize(
    ("folder", "language", "said"),
    [("gone", "pl", "gone: no such file"), (".", "de", "no language 'de' in the bundle"), ("empty", "pl", "no files in ")],
)
def test_what_cannot_be_imported_from_or_into_is_named(tmp_path: Path, folder: str, language: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    result = run("prompts", "import", tmp_path / folder, "--bundle", DEFAULT_BUNDLE, "--lang", language)
    assert result.exit_code == 2
    assert said in result.output


def keep(data_dir: Path, *calls: tuple[str, list[dict[str, Any]]]) -> None:
    """Write calls of this moment into the service's own records."""

    async def write() -> None:
        store = RecordStore(f"sqlite:///{data_dir / 'calls.db'}", spool_dir=data_dir / "spool")
        await store.start()
        for place, (intent, lines) in enumerate(calls):
            store.save(summary(f"c{place}", started=datetime.now(UTC), intent=intent), lines)
        await store.close()

    asyncio.run(write())


def said(*prompts: str) -> dict[str, Any]:
    return {"t": 1.0, "what": "action", **wire.encode(Say(tuple(map(Prompt, prompts)), "pl", "s1"))}


def test_gaps_come_from_the_records_of_the_service(tmp_path: Path) -> None:
    begun = {"t": 0.0, "what": "event", **wire.encode(CallStarted(Caller()))}
    keep(tmp_path, ("blik", [begun, said("greeting", "ask_matter")]), ("balance", [begun, said("ask_matter", "message.balance")]))
    result = run("prompts", "gaps", VOICEBOT_STATE__DATA_DIR=str(tmp_path))
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith("2 calls of the last 30 days in sqlite:///")
    assert "     2  ask_matter  (pl)" in lines
    assert lines.index("     2  ask_matter  (pl)") < lines.index("     1  greeting  (pl)"), "most frequent first"
    assert "     1  blik  (pl)" in lines
    assert not any("balance  (" in line and "message" not in line for line in lines), "a message answers it"
    english = run("prompts", "gaps", "--lang", "en", VOICEBOT_STATE__DATA_DIR=str(tmp_path)).output
    assert "ask_matter" not in english
    assert "blik" not in english, "nobody asked in English"


def test_the_password_of_the_database_is_not_printed(tmp_path: Path) -> None:
    url = f"sqlite://teller:hunter2@/{tmp_path / 'calls.db'}"
    result = run("prompts", "gaps", VOICEBOT_STATE__DATA_DIR=str(tmp_path), VOICEBOT_RECORDS__DATABASE_URL=url)
    assert "hunter2" not in result.output

"""Files that a command cannot read or write are told in a line, and pipes may close early."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from voicebot.cli.main import app


@pytest.mark.parametrize("set_by", ["option", "variable"])
def test_the_commands_of_understanding_work_on_the_configured_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_by: str
) -> None:
    """An empty one has no language to check."""
    (tmp_path / "pack").mkdir()
    config = tmp_path / "voicebot.yml"
    config.write_text(f"nlu: {{pack: {tmp_path / 'pack'}}}\n")
    if set_by == "variable":
        monkeypatch.setenv("VOICEBOT_CONFIG", str(config))
    result = CliRunner().invoke(app, ["nlu", *(["--config", str(config)] if set_by == "option" else []), "lint"])
    assert (result.exit_code, str(tmp_path / "pack") in result.stderr) == (2, True)


def test_recordings_go_into_the_configured_bundle(tmp_path: Path) -> None:
    """The one that ships with voicebot takes none."""
    result = CliRunner().invoke(app, ["prompts", "import", str(tmp_path)], env={"VOICEBOT_CONFIG": None})
    assert (result.exit_code, "Name yours" in result.stderr) == (2, True)


@pytest.mark.parametrize("command", ["config show", "prompts list", "models list", "flow schema"])
def test_a_reader_that_goes_away_is_no_error(command: str) -> None:
    """As head does."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("VOICEBOT_")}
    with subprocess.Popen(
        [sys.executable, "-c", "from voicebot.cli.main import app; app()", *command.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        cwd=Path(__file__).parents[3],
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize("command", ["models list", "prompts list", "customers status", "config show", "config check"])
def test_what_goes_into_a_pipe_has_no_boxes_and_is_not_cut(command: str) -> None:
    """At any width that the environment names."""
    shown = CliRunner().invoke(app, command.split(), env={"COLUMNS": "40", "VOICEBOT_CONFIG": None}).stdout
    assert shown
    assert not set(shown) & set("│┃━─┏┡└")
    if command == "models list":
        assert "https://alphacephei.com/vosk/models/vosk-model-small-pl-0.22.zip" in shown

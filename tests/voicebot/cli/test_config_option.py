"""The configuration is named the same way for every command, and mistakes in files are told by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from voicebot.cli.main import app


@pytest.mark.parametrize("arguments", [("--config",), ()], ids=["option", "argument"])
def test_a_configuration_is_checked_however_it_is_named(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    file = tmp_path / "voicebot.yml"
    file.write_text("sip:\n  prot: 5060\n")
    result = CliRunner().invoke(app, ["config", "check", *arguments, str(file)])
    assert result.exit_code == 1
    assert f"{file}:2" in result.output


COMMANDS = [
    *(
        "serve",
        "web",
        "reload",
        "talk",
        "test",
        "replay",
        "flow draw",
        "flow check",
        "prompts list",
        "prompts render",
        "prompts script",
        "prompts missing",
        "prompts import",
        "prompts hear",
    ),
    *("prompts gaps", "models list", "models fetch", "models verify", "config check", "customers import"),
    *("customers status", "customers rollback", "customers lookup", "config show"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_reads_the_configuration_has_the_same_option(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "--config" in result.output
    assert "VOICEBOT_CONFIG" in result.output


@pytest.mark.parametrize("token", ["", "vbt_ż", "two words"])
def test_a_file_without_a_token_is_told(tmp_path: Path, token: str) -> None:
    file = tmp_path / "mail.token"
    file.write_text(token)
    result = CliRunner().invoke(app, ["mail", "--token-file", str(file)])
    assert result.exit_code == 2
    assert "voicebot token add" in result.output

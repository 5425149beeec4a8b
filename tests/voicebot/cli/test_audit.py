"""`voicebot audit` and `voicebot keys`, as a person runs them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.voicebot.identity.test_audit import UNLOCKED, notes
from voicebot.cli.main import app
from voicebot.identity.audit_table import AuditTable


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "voicebot.yml"
    path.write_text(f"state:\n  data_dir: {tmp_path / 'var'}\n")
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--config", str(config)])


def filled(config: Path) -> Path:
    path = config.parent / "var" / "calls.db"
    table = AuditTable(f"sqlite:///{path}")
    table.append(notes(3))
    table.close()
    return path


def test_an_unbroken_trail_says_its_head_which_can_be_held_against_it_later(config: Path) -> None:
    assert "no line yet" in run(config, "audit", "verify").output
    filled(config)
    told = run(config, "audit", "verify")
    assert told.exit_code == 0
    head = told.output.splitlines()[1]
    assert head.startswith("head 3:")
    again = run(config, "audit", "verify", "--head", head)
    assert (again.exit_code, "is among them" in again.output) == (0, True)
    gone = run(config, "audit", "verify", "--head", f"9:{'0' * 64}")
    assert (gone.exit_code, "lines are missing" in gone.output) == (1, True)
    assert run(config, "audit", "verify", "--head", "yesterday").exit_code == 2


def test_a_changed_line_is_named(config: Path) -> None:
    connection = sqlite3.connect(filled(config))
    for statement in (*UNLOCKED, "UPDATE audit SET facts = '{}' WHERE position = 2"):
        connection.execute(statement)
    connection.commit()
    connection.close()
    told = run(config, "audit", "verify")
    assert (told.exit_code, told.output) == (1, "the trail is broken at line 2: the line was changed\n")


def test_lines_are_listed_for_people_and_for_programs(config: Path) -> None:
    filled(config)
    told = run(config, "audit", "list", "--most", "2")
    assert "n=2" in told.output
    assert "n=0" not in told.output
    (line,) = run(config, "audit", "list", "--json", "--most", "1", "--what", "test.").output.splitlines()
    assert json.loads(line)["facts"] == {"n": 2}
    assert run(config, "audit", "list", "--fact", "customer").exit_code == 2


def test_keys_are_shown_rotated_and_revoked(config: Path) -> None:
    (first,) = json.loads(run(config, "keys", "show").output)["keys"]
    assert "d" not in first
    assert "signs now" in run(config, "keys", "rotate", "--algorithm", "ES256").output
    new, old = json.loads(run(config, "keys", "show").output)["keys"]
    assert (new["alg"], old["kid"]) == ("ES256", first["kid"])
    assert run(config, "keys", "revoke", new["kid"]).exit_code == 0
    assert [key["kid"] for key in json.loads(run(config, "keys", "show").output)["keys"]] == [first["kid"]]
    assert run(config, "keys", "revoke", "nobody").exit_code == 2

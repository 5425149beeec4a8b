"""`voicebot records` tells what waits where, and brings back what was put aside."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.voicebot.records.databases import heard, summary
from voicebot.cli.main import app
from voicebot.records.database import Database
from voicebot.records.spool import Spool
from voicebot.records.summary import CallRecord


@pytest.fixture(autouse=True)
def _umask_of_before() -> object:
    import os

    before = os.umask(0o022)
    yield
    os.umask(before)


def run(tmp_path: Path, command: str) -> Result:
    config = tmp_path / "voicebot.yml"
    config.write_text(f"state:\n  data_dir: {tmp_path / 'var'}\n")
    return CliRunner().invoke(app, ["records", command, "--config", str(config)], env={"COLUMNS": "200"})


def test_a_new_machine_has_nothing_and_gets_nothing(tmp_path: Path) -> None:
    """Asking makes no file."""
    result = run(tmp_path, "status")
    assert result.exit_code == 0, result.output
    assert "tables: none yet" in result.output
    assert not (tmp_path / "var").exists()


def test_status_counts_what_is_where_and_retry_brings_it_back(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "var" / "spool")
    spool.put(CallRecord(summary("waiting")))
    spool.reject(spool.put(CallRecord(summary("aside"), [heard("tajne słowa")])))
    (spool.aside / "half.json").write_text("{")
    before = run(tmp_path, "status")
    assert before.exit_code == 1
    assert f"waiting     1 in {spool.folder}, the oldest for 0:00:0" in before.output
    assert f"put aside   2 in {spool.aside}; `voicebot records retry` tries them again" in before.output
    result = run(tmp_path, "retry")
    assert result.exit_code == 1
    assert f"{spool.aside / 'half.json'}: is no record" in result.output
    assert "1 records written, 1 still aside" in result.output
    assert "tajne" not in before.output + result.output
    after = run(tmp_path, "status")
    assert "calls: 1" in after.output
    assert "put aside   1" in after.output


def test_a_database_that_is_damaged_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "var" / "calls.db"
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    spool = Spool(tmp_path / "var" / "spool")
    spool.reject(spool.put(CallRecord(summary())))
    for command in ("status", "retry", "upgrade"):
        result = run(tmp_path, command)
        assert result.exit_code in (1, 2), result.output
        assert f"{path}: file is not a database. The file is damaged. Move it away" in result.output.replace("\n", "")
    assert len(spool.rejected()) == 1, "nothing is lost"


def test_damage_that_only_a_check_finds_is_found(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'var' / 'calls.db'}")
    for number in range(50):
        database.write(CallRecord(summary(f"c{number}"), [heard("słowa " * 50)]))
    database.forget()
    database.close()
    with database.file.open("r+b") as file:  # type: ignore[union-attr]
        file.seek(-8192, 2)
        file.write(b"\xff" * 8192)
    result = run(tmp_path, "status")
    assert result.exit_code == 1
    assert "DAMAGED" in result.output or "AWAY" in result.output


def test_tables_are_upgraded_and_a_newer_database_is_refused(tmp_path: Path) -> None:
    first, second = run(tmp_path, "upgrade"), run(tmp_path, "upgrade")
    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    assert "before: none" in first.output
    assert "as before" in second.output
    connection = sqlite3.connect(tmp_path / "var" / "calls.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    for command in ("upgrade", "status"):
        result = run(tmp_path, command)
        assert result.exit_code in (1, 2)
        assert "written by a newer voicebot" in result.output

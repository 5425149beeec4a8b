"""`voicebot calls`: what an operator, a spreadsheet and a pipe get of the calls."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from tests.voicebot.records.databases import STARTED, heard, summary
from voicebot.cli.keeping.calls import _row
from voicebot.cli.main import app
from voicebot.records.database import Database
from voicebot.records.exporting import csv_row
from voicebot.records.listing import CallFilter, listed
from voicebot.records.summary import CallRecord, CallSummary


def kept(folder: Path, calls: Sequence[CallSummary], lines: Sequence[dict[str, Any]] = ()) -> Path:
    """A configuration whose database holds these calls."""
    database = Database(f"sqlite:///{folder / 'calls.db'}")
    for call in calls:
        database.write(CallRecord(call, tuple(lines)))
    database.close()
    config = folder / "voicebot.yml"
    config.write_text(f"state: {{data_dir: {folder}}}\n")
    return config


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["calls", "--config", str(config), *arguments])


def ids(result: Result) -> list[str]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line)["call_id"] for line in result.stdout.splitlines()]


def test_the_latest_call_comes_first_and_the_table_fits_80_columns(tmp_path: Path) -> None:
    """An operator's terminal."""
    calls = [summary(f"20261123-10000{n}-abcdef", started=STARTED + timedelta(minutes=n), queue="cards") for n in range(3)]
    result = run(kept(tmp_path, calls))
    rows = result.stdout.splitlines()
    assert rows[0].split() == ["call", "started", "line", "matter", "queue", "outcome"]
    assert [row.split()[0][-8] for row in rows[1:]] == ["2", "1", "0"]
    assert all(len(_row(["x" * 200] * 6, whole=False)) == 80 for _ in rows)


def test_in_a_pipe_nothing_is_cut_off(tmp_path: Path) -> None:
    """`grep` must find the whole word."""
    result = run(kept(tmp_path, [summary(queue="a-queue-with-a-very-long-name")]))
    assert "a-queue-with-a-very-long-name" in result.stdout


def test_a_control_character_does_not_reach_the_terminal(tmp_path: Path) -> None:
    """A call's id may come from the network."""
    result = run(kept(tmp_path, [summary("c1\x1b[2J\x07")]))
    assert "\x1b" not in result.stdout
    assert "\x07" not in result.stdout


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--line", "main"], ["c1"]),
        (["--queue", "cards"], ["c2"]),
        (["--matter", "blik"], ["c3"]),
        (["--outcome", "goodbye"], ["c4"]),
        (["--from", "2026-11-24", "--to", "2026-11-24"], ["c2"]),
        (["--from", "2026-11-25"], ["c4", "c3"]),
        (["--to", "2026-11-24T00:59"], ["c1"]),
        (["--to", "2026-11-24T00:01+00:00"], ["c2", "c1"]),
        (["--queue", "cards", "--matter", "blik"], []),
    ],
)
def test_calls_are_chosen(options: list[str], expected: list[str], tmp_path: Path) -> None:
    """Days are those where the bank is: c2 came at one in the morning there, at midnight in UTC."""
    calls = [
        summary("c1", line="main"),
        summary("c2", line="a", queue="cards", started=datetime(2026, 11, 24, 0, 0, tzinfo=UTC)),
        summary("c3", line="a", intent="blik", started=datetime(2026, 11, 24, 23, 0, tzinfo=UTC)),
        CallSummary("c4", STARTED + timedelta(days=3), STARTED + timedelta(days=3), "goodbye", line="a"),
    ]
    assert ids(run(kept(tmp_path, calls), "--ndjson", *options)) == expected


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "", "26.11.2026"])
def test_a_day_that_is_none_is_explained(day: str, tmp_path: Path) -> None:
    """With the option, and what to write."""
    result = run(kept(tmp_path, [summary()]), "--from", day)
    assert result.exit_code == 2
    assert "--from" in result.stderr
    assert "2026-11-26" in result.stderr


def test_csv_holds_every_field_and_no_formula(tmp_path: Path) -> None:
    """A spreadsheet that opens it runs nothing (OWASP, CSV Injection)."""
    odd = summary(queue="=cmd|' /C calc'!A0", intent="+1", line="-1", number="+48600100200", response_ms=(400, 500))
    text = run(kept(tmp_path, [odd]), "--csv").stdout
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert list(row) == list(CallSummary.__dataclass_fields__)
    assert (row["queue"], row["intent"], row["line"]) == ("'=cmd|' /C calc'!A0", "'+1", "'-1")
    assert row["number"] == "'+48600100200"
    assert row["response_ms"] == "400 500"


@given(st.text())
def test_no_text_begins_like_a_formula(text: str) -> None:
    """Whatever a caller brought about."""
    (cell,) = next(csv.reader(io.StringIO(csv_row([text]), newline="")))
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), unique=True, max_size=25), st.integers(1, 7))
def test_pages_leave_out_no_call_and_repeat_none(moments: list[tuple[int, int]], page: int) -> None:
    """Also of calls that began in the same moment."""
    database = Database("sqlite:///:memory:")
    try:
        calls = [summary(f"c{name}-{minute}", started=STARTED + timedelta(minutes=minute)) for minute, name in moments]
        for call in calls:
            database.write(CallRecord(call))
        database.count()
        found = list(listed(database._engine, CallFilter(), page=page))
        assert found == sorted(calls, key=lambda call: (call.started, call.call_id), reverse=True)
    finally:
        database.close()


def test_no_calls_is_said_where_it_does_not_harm_a_pipe(tmp_path: Path) -> None:
    """Standard output stays empty."""
    result = run(kept(tmp_path, [summary()]), "--line", "nobody")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "no calls" in result.stderr


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """The usual mistake is a forgotten --config."""
    config = tmp_path / "voicebot.yml"
    config.write_text(f"state: {{data_dir: {tmp_path / 'elsewhere'}}}\n")
    result = run(config)
    assert result.exit_code == 2
    assert "--config" in result.stderr
    assert not (tmp_path / "elsewhere").exists()


def test_a_database_that_is_none_is_explained(tmp_path: Path) -> None:
    """Without a traceback."""
    (tmp_path / "calls.db").write_bytes(b"no database" * 100)
    config = tmp_path / "voicebot.yml"
    config.write_text(f"state: {{data_dir: {tmp_path}}}\n")
    result = run(config)
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr


def test_one_call_is_shown_with_what_happened(tmp_path: Path) -> None:
    """As the demo shows it; --json for tools."""
    config = kept(tmp_path, [summary("c1", queue="cards")], [heard("zgubiłem kartę")])
    shown = run(config, "show", "c1")
    assert shown.exit_code == 0, shown.stderr
    assert "zgubiłem kartę" in shown.stdout
    assert "cards" in shown.stdout
    assert json.loads(run(config, "show", "c1", "--json").stdout)["call"]["call_id"] == "c1"
    missing = run(config, "show", "c2")
    assert missing.exit_code == 1
    assert "c2" in missing.stderr


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    """`voicebot calls | head`: a real pipe that is closed, in a process of its own."""
    config = kept(tmp_path, [summary(f"c{n}", started=STARTED + timedelta(seconds=n), queue="q" * 60) for n in range(3000)])
    command = [sys.executable, "-c", "from voicebot.cli.main import app; app()", "calls", "--ndjson", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"{")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0

"""`voicebot figures`: the nightly report, as a timer would have it made."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from tests.voicebot.browser import needs_chromium
from tests.voicebot.records.databases import summary
from voicebot.cli.main import app
from voicebot.console.pdf import pdf_of
from voicebot.errors import ConfigError
from voicebot.figures.rollup import RollUp
from voicebot.records.database import Database
from voicebot.records.summary import CallRecord


def test_the_report_is_one_file_that_needs_nothing_else(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'calls.db'}")
    for number in range(25):
        started = datetime(2026, 11, 23, 9, number, tzinfo=UTC)
        database.write(CallRecord(summary(f"c{number}", started=started, intent="transfer", queue="payments")))
    database.close()
    config = tmp_path / "voicebot.yml"
    config.write_text(f"state: {{data_dir: {tmp_path}}}\n")
    target = tmp_path / "report.html"
    options = ["figures", "report", "--to", str(target), "--day", "2026-11-23", "--lang", "en", "--config", str(config)]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    text = target.read_text(encoding="utf-8")
    assert "Calls: 25" in text
    assert "Misrouted" in text
    assert "Right queue" in text
    assert "To the right human" in text
    assert "http" not in text.replace('xmlns="http', "")
    assert [path.name for path in tmp_path.glob(".report*")] == []
    again = CliRunner().invoke(app, ["figures", "roll-up", "--config", str(config)])
    assert again.output.strip() == "0 days counted"


def test_what_is_written_wrong_is_told(tmp_path: Path) -> None:
    config = tmp_path / "voicebot.yml"
    config.write_text(f"state: {{data_dir: {tmp_path}}}\n")
    for options, said in (
        (["--to", str(tmp_path / "r.html"), "--day", "monday"], "write it like"),
        (["--to", str(config / "r.html")], "cannot be written"),
        (["--to", str(tmp_path / "r.html"), "--lang", "de"], "pl or en"),
    ):
        result = CliRunner().invoke(app, ["figures", "report", *options, "--config", str(config)])
        assert result.exit_code != 0
        assert said in " ".join(result.output.split())


@needs_chromium
def test_the_report_as_pdf(tmp_path: Path) -> None:
    config = tmp_path / "voicebot.yml"
    config.write_text(f"state: {{data_dir: {tmp_path / 'data'}}}\n")
    target = tmp_path / "report.pdf"
    result = CliRunner().invoke(app, ["figures", "report", "--to", str(target), "--config", str(config)])
    assert result.exit_code == 0, result.output
    assert target.read_bytes().startswith(b"%PDF-")


def test_without_chromium_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="apt-get install chromium"):
        pdf_of("<p>figures")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_goes_away_is_told_plainly_and_what_is_counted_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next one goes on with the days that are left."""
    database = Database(f"sqlite:///{tmp_path / 'calls.db'}")
    for day in (20, 21, 22):
        database.write(CallRecord(summary(f"c{day}", started=datetime(2026, 11, day, 9, tzinfo=UTC))))
    database.close()
    config = tmp_path / "voicebot.yml"
    config.write_text(f"state: {{data_dir: {tmp_path}}}\n")
    count, days = RollUp._count, []

    def goes_away(self: RollUp, day: date, now: datetime) -> None:
        days.append(day)
        if len(days) == 2:
            raise OperationalError("SELECT calls.number FROM calls", {}, OSError("server closed the connection"))
        count(self, day, now)

    monkeypatch.setattr(RollUp, "_count", goes_away)
    command = ["figures", "roll-up", "--config", str(config)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "the database went away (OSError). Counted days are kept; run it again" in " ".join(result.output.split())
    assert "SELECT" not in result.output
    assert CliRunner().invoke(app, command).output.strip() == "2 days counted"

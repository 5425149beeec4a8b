"""Calls in SQL."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from tests.voicebot.records.databases import STARTED, heard, summary, take_back
from voicebot.errors import RecordsError
from voicebot.records.database import Database
from voicebot.records.summary import CallRecord, summary_codec

LINES = [heard("zgubiłem kartę"), {"t": 3.0, "what": "action", "type": "Say", "mark": "m1"}]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'new' / 'calls.db'}")
    yield opened
    opened.close()


def rows(tmp_path: Path, table: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(tmp_path / "new" / "calls.db")
    found = connection.execute(f"SELECT * FROM {table}").fetchall()
    connection.close()
    return found


def test_a_call_is_read_as_it_was_written(database: Database) -> None:
    """Summary and journal, whole."""
    record = CallRecord(
        summary(number="+48…123", intent="card_block", confidence=0.93, queue="cards", priority=10, response_ms=(410, 620)), LINES
    )
    database.write(record)
    assert database.call("c1") == record
    assert database.call("c2") is None


def test_writing_a_call_again_replaces_it(database: Database) -> None:
    """A record that is replayed after a crash does not appear twice."""
    database.write(CallRecord(summary(), LINES))
    database.write(CallRecord(summary(intent="blik"), LINES[:1]))
    assert database.count() == 1
    again = database.call("c1")
    assert again is not None
    assert (again.summary.intent, len(again.lines)) == ("blik", 1)


def test_calls_are_listed_newest_first_page_by_page(database: Database) -> None:
    """`before` is the start of the last one shown."""
    for minute in range(5):
        database.write(CallRecord(summary(f"c{minute}", started=STARTED + timedelta(minutes=minute)), []))
    first = database.calls(limit=3)
    assert [each.call_id for each in first] == ["c4", "c3", "c2"]
    assert [each.call_id for each in database.calls(limit=3, before=first[-1].started)] == ["c1", "c0"]


def test_times_come_back_in_utc_whatever_zone_they_had(database: Database) -> None:
    """And a time without a zone is refused, not guessed."""
    local = STARTED.astimezone(timezone(timedelta(hours=2)))
    database.write(CallRecord(summary(started=local), []))
    found = database.calls(limit=1)[0]
    assert (found.started, found.started.tzinfo) == (STARTED, UTC)
    with pytest.raises(SQLAlchemyError, match="without a zone"):
        database.write(CallRecord(summary("c2", started=STARTED.replace(tzinfo=None)), []))


def test_final_utterances_that_were_understood_are_kept_for_review(database: Database, tmp_path: Path) -> None:
    """Partial results and noise are not."""
    lines = [heard("zgub", final=False), heard("zgubiłem kartę"), heard("", intent=None)]
    database.write(CallRecord(summary(language="pl"), lines))
    (row,) = rows(tmp_path, "utterances")
    assert row[:9] == ("c1", 1, "zgubiłem kartę", "pl", 0.8, "card_block", 0.9, "accept", "local")


def test_purging_deletes_old_calls_with_all_that_belongs_to_them(database: Database, tmp_path: Path) -> None:
    """And tells which they were, so that their files can follow."""
    old, new = summary("old", recording="/r/old.wav"), summary("new", started=STARTED + timedelta(days=10))
    for each in (old, new):
        database.write(CallRecord(each, LINES))
    assert database.purge(STARTED + timedelta(days=5)) == [old]
    assert [each.call_id for each in database.calls(limit=9)] == ["new"]
    assert {row[0] for table in ("call_lines", "utterances") for row in rows(tmp_path, table)} == {"new"}


def test_the_database_is_in_wal_mode(database: Database, tmp_path: Path) -> None:
    """Readers and the writer do not block each other."""
    database.write(CallRecord(summary(), []))
    connection = sqlite3.connect(tmp_path / "new" / "calls.db")
    mode = connection.execute("PRAGMA journal_mode").fetchone()
    connection.close()
    assert mode == ("wal",)


@pytest.mark.parametrize(
    ("url", "said"),
    [("no url at all", "is no URL"), ("nosuch://x/y", "needs a driver"), ("postgresql+nosuch://x/y", "needs a driver")],
)
def test_an_unusable_url_is_explained(url: str, said: str) -> None:
    """Before anything is served."""
    with pytest.raises(RecordsError, match=said):
        Database(url)


def test_a_summary_from_another_version_is_read_as_far_as_it_is_known() -> None:
    """The spool may be older or newer than the service."""
    values = summary_codec.encode(summary(queue="cards"))
    values["added_later"] = 1
    del values["model"]
    assert summary_codec.decode(values) == summary(queue="cards")


def test_errors_do_not_quote_values(database: Database, tmp_path: Path) -> None:
    """What a caller said must not come out in an exception."""
    database.write(CallRecord(summary(), []))
    connection = sqlite3.connect(tmp_path / "new" / "calls.db")
    connection.execute("DROP TABLE call_lines")
    connection.close()
    with pytest.raises(SQLAlchemyError) as caught:
        database.write(CallRecord(summary("c2"), [heard("tajne słowa")]))
    assert "call_lines" in str(caught.value)
    assert "tajne" not in str(caught.value)


def test_a_time_is_stored_with_its_day(database: Database) -> None:
    """Midnight in Warsaw is the day before in UTC; both mean the same moment."""
    warsaw_midnight = datetime(2026, 11, 24, 0, 0, tzinfo=timezone(timedelta(hours=1)))
    database.write(CallRecord(summary(started=warsaw_midnight), []))
    assert database.calls(limit=1)[0].started == warsaw_midnight


def test_answers_to_the_survey_are_counted_by_line_matter_and_answer(database: Database) -> None:
    """Of the calls that ended since a time; calls without an answer do not count."""
    answers = [
        ("app", "balance", "helped"),
        ("app", "balance", "helped"),
        ("app", "blik", "not_helped"),
        ("survey", None, "helped"),
    ]
    for number, (line, intent, answer) in enumerate(answers):
        database.write(CallRecord(summary(f"c{number}", line=line, intent=intent, survey=answer), []))
    database.write(CallRecord(summary("none", line="app"), []))
    database.write(CallRecord(summary("old", started=STARTED - timedelta(days=40), line="app", survey="helped"), []))
    counted = [(each.line, each.intent, each.answer, each.calls) for each in database.survey(STARTED - timedelta(days=30))]
    assert counted == [("app", "balance", "helped", 2), ("app", "blik", "not_helped", 1), ("survey", None, "helped", 1)]


def test_the_table_of_an_earlier_version_gets_the_columns_it_lacks(database: Database, tmp_path: Path) -> None:
    """A service that is brought up to date keeps its calls, and writes new ones."""
    database.write(CallRecord(summary("before"), LINES))
    database.close()
    take_back(f"sqlite:///{tmp_path / 'new' / 'calls.db'}")
    later = Database(f"sqlite:///{tmp_path / 'new' / 'calls.db'}")
    later.write(CallRecord(summary("after", survey="helped"), []))
    assert {call.call_id: call.survey for call in later.calls(limit=10)} == {"before": None, "after": "helped"}
    later.close()


# another process that uses the file for a moment, as a command does beside the service
_OTHER = """
import sys
from voicebot.records.database import Database
database = Database(sys.argv[1])
database.probe()
database.close()
"""


def test_a_process_that_ends_leaves_the_log_of_those_that_go_on(tmp_path: Path) -> None:
    """SQLite deletes it with the last connection. Were ours not seen as one, what is written next would damage the file."""
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    database, audit = Database(url), Database(url)
    database.write(CallRecord(summary("c1")))
    audit.probe()  # another connection of this process to the same file
    subprocess.run([sys.executable, "-c", _OTHER, url], check=True)
    assert (tmp_path / "calls.db-wal").exists()
    for number in range(50):
        database.write(CallRecord(summary(f"d{number}")))
    assert database.damage() is None
    assert database.count() == 51
    for each in (database, audit):
        each.close()

"""What is deleted is gone: from the tables, from the files under them, and from the folders."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.voicebot.records.databases import heard, summary
from voicebot.records.call_files import CallFiles
from voicebot.records.database import Database
from voicebot.records.retention import Retention
from voicebot.records.spool import Spool
from voicebot.records.summary import CallRecord

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
SENTENCE = "zgubiłem kartę przy Rynku Głównym"


class Kept:
    """A database, a spool and folders, with a clock over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database(f"sqlite:///{folder / 'calls.db'}")
        self.spool = Spool(folder / "spool")
        self.files = CallFiles(folder / "files", folder / "recordings")
        (folder / "recordings").mkdir()

    def call(self, call_id: str, days: float, sentence: str = SENTENCE) -> CallRecord:
        return CallRecord(summary(call_id, started=NOW - timedelta(days=days)), [heard(sentence)] * 20, f"hash-{call_id}")

    def work(self, *, keep_days: int | None = 30, keep_number_hash_days: int | None = None) -> Retention:
        retention = Retention(
            self.database,
            self.spool,
            self.files,
            keep_days=keep_days,
            keep_number_hash_days=keep_number_hash_days,
            clock=lambda: NOW,
        )
        retention.work()
        while retention.due_at < time.monotonic() + 10:  # many calls are deleted in parts
            retention.due_at = 0.0
            retention.work()
        return retention

    def contents(self) -> bytes:
        """Everything in all files here, as grep would see it."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file())


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    opened = Kept(tmp_path)
    yield opened
    opened.database.close()


@pytest.mark.parametrize("calls", [1, 300])
def test_nothing_of_an_old_call_is_in_the_database_files(kept: Kept, calls: int) -> None:
    """Neither in the file nor in its log; the file shrinks. The others' sentences are still there."""
    for number in range(calls):
        kept.database.write(kept.call(f"old-{number}", days=40))
    kept.database.write(kept.call("new", days=1, sentence="inne słowa"))
    assert b"Rynku" in kept.contents()
    kept.work()
    contents = kept.contents()
    assert b"old-" not in contents
    assert b"Rynku" not in contents
    assert b"inne s" in contents
    assert kept.database.count() == 1
    assert (kept.folder / "calls.db-wal").stat().st_size == 0
    assert (kept.folder / "calls.db").stat().st_size < 500_000  # empty tables are most of it


def test_many_calls_are_deleted_in_parts_and_the_writer_has_its_turn_between(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicebot.records.retention._AT_ONCE_S", 0.0)
    monkeypatch.setattr("voicebot.records.database._PURGED_AT_ONCE", 2)
    for number in range(5):
        kept.database.write(kept.call(f"old-{number}", days=40))
    retention = Retention(kept.database, kept.spool, kept.files, keep_days=30, clock=lambda: NOW)
    left = []
    while retention.due_at < time.monotonic() + 10:
        retention.due_at = 0.0
        retention.work()
        left.append(kept.database.count())
        kept.database.write(kept.call(f"new-{len(left)}", days=1))
    assert left == [3, 2, 2, 3], "five old ones less two each time, and the new ones"


def test_what_an_earlier_version_deleted_is_taken_out_too(kept: Kept) -> None:
    """It left sentences in free pages: the file is written anew once."""
    path = kept.folder / "calls.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA secure_delete=OFF")
    connection.execute("CREATE TABLE calls (call_id TEXT, text TEXT)")
    connection.executemany("INSERT INTO calls VALUES (?, ?)", [("a", SENTENCE * 10)] * 100)
    connection.execute("DELETE FROM calls")
    connection.execute("DROP TABLE calls")
    connection.commit()
    connection.close()
    assert b"Rynku" in kept.contents()
    kept.work(keep_days=None)
    assert b"Rynku" not in kept.contents()


def test_while_somebody_reads_it_is_tried_again_soon(kept: Kept) -> None:
    """A reader keeps the log alive: the next try is in a minute, not in an hour."""
    kept.database.write(kept.call("old", days=40))
    reader = sqlite3.connect(kept.folder / "calls.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM calls").fetchone()
    retention = kept.work()
    assert b"Rynku" in kept.contents()
    soon = retention.due_at
    reader.close()
    retention.due_at = 0.0
    retention.work()
    assert b"Rynku" not in kept.contents()
    assert retention.due_at > soon + 1000


def aged(path: Path, days: float, text: str = SENTENCE) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    at = (NOW - timedelta(days=days)).timestamp()
    os.utime(path, (at, at))
    return path


def test_old_files_without_a_row_are_deleted_and_what_is_not_ours_is_not(kept: Kept) -> None:
    """A recording whose call was lost, a file that a process died over; not notes that somebody put there."""
    gone = [
        aged(kept.folder / "recordings" / "20260901-100000-abc123.wav", 40),
        aged(kept.folder / "files" / "20260901-100000-abc123.json", 40),
        aged(kept.folder / "files" / "20260901-100000-abc123.json.01234567.draft", 40),
    ]
    kept.database.write(kept.call("20261120-100000-abc123", days=3))
    stay = [
        aged(kept.folder / "recordings" / "20261120-100000-abc123.wav", 40),  # its call is not old
        aged(kept.folder / "recordings" / "20261125-100000-abc123.wav", 1),
        aged(kept.folder / "recordings" / "greeting.wav", 400),
        aged(kept.folder / "files" / "notes.json", 400),
    ]
    with gone[0].open("rb") as still_open:
        kept.work()
        assert set(still_open.read()) == {0}, "overwritten, not only deleted"
    assert [path.exists() for path in (*gone, *stay)] == [False] * 3 + [True] * 4


def test_records_that_were_never_written_are_deleted_when_they_are_too_old(kept: Kept) -> None:
    """Those that wait and those put aside; what is no record counts by its file's age."""
    for days in (40, 1):
        kept.spool.put(kept.call(f"waiting-{days}", days))
        kept.spool.reject(kept.spool.put(kept.call(f"aside-{days}", days)))
        aged(kept.spool.aside / f"no-record-{days}.json", days)
    kept.work()
    left = [kept.spool.read(path).summary.call_id for path in kept.spool.waiting()]
    aside = [path for path in kept.spool.rejected() if not path.name.startswith("no-record")]
    left += [kept.spool.read(path).summary.call_id for path in aside]
    assert left == ["waiting-1", "aside-1"]
    assert sorted(path.name for path in kept.spool.aside.glob("no-record*")) == ["no-record-1.json"]


def test_whose_a_call_was_can_be_forgotten_before_the_call(kept: Kept) -> None:
    """The row stays, its hash goes."""
    for name, days in (("old", 20), ("new", 1)):
        kept.database.write(kept.call(name, days))
    kept.work(keep_number_hash_days=10)
    assert kept.database.count() == 2
    assert [len(kept.database.of_number("+48600100200", f"hash-{name}")) for name in ("old", "new")] == [0, 1]
    assert b"hash-old" not in kept.contents()


def test_drafts_of_a_process_that_died_are_deleted(kept: Kept) -> None:
    """And those that are being written are not."""
    old = kept.spool.folder / "20261123-100000-0f423f.json.01234567.draft"
    old.write_text(SENTENCE)
    os.utime(old, (0, 0))
    (kept.spool.folder / "new.json.01234567.draft").write_text(SENTENCE)
    kept.work()
    assert [path.name for path in kept.spool.folder.glob("*.draft")] == ["new.json.01234567.draft"]

"""A database that is damaged or cannot be written is away: calls wait for it, people are told, and nothing is refused."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from tests.voicebot.logged import line_with
from tests.voicebot.records.databases import AwayDatabase, heard, summary
from voicebot.records import RecordStore
from voicebot.records.again import try_again
from voicebot.records.call_files import CallFiles
from voicebot.records.database import Database
from voicebot.records.spool import Spool
from voicebot.records.summary import CallRecord
from voicebot.records.writer import RecordWriter


def written_database(path: Path) -> Path:
    database = Database(f"sqlite:///{path}")
    for number in range(50):
        database.write(CallRecord(summary(f"before-{number}"), [heard("słowa " * 50)]))
    database.forget()
    database.close()
    return path


def no_database_at_all(path: Path) -> None:
    path.write_bytes(b"this is no database " * 1000)


def pages_overwritten(path: Path) -> None:
    with written_database(path).open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))


def cut_short(path: Path) -> None:
    os.truncate(written_database(path), 10_000)


def a_table_is_gone(path: Path) -> None:
    connection = sqlite3.connect(written_database(path))
    connection.execute("DROP TABLE call_lines")
    connection.close()


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("damage", [no_database_at_all, pages_overwritten, cut_short, a_table_is_gone, a_folder])
async def test_calls_wait_for_a_damaged_database_and_are_written_into_a_good_one(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """It shows before the first call ends, with the file's name and what to do; once the file is moved away, all is written."""
    path = tmp_path / "calls.db"
    damage(path)
    store = RecordStore(f"sqlite:///{path}", spool_dir=tmp_path / "spool")
    store._writer._longest_pause = 0.05
    with line_with("database away", why=str(path)) as told:
        await store.start()
        await told.written()
    assert store.trouble is not None
    assert store.trouble.startswith(f"{path}: ")
    assert str(tmp_path / "spool") in told.fields["folder"]
    for number in range(3):
        store.save(summary(f"c{number}"), [heard("zgubiłem kartę")])
        assert await store.flush()
    assert (store.waiting, store.rejected, store.put_aside) == (3, 0, 0)
    assert store.oldest_waiting_s > 0
    with line_with("database back") as back:
        for each in tmp_path.glob("calls.db*"):
            each.rename(each.with_name(f"damaged-{each.name}"))
        await back.written()
    assert await store.flush()
    assert [store.trouble, store.waiting] == [None, 0]
    assert {call.call_id for call in await store.calls()} == {"c0", "c1", "c2"}
    await store.close()


async def test_a_damaged_database_stays_away_while_no_call_ends(tmp_path: Path) -> None:
    """At night nothing waits for it: that nothing failed is no sign that it is back."""
    no_database_at_all(tmp_path / "calls.db")
    database = Database(f"sqlite:///{tmp_path / 'calls.db'}")
    writer = RecordWriter(database, Spool(tmp_path / "spool"), CallFiles(None), first_pause_s=0.01, longest_pause_s=0.01)
    failures = threading.Semaphore(0)
    reconnect = database.reconnect

    def counted() -> None:
        reconnect()
        failures.release()

    database.reconnect = counted  # type: ignore[method-assign]
    writer.start()
    for _ in range(5):
        assert await asyncio.to_thread(failures.acquire, timeout=20), "it was taken for sound"
    writer.close(10)
    database.close()


async def test_a_database_that_is_replaced_under_the_service_is_opened_anew(tmp_path: Path) -> None:
    """A restored backup: what is written goes into the file that has the name now, not into the one that had it."""
    store = RecordStore(f"sqlite:///{tmp_path / 'calls.db'}", spool_dir=tmp_path / "spool")
    await store.start()
    store.save(summary("before"), [])
    assert await store.flush()
    for each in tmp_path.glob("calls.db*"):
        each.rename(each.with_name(f"old-{each.name}"))
    store.save(summary("after"), [])
    assert await store.flush()
    await store.close()
    fresh = Database(f"sqlite:///{tmp_path / 'calls.db'}")
    assert [call.call_id for call in fresh.calls(limit=9)] == ["after"]
    fresh.close()


class OddDatabase(AwayDatabase):
    """Fails at one call in a way that is the database's fault, and takes all others."""

    away = False
    failing = True

    def write(self, record: CallRecord) -> None:
        if record.summary.call_id == "odd" and self.failing:
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("database disk image is malformed"))
        super().write(record)


def test_damage_that_one_call_meets_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """It waits, tried again and again; the trouble shows for as long."""
    database = OddDatabase(f"sqlite:///{tmp_path / 'calls.db'}")
    spool = Spool(tmp_path / "spool")
    for call_id in ("a", "odd", "b"):
        spool.put(CallRecord(summary(call_id)))
    writer = RecordWriter(database, spool, CallFiles(None), first_pause_s=0.01, longest_pause_s=0.02)
    writer.start()
    assert writer.flush(10)
    assert {call.call_id for call in database.calls(limit=9)} == {"a", "b"}
    assert (writer.waiting, writer.rejected) == (1, 0)
    assert "malformed" in (writer.trouble or "")
    with line_with("database back") as back:
        database.failing = False
        back.wait()
    assert (database.count(), writer.waiting, writer.trouble) == (3, 0, None)
    writer.close(10)
    database.close()


def test_a_log_names_the_file_that_was_put_aside(tmp_path: Path) -> None:
    """Its name is no number that redaction would mask."""
    database = AwayDatabase(f"sqlite:///{tmp_path / 'calls.db'}")
    database.away, database.refused = False, frozenset({"c1"})
    writer = RecordWriter(database, Spool(tmp_path / "spool"), CallFiles(None))
    with line_with("put aside") as told:
        writer.start()
        writer.put(CallRecord(summary()))
        told.wait()
    from voicebot.redaction import redact_text

    (aside,) = Spool(tmp_path / "spool").rejected()
    assert redact_text(told.fields["file"]).endswith(aside.name)
    writer.close(10)
    database.close()


def test_what_was_put_aside_is_brought_back(tmp_path: Path) -> None:
    """Whatever is good by now is written; what is no record stays, with the reason."""
    database = AwayDatabase(f"sqlite:///{tmp_path / 'calls.db'}")
    database.away, database.refused = False, frozenset({"still"})
    spool = Spool(tmp_path / "spool")
    for call_id in ("good", "still"):
        spool.reject(spool.put(CallRecord(summary(call_id))))
    (spool.aside / "half.json").write_text('{"call": {')
    seen: list[tuple[int, int]] = []
    outcome = try_again(database, spool, lambda done, of: seen.append((done, of)))
    assert outcome.written == 1
    assert sorted(outcome.still.values()) == [
        "is no record: look at it, and delete it",
        "the database refuses it: IntegrityError",
    ]
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert [call.call_id for call in database.calls(limit=9)] == ["good"]
    assert len(spool.rejected()) == 2
    database.close()


def test_two_processes_that_share_a_spool_write_each_record_once(tmp_path: Path) -> None:
    """Whoever works on a file has it to themselves: no record is refused because another process was at it."""
    spools = [Spool(tmp_path / "spool") for _ in range(2)]
    for number in range(60):
        spools[0].put(CallRecord(summary(f"c{number}")))
    databases = [AwayDatabase(f"sqlite:///{tmp_path / 'calls.db'}") for _ in range(2)]
    writers = []
    for database, spool in zip(databases, spools, strict=True):
        database.away = False
        writers.append(RecordWriter(database, spool, CallFiles(None), first_pause_s=0.01, longest_pause_s=0.02))
    for writer in writers:
        writer.start()
    for writer in writers:
        assert writer.flush(30)
    for writer in writers:
        writer.close(10)
    assert (databases[0].count(), len(spools[0])) == (60, 0)
    assert [writer.rejected for writer in writers] == [0, 0]
    for database in databases:
        database.close()


async def test_whatever_the_process_creates_can_be_read_by_its_user_only(tmp_path: Path) -> None:
    """Whatever the umask: the database with what SQLite puts beside it, the spool, what was put aside, call files."""
    before = os.umask(0)
    try:
        data = tmp_path / "data"
        store = RecordStore(f"sqlite:///{data / 'db' / 'calls.db'}", spool_dir=data / "spool", folder=data / "calls")
        await store.start()
        store.began(summary("live"), channel="voice")
        store.save(summary(), [heard("słowa")])
        assert await store.flush()
        store._spool.reject(store._spool.put(CallRecord(summary("aside"))))
        store._spool.put(CallRecord(summary("waiting")))
        await asyncio.to_thread(_until, lambda: list(data.rglob("*.ndjson")))
        found = {path: path.stat().st_mode & 0o777 for path in data.rglob("*")}
        await store.close()
    finally:
        os.umask(before)
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in found.items() if path.is_file()} == {0o600}
    assert {path.suffix for path in found} >= {".db", ".db-wal", ".db-shm", ".json", ".ndjson"}


def _until(there: Callable[[], object]) -> None:
    import threading

    for _ in range(2000):
        if there():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came")

"""The store: nothing is lost, and no call waits."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.voicebot.logged import line_with
from tests.voicebot.records.databases import AwayDatabase, heard, summary
from voicebot.errors import RecordsError
from voicebot.records import RecordStore
from voicebot.records.call_files import CallFiles
from voicebot.records.retention import Retention
from voicebot.records.spool import Spool
from voicebot.records.summary import CallRecord
from voicebot.records.writer import RecordWriter


def store_in(data_dir: Path, *, folder: Path | None = None, keep_numbers: bool = False) -> RecordStore:
    url = f"sqlite:///{data_dir / 'calls.db'}"
    return RecordStore(url, spool_dir=data_dir / "spool", folder=folder, keep_numbers=keep_numbers)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[RecordStore]:
    opened = store_in(tmp_path, folder=tmp_path / "calls")
    await opened.start()
    yield opened
    await opened.close()


async def test_a_saved_call_is_in_the_database_and_in_its_file(store: RecordStore, tmp_path: Path) -> None:
    """The file holds the summary and every line."""
    store.save(summary(queue="cards"), [heard("zgubiłem kartę")])
    assert await store.flush()
    record = await store.call("c1")
    assert record is not None
    assert record.summary.queue == "cards"
    assert json.loads((tmp_path / "calls" / "c1.json").read_text()) == record.encode()
    assert store.waiting == 0


@pytest.mark.parametrize(("keep_numbers", "stored"), [(False, "+48…200"), (True, "+48600100200")])
async def test_a_number_is_stored_whole_only_where_the_setting_says_so(tmp_path: Path, keep_numbers: bool, stored: str) -> None:
    """In the database, the file and the spool alike."""
    kept = store_in(tmp_path, folder=tmp_path / "calls", keep_numbers=keep_numbers)
    await kept.start()
    kept.save(summary(number="+48600100200"), [])
    await kept.flush()
    (found,) = await kept.calls()
    await kept.close()
    assert found.number == stored
    assert ("600100200" in (tmp_path / "calls" / "c1.json").read_text()) == keep_numbers


async def test_a_call_id_cannot_lead_out_of_the_folder(store: RecordStore, tmp_path: Path) -> None:
    """It may come from the network."""
    store.save(summary("../../etc/passwd"), [])
    await store.flush()
    assert [path.name for path in (tmp_path / "calls").iterdir()] == ["______etc_passwd.json"]


async def test_closing_takes_care_of_what_was_just_saved(tmp_path: Path) -> None:
    """The last call before a deploy is not lost."""
    first = store_in(tmp_path)
    await first.start()
    for number in range(20):
        first.save(summary(f"c{number}"), [])
    await first.close()
    second = store_in(tmp_path)
    await second.start()
    assert len(await second.calls()) == 20
    await second.close()


async def test_calls_of_a_service_that_was_killed_are_written_by_the_next(tmp_path: Path) -> None:
    """What is in the spool at the start goes to the database."""
    Spool(tmp_path / "spool").put(CallRecord(summary(), [heard("zgubiłem kartę")]))
    store = store_in(tmp_path)
    await store.start()
    await store.flush()
    assert [each.call_id for each in await store.calls()] == ["c1"]
    assert store.waiting == 0
    await store.close()


async def test_reading_while_the_database_is_away_says_so(tmp_path: Path) -> None:
    """The web API answers 503, not 500."""
    (tmp_path / "calls.db").mkdir()
    store = store_in(tmp_path)
    with pytest.raises(RecordsError, match="does not answer"):
        await store.calls()
    with pytest.raises(RecordsError, match="does not answer"):
        await store.call("c1")
    await store.close()


async def test_a_spool_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    """Before the first call."""
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordsError, match=r"Set state\.data_dir to a writable folder"):
        store_in(tmp_path / "file")


# ---------------------------------------------------------------- the thread behind it


@pytest.fixture
def database(tmp_path: Path) -> Iterator[AwayDatabase]:
    opened = AwayDatabase(f"sqlite:///{tmp_path / 'calls.db'}")
    yield opened
    opened.close()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def writer(database: AwayDatabase, spool: Spool) -> Iterator[RecordWriter]:
    running = RecordWriter(database, spool, CallFiles(None), first_pause_s=0.01, longest_pause_s=0.02)
    running.start()
    yield running
    running.close(10)


def test_while_the_database_is_away_records_wait_on_disk_and_are_written_when_it_is_back(
    writer: RecordWriter, database: AwayDatabase, spool: Spool
) -> None:
    """All of them, each once."""
    for number in range(30):
        writer.put(CallRecord(summary(f"c{number}"), [heard("słowa")]))
    assert writer.flush(10)
    assert len(spool) == 30
    with line_with("database back") as back:
        database.away = False
        back.wait()
    assert (database.count(), len(spool)) == (30, 0)


def test_a_record_the_database_refuses_is_put_aside_and_the_others_written(
    writer: RecordWriter, database: AwayDatabase, tmp_path: Path
) -> None:
    """One odd call must not hold up the rest."""
    database.refused = frozenset({"c1"})
    database.away = False
    for number in range(3):
        writer.put(CallRecord(summary(f"c{number}"), []))
    assert writer.flush(10)
    assert {each.call_id for each in database.calls(limit=9)} == {"c0", "c2"}
    (aside,) = (tmp_path / "spool" / "rejected").iterdir()
    assert Spool(tmp_path / "spool").read(aside).summary.call_id == "c1"


def test_a_damaged_file_in_the_spool_is_put_aside(database: AwayDatabase, spool: Spool, tmp_path: Path) -> None:
    """A disk that was full when the service died."""
    database.away = False
    (tmp_path / "spool" / "0-half.json").write_text('{"call": {')
    spool.put(CallRecord(summary(), []))
    writer = RecordWriter(database, spool, CallFiles(None))
    writer.start()
    assert writer.flush(10)
    writer.close(10)
    assert (database.count(), len(spool)) == (1, 0)
    assert (tmp_path / "spool" / "rejected" / "0-half.json").exists()


def test_when_the_spool_cannot_be_written_records_wait_in_memory(
    writer: RecordWriter, database: AwayDatabase, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Disk full and database away at once: nothing is lost while the service lives."""

    def full(record: CallRecord) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool, "put", full)
    for number in range(3):
        writer.put(CallRecord(summary(f"c{number}"), []))
    assert writer.flush(10)
    assert (writer.waiting, len(spool)) == (3, 0)
    with line_with("database back") as back:
        database.away = False
        back.wait()
    assert (database.count(), writer.waiting) == (3, 0)


def test_a_database_that_hangs_does_not_hold_up_who_saves(
    database: AwayDatabase, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The waiting line is bounded; what does not fit goes to disk at once, and all is written in the end."""
    going_on, entered = threading.Event(), threading.Event()
    write = AwayDatabase.write

    def stuck(self: AwayDatabase, record: CallRecord) -> None:
        entered.set()
        going_on.wait(30)
        write(self, record)

    monkeypatch.setattr(AwayDatabase, "write", stuck)
    database.away = False
    writer = RecordWriter(database, spool, CallFiles(None), waiting=5)
    writer.start()
    for number in range(40):
        writer.put(CallRecord(summary(f"c{number}"), []))
        entered.wait(30)
    assert len(spool) >= 30
    going_on.set()
    assert writer.flush(30)
    writer.close(10)
    assert (database.count(), writer.waiting) == (40, 0)


def test_old_calls_go_with_their_files_and_recordings(database: AwayDatabase, spool: Spool, tmp_path: Path) -> None:
    """The retention clock runs for all that a call left."""
    database.away = False
    files = CallFiles(tmp_path / "calls")
    now = datetime(2031, 3, 1, tzinfo=UTC)  # as the service's clock says, whatever the machine's does
    for name, age in (("odd", 50), ("old", 40), ("new", 1)):
        recording = tmp_path / f"{name}.wav"
        recording.write_bytes(b"RIFF")
        record = CallRecord(summary(name, started=now - timedelta(days=age), recording=str(recording)), [])
        files.write(record)
        database.write(record)
    database.write(CallRecord(summary("odd", started=now - timedelta(days=50), recording="no\0file"), []))
    (tmp_path / "odd.wav").unlink()
    writer = RecordWriter(database, spool, files, retention=Retention(database, spool, files, keep_days=30, clock=lambda: now))
    writer.start()
    assert writer.flush(10)
    writer.close(10)
    assert [each.call_id for each in database.calls(limit=9)] == ["new"]
    assert {path.name for path in tmp_path.glob("*.wav")} == {"new.wav"}
    assert {path.name for path in (tmp_path / "calls").iterdir()} == {"new.json"}


async def test_saving_from_the_event_loop_returns_at_once_while_the_database_is_away(tmp_path: Path) -> None:
    """The loop that carries the audio goes on."""
    (tmp_path / "calls.db").mkdir()
    store = store_in(tmp_path)
    await store.start()
    for number in range(50):
        store.save(summary(f"c{number}"), [])
    async with asyncio.timeout(10):
        assert await store.flush()
    assert store.waiting == 50
    await store.close()


class PoisonedDatabase(AwayDatabase):
    """Refuses one call, and breaks in an unforeseen way at the first try of another, and at every try of a third."""

    away = False
    refused = frozenset({"refused"})
    broke = False

    def write(self, record: CallRecord) -> None:
        call_id = record.summary.call_id
        if call_id == "poison" or (call_id == "odd" and not self.broke):
            self.broke = True
            raise RuntimeError("nobody expected this")
        super().write(record)


async def test_no_record_ends_the_writing_of_the_others(tmp_path: Path) -> None:
    """Neither one that is no JSON, nor one that the database refuses or breaks at, nor a file that cannot be read.

    What is refused is counted and kept aside.
    """
    database = PoisonedDatabase(f"sqlite:///{tmp_path / 'calls.db'}")
    spool = Spool(tmp_path / "spool")
    writer = RecordWriter(database, spool, CallFiles(tmp_path / "calls"), first_pause_s=0.01, longest_pause_s=0.02)
    (tmp_path / "spool" / "0-folder.json").mkdir()
    (tmp_path / "spool" / "1-deep.json").write_text("[" * 100_000)
    with line_with("put aside", why="RuntimeError") as refused:
        writer.start()
        writer.put(CallRecord(summary("no-json"), ({"odd": object()},)))
        for call_id in ("refused", "poison", "odd", "good"):
            writer.put(CallRecord(summary(call_id)))
        await refused.written()
    assert await asyncio.to_thread(writer.flush, 10)
    assert sorted(call.call_id for call in database.calls(limit=10)) == ["good", "odd"]
    assert writer.rejected == 4
    aside = [json.loads(path.read_text())["call"]["call_id"] for path in (tmp_path / "spool" / "rejected").glob("[!1]*")]
    assert sorted(aside) == ["poison", "refused"], "what is no JSON cannot be kept on disk"
    assert writer.waiting == 1, "the file that cannot be read is left for the next start, and shows"
    await asyncio.to_thread(writer.close, 5.0)
    database.close()


def test_a_disk_that_cannot_be_read_stops_no_writing(
    database: AwayDatabase, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network folder that is away for a while: what is handed in meanwhile waits in memory, and the thread waits in peace."""
    rounds: list[bool] = []

    def away(*_: object) -> Iterator[Path]:
        rounds.append(True)
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(spool, "waiting", away)
    monkeypatch.setattr(spool, "put", away)
    database.away = False
    writer = RecordWriter(database, spool, CallFiles(None))
    writer.start()
    writer.put(CallRecord(summary(), []))
    assert writer.flush(10)
    assert (database.count(), writer.rejected) == (1, 0)
    writer.close(10)
    assert len(rounds) < 50, "not in circles"

"""All that the records hold of one number can be found and deleted, also where the number itself is not kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.voicebot.records.databases import heard, summary
from voicebot.errors import RecordsError
from voicebot.records import RecordStore
from voicebot.records.one_number import ErasedCalls, Place
from voicebot.records.summary import CallRecord

THEIRS, OTHER = "+48600100200", "+48700100200"  # both are kept as +48…200


def store_in(folder: Path, *, key: bytes | None = b"key", keep_numbers: bool = False, days: int | None = None) -> RecordStore:
    return RecordStore(
        f"sqlite:///{folder / 'calls.db'}",
        spool_dir=folder / "spool",
        folder=folder / "files",
        recordings=folder / "recordings",
        keep_numbers=keep_numbers,
        keep_number_hash_days=days,
        number_key=key,
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[RecordStore]:
    opened = store_in(tmp_path)
    await opened.start()
    yield opened
    await opened.close()


async def with_calls(store: RecordStore, folder: Path) -> None:
    """Two calls of theirs, one of another; recordings; one that waits, and one aside."""
    (folder / "recordings").mkdir(exist_ok=True)
    for call_id, number in (("a", THEIRS), ("b", THEIRS), ("c", OTHER)):
        recording = folder / "recordings" / f"{call_id}.wav"
        recording.write_bytes(b"RIFF")
        store.save(summary(call_id, number=number, recording=str(recording)), [heard(f"słowa {call_id}-words")])
    assert await store.flush()
    for call_id, number in (("aside", THEIRS), ("aside-other", OTHER)):
        record = CallRecord(summary(call_id, number="+48…200"), [heard(f"{call_id}-words")], store.number_hash(number))
        store._spool.reject(store._spool.put(record))


async def test_a_persons_calls_are_found_by_a_number_that_is_kept_nowhere(store: RecordStore, tmp_path: Path) -> None:
    """In the database and in the spool, each with its files; the other's calls that look alike are not theirs."""
    await with_calls(store, tmp_path)
    found = await store.find_by_number(THEIRS)
    assert [(call.record.summary.call_id, call.place) for call in found.calls] == [
        ("a", Place.DATABASE),
        ("b", Place.DATABASE),
        ("aside", Place.REJECTED),
    ]
    assert found.calls[0].files == (tmp_path / "files" / "a.json", tmp_path / "recordings" / "a.wav")
    assert found.calls[0].record.lines[0]["text"] == "słowa a-words"
    assert (found.under_way, found.possible) == (0, 0)
    assert THEIRS.encode() not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


async def test_what_is_deleted_is_in_no_file_any_more(store: RecordStore, tmp_path: Path) -> None:
    """And what is another's is. Doing it again finds nothing and does no harm."""
    await with_calls(store, tmp_path)
    assert await store.erase_by_number(THEIRS) == ErasedCalls(database=2, rejected=1, files=2, recordings=2)
    contents = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert [word.encode() in contents for word in ("a-words", "b-words", "aside-words", "c-words", "aside-other-words")] == [
        *(False, False, False, True, True)
    ]
    assert {path.name for path in (tmp_path / "recordings").iterdir()} == {"c.wav"}
    assert await store.erase_by_number(THEIRS) == ErasedCalls()
    assert len((await store.find_by_number(OTHER)).calls) == 2


async def test_a_record_that_waits_is_deleted_before_it_becomes_a_row(tmp_path: Path) -> None:
    (tmp_path / "calls.db").mkdir()
    store = store_in(tmp_path)
    await store.start()
    store.save(summary("a", number=THEIRS), [heard("a-words")])
    assert await store.flush()
    with pytest.raises(RecordsError, match="does not answer"):
        await store.erase_by_number(THEIRS)
    assert store.waiting == 0
    assert list((tmp_path / "files").iterdir()) == []
    (tmp_path / "calls.db").rmdir()
    assert (await store.erase_by_number(THEIRS)).database == 0
    await store.close()


async def test_numbers_that_are_kept_whole_are_found_without_a_hash_and_without_a_row(tmp_path: Path) -> None:
    """A call file names the number: it goes also where the database was lost."""
    store = store_in(tmp_path, key=None, keep_numbers=True)
    await store.start()
    store.save(summary("a", number=THEIRS), [])
    assert await store.flush()
    assert [call.record.summary.number for call in (await store.find_by_number(THEIRS)).calls] == [THEIRS]
    store._database.delete(["a"])
    found = await store.find_by_number(THEIRS)
    assert (found.calls, found.other_files) == ((), (tmp_path / "files" / "a.json",))
    assert await store.erase_by_number(THEIRS) == ErasedCalls(files=1)
    assert list((tmp_path / "files").iterdir()) == []
    await store.close()


async def test_calls_that_could_be_theirs_are_counted_and_left_alone(tmp_path: Path) -> None:
    """Of a time without hashes: only the last digits are known."""
    store = store_in(tmp_path, days=0)
    await store.start()
    for call_id, number in (("a", THEIRS), ("b", "+48600100201")):
        store.save(summary(call_id, number=number), [])
    assert await store.flush()
    assert store.number_hash(THEIRS) is None
    found = await store.find_by_number(THEIRS)
    assert (found.calls, found.possible) == ((), 1)
    assert await store.erase_by_number(THEIRS) == ErasedCalls(possible=1)
    assert len(await store.calls()) == 2
    await store.close()


def test_the_hash_needs_the_key(tmp_path: Path) -> None:
    """Without it nobody can try all numbers."""
    stores = [store_in(tmp_path / str(number), key=key) for number, key in enumerate((b"key", b"other", None))]
    first, second, none = (store.number_hash(THEIRS) for store in stores)
    assert first is not None
    assert len(first) == 64
    assert first != second
    assert none is None
    assert stores[0].number_hash(None) is None

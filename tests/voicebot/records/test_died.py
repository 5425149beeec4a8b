"""A call whose process dies has a record all the same, with what happened in it, and its recording is known."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.voicebot.logged import line_with
from tests.voicebot.records.databases import heard, summary
from voicebot.records import RecordStore
from voicebot.records.under_way import CallsUnderWay, Head, deserted, heads, record_of

# a process with a call under way: its recording is being written, its journal noted; then it is killed
SERVING = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from audio.recording import StereoRecording
from voicebot.records import CallSummary, RecordStore
from voicebot.records.journal import Journal
from dialogs.events import HandOff, Say

async def main(folder):
    store = RecordStore(f"sqlite:///{folder / 'calls.db'}", spool_dir=folder / "spool", folder=folder / "files",
                        recordings=folder / "recordings", number_key=b"key")
    await store.start()
    started = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    call_id = "20261123-100000-abc123"
    journal = Journal(call_id, started=started, sinks=[store.noted])
    store.began(CallSummary(call_id, started, started, "open", line="main", number="+48600100200", segment="sme",
                            bundle_version="b1"), channel="voice")
    recording = StereoRecording(folder / "recordings" / f"{call_id}.wav", 8000)
    recording.caller(bytes(16000)); recording.bot(bytes(16000))
    journal.did(Say((), "en", "m1"))
    journal.note("heard", text="zgubilem karte")
    journal.did(HandOff("cards", intent="card_block"))
    while sum(path.read_text().count(chr(10)) for path in (folder / "spool").rglob("*.ndjson")) < 4:
        await asyncio.sleep(0.01)
    print("under way", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


def store_in(folder: Path) -> RecordStore:
    return RecordStore(
        f"sqlite:///{folder / 'calls.db'}",
        spool_dir=folder / "spool",
        folder=folder / "files",
        recordings=folder / "recordings",
        number_key=b"key",
    )


async def test_a_call_of_a_killed_process_is_closed_by_the_next_one(tmp_path: Path) -> None:
    """With what happened in it, its recording, its file, and whose it was; while the process lives nobody touches it."""
    serving = subprocess.Popen([sys.executable, "-c", SERVING, tmp_path], stdout=subprocess.PIPE, text=True)
    assert serving.stdout is not None
    while (line := await asyncio.to_thread(serving.stdout.readline)) != "under way\n":
        assert line, "the process ended"  # it logs before, on a slow machine
    meanwhile = store_in(tmp_path)
    await meanwhile.start()
    assert await meanwhile.flush()
    assert await meanwhile.calls() == []
    assert (await meanwhile.find_by_number("+48600100200")).under_way == 1
    await meanwhile.close()

    serving.kill()
    await asyncio.to_thread(serving.communicate)
    following = store_in(tmp_path)
    with line_with("a process that died has its record now") as told:
        await following.start()
        await told.written()
    assert await following.flush()
    (found,) = await following.calls()
    assert (found.outcome, found.number, found.segment, found.queue, found.intent, found.bundle_version) == (
        *("died", "+48…200", "sme", "cards", "card_block", "b1"),
    )
    recording = tmp_path / "recordings" / "20261123-100000-abc123.wav"
    assert found.recording == str(recording)
    assert recording.exists()
    record = await following.call(found.call_id)
    assert record is not None
    assert [line.get("kind") or line.get("type") for line in record.lines] == ["Say", "heard", "transfer", "closed"]
    assert record.lines[-1]["t"] == record.lines[-2]["t"], "it ends with the last thing that is known"
    assert json.loads((tmp_path / "files" / f"{found.call_id}.json").read_text()) == record.encode()
    (call,) = (await following.find_by_number("+48600100200")).calls
    assert call.files == (tmp_path / "files" / f"{found.call_id}.json", recording)
    await following.close()
    assert list((tmp_path / "spool" / "under-way").iterdir()) == []


async def test_a_call_that_ends_leaves_nothing_on_the_way(tmp_path: Path) -> None:
    """Saved or left out, one file or the other: none when the service stops in order."""
    store = store_in(tmp_path)
    await store.start()
    for call_id in ("saved", "left-out"):
        store.began(summary(call_id), channel="voice")
        store.noted(call_id, heard("słowa"))
    store.save(summary("saved"), [])
    store.left_out("left-out")
    store.noted("saved", heard("too late"))
    store.noted("never-began", heard("słowa"))
    await store.close()
    assert list((tmp_path / "spool" / "under-way").iterdir()) == []
    again = store_in(tmp_path)
    await again.start()
    assert await again.flush()
    assert [(call.call_id, call.outcome) for call in await again.calls()] == [("saved", "handed_over")]
    await again.close()


async def test_a_call_that_is_left_when_the_service_stops_counts_as_died(tmp_path: Path) -> None:
    """Nobody saved it; the next start does."""
    store = store_in(tmp_path)
    await store.start()
    store.began(summary("c1"), channel="voice")
    await store.close()
    again = store_in(tmp_path)
    await again.start()
    assert await again.flush()
    assert [(call.call_id, call.outcome) for call in await again.calls()] == [("c1", "died")]
    await again.close()


def left(tmp_path: Path, lines: list[dict[str, Any]], *, channel: str = "voice", torn: str = "") -> Path:
    """The file of a call whose process died."""
    under_way = CallsUnderWay(tmp_path)
    under_way.start()
    under_way.began(Head(summary("c1", number="+48…200"), channel, "hash"))
    for line in lines:
        under_way.noted("c1", line)
    under_way.close()
    (path,) = tmp_path.glob("*/c1.ndjson")
    with path.open("a") as file:
        file.write(torn)
    return path


def test_a_line_that_was_torn_off_costs_itself_only(tmp_path: Path) -> None:
    record = record_of(left(tmp_path, [heard("a"), heard("b")], torn='{"t": 3.0, "wh'), lambda _: None)
    assert [line.get("text") for line in record.lines] == ["a", "b", None]
    assert (record.summary.outcome, record.number_hash, record.summary.recording) == ("died", "hash", None)


def test_a_call_that_was_over_keeps_its_own_outcome(tmp_path: Path) -> None:
    """Only its record was not written any more."""
    closed = {"t": 4.0, "what": "note", "kind": "closed", "outcome": "goodbye"}
    record = record_of(left(tmp_path, [heard("a"), closed]), lambda _: None)
    assert (record.summary.outcome, len(record.lines)) == ("goodbye", 2)


@pytest.mark.parametrize(("channel", "kept"), [("chat", ""), ("voice", "tajne")])
def test_words_that_a_chat_customer_wants_kept_nowhere_are_not(tmp_path: Path, channel: str, kept: str) -> None:
    """As when the chat ends in order. In a call the wish is about the recording, which is deleted at once."""
    stop = {"t": 3.0, "what": "action", "type": "StopRecording"}
    record = record_of(left(tmp_path, [heard("tajne"), stop], channel=channel), lambda _: None)
    assert record.lines[0]["text"] == kept


@pytest.mark.parametrize("content", ["", "{", "[]\n", '{"call": {}}\n', "[" * 100_000])
async def test_a_file_that_is_no_call_is_put_aside_and_does_not_stop_the_rest(tmp_path: Path, content: str) -> None:
    left(tmp_path / "spool" / "under-way", [heard("a")])
    (home,) = (tmp_path / "spool" / "under-way").iterdir()
    (home / "a-damaged.ndjson").write_text(content)
    store = store_in(tmp_path)
    await store.start()
    assert await store.flush()
    assert [call.outcome for call in await store.calls()] == ["died"]
    assert store.put_aside == (1 if content else 0)
    await store.close()


def test_of_two_processes_one_takes_over(tmp_path: Path) -> None:
    path = left(tmp_path, [heard("a")])
    assert len(list(heads(tmp_path))) == 1
    with deserted(tmp_path) as ours, deserted(tmp_path) as theirs:
        assert (ours, theirs) == ([path], [])
        path.unlink()
    with deserted(tmp_path) as nothing:
        assert nothing == []
    assert list(tmp_path.iterdir()) == []


async def test_a_disk_that_fails_costs_the_notes_and_nothing_else(tmp_path: Path) -> None:
    """The call is saved as ever, and it is told once."""
    store = store_in(tmp_path)
    (tmp_path / "spool" / "under-way").write_text("a file in the folder's place")
    with line_with("cannot be noted on disk") as told:
        await store.start()
        store.began(summary("c1"), channel="voice")
        await told.written()
    store.save(summary("c1"), [])
    assert await store.flush()
    assert [call.outcome for call in await store.calls()] == ["handed_over"]
    await store.close()

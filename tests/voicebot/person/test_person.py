"""One caller, found, exported and deleted in everything a real service keeps."""

from __future__ import annotations

import io
import json
import wave
import zipfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from dialogs.events import HandOff
from tests.voicebot.handoff.test_store import record as handoff
from tests.voicebot.records.databases import heard, summary
from voicebot.cases.case import Case
from voicebot.cases.store import Cases
from voicebot.cli.main import app
from voicebot.config.settings import Settings
from voicebot.handoff.callbacks import Callback
from voicebot.handoff.store import HandOffStore
from voicebot.handoff.undelivered import Delivery, Undelivered
from voicebot.mail.message import Message
from voicebot.mail.store import Messages
from voicebot.person.erasing import delete
from voicebot.person.export import export
from voicebot.person.finding import Found, PersonError, find, notes, read_number
from voicebot.person.stores import opened
from voicebot.records.engine import open_engine
from voicebot.records.folding import folded
from voicebot.records.shadow import ShadowDecision
from voicebot.records.summary import CallRecord
from voicebot.review.queues import Queue
from voicebot.review.sampling import draw
from voicebot.review.store import Review
from voicebot.state.shared import SharedState
from voicebot.stores import Stores, open_stores

NUMBER, OTHER = "+48600100200", "+48600999200"  # both end alike: shortened they are the same
SENTENCE, OTHERS_SENTENCE = "zgubiłam złotą kartę", "nie działa mi aplikacja"
NOW = datetime.now(UTC)


@dataclass
class Bank:
    """A service's data, with two callers in every place."""

    settings: Settings
    config: Path

    def run(self, *arguments: str, **more: Any) -> Result:
        return CliRunner().invoke(app, ["person", *arguments, "--config", str(self.config)], **more)


async def fill(stores: Stores, folder: Path, number: str, sentence: str) -> None:
    """One caller everywhere."""
    name = number[-6:]
    call = summary(f"20261126-100000-{name}", number=number, started=NOW)
    recording = folder / "recordings" / f"{call.call_id}.wav"
    recording.parent.mkdir(exist_ok=True)
    with wave.open(str(recording), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(sentence.encode().ljust(400, b"\0"))
    stores.records.save(replace(call, recording=str(recording)), [heard(sentence)])
    shadowed = ShadowDecision(call.call_id, 0, "a-release", "transfer", "accept", 0.8, NOW)
    stores.records.keep_shadow([shadowed], lost=lambda _: pytest.fail("it is not kept"))
    for action in (HandOff("cards", words=sentence), HandOff("cards", words=sentence, kind="message")):
        kept = replace(handoff(action), number=number, call_id=call.call_id)
        await stores.handoffs.put(kept)
    await stores.callbacks.put(Callback(f"callback-{name}", "cards", number, NOW))
    engine = open_engine(f"sqlite:///{folder / 'calls.db'}")
    made = Case(kept.ref, "message", "cards", None, "pl", 0, sentence, call.call_id, NOW, NOW, NOW)
    assert Cases(engine).open(made)
    Cases(engine).note(kept.ref, "anna", NOW, sentence)
    hashes = [stores.records.number_hash(each) for each in (number, f"{name}@example.org")]
    for at, (number_hash, sender_hash) in enumerate(((hashes[0], None), (None, hashes[1]))):
        ref = f"mail-of-{name}-{at}-and-more"
        written = Message(
            f"<{name}-{at}@example.org>", ref, NOW, "pl", None, 0.0, (), "general", 0, "mass", "ordinary", (), "", sentence, (),
            "", "", number_hash, sender_hash, handed=True,
        )  # fmt: skip
        assert Messages(engine).add(written)
    engine.dispose()
    stores.memory.prefer(number, "slow", on=True)
    for process in ("webhooks", "webhooks-web"):
        undelivered = Undelivered(folder / process)
        undelivered.put(Delivery(kept.ref, json.dumps({"data": {"call_id": call.call_id}})))
        undelivered.close()


def labelled(folder: Path) -> None:
    """Each caller's line was drawn, and labelled by two people."""
    engine = open_engine(f"sqlite:///{folder / 'calls.db'}")
    assert draw(engine, NOW.date(), NOW - timedelta(days=1), NOW + timedelta(days=1)) == 2
    for number in (NUMBER, OTHER):
        for who in ("anna", "ola"):
            assert Review(engine).label((f"20261126-100000-{number[-6:]}", 0), "card_block", who=who, queue=Queue.SAMPLE)
    engine.dispose()


@pytest.fixture
async def bank(tmp_path: Path) -> Bank:
    """The service has stopped."""
    data = tmp_path / "var"
    config = tmp_path / "voicebot.yml"
    config.write_text(f"state: {{data_dir: {data}}}\nrecords: {{folder: {tmp_path / 'calls'}}}\n")
    settings = Settings.model_validate({"state": {"data_dir": str(data)}, "records": {"folder": str(tmp_path / "calls")}})
    async with AsyncExitStack() as stack:
        stores = await open_stores(settings, stack, clock=lambda: datetime.now(UTC))
        await fill(stores, data, NUMBER, SENTENCE)
        await fill(stores, data, OTHER, OTHERS_SENTENCE)
        await stores.records.flush()
    labelled(data)
    waiting = data / "spool" / "20261126-100000-000001.json"
    number_hash = stores.records.number_hash(NUMBER)
    spooled = CallRecord(summary("20261126-110000-aaaaaa", started=NOW), (heard(SENTENCE),), number_hash)
    (data / "spool" / "rejected").mkdir()
    (data / "spool" / "rejected" / waiting.name).write_text(json.dumps(spooled.encode()))
    return Bank(settings, config)


def counted(found: Found) -> dict[str, int]:
    return {place: count for place, count in found.counts() if count}


ALL = {
    "calls in the database": 1,
    "calls put aside": 1,
    "call files": 1,
    "recordings": 1,
    "hand-offs": 1,
    "messages taken": 1,
    "callbacks promised": 1,
    "cases": 1,
    "labelled lines": 1,
    "shadow decisions": 1,
    "mails": 1,
    "caller memory": 1,
    "webhook messages waiting": 2,
}


def traces(folder: Path, sentence: str) -> list[str]:
    """Files that hold the sentence in any form that we write."""
    forms = (sentence.encode(), json.dumps(sentence)[1:-1].encode(), folded(sentence).encode())
    return [str(path) for path in folder.rglob("*") if path.is_file() and any(form in path.read_bytes() for form in forms)]


@pytest.mark.parametrize(
    "written",
    ["600 100 200", "600-100-200", "+48600100200", "0048 600 100 200", "48600100200", "(+48) 600 100 200", "tel:+48600100200"],
)
def test_a_number_is_read_in_any_usual_form(written: str) -> None:
    """As people write it."""
    assert read_number(written) == NUMBER


@pytest.mark.parametrize("written", ["", "anonymous", "112", "12345", "Kowalska", "600100200; DROP TABLE calls"])
def test_what_is_no_number_is_refused(written: str) -> None:
    """With what to write; not with the text itself, which may be a PESEL."""
    with pytest.raises(PersonError, match="600 100 200"):
        read_number(written)


async def test_everything_of_a_person_is_found_and_nothing_of_another(bank: Bank) -> None:
    """Their numbers end alike, and are kept shortened."""
    async with opened(bank.settings) as stores:
        assert counted(await find(stores, NUMBER)) == ALL
        assert counted(await find(stores, OTHER)) == {name: count for name, count in ALL.items() if name != "calls put aside"}
        assert (await find(stores, "+48600000200")).empty


def test_an_export_holds_everything_in_json_and_wav(bank: Bank, tmp_path: Path) -> None:
    """For the person, and for a program; for nobody else."""
    target = tmp_path / "person.zip"
    done = bank.run("export", "600 100 200", "--to", str(target))
    assert done.exit_code == 0, done.output
    assert NUMBER not in done.output, "a terminal's history is no place for a number"
    assert target.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(target) as archive:
        texts = {name: archive.read(name) for name in archive.namelist()}
    report = json.loads(texts["report.json"])
    assert {place: count for place, count in report["found"].items() if count} == ALL
    assert any("Backups" in note for note in report["notes"])
    assert any("Logs" in note for note in report["notes"])
    assert SENTENCE in texts["calls/0001.json"].decode() + texts["calls/0002.json"].decode()
    (recording,) = [content for name, content in texts.items() if name.endswith(".wav")]
    with wave.open(io.BytesIO(recording)) as sound:
        assert sound.getnchannels() == 2
    assert json.loads(texts["handoffs/0001.json"])["number"] == NUMBER
    assert json.loads(texts["callbacks/0001.json"])["number"] == NUMBER
    assert [each["intent"] for each in json.loads(texts["shadow.json"])] == ["transfer"]
    assert json.loads(texts["memory.json"])["preferences"] == ["slow"]
    assert not any(OTHERS_SENTENCE in content.decode(errors="replace") for content in texts.values())


async def test_an_export_is_whole_or_not_there_and_replaces_nothing(bank: Bank, tmp_path: Path) -> None:
    """A folder works as well as a ZIP."""
    async with opened(bank.settings) as stores:
        found = await find(stores, NUMBER)
    export(found, tmp_path / "folder", notes=(), now=NOW)
    assert len(list((tmp_path / "folder" / "calls").iterdir())) == 2
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700
    with pytest.raises(PersonError, match="there already"):
        export(found, tmp_path / "folder", notes=(), now=NOW)
    with pytest.raises(PersonError, match="cannot be written"):
        export(found, tmp_path / "missing" / "x.zip", notes=(), now=NOW)


def test_what_is_deleted_is_gone_from_the_disk(bank: Bank, tmp_path: Path) -> None:
    """From databases, their logs and every file; of the other person everything is left. Once more does no harm."""
    assert traces(tmp_path, SENTENCE)
    others = traces(tmp_path, OTHERS_SENTENCE)
    done = bank.run("delete", "600 100 200", "--email", f"{NUMBER[-6:]}@example.org", "--yes")
    assert done.exit_code == 0, done.output
    assert traces(tmp_path, SENTENCE) == []
    assert traces(tmp_path, NUMBER) == []
    assert len(traces(tmp_path, OTHERS_SENTENCE)) == len(others)
    again = bank.run("delete", "600 100 200", "--yes")
    assert again.exit_code == 0, again.output
    found = bank.run("export", OTHER, "--to", str(tmp_path / "other.zip"))
    assert "recordings                      1" in found.output


def test_mails_from_an_address_are_found_beside_those_with_the_number(bank: Bank, tmp_path: Path) -> None:
    """Only their hashes are kept."""
    address = f" {NUMBER[-6:]}@Example.org "
    done = bank.run("export", "600 100 200", "--email", address, "--to", str(tmp_path / "person.zip"))
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(tmp_path / "person.zip") as archive:
        mails = [name for name in archive.namelist() if name.startswith("mails/")]
        assert json.loads(archive.read(mails[1]))["text"] == SENTENCE
    assert len(mails) == 2
    assert bank.run("delete", "600 100 200", "--email", address, "--yes").exit_code == 0
    assert "anna@example.org" in bank.run("export", "600 100 200", "--email", "Kowalska").output
    assert traces(tmp_path / "var", SENTENCE) == []


def test_nothing_is_deleted_without_a_yes(bank: Bank, tmp_path: Path) -> None:
    """Also where nobody can answer, as in a script."""
    before = len(traces(tmp_path, SENTENCE))
    for answer in ("n\n", ""):
        done = bank.run("delete", "600 100 200", input=answer)
        assert done.exit_code == 1
        assert "calls in the database" in done.output, "what is asked about is shown"
    assert len(traces(tmp_path, SENTENCE)) == before
    assert bank.run("delete", "-", "--yes", input="600 100 200\n").exit_code == 0


async def test_a_running_service_forgets_too(tmp_path: Path) -> None:
    """It holds hand-offs itself, so that a screen gets them at once: not this one any more."""
    settings = Settings.model_validate({"state": {"data_dir": str(tmp_path)}})
    async with AsyncExitStack() as stack:
        service = await open_stores(settings, stack, clock=lambda: datetime.now(UTC))
        await fill(service, tmp_path, NUMBER, SENTENCE)
        await service.records.flush()
        kept = await service.handoffs.of_number(NUMBER)
        assert await service.handoffs.get(kept[0].ref) == kept[0]
        async with opened(settings) as stores:
            await delete(stores, await find(stores, NUMBER))
            assert (await find(stores, NUMBER)).empty
        assert [await service.handoffs.get(each.ref) for each in kept] == [None, None]
        assert (await service.memory.recall(NUMBER)).preferences == ()
        assert await service.callbacks.stored(["cards"]) == []


async def test_the_report_says_what_cannot_be_found(bank: Bank) -> None:
    """Calls of a time when neither number nor hash was kept; numbers that anybody may have shown."""
    async with opened(bank.settings) as stores:
        stores.records._database.write(CallRecord(summary("old", number="+48…200")))
        found = await find(stores, NUMBER)
        told = " ".join(notes(found, stores))
    assert "1 calls are kept as +48…200 only" in told
    assert "nobody vouched" in told


async def test_a_call_whose_number_is_vouched_for_needs_no_look(bank: Bank) -> None:
    """The network says whose it is."""
    async with opened(bank.settings) as stores:
        found = await find(stores, NUMBER)
        started = {"t": 0.0, "what": "event", "type": "CallStarted", "caller": {"trust": "trunk", "number": "+48…200"}}
        calls = tuple(replace(call, record=replace(call.record, lines=(started,))) for call in found.calls.calls)
        told = " ".join(notes(replace(found, calls=replace(found.calls, calls=calls)), stores))
    assert "vouched" not in told


async def test_a_forgotten_hand_off_is_gone_everywhere_and_others_stay(shared: SharedState, other: SharedState) -> None:
    """Two processes with one state server; one that nobody has is no error."""
    mine, theirs = HandOffStore(shared), HandOffStore(other)
    kept, left = handoff(), replace(handoff(), number=OTHER)
    for each in (kept, left):
        await mine.put(each)
    await theirs.forget(kept.ref)
    await theirs.forget("nobody")
    assert await mine.get(kept.ref) is None
    assert await theirs.get(kept.ref) is None
    assert await mine.get(left.ref) == left
    assert await theirs.of_number(OTHER) == [left]

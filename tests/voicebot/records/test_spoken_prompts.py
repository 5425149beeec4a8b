"""What calls heard, read from the records: what is worth recording, and what callers raised."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from caller_id.types import Caller
from dialogs import Bundle, load_bundle, wire
from dialogs.events import CallStarted, Prompt, Say
from tests.voicebot.records.databases import STARTED, heard, summary
from voicebot.errors import RecordsError
from voicebot.records import RecordStore
from voicebot.records.spoken_prompts import read

BUNDLE = load_bundle()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[RecordStore]:
    opened = RecordStore(f"sqlite:///{tmp_path / 'calls.db'}", spool_dir=tmp_path / "spool")
    await opened.start()
    yield opened
    await opened.close()


def said(*prompts: str, language: str = "pl", **params: str) -> dict[str, Any]:
    say = Say(tuple(Prompt(prompt, tuple(params.items())) for prompt in prompts), language, "s1")
    return {"t": 1.0, "what": "action", **wire.encode(say)}


def started(channel: str = "voice") -> dict[str, Any]:
    return {"t": 0.0, "what": "event", **wire.encode(CallStarted(Caller(), channel=channel))}


def with_recording(prompt: str) -> Bundle:
    """The default bundle, with this prompt recorded in Polish."""
    file = BUNDLE.prompts.files["pl"]
    spec = file.prompts[prompt].model_copy(update={"recording": f"recordings/pl/{prompt}.wav"})
    book = type(BUNDLE.prompts)(
        {**BUNDLE.prompts.files, "pl": file.model_copy(update={"prompts": {**file.prompts, prompt: spec}})}, "pl"
    )
    return replace(BUNDLE, prompts=book)


async def test_texts_of_the_synthetic_voice_are_counted(store: RecordStore) -> None:
    store.save(summary("c1"), [started(), said("greeting", "ask_matter"), said("ask_matter", language="en")])
    store.save(
        summary("c2"), [started(), said("ask_matter"), said("expected_wait", wait="4"), said("confirm", matter="matter.blik")]
    )
    await store.flush()
    found = await read(store, BUNDLE, STARTED)
    assert found.calls == 2
    assert found.synthetic == {("ask_matter", "pl"): 2, ("greeting", "pl"): 1, ("ask_matter", "en"): 1}
    assert found.with_values == {("expected_wait", "pl"): 1, ("confirm", "pl"): 1}
    recorded = await read(store, with_recording("ask_matter"), STARTED)
    assert recorded.synthetic == {("greeting", "pl"): 1, ("ask_matter", "en"): 1}, "what has a recording now is no gap"


async def test_a_text_is_counted_in_the_language_it_is_spoken_in(store: RecordStore) -> None:
    """A language that lacks it borrows it."""
    store.save(summary(), [started(), said("ask_matter", language="uk")])
    await store.flush()
    assert (await read(store, BUNDLE, STARTED)).synthetic == {("ask_matter", "pl"): 1}


async def test_a_chat_is_read_and_not_heard_but_its_matter_counts(store: RecordStore) -> None:
    store.save(summary(intent="blik"), [started("chat"), said("greeting")])
    await store.flush()
    found = await read(store, BUNDLE, STARTED)
    assert (found.synthetic, found.matters) == ({}, {("blik", "pl"): 1})


async def test_lines_of_another_version_are_left_out(store: RecordStore) -> None:
    lines = [
        heard("karta"),
        said("gone_since"),
        said("greeting") | {"prompts": 7},
        {"t": 3.0, "what": "action"},
        said("greeting"),
    ]
    store.save(summary(), [started(), *lines])
    await store.flush()
    assert (await read(store, BUNDLE, STARTED)).synthetic == {("greeting", "pl"): 1}


@pytest.mark.parametrize("page", [1, 2, 3, 100])
async def test_every_call_is_read_once_whatever_a_page_holds(store: RecordStore, page: int) -> None:
    """Calls may begin in the same moment: a page must not end between them."""
    for number in range(12):
        store.save(summary(f"c{number}", started=STARTED + timedelta(hours=number // 4)), [said("greeting")])
    await store.flush()
    told: list[tuple[int, int]] = []
    found = await read(store, BUNDLE, STARTED, lambda done, total: told.append((done, total)), page=page)
    assert found.synthetic == {("greeting", "pl"): 12}
    assert told[-1] == (12, 12)
    later = await read(store, BUNDLE, STARTED + timedelta(hours=1), page=page)
    assert later.calls == 8, "calls from before are left out"


async def test_a_database_that_is_away_is_said_so(tmp_path: Path) -> None:
    folder = tmp_path / "calls.db"
    folder.mkdir()  # no file can be opened there
    store = RecordStore(f"sqlite:///{folder}", spool_dir=tmp_path / "spool")
    with pytest.raises(RecordsError, match="does not answer"):
        await read(store, BUNDLE, STARTED)
    await store.close()

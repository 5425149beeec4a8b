"""The list of calls and one call: found by filters and by words, heard only with a reason, exported whole."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import wave
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from playwright.async_api import expect
from sqlalchemy import Engine

from tests.voicebot.console.chromium import PHONE, axe_finds, chromium, needs_chromium, page_of, shoot, sideways
from tests.voicebot.console.running import Browser, Console
from tests.voicebot.records.databases import STARTED, heard, summary
from tests.voicebot.records.servers import database_url, engine, postgres
from voicebot.accounts.roles import Role
from voicebot.outcomes.events import Event, What
from voicebot.outcomes.store import Outcomes, Verdict
from voicebot.records.database import Database
from voicebot.records.listing import CallFilter
from voicebot.records.notes import CallNotes
from voicebot.records.search import page
from voicebot.records.summary import CallRecord

__all__ = ["database_url", "engine", "postgres"]

T = TypeVar("T")
UNDERSTOOD = {"intent": "card_block", "decision": "accept", "ranking": [{"intent": "card_block", "confidence": 0.93}]}
LINES = (
    {"t": 0.0, "what": "event", "type": "CallStarted"},
    {"t": 0.0, "what": "action", "type": "Say", "prompts": [{"id": "greeting", "params": []}], "language": "pl", "mark": "s1"},
    heard("zgubiłem kartę") | {"understanding": UNDERSTOOD},
    {"t": 2.6, "what": "action", "type": "Decided", "kind": "accept", "why": "sure", "intent": "card_block", "confidence": 0.93},
)


def written(console: Console, *records: CallRecord) -> None:
    database = Database(console.parts.settings.database_url)
    for each in records:
        database.write(each)
    database.close()


async def seen(console: Console, do: Callable[[Browser], T], *roles: Role) -> T:
    def run() -> T:
        with console.browser_of(*roles) as browser:
            return do(browser)

    return await asyncio.to_thread(run)


def test_words_are_found_however_they_are_written_and_every_call_once(engine: Engine) -> None:
    database = Database(engine.url.render_as_string(hide_password=False))
    for number in range(25):
        call = summary(
            f"c{number:02}", started=STARTED + timedelta(minutes=number), intent="card_block" if number % 2 else "loan"
        )
        database.write(CallRecord(call, [heard("Zgubiłem KARTĘ"), heard("tak, kartę")] if number % 3 else [heard("kredyt")]))
    wanted = [f"c{number:02}" for number in range(24, -1, -1) if number % 3]
    for words in ("zgubilem karte", "KART zgub", "zgubiłem"):
        found, after = [], ""
        while True:
            shown = page(engine, CallFilter(), words=words, after=after, size=4)
            found += [call.call_id for call in shown.calls]
            after = shown.following
            if not after:
                break
        assert found == wanted, words
    both = page(engine, CallFilter(matter="loan"), words="karte", size=50)
    assert [call.call_id for call in both.calls] == [each for each in wanted if int(each[1:]) % 2 == 0]
    assert page(engine, CallFilter(), words="samochód").calls == []
    assert page(engine, CallFilter(), words='" OR 1=1 --').calls == []
    assert len(page(engine, CallFilter(), after="t2020|x", size=50).calls) == 25, "a place that is none is the beginning"
    database.close()


def test_a_second_write_of_a_call_leaves_what_people_noted(engine: Engine) -> None:
    """And deleting it for good does not."""
    database, notes = Database(engine.url.render_as_string(hide_password=False)), CallNotes(engine)
    database.write(CallRecord(summary("c1"), LINES))
    notes.add("c1", "anna", "PESEL 44051401359 powiedziany głośno", STARTED)
    database.write(CallRecord(summary("c1"), LINES))
    (note,) = notes.of("c1")
    assert "44051401359" not in note.note
    database.delete(["c1"])
    assert notes.of("c1") == []
    database.close()


@needs_chromium
async def test_one_call_is_shown_heard_with_a_reason_and_noted(console: Console, tmp_path: Path) -> None:
    sound = tmp_path / "sound.wav"
    with wave.open(str(sound), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0" * 32000)
    call = summary("c1", intent="card_block", number="+48…200", queue="cards", handoff_ref="h1")
    written(console, CallRecord(replace(call, recording=str(sound)), LINES))
    seconds = zip(What, (0, 30, 70), ("cards", "cards", None), (None, None, "loans"), strict=False)
    outcomes = Outcomes(console.parts.engine)
    outcomes.add([Event("h1", what, STARTED + timedelta(seconds=s), queue, to) for what, s, queue, to in seconds], STARTED)
    outcomes.judge(Verdict("h1", "a-7", STARTED, right=False, intent="cash_loan"))
    async with chromium() as browser, page_of(browser, console, Role.TUNER) as tuner:
        await tuner.goto("/calls?words=zgubilem")
        await tuner.get_by_role("link", name="2026-11-23").click()
        await expect(tuner.locator(".turn.you")).to_contain_text("zgubiłem kartę")
        await expect(tuner.locator("main")).to_contain_text("accept card_block 0.93")
        became = tuner.get_by_role("region", name="What became of it in the queue")
        for told in (
            "answered · cards",
            "passed on → loans",
            "Waited 30.0 s.",
            "after 40.0 s",
            "perhaps a misroute",
            "cash_loan",
        ):
            await expect(became).to_contain_text(told)
        await tuner.get_by_text("Why", exact=True).click()
        await expect(tuner.get_by_role("table", name="Mean cost")).to_contain_text("accept card_block")
        assert await axe_finds(tuner) == []
        assert await tuner.locator("audio").count() == 0
        await tuner.get_by_label("Why you listen").select_option("quality")
        await tuner.get_by_role("button", name="Listen").click()
        await expect(tuner.locator("audio")).to_be_visible()
        assert await tuner.evaluate("fetch(document.querySelector('audio').src).then(a => a.status)") == 200
        await tuner.get_by_label("New note").fill("oddzwonić, tel. 600100200")
        await tuner.get_by_role("button", name="Keep").click()
        await expect(tuner.locator("#notes ~ ul")).to_contain_text("oddzwonić")
        assert "600100200" not in await tuner.content()
        await shoot(tuner, "call")
        await tuner.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        assert await sideways(tuner) <= 0
        assert await axe_finds(tuner) == []
    refused = await seen(console, lambda browser: browser.get("/calls/c1/recording.wav"), Role.VIEWER)
    assert refused.status_code == 403
    unasked = await seen(console, lambda browser: browser.get("/calls/c1/recording.wav"), Role.SUPERVISOR)
    assert unasked.status_code == 403


async def test_what_a_filter_finds_is_exported_whole_and_safe(console: Console) -> None:
    calls = [summary(f"c{number}", started=STARTED + timedelta(seconds=number), intent="loan") for number in range(120)]
    written(console, *(CallRecord(each) for each in calls), CallRecord(replace(summary("x", intent="=cmd()"))))
    table = (await seen(console, lambda browser: browser.get("/calls.csv?matter=loan"))).text
    assert len(list(csv.reader(io.StringIO(table)))) == 121
    whole = (await seen(console, lambda browser: browser.get("/calls.csv"))).text
    assert "'=cmd()" in whole
    written(console, CallRecord(summary("said", intent="loan"), LINES))
    said = (await seen(console, lambda browser: browser.get("/calls.ndjson?matter=loan&words=zgubilem"))).text.splitlines()
    assert [json.loads(each)["call_id"] for each in said] == ["said"], "the words are a filter, too"
    lines = (await seen(console, lambda browser: browser.get("/calls.ndjson?matter=loan"))).text.splitlines()
    assert {json.loads(each)["call_id"] for each in lines} == {"said", *(each.call_id for each in calls)}


async def test_a_call_becomes_a_test_and_one_that_is_not_there_says_so(console: Console) -> None:
    written(console, CallRecord(summary("torn"), LINES[2:]))
    answer = await seen(console, lambda browser: browser.get("/calls/torn/test.yml"))
    assert (answer.status_code, "not whole" in answer.text) == (422, True)
    missing = await seen(console, lambda browser: browser.get("/calls/nowhere"))
    assert (missing.status_code, "There is no such call" in missing.text) == (404, True)


async def test_nothing_found_offers_to_drop_a_filter(console: Console) -> None:
    answer = await seen(console, lambda browser: browser.get("/calls?matter=loan&queue=cards&from=nonsense"))
    assert "Nothing matches" in answer.text
    assert 'href="/calls?queue=cards' in answer.text

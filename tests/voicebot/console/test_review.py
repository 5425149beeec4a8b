"""A whole review by keys alone, in Chromium; and by forms without script."""

from __future__ import annotations

import asyncio
import json
import re
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import Page, expect
from sqlalchemy import select, update

from tests.voicebot.console.chromium import PHONE, axe_finds, chromium, needs_chromium, page_of, shoot, sideways
from tests.voicebot.console.running import Browser, Console, console_of
from tests.voicebot.records.databases import heard, summary
from tests.voicebot.state.servers import StateServer
from voicebot.accounts.roles import Role
from voicebot.identity.audit_table import AuditTable
from voicebot.outcomes.events import Event, What
from voicebot.outcomes.store import Outcomes, Verdict
from voicebot.records.database import Database
from voicebot.records.models import CallRow
from voicebot.records.summary import CallRecord
from voicebot.review.models import SampleRow
from voicebot.review.queues import Queue
from voicebot.review.sampling import draw
from voicebot.review.store import Review

LINES = 22
LABEL_OF = {"1": "card_block", "2": "transfer", "o": "out_of_scope", "n": "not_understandable"}


def doubtful(console: Console, recording: str | None = None) -> None:
    """Of today: the console draws the sample of days that are over."""
    database, now = Database(console.parts.settings.database_url), datetime.now(UTC)
    for number in range(LINES):
        line = heard(f"no bo ja mam taką sprawę numer {number}")
        ranking = [{"intent": "card_block", "confidence": 0.5}, {"intent": "transfer", "confidence": 0.3}]
        understanding = {**line["understanding"], "decision": "confirm", "confidence": number / 100, "ranking": ranking}
        call = summary(f"c{number:03}", started=now - timedelta(seconds=LINES - number), recording=recording)
        database.write(CallRecord(call, [line | {"understanding": understanding}]))
    database.close()


@needs_chromium
async def test_twenty_lines_by_keys_alone(console: Console) -> None:
    await asyncio.to_thread(doubtful, console)
    review = Review(console.parts.engine)
    async with chromium() as browser, page_of(browser, console, Role.TUNER) as page:
        await page.goto("/review")
        assert await axe_finds(page) == []
        await shoot(page, "review")
        await page.goto("/review/doubtful")
        assert await axe_finds(page) == []
        await shoot(page, "review-line")
        keys = ["1", "2", "o", "n", "/", "1", "2", "s", "1", "u", "1", "1"]
        done = 0
        kept: list[str] = []
        while done < 20:
            key = keys[done % len(keys)] if done < len(keys) else "1"
            text = await page.inner_text(".said")
            await page.keyboard.press(key)
            match key:
                case "/":
                    await page.keyboard.type("compl")
                    await page.keyboard.press("Enter")
                    await expect(page.locator("#said")).to_contain_text(f"Kept: “{text.strip('„”')}” → complaint")
                    kept.append("complaint")
                case "s":
                    await expect(page.locator("#said")).to_have_text("Put off.")
                case "u":
                    await expect(page.locator("#said")).to_contain_text("Taken back")
                    kept.pop()
                case _:
                    await expect(page.locator("#said")).to_contain_text(f"Kept: “{text.strip('„”')}”")
                    kept.append(LABEL_OF[key])
            assert await page.evaluate("document.activeElement.id") == "card", "the focus is never lost"
            done += 1
        text = await page.inner_text(".said")
        await page.evaluate(_TWO_AT_ONCE)
        await expect(page.locator("#said")).to_contain_text(f"Kept: “{text.strip('„”')}”")
        kept.append(LABEL_OF["1"])  # the second was meant for a line that nobody had seen yet
        await page.keyboard.press("?")
        await expect(page.locator("#all-keys")).to_have_attribute("open", "")
        await page.keyboard.press("?")
        await looks(page)
        await page.goto("/review/doubtful?keys=off")
        before = await page.inner_text(".said")
        await page.keyboard.press("1")
        assert await page.inner_text(".said") == before
        await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        assert await sideways(page) <= 0
    (who,) = {user.name for user in console.parts.users.all()}
    latest = await asyncio.to_thread(review.latest, who)
    assert [each.label for each in reversed(latest)] == kept[-10:]
    waiting = await asyncio.to_thread(review.counts, who, (Queue.DOUBTFUL,))
    assert waiting == {Queue.DOUBTFUL: LINES - len(kept)}


_TWO_AT_ONCE = """() => {
  for (const key of ["1", "o"]) {
    document.getElementById("card").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  }
}"""
"""Keys faster than any answer."""


async def looks(page: Page) -> None:
    """On and back through the queue, which stops at its ends; why a line was decided so."""
    here = [await page.inner_text(".said")]
    await page.keyboard.press("k")
    await expect(page.locator("#card:not([aria-busy]) .quiet").first).to_contain_text("1 of ")
    for key in ("j", "j", "k", "k"):
        await page.keyboard.press(key)
        await expect(page.locator(".said")).not_to_have_text(here[-1])
        assert await page.evaluate("document.activeElement.id") == "card"
        here.append(await page.inner_text(".said"))
    assert here == [*here[:3], here[1], here[0]]
    assert len(set(here)) == 3
    await page.keyboard.press("w")
    await expect(page.locator("#why")).to_have_attribute("open", "")
    await expect(page.locator("#why")).to_contain_text("card_block 0.500 transfer 0.300", use_inner_text=True)
    await expect(page.locator("#why table").last).to_contain_text("confirm card_block")
    assert await axe_finds(page) == []


@needs_chromium
async def test_a_line_is_heard_after_a_reason_by_keys(console: Console, tmp_path: Path) -> None:
    recording = tmp_path / "call.wav"
    with wave.open(str(recording), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0" * 32000)
    await asyncio.to_thread(doubtful, console, str(recording))
    async with chromium() as browser, page_of(browser, console, Role.TUNER) as page:
        await page.goto("/review/doubtful")
        await page.keyboard.press("j")
        await expect(page.locator(".said")).to_contain_text("numer 1")
        await page.keyboard.press("h")
        assert await page.evaluate("document.activeElement.id") == "reason"
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("#said")).to_have_text("The listening is in the audit trail.")
        await expect(page.locator(".said")).to_contain_text("numer 1")
        assert await axe_finds(page) == []
        await shoot(page, "review-listen")
        await page.keyboard.press("h")
        await expect(page.locator("#sound")).not_to_have_js_property("currentTime", 0)
        await page.keyboard.press("h")
        await expect(page.locator("#sound")).to_have_js_property("paused", True)


async def test_undo_keeps_what_was_put_off_and_the_keys_off(console: Console) -> None:
    await asyncio.to_thread(doubtful, console)

    def work(browser: Browser) -> None:
        put_off = {"do": "later", "call_id": "c000", "position": "0", "keys": "off"}
        first = browser.send("/review/doubtful", put_off, page="/review/doubtful?keys=off").text
        kept = browser.send("/review/doubtful", {**hidden(first, "labels"), "label": "transfer"}).text
        assert "numer 1” → transfer" in kept
        undone = browser.send("/review/doubtful", {**hidden(kept, "undo"), "do": "undo"}).text
        assert "Taken back: “no bo ja mam taką sprawę numer 1”" in undone
        assert "numer 1”</p>" in undone, "the line that was put off does not come back before its time"
        assert "data-keys" not in undone

    with console.browser_of(Role.TUNER) as browser:
        await asyncio.to_thread(work, browser)


def hidden(html: str, form: str) -> dict[str, str]:
    """What a form of the page sends without a button."""
    found = re.search(rf'<form[^>]* id="{form}".*?</form>', html, re.DOTALL)
    assert found is not None
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', found[0]))


async def test_the_console_draws_the_days_that_are_over_by_itself(tmp_path: Path, server: StateServer) -> None:
    database = Database(f"sqlite:///{tmp_path / 'calls.db'}")
    for days_ago in (2, 3):
        started = datetime.now(UTC) - timedelta(days=days_ago)
        database.write(CallRecord(summary(f"c{days_ago}", started=started), [heard(f"zdanie sprzed {days_ago} dni")]))
    database.write(CallRecord(summary("learnt", started=started), [heard("Zgubiłem kartę")]))
    database.close()
    async with console_of(tmp_path, server) as console, asyncio.timeout(60):
        while (drawn := await asyncio.to_thread(sampled, console)) != {"c2", "c3"}:
            assert "learnt" not in drawn, "these words are in the training data"
            await asyncio.sleep(0.05)


def sampled(console: Console) -> set[str]:
    with console.parts.engine.connect() as connection:
        return set(connection.scalars(select(SampleRow.call_id)))


async def test_a_line_of_the_sample_shows_nothing_of_the_decision(console: Console) -> None:
    """Neither the guess, nor the queue that it led to, nor the way to the call, where both stand; and it cannot be taught."""
    database = Database(console.parts.settings.database_url)
    now = datetime.now(UTC)
    line = heard("zdanie z próby")
    ranking = [{"intent": "mortgage", "confidence": 0.7}, {"intent": "insurance", "confidence": 0.2}]
    understanding = {**line["understanding"], "decision": "choose", "intent": "mortgage", "ranking": ranking, "why": "offer"}
    call = summary("drawn", started=now, queue="loans-desk", intent="mortgage")
    database.write(CallRecord(call, [line | {"understanding": understanding}]))
    database.close()
    assert draw(console.parts.engine, now.date(), now - timedelta(hours=1), now + timedelta(hours=1)) == 1

    def work(browser: Browser) -> None:
        page = browser.get("/review/sample").text
        assert "zdanie z próby" in page
        card = page.partition('<datalist id="matters">')[0] + page.partition("</datalist>")[2]
        for told in ("mortgage", "insurance", "loans-desk", "choose", "0.70", "/calls/drawn", 'name="teach"', 'id="why"'):
            assert told not in card, told
        answer = browser.send("/review/sample", {"label": "mortgage", "teach": "on", "call_id": "drawn", "position": "0"})
        assert "cannot teach" in answer.text

    with console.browser_of(Role.TUNER) as browser:
        await asyncio.to_thread(work, browser)
    assert not console.parts.draft.folder.exists()


async def test_teaching_goes_by_the_stored_line_and_shows_no_folder(console: Console) -> None:
    await asyncio.to_thread(doubtful, console)
    drafts = console.parts.draft.folder.parent
    drafts.parent.mkdir(exist_ok=True)
    drafts.write_text("in the way")

    def work(browser: Browser) -> str:
        fields = {"label": "card_block", "teach": "on", "call_id": "c000", "position": "0", "language": "../../etc"}
        several = {**fields, "label": "", "other": "card"}
        assert "There is no such matter" in browser.send("/review/doubtful", several).text
        return browser.send("/review/doubtful", fields).text

    with console.browser_of(Role.TUNER) as browser:
        said = await asyncio.to_thread(work, browser)
        assert "Not added. The draft cannot be written" in said
        assert str(drafts.parent) not in said
        drafts.unlink()
        assert "Added to the draft (card_block.yml)" in await asyncio.to_thread(work, browser)
    assert (drafts / "nlu" / "pl" / "card_block.yml").is_file()


@needs_chromium
async def test_without_script_and_a_line_is_taught(console: Console) -> None:
    await asyncio.to_thread(doubtful, console)
    async with chromium() as browser, page_of(browser, console, Role.TUNER, script=False) as page:
        await page.goto("/review/doubtful")
        await page.get_by_label("Teach it").check()
        await page.get_by_role("button", name="card_block").click()
        await expect(page.locator("#said")).to_contain_text("Added to the draft (card_block.yml)")
    draft = console.parts.settings.state.data_dir / "drafts" / "nlu" / "pl" / "card_block.yml"
    assert "no bo ja mam taką sprawę numer 0" in draft.read_text(encoding="utf-8")


async def test_beside_the_line_stands_its_call_and_why_it_is_there(console: Console) -> None:
    """The first agent's verdict, and what was said around the line; of a line that measures nothing of that."""

    def work(browser: Browser) -> tuple[str, str, str]:
        doubtful(console)
        parts = console.parts
        with parts.engine.begin() as connection:
            connection.execute(update(CallRow).where(CallRow.call_id == "c007").values(handoff_ref="r7", queue="cards"))
        at = datetime.now(UTC)
        outcomes = Outcomes(parts.engine)
        outcomes.add([Event("r7", What.ANSWERED, at), Event("r7", What.ENDED, at + timedelta(seconds=9))], at)
        outcomes.judge(Verdict("r7", "agent-1", at, False, "transfer"))
        passed_on = browser.get("/review/passed_on").text
        today = parts.bundle().calendar.local(at).date()
        draw(parts.engine, today, at - timedelta(hours=1), at, lines=3)
        return passed_on, browser.get("/review/sample").text, browser.get("/review").text

    with console.browser_of(Role.TUNER) as browser:
        passed_on, sample, overview = await asyncio.to_thread(work, browser)
    assert "0 of 3 labelled" in overview
    assert "no bo ja mam taką sprawę numer 7" in passed_on
    assert "What happened" in passed_on
    assert "What became of it in the queue" in passed_on
    assert "Wrong place</strong>: transfer" in passed_on
    assert "no bo ja mam taką sprawę" in sample
    assert "hidden here" in sample
    assert "What happened" not in sample
    found = AuditTable(console.parts.settings.database_url)
    async with asyncio.timeout(10):  # it is written beside the pages
        while not (read := await asyncio.to_thread(found.latest, 10, what="call.read")):
            await asyncio.sleep(0.05)
    assert [dict(json.loads(line.note.facts))["call"] for line in read] == ["c007"]
    found.close()

"""A whole review by keys alone, in Chromium; and by forms without script."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from playwright.async_api import expect

from tests.voicebot.console.chromium import PHONE, axe_finds, chromium, needs_chromium, page_of, shoot, sideways
from tests.voicebot.console.running import Console
from tests.voicebot.records.databases import STARTED, heard, summary
from voicebot.accounts.roles import Role
from voicebot.records.database import Database
from voicebot.records.summary import CallRecord
from voicebot.review.store import Review

LINES = 22


def doubtful(console: Console) -> None:
    database = Database(console.parts.settings.database_url)
    for number in range(LINES):
        line = heard(f"no bo ja mam taką sprawę numer {number}")
        ranking = [{"intent": "card_block", "confidence": 0.5}, {"intent": "transfer", "confidence": 0.3}]
        understanding = {**line["understanding"], "decision": "confirm", "confidence": number / 100, "ranking": ranking}
        call = summary(f"c{number:03}", started=STARTED + timedelta(seconds=number))
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
        while done < 20:
            key = keys[done % len(keys)] if done < len(keys) else "1"
            text = await page.inner_text(".said")
            await page.keyboard.press(key)
            match key:
                case "/":
                    await page.keyboard.type("complaint")
                    await page.keyboard.press("Enter")
                    await expect(page.locator("#said")).to_contain_text(f"Kept: “{text.strip('„”')}” → complaint")
                case "s":
                    await expect(page.locator("#said")).to_have_text("Put off.")
                case "u":
                    await expect(page.locator("#said")).to_contain_text("Taken back")
                case _:
                    await expect(page.locator("#said")).to_contain_text(f"Kept: “{text.strip('„”')}”")
            assert await page.evaluate("document.activeElement.id") == "card", "the focus is never lost"
            done += 1
        await page.keyboard.press("?")
        await expect(page.locator("#all-keys")).to_have_attribute("open", "")
        await page.goto("/review/doubtful?keys=off")
        before = await page.inner_text(".said")
        await page.keyboard.press("1")
        assert await page.inner_text(".said") == before
        await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        assert await sideways(page) <= 0
    (who,) = {user.name for user in console.parts.users.all()}
    latest = await asyncio.to_thread(review.latest, who)
    assert {each.label for each in latest} >= {"card_block"}
    assert await asyncio.to_thread(review.counts, who)


@needs_chromium
async def test_without_script_and_a_line_is_taught(console: Console, tmp_path: Path) -> None:
    await asyncio.to_thread(doubtful, console)
    async with chromium() as browser, page_of(browser, console, Role.TUNER, script=False) as page:
        await page.goto("/review/doubtful")
        await page.get_by_label("Teach it").check()
        await page.get_by_role("button", name="card_block").click()
        await expect(page.locator("#said")).to_contain_text("Added to the draft (card_block.yml)")
    draft = console.parts.settings.state.data_dir / "drafts" / "nlu" / "pl" / "card_block.yml"
    assert "no bo ja mam taką sprawę numer 0" in draft.read_text(encoding="utf-8")

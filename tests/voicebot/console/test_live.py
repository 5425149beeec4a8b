"""Calls as they happen, and switches, as those who watch meet them."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import httpx
from playwright.async_api import expect
from sqlalchemy import delete

from tests.voicebot.console.chromium import axe_finds, chromium, needs_chromium, page_of, shoot
from tests.voicebot.console.running import Browser, Console
from voicebot.accounts.roles import Role
from voicebot.console.live_feed import LiveFeed
from voicebot.records.models import CallRow
from voicebot.records.summary import CallRecord, CallSummary
from voicebot.state.conditions import SwitchKind, SwitchSetting
from voicebot.state.live_calls import LiveCall, LiveCalls
from voicebot.switches.board import Kept


def call(call_id: str, **more: str) -> LiveCall:
    return LiveCall(call_id, datetime.now(UTC), number="+48600100200", **more)


@needs_chromium
async def test_calls_come_change_and_go_while_one_looks(console: Console) -> None:
    live = LiveCalls(console.parts.stores.shared)
    live.began(call("c1", phase="listening"))
    async with chromium() as browser, page_of(browser, console, Role.VIEWER) as page:
        await page.clock.install()
        await page.goto("/live")
        rows = page.locator("#live-rows tr")
        await expect(rows).to_have_count(1)
        await expect(rows.first).to_contain_text("+48…200")
        live.changed("c1", phase="handing over", intent="card_block", queue="card_emergency")
        await expect(rows.first).to_contain_text("card_emergency")
        live.began(call("c2"))
        await expect(rows).to_have_count(2)
        await console.parts.switches.order(
            SwitchSetting(SwitchKind.CLOSURE, True, "jan", datetime.now(UTC), queue="cards", why="fire")
        )
        await page.clock.run_for(15_000)
        await expect(page.locator("#live-alarms")).to_contain_text("Closure: cards")
        await expect(page.locator("#live-queues")).to_contain_text("closed by a switch")
        await expect(page.locator("#live-count")).to_have_text("Calls now: 2")
        await shoot(page, "live-with-calls")
        assert await axe_finds(page) == []
        for each in ("c1", "c2"):
            live.ended(each)
        await expect(rows).to_have_count(0)
        await expect(page.locator("#live-none")).to_be_visible()


@needs_chromium
async def test_the_page_shows_calls_without_script_too(console: Console) -> None:
    console.parts.stores.live.began(call("c1", phase="listening"))
    async with chromium() as browser, page_of(browser, console, Role.VIEWER, script=False, locale="pl-PL") as page:
        await page.goto("/live")
        await expect(page.locator("#live-rows tr")).to_contain_text("słucha")


async def test_nobody_reads_the_state_server_when_nobody_looks() -> None:
    """And a browser that does not take what it is sent starts anew, with everything."""
    reads = 0
    now = [call("c1")]

    async def read() -> list[LiveCall]:
        nonlocal reads
        reads += 1
        return list(now)

    feed = LiveFeed(read, asyncio.Event())
    stream = feed.events()
    assert '"c1"' in await anext(stream)
    now.append(call("c2"))
    assert '"c2"' in await anext(stream)
    await stream.aclose()
    await asyncio.sleep(1.2)
    seen = reads
    await asyncio.sleep(1.2)
    assert reads == seen


async def test_a_switch_is_seen_before_it_is_set_and_kept_in_sql(console: Console) -> None:
    """The preview plays the real dialogue."""
    parts = console.parts
    fields = {"kind": "closure", "queue": "cards", "why": "flood in the call centre"}

    def look(browser: Browser) -> tuple[httpx.Response, httpx.Response]:
        return browser.send("/switches/preview", fields, page="/switches"), browser.send("/switches", fields)

    with console.browser_of(Role.SUPERVISOR) as browser:
        seen, kept = await asyncio.to_thread(look, browser)
        rows = seen.text.partition('id="preview"')[2].partition("</section>")[0]
        assert re.findall(r'<th scope="row">(\w+)</th>', rows) == ["card_issue", "card_limits_pin", "credit_card"]
        assert "→ cards" in rows, "as it is without the switch"
        assert kept.headers["location"] == "/switches?notice=switches.is_set"
        page = await asyncio.to_thread(browser.get, "/switches")
        offered = re.findall(r'<option value="([a-z_.]+)"', page.text.partition('name="prompt"')[2].partition("</select>")[0])
        assert offered == ["closure", "outage"], "what is made for it, not every word that callers hear"
    assert "flood in the call centre" in page.text
    assert '<option value="outage">outage: We know about' in page.text, "an announcement is chosen by its words"
    assert [each.queue for each in parts.switches.holding(parts.clock())] == ["cards"]
    assert [(each.queue, each.why) for each in await parts.switches.history()] == [("cards", fields["why"])]


async def test_what_makes_no_sense_is_refused_with_the_reason(console: Console) -> None:
    def look(browser: Browser) -> list[httpx.Response]:
        orders = (
            {"kind": "closure", "queue": "card_emergency", "why": "x"},
            {"kind": "closure", "queue": "cards"},
            {"kind": "surge", "why": "x", "until": "2020-01-01T00:00"},
            {"why": "x"},
        )
        return [browser.send("/switches", order) for order in orders]

    with console.browser_of(Role.SUPERVISOR) as browser:
        answers = await asyncio.to_thread(look, browser)
    assert [each.status_code for each in answers] == [422] * 4
    assert ["never closed" in answers[0].text, "say why" in answers[1].text, "end is past" in answers[2].text] == [True] * 3
    assert parts_hold_nothing(console)


def parts_hold_nothing(console: Console) -> bool:
    return console.parts.switches.holding(console.parts.clock()) == []


async def test_how_many_callers_a_switch_would_meet(console: Console) -> None:
    """By the same hours of the last four weeks."""
    parts, now = console.parts, console.parts.clock()
    from voicebot.records.database import Database
    from voicebot.switches.preview import expected_calls

    database = Database(parts.settings.database_url)
    for week in range(1, 5):
        started = now - timedelta(weeks=week) + timedelta(minutes=1)
        for number in range(week):
            summary = CallSummary(f"w{week}-{number}", started, started, "handed_over", intent="card_block")
            database.write(CallRecord(summary))
    until = now + timedelta(minutes=5)
    found = await asyncio.to_thread(expected_calls, parts.engine, ["card_block", "loan"], now, until, parts.bundle())
    assert found == {"card_block": 2.5, "loan": 0.0}
    with parts.engine.begin() as connection:
        connection.execute(delete(CallRow))
    database.close()


async def test_a_switch_without_a_database_holds_all_the_same(console: Console) -> None:
    setting = SwitchSetting(SwitchKind.SURGE, True, "anna", console.parts.clock(), why="x")
    with console.parts.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE switches RENAME TO gone")
    assert await console.parts.switches.order(setting) is Kept.HOLDS
    assert console.parts.switches.holding(console.parts.clock()) == [setting]

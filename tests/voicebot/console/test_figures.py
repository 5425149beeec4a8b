"""The page of figures on real traffic: simulated callers held by the real engine."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from bench.talk.phrases import load_phrases
from bench.traffic.links import broken
from bench.traffic.month import moments, traffic
from bench.traffic.queue import events_of
from nlu.pack.pack import BANK_PACK, Pack
from nlu.understanding.keywords import KeywordUnderstander
from tests.voicebot.console.chromium import PHONE, axe_finds, chromium, needs_chromium, page_of, shoot, sideways
from tests.voicebot.console.running import Console, console_of
from tests.voicebot.state.servers import StateServer
from voicebot.accounts.roles import Role
from voicebot.figures.rollup import RollUp
from voicebot.handoff.record import HandOffRecord
from voicebot.outcomes.handed import lately
from voicebot.outcomes.store import Outcomes
from voicebot.records.database import Database
from voicebot.records.summary import CallSummary


def simulated(console: Console, count: int) -> list[HandOffRecord]:
    """Calls of the last two weeks, and what became of them; what agents' screens have of them."""
    parts, rng = console.parts, Random("figures")
    bundle, now = parts.bundle(), datetime.now(UTC)
    database, outcomes = Database(parts.settings.database_url), Outcomes(parts.engine)
    times = moments(bundle, end=now - timedelta(hours=1), days=14, count=count - 1, rng=rng)
    times.append(now - timedelta(minutes=30))  # for the desk
    phrases = {language: load_phrases(language) for language in ("pl", "en")}
    handed = []
    for call in traffic(phrases, bundle, KeywordUnderstander(Pack(BANK_PACK)), times=times, seed=3):
        database.write(call.record)
        handed += [call.handed] if call.handed is not None else []
        outcomes.add(list(events_of(call.record.summary, call.held, bundle.routes, rng)), now)
    database.close()
    RollUp(parts.engine, bundle.routes, bundle.calendar.zone).refresh(now + timedelta(minutes=11))
    return handed


@pytest.fixture
async def console(tmp_path: Path, server: StateServer) -> AsyncIterator[Console]:
    """With goals that 60 calls reach, and miss."""
    async with console_of(tmp_path, server, console={"goals": {"misrouted": 0.04, "hung_up": 0.9, "within_1s": 0.5}}) as opened:
        yield opened


@needs_chromium
async def test_every_figure_has_its_meaning_its_interval_and_of_how_many(console: Console) -> None:
    for record in await asyncio.to_thread(simulated, console, 60):
        await console.parts.stores.handoffs.put(record)
    async with chromium() as browser, page_of(browser, console, Role.VIEWER) as page:
        await page.goto("/figures")
        assert "Calls: 60" in await page.inner_text("main")
        row = page.locator("tr", has=page.get_by_role("rowheader", name="Misrouted", exact=True)).first
        assert "Rule version 1" in await row.inner_text()
        assert "4.0 %" in await row.inner_text()
        row = page.locator("tr", has=page.get_by_role("rowheader", name="Hung up", exact=True)).first
        assert "90.0 % reached" in await row.inner_text()
        assert await page.locator("svg.chart rect.bar").count() > 5
        assert await axe_finds(page) == []
        await shoot(page, "figures")
        await page.get_by_role("link", name="Decisions and hearing").click()
        row = page.locator("tr", has=page.get_by_role("rowheader", name="main"))
        assert "1.00" in await row.inner_text(), "how sure the recogniser was"
        assert await axe_finds(page) == []
        await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        assert await sideways(page) <= 0
    with console.browser_of(Role.VIEWER) as reader:
        table = (await asyncio.to_thread(reader.get, "/figures.csv")).text
        narrowed = (await asyncio.to_thread(reader.get, "/figures?line=main&language=pl")).text
    assert "to=/figures%3Fline%3Dmain%26language%3Dpl" in narrowed, "the other language keeps what was asked for"
    rows = {row["figure"]: row for row in csv.DictReader(io.StringIO(table))}
    assert rows["contained"]["n"] == "60"
    assert (rows["hung_up"]["goal"], rows["hung_up"]["standing"]) == ("0.9", "reached")
    assert {"accuracy", "accepted_right", "right_queue", "corrected"} < set(rows), "what labels say"
    assert 0 < float(rows["time_steered_median"]["value"]) < 300
    assert float(rows["contained"]["low"]) <= float(rows["contained"]["value"]) <= float(rows["contained"]["high"])
    with console.browser_of() as everybody:
        assert await asyncio.to_thread(lambda: list(broken(everybody.client, most_of_a_kind=4))) == []
        desk = (await asyncio.to_thread(everybody.get, "/desk")).text
    assert f"/desk/calls/{(await lately_handed(console)).handoff_ref}" in desk, "its links were tried, too"


async def lately_handed(console: Console) -> CallSummary:
    """The latest call on the desk."""
    parts = console.parts
    since = parts.clock() - timedelta(hours=8)
    return (await asyncio.to_thread(lately, parts.engine, list(parts.bundle().queues), since))[0]

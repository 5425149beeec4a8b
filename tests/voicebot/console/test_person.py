"""The page of one person's data: what is kept is found, handed out and deleted, and the trail proves it without the number."""

from __future__ import annotations

import asyncio
import inspect
import io
import re
import zipfile
from datetime import UTC, datetime

import httpx

from tests.voicebot.console.running import Browser, Console
from voicebot.accounts.roles import Role
from voicebot.console.texts import texts
from voicebot.person.finding import DIRECTORY, Found
from voicebot.records.summary import CallSummary

NUMBER = "+48600100200"


async def kept(console: Console) -> None:
    """A call of this number in the records."""
    now = datetime.now(UTC)
    records = console.parts.stores.records
    records.save(CallSummary("of-the-person", now, now, "handed_over", number=NUMBER), ({"t": 0.0, "what": "note", "kind": "x"},))
    async with asyncio.timeout(10):
        while await records.call("of-the-person") is None:
            await asyncio.sleep(0.02)


async def test_found_handed_out_deleted(console: Console) -> None:
    await kept(console)
    asked = {"number": "600 100 200", "reason": "request 17/2026"}

    def work(browser: Browser) -> tuple[httpx.Response, ...]:
        found = browser.send("/person/find", asked, page="/person")
        archive = browser.send("/person/export", asked, page="/person")
        unsure = browser.send("/person/delete", asked, page="/person")
        deleted = browser.send("/person/delete", {**asked, "sure": "on"}, page="/person")
        return found, archive, unsure, deleted, browser.send("/person/find", asked, page="/person")

    with console.browser_of(Role.COMPLIANCE) as browser:
        found, archive, unsure, deleted, after = await asyncio.to_thread(work, browser)
    assert "Found: +48…200" in found.text
    names = zipfile.ZipFile(io.BytesIO(archive.content)).namelist()
    assert any("calls/0001.json" in each for each in names)
    assert (unsure.status_code, "Tick that you are sure" in unsure.text) == (422, True)
    assert "Deleted: +48…200" in deleted.text
    assert await console.parts.stores.records.call("of-the-person") is None
    assert after.status_code == 200
    await in_the_trail(console, {"person.looked_for", "person.exported", "person.deletion_began", "person.deleted"})


async def in_the_trail(console: Console, wanted: set[str]) -> None:
    with console.browser_of(Role.COMPLIANCE) as browser:
        async with asyncio.timeout(10):
            while True:
                page = (await asyncio.to_thread(browser.get, "/audit?what=person")).text
                if all(each in page for each in wanted):
                    break
                await asyncio.sleep(0.05)
    assert "request 17/2026" in page
    assert "data handed out" in page, "the trail is read by people"
    assert "600100200" not in page.replace(" ", "")


async def test_without_a_reason_or_with_no_number_nobody_looks(console: Console) -> None:
    def work(browser: Browser) -> tuple[httpx.Response, ...]:
        return (
            browser.send("/person/find", {"number": NUMBER, "reason": " "}, page="/person"),
            browser.send("/person/find", {"number": "about five", "reason": "x"}, page="/person"),
            browser.send("/person/export", {"number": NUMBER}, page="/person"),
            browser.send("/person/delete", {"number": NUMBER, "sure": "on"}, page="/person"),
            browser.send("/person/find", {"number": NUMBER, "reason": "asked for 600 100 200"}, page="/person"),
        )

    with console.browser_of(Role.COMPLIANCE) as browser:
        without, wrong, unasked, unproved, named = await asyncio.to_thread(work, browser)
    assert {each.status_code for each in (without, wrong, unasked, unproved, named)} == {422}
    assert all("Give a reason" in each.text for each in (unasked, unproved))
    assert "the number of the request" in named.text
    assert "Give a reason" in without.text
    assert "no telephone number" in wrong.text


def test_every_place_where_something_may_be_has_its_words() -> None:
    """The page shows what `Found.counts` names."""
    source = inspect.getsource(Found.counts)
    places = re.findall(r'^\s+\("([a-z -]+)", ', source, re.MULTILINE)
    assert len(places) > 8
    for place in (*places, DIRECTORY):
        assert f"person.{place.replace(' ', '_').replace('-', '_')}" in texts()

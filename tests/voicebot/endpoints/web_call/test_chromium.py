"""Calls from Chromium: a real browser's offer, its microphone, its keys, and the ways in which a page ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, async_playwright
from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route as Served

from tests.voicebot.endpoints.sip.answerer import Queue
from tests.voicebot.endpoints.sip.test_bridge import AGENT_HERTZ
from tests.voicebot.endpoints.sip.test_bridge import hears as queue_hears
from tests.voicebot.endpoints.web_call.bank import ADDRESS, bank_with_calls, needs_address, ticket, trail, until
from tests.voicebot.endpoints.web_call.relay import lossy
from tests.voicebot.running import RunningService
from voicebot.http.server import listen, serve

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    needs_address,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
]


@asynccontextmanager
async def app_site() -> AsyncIterator[str]:
    """The bank's site with the app's page, on an origin of its own."""
    page = Path(__file__).with_name("app.html")
    server = await serve(Starlette(routes=[Served("/", lambda _: FileResponse(page))]), listen("127.0.0.1", 0, setting="site"))
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        await server.close()


@asynccontextmanager
async def browser(*, microphone: bool) -> AsyncIterator[Browser]:
    """Without a microphone granted it hides its addresses behind names of mDNS."""
    granted = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream") if microphone else ()
    async with async_playwright() as playwright:
        flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", *granted]
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield started
        finally:
            await started.close()


@asynccontextmanager
async def page_of_the_app(
    folder: Path, *, microphone: bool = True, **sections: Any
) -> AsyncIterator[tuple[RunningService, Page, str]]:
    """The service, a page of the app in Chromium, and where the page calls."""
    async with app_site() as site:
        web_calls = {"origins": [site], **sections.pop("web_calls", {})}
        async with (
            bank_with_calls(folder, web_calls=web_calls, **sections) as service,
            browser(microphone=microphone) as chromium,
        ):
            page = await chromium.new_page()
            await page.goto(site)
            yield service, page, f"http://{service.web.api[0]}:{service.web.api[1]}"


async def eventually(page: Page, script: str, good: Callable[[Any], bool], within_s: float = 15.0) -> Any:
    async with asyncio.timeout(within_s):
        while not good(found := await page.evaluate(script)):
            await asyncio.sleep(0.05)
    return found


async def dial(service: RunningService, page: Page, base: str, *, microphone: bool = True) -> Any:
    return await page.evaluate("wanted => dial(...wanted)", [base, await ticket(service), microphone])


async def hears(page: Page) -> None:
    await eventually(page, "heard()", lambda found: found.get("energy", 0) > 0.001)


def of(service: RunningService, kind: str, field: str = "type") -> list[Any]:
    return [line for lines in service.journals.values() for line in lines if line.get(field) == kind]


async def test_a_customer_hears_the_bot_presses_keys_and_hangs_up(tmp_path: Path) -> None:
    async with page_of_the_app(tmp_path) as (service, page, base):
        assert (await dial(service, page, base))["status"] == 201
        await hears(page)
        await page.evaluate("press('12#')")
        await until(lambda: len(of(service, "KeyPressed")) == 3)
        assert [line["key"] for line in of(service, "KeyPressed")] == ["1", "2", "#"]
        shown = await page.evaluate("shown")
        assert {"state", "bot", "options"} <= {event["type"] for event in shown}
        assert await page.evaluate("hangUp()") == 204
        await until(lambda: of(service, "closed", "kind"))
        await eventually(page, "shown.at(-1).type", lambda found: found == "ended")
        began, ended = await trail(service, "webcall.began"), await trail(service, "webcall.ended")
        assert [facts["call"] for facts in ended] == [facts["call"] for facts in began]


LOUDEST = """new Promise(done => {
  window.ears ??= (() => { const context = new AudioContext(), ear = context.createAnalyser(); ear.fftSize = 8192;
    context.createMediaStreamSource(window.audio.srcObject).connect(ear); return [context, ear]; })();
  const [context, ear] = window.ears, found = new Float32Array(ear.frequencyBinCount);
  setTimeout(() => { ear.getFloatFrequencyData(found); const at = found.indexOf(Math.max(...found));
    done(found[at] > -60 ? at * context.sampleRate / ear.fftSize : 0); }, 200);
})"""
"""The frequency (Hz) that the page hears loudest; 0 for silence."""


@pytest.mark.parametrize("ends", ["the page", "the agent"])
async def test_a_page_and_an_agent_hear_each_other(tmp_path: Path, ends: str) -> None:
    """The page sends a tone of 440 Hz (an oscillator's), the agent one of 1000."""
    assert ADDRESS is not None
    queue = await Queue.open(ADDRESS)
    handoff = {"address": queue.address, "ringing": "music"}
    try:
        async with page_of_the_app(tmp_path, microphone=False, handoff=handoff) as (service, page, base):
            await dial(service, page, base, microphone=False)
            await hears(page)
            for number, key in enumerate("91", start=1):
                await page.evaluate(f"press('{key}')")
                await until(lambda wanted=number: len(of(service, "KeyPressed")) >= wanted)
            await queue.called()
            await queue.answer()
            await queue_hears(queue.rtp, 440)
            await eventually(page, LOUDEST, lambda hertz: abs(hertz - AGENT_HERTZ) < 20)
            if ends == "the page":
                ending = asyncio.create_task(page.evaluate("hangUp()"))
                assert (await queue.hung_up_on()).method == "BYE"
                await ending
            else:
                await queue.hang_up()
            await eventually(page, "shown.at(-1).type", lambda found: found == "ended")
            await until(lambda: of(service, "closed", "kind"))
            assert of(service, "closed", "kind")[0]["outcome"] == "handed_over"
    finally:
        await queue.close()


async def test_names_of_mdns_instead_of_addresses_connect(tmp_path: Path) -> None:
    """A page that was not granted the microphone shows no address."""
    async with page_of_the_app(tmp_path, microphone=False) as (service, page, base):
        dialled = await dial(service, page, base, microphone=False)
        assert ".local" in dialled["local"]
        assert ADDRESS is not None
        assert ADDRESS not in dialled["local"]
        await hears(page)


async def test_a_page_that_is_closed_ends_its_call_at_once(tmp_path: Path) -> None:
    async with page_of_the_app(tmp_path, web_calls={"silent_s": 120}) as (service, page, base):
        await dial(service, page, base)
        await hears(page)
        await page.close(run_before_unload=True)
        await until(lambda: of(service, "closed", "kind"))


async def test_a_browser_that_is_killed_ends_its_call_soon(tmp_path: Path) -> None:
    async with page_of_the_app(tmp_path, web_calls={"silent_s": 3}) as (service, page, base):
        await dial(service, page, base)
        await hears(page)
        session = await page.context.browser.new_browser_cdp_session()  # type: ignore[union-attr]
        processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
        (pid,) = [each["id"] for each in processes if each["type"] == "browser"]
        os.kill(pid, signal.SIGKILL)
        await until(lambda: of(service, "closed", "kind"))
        assert of(service, "closed", "kind")[0]["outcome"] == "media_timeout"


async def test_a_muted_customer_stays(tmp_path: Path) -> None:
    async with page_of_the_app(tmp_path, web_calls={"silent_s": 3}) as (service, page, base):
        await dial(service, page, base)
        await hears(page)
        await page.evaluate("stream.getTracks()[0].enabled = false")
        for _ in range(25):  # longer than silent_s
            await asyncio.sleep(0.2)
            assert not of(service, "closed", "kind")
        await page.evaluate("press('1')")
        await until(lambda: of(service, "KeyPressed"))


async def test_a_call_lives_through_a_bad_network(tmp_path: Path) -> None:
    """One packet in ten is lost, the first of each key always, and the others come up to 60 ms late: the voice and every key get
    through. Of a key Chromium sends one packet at its beginning and three at its end.
    """
    assert ADDRESS is not None
    async with (
        lossy(ADDRESS, loss=0.1, jitter_s=0.06) as relay,
        page_of_the_app(tmp_path, microphone=False) as (service, page, base),
    ):

        async def redirect(route: Route) -> None:
            if route.request.method != "POST":
                await route.continue_()
                return
            response = await route.fetch()
            body = await response.json()
            await route.fulfill(response=response, json={**body, "sdp": relay.redirect(body["sdp"])})

        await page.route("**/api/click2call/calls", redirect)
        assert (await dial(service, page, base, microphone=False))["status"] == 201
        await hears(page)
        await page.evaluate("press('123')")
        await until(lambda: len(of(service, "KeyPressed")) == 3)
        assert [line["key"] for line in of(service, "KeyPressed")] == list("123")
        await until(lambda: relay.lost > 10)

"""Every page in Chromium: light, dark and 360 px wide, without a complaint of the browser or of axe-core."""

from __future__ import annotations

import pytest

from tests.voicebot.console.chromium import DESKTOP, PHONE, Scheme, axe_finds, chromium, needs_chromium, page_of, shoot, sideways
from tests.voicebot.console.running import Console
from voicebot.console.app import page_routes

pytestmark = needs_chromium


def shows(path: str) -> bool:
    """Whether it is a page that can be opened without knowing more."""
    return "{" not in path and "." not in path and path != "/live/events"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE)])
async def test_every_page_is_accessible_and_fits(console: Console, scheme: Scheme, size: tuple[int, int]) -> None:
    paths = [route.path for route in page_routes(console.parts) if route.method == "GET" and shows(route.path)]
    async with chromium() as browser, page_of(browser, console, scheme=scheme, size=size) as page:
        for path in paths:
            await page.goto(path)
            await shoot(page, f"{path.strip('/').replace('/', '-') or 'home'}-{scheme}-{size[0]}")
            assert await axe_finds(page, colours_alone=scheme == "dark") == [], path
            assert await sideways(page) <= 0, path


async def test_the_log_in_page_too(console: Console) -> None:
    async with chromium() as browser, page_of(browser, console) as page:
        await page.goto("/login")
        assert await axe_finds(page) == []
        await page.fill("#name", "nobody")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.id") == "password"

"""A real browser for the console's pages: whatever it complains of, and whatever axe-core finds, fails the test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from tests.voicebot.browser import WCAG_22_AA, chromium, complaints_of, needs_chromium
from tests.voicebot.console.running import Console
from voicebot.accounts.roles import Role
from voicebot.console.guard import COOKIE

__all__ = ["chromium", "needs_chromium"]

SHOTS = os.environ.get("CONSOLE_SCREENSHOTS")
"""A folder for pictures of the pages, for a person to look at."""
PHONE, DESKTOP = (360, 740), (1280, 900)
Scheme = Literal["light", "dark"]


@asynccontextmanager
async def page_of(
    browser: Browser,
    console: Console,
    *roles: Role,
    scheme: Scheme = "light",
    size: tuple[int, int] = DESKTOP,
    locale: str = "en-GB",
    script: bool = True,
) -> AsyncIterator[Page]:
    """A page of somebody with these roles (none: all), logged in."""
    context = await browser.new_context(
        base_url=console.origin,
        locale=locale,
        color_scheme=scheme,
        viewport={"width": size[0], "height": size[1]},
        java_script_enabled=script,
    )
    cookie = console.cookie(*roles)
    await context.add_cookies(
        [{"name": COOKIE, "value": cookie, "url": console.origin.replace("http:", "https:"), "secure": True}]
    )
    opened = await context.new_page()
    complaints = complaints_of(opened)
    yield opened
    await context.close()
    assert complaints == [], complaints


async def axe_finds(page: Page, *, colours_alone: bool = False) -> list[str]:
    """What axe-core finds, in a line each. `colours_alone`: of the rules that another scheme of colours can break."""
    only = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]} if colours_alone else WCAG_22_AA
    result = await Axe().run(page, options={"runOnly": only})
    return [f"{each['id']}: {node['html'][:120]}" for each in result.response["violations"] for node in each["nodes"]]


async def sideways(page: Page) -> int:
    """By how many pixels the page is wider than the screen."""
    return int(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


async def shoot(page: Page, name: str) -> None:
    """A picture, when somebody wants to look."""
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)

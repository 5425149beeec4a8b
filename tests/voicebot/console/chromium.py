"""A real browser for the console's pages: whatever it complains of, and whatever axe-core finds, fails the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from tests.voicebot.console.running import Console
from voicebot.accounts.roles import Role
from voicebot.console.guard import COOKIE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
WCAG_22_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SHOTS = os.environ.get("CONSOLE_SCREENSHOTS")
"""A folder for pictures of the pages, for a person to look at."""
PHONE, DESKTOP = (360, 740), (1280, 900)
Scheme = Literal["light", "dark"]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Started, and closed again."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        await started.close()


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
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    opened.on("console", complain)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    await context.close()
    assert complaints == [], complaints


async def axe_finds(page: Page) -> list[str]:
    """What axe-core finds, in a line each."""
    result = await Axe().run(page, options={"runOnly": WCAG_22_AA})
    return [f"{each['id']}: {node['html'][:120]}" for each in result.response["violations"] for node in each["nodes"]]


async def sideways(page: Page) -> int:
    """By how many pixels the page is wider than the screen."""
    return int(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


async def shoot(page: Page, name: str) -> None:
    """A picture, when somebody wants to look."""
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)

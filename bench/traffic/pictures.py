"""`make console-pictures`: a picture of every page of the console for docs/console, on simulated traffic, in Chromium."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import FloatRect, ViewportSize, async_playwright
from sqlalchemy import Engine, select

from bench.traffic.__main__ import hand_over, make, settings_of
from voicebot.accounts.roles import EVERYBODY
from voicebot.console.app import page_routes
from voicebot.console.guard import COOKIE
from voicebot.console.service import open_console
from voicebot.figures.rollup import RollUp
from voicebot.logs import configure_logs
from voicebot.records.models import CallRow
from voicebot.state.conditions import SwitchKind, SwitchSetting
from voicebot.state.live_calls import LiveCall

FOLDER = Path("docs/console")
_WIDTH, _HEIGHT = 1280, 900
_CALLS = 600


async def pictures() -> int:
    """Make them; how many."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("no Chromium on this machine: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_of(Path(folder), 0)
        await asyncio.to_thread(make, settings, calls=_CALLS, days=30, seed=1)
        async with open_console(settings) as console, async_playwright() as playwright:
            parts, now = console.parts, datetime.now(UTC)
            await hand_over(settings, parts)
            bundle = parts.bundle()
            await asyncio.to_thread(RollUp(parts.engine, bundle.routes, bundle.calendar.zone).refresh, now)
            user = parts.users.add("anna.k", EVERYBODY, made_by="pictures", shown="Anna K.")
            cookie = parts.sessions.begin(user, "password")
            for number, (phase, matter, queue) in enumerate(
                (("listening", None, None), ("handing over", "transfer", "payments"))
            ):
                started = now - timedelta(seconds=20 + 30 * number)
                call = LiveCall(f"now-{number}", started, number="+48…172", phase=phase, intent=matter, queue=queue)
                parts.stores.live.began(call)
            surge = SwitchSetting(SwitchKind.CLOSURE, True, "jan.n", now, queue="loans", why="training until noon")
            await parts.switches.order(surge)
            browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            origin = f"http://127.0.0.1:{console.address[1]}"
            context = await browser.new_context(
                base_url=origin, locale="en-GB", viewport=ViewportSize(width=_WIDTH, height=_HEIGHT)
            )
            secure = origin.replace("http:", "https:")
            await context.add_cookies([{"name": COOKIE, "value": cookie, "url": secure, "secure": True}])
            page = await context.new_page()
            FOLDER.mkdir(parents=True, exist_ok=True)
            paths = _paths(parts.engine, [route.path for route in page_routes(parts) if route.method == "GET"])
            for name, path in paths.items():
                await page.goto(path)
                await page.wait_for_timeout(800)
                await page.screenshot(path=FOLDER / f"{name}.png", clip=FloatRect(x=0, y=0, width=_WIDTH, height=_HEIGHT))
                print(name, file=sys.stderr, flush=True)
            await browser.close()
    return len(paths)


def _paths(engine: Engine, routes: list[str]) -> dict[str, str]:
    """Name and address of each page: those with a variable part by an example."""
    with engine.connect() as connection:
        call = connection.scalar(select(CallRow.call_id).where(CallRow.reasks > 0).order_by(CallRow.started.desc()))
    plain = {path.strip("/").replace("/", "-"): path for path in routes if "{" not in path and "." not in path and path != "/"}
    plain.pop("live-events", None)
    return {**plain, "call": f"/calls/{call}", "review-line": "/review/doubtful"}


if __name__ == "__main__":
    configure_logs(level="error")
    print(asyncio.run(pictures()), "pictures in", FOLDER)

"""Forms and addresses of somebody who lies: no page breaks."""

from __future__ import annotations

import asyncio
from itertools import cycle
from urllib.parse import quote, urlencode

from tests.voicebot.console.running import Browser, Console, token_in
from voicebot.console.app import page_routes
from voicebot.console.routing import PageRoute

LIES = (
    "",
    "a\0b",
    "'; DROP TABLE users; --",
    "<script>alert(1)</script>",
    "{{ 7*7 }}{% for x in y %}",
    "!!python/object/apply:os.system ['id']",
    "../../../etc/passwd",
    "\u202e\u200b\ufeff" + "x" * 300,
    "9" * 1000,
    "1e309",
    "9999-12-31T23:59:59+14:00",
)
FIELDS = (
    "name roles password queues shown user text chat note why kind share label other call_id position reason scopes status ref "
    "queue number until at minutes count segment language email who what intent matter prompt words"
).split()
DAYS = {"from": "0001-01-05", "to": "9999-12-31", "days": "0000019999999999"}


def lie_to(browser: Browser, routes: list[PageRoute]) -> list[str]:
    """What broke."""
    broken: list[str] = []
    token = token_in(browser.get("/releases").text)
    lies = cycle(LIES)
    for route in routes:
        fields = {name: next(lies) for name in FIELDS} | DAYS
        parts = [quote(next(lies), safe="") or "x" if part.startswith("{") else part for part in route.path.split("/")]
        path = "/".join(parts)
        if route.method == "GET" and route.path != "/live/events":
            asked = urlencode({name: lie for name, lie in fields.items() if "\0" not in lie})
            status = browser.client.get(f"{path}?{asked}").status_code
            broken += [f"GET {path} {status}"] if status >= 500 else []
        elif route.method == "POST":
            form = {"token": token, "do": "?"} | fields
            status = browser.client.post(path, data=form, headers={"Origin": browser.origin}).status_code
            broken += [f"POST {path} {status}"] if status >= 500 else []
    return broken


async def test_no_lie_breaks_a_page(console: Console) -> None:
    with console.browser_of() as browser:
        broken = await asyncio.to_thread(lie_to, browser, page_routes(console.parts))
        for address in ("/calls/a%00b", "/calls?words=%00"):  # PostgreSQL refuses to look for it
            assert (await asyncio.to_thread(browser.get, address)).status_code == 404
    assert broken == []

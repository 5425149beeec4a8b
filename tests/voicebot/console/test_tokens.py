"""Tokens of the API by the page: shown once, used, taken back."""

from __future__ import annotations

import asyncio
import re

from tests.voicebot.console.running import Browser, Console
from voicebot.accounts.roles import Role
from voicebot.accounts.tokens import TokenCheck, Tokens


async def test_a_token_is_shown_once_opens_what_was_ticked_and_is_taken_back(console: Console) -> None:
    def make(browser: Browser) -> str:
        assert browser.send("/tokens", {"name": "dialler", "days": "0", "scopes": ["events"]}).status_code == 422
        for days in ("3651", "0000019999999999", "-1", "x", "9" * 5000):
            assert browser.send("/tokens", {"name": "dialler", "days": days, "scopes": ["events"]}).status_code == 422
        assert browser.send("/tokens", {"name": "dialler", "days": "30"}).status_code == 422, "a token without a scope"
        made = browser.send("/tokens", {"name": "dialler", "days": "30", "scopes": ["events", "callbacks"]})
        secret = str(re.findall(r"<code>(vbt_[^<]+)</code>", made.text)[0])
        assert secret not in browser.get("/tokens").text
        assert browser.send("/tokens", {"name": "dialler", "scopes": ["events"]}).status_code == 422, "there is one already"
        return secret

    def take_back(browser: Browser) -> None:
        assert browser.send("/tokens", {"do": "revoke", "name": "dialler"}).status_code == 303
        assert browser.send("/tokens", {"do": "revoke", "name": "dialler"}).status_code == 422

    engine = console.parts.engine
    with console.browser_of(Role.ADMIN) as browser:
        secret = await asyncio.to_thread(make, browser)
        assert await TokenCheck(Tokens(engine)).scopes(secret) == frozenset({"events", "callbacks"})
        await asyncio.to_thread(take_back, browser)
    assert await TokenCheck(Tokens(engine)).scopes(secret) is None

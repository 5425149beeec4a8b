"""Tokens of the API by the page: shown once, used, taken back."""

from __future__ import annotations

import asyncio
import re

from tests.voicebot.console.running import Browser, Console
from voicebot.accounts.roles import Role
from voicebot.accounts.tokens import Scope, TokenCheck, Tokens


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


async def test_whoever_loses_the_role_leaves_tokens_that_are_asked_about(console: Console) -> None:
    """The person is out at once; what they made is shown, taken back or answered for by another, and the trail has it all."""
    parts = console.parts
    console.person("gone.admin", {Role.ADMIN})
    tokens, user = Tokens(parts.engine), parts.users.of_name("gone.admin")
    assert user is not None
    for name in ("crm", "dialler"):
        tokens.add(name, [Scope.EVENTS], made_by="gone.admin")
    tokens.add("other", [Scope.WAITS], made_by="command line")

    def leave(browser: Browser) -> None:
        assert '<a href="/tokens">crm, dialler</a>' in browser.get("/people").text
        assert "Nobody answers" not in browser.get("/tokens").text
        left = browser.send(f"/people/{user.user_id}", {"roles": "admin", "shown": "Gone"}, page="/people")
        assert left.headers["location"] == "/tokens?notice=tokens.left"
        page = browser.get(left.headers["location"]).text
        assert "decide what becomes of them" in page
        places = [page.index(each) for each in ("Nobody answers for these", 'value="crm"', 'value="dialler"', 'value="other"')]
        assert places == sorted(places)
        again = browser.send(f"/people/{user.user_id}", {"roles": "admin", "shown": "Gone still"}, page="/people")
        assert again.headers["location"] == "/people?notice=people.changed", "they were left before"
        assert "Tick one" in browser.send("/tokens", {"do": "take_over"}).text
        assert browser.send("/tokens", {"do": "take_over", "name": "crm"}).headers["location"].endswith("tokens.taken_over")
        assert browser.send("/tokens", {"do": "revoke", "name": "dialler"}).status_code == 303
        assert "Nobody answers" not in browser.get("/tokens").text

    def trail(browser: Browser) -> str:
        return browser.get("/audit?what=token").text

    with console.browser_of(Role.ADMIN) as browser:
        await asyncio.to_thread(leave, browser)
    assert [(token.name, token.orphaned) for token in tokens.all()] == [("crm", False), ("other", False)]
    with console.browser_of(Role.COMPLIANCE) as browser:
        async with asyncio.timeout(10):
            while "token.revoked" not in (shown := await asyncio.to_thread(trail, browser)):
                await asyncio.sleep(0.05)
    assert shown.count("token.orphaned") == 2
    assert shown.count("token.taken_over") == 1

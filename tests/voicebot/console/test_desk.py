"""The agents' desk: a chat taken over in a real browser, the story of a call, the verdict, callbacks, whose queues are whose."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.async_api import WebSocketRoute, expect
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from caller_id.types import Caller, NumberTrust
from dialogs.events import HandOff, Told
from tests.voicebot.chat.bank import Bank
from tests.voicebot.chat.handed.talks import hand_over
from tests.voicebot.console.chromium import DESKTOP, PHONE, axe_finds, chromium, needs_chromium, page_of, shoot, sideways
from tests.voicebot.console.running import Browser, Console, console_of
from tests.voicebot.state.servers import StateServer
from voicebot.accounts.roles import Role
from voicebot.cases.store import Cases
from voicebot.cases.sweep import CaseSweep
from voicebot.console.guard import COOKIE
from voicebot.handoff.callbacks import Callback
from voicebot.handoff.record import HandOffRecord, make_record
from voicebot.outcomes.store import Outcomes

T = TypeVar("T")
NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)  # a Tuesday noon in Warsaw: callbacks may be made
NUMBER = "+48600100200"


async def seen(console: Console, do: Callable[[Browser], T], *roles: Role) -> T:
    def run() -> T:
        with console.browser_of(*roles) as browser:
            return do(browser)

    return await asyncio.to_thread(run)


def handed(**more: object) -> HandOffRecord:
    action = HandOff(
        "cards",
        intent="card_block",
        confidence=0.93,
        words="zgubiłem kartę",
        tried=("ask_matter", "confirm"),
        story=(Told("said", "zgubiłem kartę 4111 1111 1111 1111"), Told("asked", "card_block")),
    )
    caller = Caller(NUMBER, NumberTrust.TRUNK)
    made = make_record(
        action, caller=caller, call_id="c1", call_ref="abc@pbx", now=datetime.now(UTC), keep_for=timedelta(hours=1)
    )
    return replace(made, **more)  # type: ignore[arg-type]


_STATES_KEPT = """() => {
  const state = document.getElementById("chat-state");
  window.states = [];
  new MutationObserver(() => window.states.push(state.textContent)).observe(state, { childList: true });
}"""
"""What the page says of the chat, also what it says for a moment only."""


@needs_chromium
async def test_an_agent_takes_a_chat_over_and_both_write(console: Console, bank: Bank) -> None:
    """Also when the connection ends before the agent is told that a line was passed on, and when a line has to be said again."""
    sockets: list[tuple[WebSocketRoute, WebSocketRoute]] = []
    unanswered = refused = silent = False

    def between(page: WebSocketRoute) -> None:
        server = page.connect_to_server()
        server.on_message(lambda told: None if silent or (unanswered and '"sent"' in str(told)) else page.send(told))
        sockets.append((page, server))

        def said(words: str | bytes) -> None:
            nonlocal refused
            if silent:
                return
            if refused and '"say"' in str(words):
                refused = False
                page.send(json.dumps({"type": "error", "code": "state_away", "id": json.loads(words)["id"]}))
            else:
                server.send(words)

        page.on_message(said)

    async with chromium() as browser, page_of(browser, console, Role.AGENT) as agent:
        await agent.clock.install()
        await agent.route_web_socket(re.compile("/desk/chats/"), between)
        await agent.goto("/desk")
        await expect(agent.locator("#desk-state")).to_have_text("Nobody waits")
        await agent.get_by_label("I take chats of my queues").check()
        async with asyncio.timeout(10):
            while "payments" not in bank.desks.queues:
                await bank.desks.refresh()
                await asyncio.sleep(0.02)
        async with bank.customer() as customer:
            await hand_over(customer)
            await agent.locator("#desk-chats a").first.click(timeout=15_000)
            await expect(agent.locator("#lines")).to_contain_text("nie działa mi blik")
            assert await axe_finds(agent) == []
            await agent.get_by_role("button", name="Take the chat").click()
            joined = await customer.until("agent")
            assert "person-0" in json.dumps(joined), "the customer sees who is logged in"
            await agent.locator("#text").press_sequentially("Dzień dobry")
            await customer.until("typing")
            await agent.keyboard.press("Enter")
            assert (await customer.until("agent_says"))["text"] == "Dzień dobry"
            await customer.say("moja karta zniknęła <b>wczoraj</b>")
            await expect(agent.locator("#lines")).to_contain_text("zniknęła <b>wczoraj</b>")
            await agent.locator("#text").fill("Dziękuję.")
            await agent.get_by_role("button", name="Proszę o chwilę").click()
            await agent.get_by_role("button", name="Send", exact=True).click()
            assert (await customer.until("agent_says"))["text"].startswith("Dziękuję. Proszę o chwilę")
            await expect(agent.locator("#lines")).to_contain_text("Proszę o chwilę")
            unanswered = True
            await agent.locator("#text").fill("Już sprawdzam")
            await agent.keyboard.press("Enter")
            assert (await customer.until("agent_says"))["text"] == "Już sprawdzam"
            for side in sockets[0]:
                await side.close(code=1012)
            unanswered = False
            await expect(agent.locator("#chat-state")).to_have_text("No connection; trying again.")
            await agent.locator("#text").fill("Jestem z powrotem")
            await agent.keyboard.press("Enter")
            assert (await customer.until("agent_says"))["text"] == "Jestem z powrotem"
            await expect(agent.locator("#chat-state")).to_have_text("The chat is yours.")
            for said in ("Już sprawdzam", "Jestem z powrotem"):
                await expect(agent.locator("#lines li", has_text=said)).to_have_count(1)
            silent = True  # a network that is gone ends nothing
            for ms in (5_000, 9_000):  # it is asked whether it lives, and no answer comes
                await agent.clock.fast_forward(ms)
            await expect(agent.locator("#chat-state")).to_have_text("No connection; trying again.")
            await agent.locator("#text").fill("Z nowej sieci")
            await agent.keyboard.press("Enter")
            silent = False
            assert (await customer.until("agent_says"))["text"] == "Z nowej sieci"
            await expect(agent.locator("#chat-state")).to_have_text("The chat is yours.")
            await agent.evaluate(_STATES_KEPT)
            refused = True
            for later in ("Najpierw to", "Potem to"):
                await agent.locator("#text").fill(later)
                await agent.keyboard.press("Enter")
            for scheme, size in (("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE)):
                await agent.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                await agent.set_viewport_size({"width": size[0], "height": size[1]})
                await shoot(agent, f"desk-chat-{scheme}-{size[0]}")
                assert await axe_finds(agent) == []
                assert await sideways(agent) <= 0
            in_order = [(await customer.until("agent_says"))["text"] for _ in range(2)]
            assert in_order == ["Najpierw to", "Potem to"]
            assert "Not sent: the state server does not answer, we keep trying" in await agent.evaluate("window.states")
            await expect(agent.locator("#chat-state")).to_have_text("")
            await agent.get_by_role("button", name="End", exact=True).click()
            await expect(agent.locator("#chat-state")).to_have_text("The chat is over.")
        await bank.until_empty()


async def test_the_socket_is_for_agents_who_are_logged_in_here(console: Console) -> None:
    host = console.origin.removeprefix("http://")
    url = f"ws://{host}/desk/chats/{'x' * 24}/ws"
    agent, tuner = console.cookie(Role.AGENT), console.cookie(Role.TUNER)
    for cookie, origin in ((None, console.origin), (tuner, console.origin), (agent, "https://evil.example"), (agent, None)):
        headers = {"Cookie": f"{COOKIE}={cookie}"} if cookie else {}
        with pytest.raises(InvalidStatus) as refused:
            async with connect(url, additional_headers=headers, origin=origin):  # type: ignore[arg-type]
                pass
        assert refused.value.response.status_code == 403
    async with connect(url, additional_headers={"Cookie": f"{COOKIE}={agent}"}, origin=console.origin) as socket:  # type: ignore[arg-type]
        assert json.loads(await socket.recv())["type"] == "over"


async def test_the_story_of_a_call_is_found_by_whatever_the_screen_has(console: Console) -> None:
    record = handed()
    await console.parts.stores.handoffs.put(record)
    for path in (f"/desk/calls/{record.ref}", "/desk/calls/abc@pbx", "/desk/find?key=abc%40pbx"):
        page = await seen(console, lambda browser, path=path: browser.get(path), Role.AGENT)  # type: ignore[misc]
        assert page.status_code == 200
        for shown in ("card_block", "93 %", "zgubiłem kartę", "ask_matter → confirm", "+48…200"):
            assert shown in page.text, shown
        assert NUMBER not in page.text
        assert "4111" not in page.text
    missing = await seen(console, lambda browser: browser.get("/desk/calls/nobody@pbx"), Role.AGENT)
    assert missing.status_code == 404
    assert "No hand-off under this key" in missing.text


async def test_one_click_says_whether_it_was_the_right_place(console: Console) -> None:
    record = handed()
    await console.parts.stores.handoffs.put(record)
    page = f"/desk/calls/{record.ref}"

    def judge(browser: Browser, right: str, **more: str) -> str:
        return browser.send("/desk/verdict", {"ref": record.ref, "right": right, **more}, page=page).headers["location"]

    assert (await seen(console, lambda b: judge(b, "yes"), Role.AGENT)).endswith("notice=desk.thanks")
    assert (await seen(console, lambda b: judge(b, "no", intent="blik"), Role.AGENT)).endswith("notice=desk.thanks")
    assert (await seen(console, lambda b: judge(b, "no", intent="made_up"), Role.AGENT)).endswith("unknown_matter")
    (verdict,) = Outcomes(console.parts.engine).verdicts(record.ref)
    assert (verdict.right, verdict.intent) == (False, "blik")
    assert verdict.agent.startswith("user-")
    shown = await seen(console, lambda browser: browser.get(page), Role.AGENT)
    assert "Wrong place: blik" in shown.text


async def test_a_callback_is_taken_and_settled_and_only_of_ones_own_queues(tmp_path: Path, server: StateServer) -> None:
    """The number is shown to whoever took it, and to nobody else. It is theirs also when the page was lost, and on a second click
    they get no other.
    """
    async with console_of(tmp_path, server, clock=lambda: NOON) as console:
        await callback_is_made(console)


async def callback_is_made(console: Console) -> None:
    for ref, number in (("r" * 24, NUMBER), ("s" * 24, "+48600100999")):
        await console.parts.stores.callbacks.put(Callback(ref, "cards", number, NOON, priority=1 if number == NUMBER else 0))
    listed = await seen(console, lambda browser: browser.get("/desk"), Role.AGENT)
    assert "+48…200" in listed.text
    assert NUMBER not in listed.text
    stranger = console.parts.users.add("stranger", [Role.AGENT], made_by="test", queues=["mortgages"])
    console.cookies[frozenset({Role.AGENT, Role.VIEWER})] = console.parts.sessions.begin(stranger, "password")
    other = await seen(console, lambda browser: browser.get("/desk"), Role.AGENT, Role.VIEWER)
    assert "+48…200" not in other.text

    def foreign(browser: Browser) -> str:
        return browser.send("/desk/callbacks/take", {"queue": "cards"}, page="/desk").headers["location"]

    assert (await seen(console, foreign, Role.AGENT, Role.VIEWER)).endswith("no_callback")

    def call(browser: Browser) -> str:
        first, again = (browser.send("/desk/callbacks/take", {"queue": "cards"}, page="/desk") for _ in range(2))
        page = first.headers["location"]
        assert again.headers["location"] == page
        assert f'href="{page}"' in browser.get("/desk").text
        taken = browser.get(page)
        assert NUMBER in taken.text
        claim = taken.text.partition('name="claim" value="')[2].partition('"')[0]
        fields = {"queue": "cards", "ref": "r" * 24, "claim": claim, "outcome": "done"}
        assert browser.send("/desk/callbacks/outcome", fields, page=page).headers["location"].endswith("settled")
        return page

    page = await seen(console, call, Role.AGENT)
    left = await console.parts.callbacks.line("cards")
    assert [(each.callback.ref, each.taken) for each in left] == [("s" * 24, False)]
    for roles in ((Role.AGENT,), (Role.AGENT, Role.VIEWER)):
        over = await seen(console, lambda browser: browser.get(page), *roles)
        assert over.headers["location"].endswith("claim_lost")


@needs_chromium
async def test_a_message_becomes_a_case_that_an_agent_takes_and_finishes(console: Console) -> None:
    """The number is shown to its owner only; the page works by forms alone."""
    record = handed(kind="message", answer_to=NUMBER, expires=datetime.now(UTC) + timedelta(days=30))
    await console.parts.stores.handoffs.put(record)
    cases, parts = Cases(console.parts.engine), console.parts
    sweep = CaseSweep(cases, parts.stores.handoffs, parts.callbacks, parts.settings.cases, clock=parts.clock)
    assert await sweep.look() == 1
    async with chromium() as browser, page_of(browser, console, Role.AGENT, script=False) as agent:
        await agent.goto("/desk")
        await agent.locator("section[aria-labelledby=cases] tbody a").click()
        await expect(agent.locator("main")).to_contain_text("on time")
        assert NUMBER not in await agent.content()
        await agent.get_by_role("button", name="Take it").click()
        await expect(agent.get_by_role("link", name=NUMBER)).to_be_visible()
        await agent.get_by_label("New note").fill("oddzwoniono, PESEL 44051401359")
        await agent.get_by_role("button", name="Done").click()
        await expect(agent.locator("main")).to_contain_text("oddzwoniono, PESEL")
        assert "44051401359" not in await agent.content()
        await agent.goto("/desk")
        await expect(agent.locator("main")).to_contain_text("Nothing waits")
        await agent.get_by_role("link", name="All cases").click()
        await expect(agent.locator("tbody tr")).to_have_count(1)
        await expect(agent.locator("tbody details")).to_contain_text("oddzwoniono, PESEL")
        await agent.get_by_label("Owner").fill("somebody-else")
        await agent.get_by_role("button", name="Show").click()
        await expect(agent.locator("main")).to_contain_text("Nothing matches")
        await agent.goto(f"/desk/cases/{record.ref}")
        await agent.get_by_role("button", name="Open again").click()
        await expect(agent.locator("main")).to_contain_text("Write in the note why")
        await agent.get_by_label("New note").fill("nie odebrano")
        await agent.get_by_role("button", name="Open again").click()
        await expect(agent.locator("main")).to_contain_text("opened again: nie odebrano")
        await agent.goto("/desk/cases?status=to_do&queue=cards")
        await expect(agent.locator("tbody tr")).to_contain_text("on time")
    assert [entry.what for entry in cases.history(record.ref)] == ["opened", "taken", "done", "opened_again"]
    cases.take(record.ref, "anna", parts.clock())
    cases.done(record.ref, "anna", parts.clock(), "dodzwoniono się")
    async with chromium() as browser:
        for scheme, size in (("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE)):
            async with page_of(browser, console, Role.AGENT, scheme=scheme, size=size) as agent:  # type: ignore[arg-type]
                for path, name in (
                    (f"/desk/cases/{record.ref}", "case"),
                    (f"/desk/calls/{record.ref}", "call"),
                    ("/desk/cases", "cases"),
                ):
                    await agent.goto(path)
                    await shoot(agent, f"desk-{name}-{scheme}-{size[0]}")
                    assert await axe_finds(agent) == []
                    assert await sideways(agent) <= 0


async def test_a_case_of_another_queue_is_not_shown(console: Console) -> None:
    record = handed(kind="message", expires=datetime.now(UTC) + timedelta(days=30))
    await console.parts.stores.handoffs.put(record)
    parts = console.parts
    await CaseSweep(Cases(parts.engine), parts.stores.handoffs, parts.callbacks, parts.settings.cases, clock=parts.clock).look()
    user = parts.users.add("mortgages", [Role.AGENT], made_by="test", queues=["mortgages"])
    console.cookies[frozenset({Role.AGENT, Role.VIEWER})] = parts.sessions.begin(user, "password")
    page = await seen(console, lambda browser: browser.get(f"/desk/cases/{record.ref}"), Role.AGENT, Role.VIEWER)
    assert page.status_code == 404
    assert "zgubiłem" not in page.text
    listed = await seen(console, lambda browser: browser.get("/desk/cases?status=to_do"), Role.AGENT, Role.VIEWER)
    assert "Nothing matches" in listed.text

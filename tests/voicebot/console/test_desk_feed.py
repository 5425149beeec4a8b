"""What desks hold their questions for, and which desks are there: a closed browser and a log-out leave nobody waiting for it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import httpx
import pytest
from playwright.async_api import expect
from sqlalchemy import Engine, event
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.voicebot.chat.bank import Bank
from tests.voicebot.chat.handed.talks import hand_over, has_desk, until
from tests.voicebot.console.chromium import chromium, needs_chromium, page_of
from tests.voicebot.console.running import Console, token_in
from voicebot.accounts.roles import Role
from voicebot.chat.desks import Desks
from voicebot.chat.handed import Look
from voicebot.console.desk_feed import EVERY_S, ChatFeed
from voicebot.console.guard import COOKIE
from voicebot.errors import StateUnavailable
from voicebot.handoff.callbacks import Callback
from voicebot.state.shared import SharedState

AGENT = "/desk/chats.json?take=1"
FOR_EVER = 600.0


def browser_of(console: Console) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=console.origin, headers={"Cookie": f"{COOKIE}={console.cookie(Role.AGENT)}"}, timeout=30)


def rename(engine: Engine, table: str, to: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {to}")


async def has_none(desks: Desks) -> bool:
    return await desks.refresh() and not desks.queues


async def test_all_who_wait_are_told_of_a_change_and_it_is_read_once_for_them() -> None:
    looks, reads, away = [Look(None)], 0, False

    async def read() -> list[Look]:
        nonlocal reads
        reads += 1
        if away:
            raise StateUnavailable("away")
        return list(looks)

    feed = ChatFeed(read, asyncio.Event())
    assert len(await feed.now()) == 1
    held = [asyncio.create_task(feed.once(lambda seen: len(seen) == 2, FOR_EVER)) for _ in range(40)]
    async with asyncio.timeout(20):
        away = True
        while reads < 3:
            await asyncio.sleep(0.01)
        looks.append(Look(None, over="agent"))
        away = False
        await asyncio.gather(*held)
    assert reads < 20
    away = True
    await asyncio.sleep(EVERY_S)  # what was read counts for so long
    with pytest.raises(StateUnavailable):
        await feed.now()


async def test_a_held_question_knows_what_its_page_has(console: Console, bank: Bank) -> None:
    async with browser_of(console) as agent, bank.customer() as customer:
        empty = (await agent.get(AGENT)).json()
        assert empty["chats"] == []
        await until(lambda: has_desk(bank.desks))
        await hand_over(customer)
        async with asyncio.timeout(30):
            while not (told := (await agent.get(f"{AGENT}&hold=1&known={empty['mark']}")).json())["chats"]:
                pass
        assert told["mark"] != empty["mark"]
        assert (await agent.get(f"{AGENT}&hold=1&known={told['mark']}")).json()["mark"] == told["mark"]


async def test_a_desk_that_leaves_is_gone_before_its_lease_ends(shared: SharedState) -> None:
    now = 1000.0
    desks = Desks(shared, lease_s=30, clock=lambda: now)
    await desks.here("anna", ["cards", "blik"])
    await desks.here("jan", ["blik"], lease_s=20)
    await desks.leaving("anna", 6)
    await desks.leaving("nobody", 6)
    assert desks.queues == {"cards", "blik"}
    now += 7
    assert await desks.refresh()
    assert desks.queues == {"blik"}
    await desks.leaving("anna", 60)
    assert desks.queues == {"blik"}, "who is gone does not come back by leaving"
    await desks.leaving("jan", 60)
    now += 14
    assert await desks.refresh()
    assert desks.queues == set(), "nor is a lease longer for it"
    await desks.here("anna", ["cards"])
    await desks.leaving("anna", 6)
    await desks.here("anna", ["blik"])
    now += 7
    assert await desks.refresh()
    assert desks.queues == {"blik"}, "it came back, and takes other chats now"


async def test_a_browser_that_is_closed_takes_no_chats(console: Console, bank: Bank) -> None:
    """It was to be asked again in four seconds; another browser of the person stays there."""
    async with browser_of(console) as agent:
        await agent.get(AGENT)
        await until(lambda: has_desk(bank.desks))
        held = [asyncio.create_task(agent.get(f"{AGENT}&hold=1")) for _ in range(2)]
        await asyncio.wait(held, timeout=1)
        for each in held:
            each.cancel()
        await asyncio.gather(*held, return_exceptions=True)
    async with asyncio.timeout(12):  # its lease is twenty seconds
        while not await has_none(bank.desks):
            await asyncio.sleep(0.1)


async def test_who_logs_out_takes_no_chats(console: Console, bank: Bank) -> None:
    async with browser_of(console) as agent:
        await agent.get(AGENT)
        await until(lambda: has_desk(bank.desks))
        token = token_in((await agent.get("/desk")).text)
        await agent.post("/logout", data={"token": token}, headers={"Origin": console.origin})
    assert await has_none(bank.desks)


async def test_a_database_that_is_away_ends_no_chat_but_a_log_out_does(console: Console, bank: Bank) -> None:
    """Who is logged in is looked up every five seconds."""
    cookie = f"{COOKIE}={console.cookie(Role.AGENT)}"

    def socket_of(ref: str) -> connect:
        url = f"{console.origin.replace('http', 'ws')}/desk/chats/{ref}/ws"
        return connect(url, additional_headers={"Cookie": cookie}, origin=console.origin)  # type: ignore[arg-type]

    async with browser_of(console) as browser, bank.customer() as customer:
        await browser.get(AGENT)
        await until(lambda: has_desk(bank.desks))
        handed = await hand_over(customer)
        async with socket_of(handed["ref"]) as agent:
            await agent.send(json.dumps({"type": "take", "name": "-"}))
            await customer.until("agent")
            engine, looks, loop = console.parts.engine, asyncio.Semaphore(0), asyncio.get_running_loop()

            def failed(_: object) -> None:  # what a listener returns would be raised
                loop.call_soon_threadsafe(looks.release)

            event.listen(engine, "handle_error", failed)
            rename(engine, "sessions", "away")
            async with asyncio.timeout(20):
                for _ in range(2):
                    await looks.acquire()
            await agent.send(json.dumps({"type": "say", "text": "Jestem"}))
            assert (await customer.until("agent_says"))["text"] == "Jestem"
            with pytest.raises(InvalidStatus):
                async with socket_of(handed["ref"]):
                    pass
            rename(engine, "away", "sessions")
            login = console.parts.sessions.of(console.cookie(Role.AGENT))
            assert login is not None
            console.parts.sessions.end(login)
            await customer.until("agent_left")


@needs_chromium
async def test_an_agent_who_looks_elsewhere_is_called(console: Console, bank: Bank) -> None:
    """By the title, and by a notification where the page is hidden; what the keyboard stands on stays."""
    async with chromium() as browser, page_of(browser, console, Role.AGENT) as agent:
        await agent.context.grant_permissions(["notifications"])
        await agent.add_init_script("""
            window.shown = []; window.away = false;
            window.Notification = class extends EventTarget {
              static permission = "granted";
              constructor(title, { body }) { super(); window.shown.push(body); }
              close() {}
            };
            Object.defineProperty(document, "hidden", { get: () => window.away });
        """)
        await agent.goto("/desk")
        await agent.get_by_label("I take chats of my queues").check()
        await until(lambda: has_desk(bank.desks))
        async with bank.customer() as first, bank.customer() as second:
            await hand_over(first)
            await expect(agent).to_have_title("(1) Desk · voicebot")
            assert await agent.evaluate("window.shown") == [], "who looks at the page sees it"
            link = agent.locator("#desk-chats a").first
            await link.focus()
            address = await link.get_attribute("href")
            await agent.evaluate("window.away = true")
            await hand_over(second)
            await expect(agent).to_have_title("(2) Desk · voicebot")
            await expect(agent.locator("#desk-state")).to_have_text("Waiting: 2")
            await expect(agent.locator("#desk-chats li")).to_have_count(2)
            assert await agent.evaluate("window.shown") == ["payments"]
            assert await agent.evaluate("document.activeElement.getAttribute('href')") == address
            await agent.keyboard.press("Enter")
            await agent.get_by_role("button", name="Take the chat").press("Enter")
            await first.until("agent")
            await expect(agent.locator("#text")).to_be_focused()  # who has no mouse writes at once
            await agent.evaluate("window.away = true")
            await first.say("halo")
            await expect(agent).to_have_title("(1) The customer wrote · Chat · voicebot")
            assert "The customer wrote" in await agent.evaluate("window.shown")
            await agent.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
            await expect(agent).to_have_title("(1) Chat · voicebot")
            await agent.get_by_role("button", name="End", exact=True).press("Enter")
            await expect(agent.get_by_role("link", name="To the desk")).to_be_focused()


@needs_chromium
async def test_callbacks_come_to_an_open_desk_but_not_under_the_hand(console: Console) -> None:
    async with chromium() as browser, page_of(browser, console, Role.AGENT) as agent:
        await agent.clock.install()
        await agent.goto("/desk")
        around = agent.locator("#desk-callbacks")
        await expect(around).to_contain_text("Nobody waits for a callback")
        await console.parts.stores.callbacks.put(Callback("r" * 24, "cards", "+48600100200", datetime.now(UTC)))
        await agent.clock.fast_forward(31_000)
        await expect(around).to_contain_text("+48…200")
        await agent.get_by_label("Queue", exact=True).focus()
        await console.parts.stores.callbacks.put(Callback("s" * 24, "blik", "+48600100999", datetime.now(UTC)))
        async with agent.expect_response("**/desk"):
            await agent.clock.fast_forward(31_000)
        await expect(agent.get_by_label("Queue", exact=True)).to_be_focused()
        await agent.get_by_role("button", name="Take the next one").click()
        await expect(agent.locator("main")).to_contain_text("+48")

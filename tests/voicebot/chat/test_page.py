"""The page in a real browser: a conversation without a mouse, names for screen readers, axe-core, zoom, dark, hostile words."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.voicebot.browser import WCAG_22_AA, chromium, complaints_of, needs_chromium
from tests.voicebot.chat.bank import Bank, open_bank
from tests.voicebot.state.servers import StateServer, back
from voicebot.chat.settings import ChatSettings
from voicebot.state.shared import SharedState

pytestmark = needs_chromium
SHOTS = os.environ.get("CHAT_SCREENSHOTS")
"""A folder for pictures of the page, for a person to look at."""
PHONE, DESKTOP = (360, 740), (1280, 800)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started


@pytest.fixture
async def page(browser: Browser, bank: Bank) -> AsyncIterator[Page]:
    """A page of a customer who reads English and has no mouse; whatever the browser complains of fails the test."""
    context = await browser.new_context(base_url=bank.origin, locale="en-GB", viewport={"width": 1280, "height": 800})
    opened = await context.new_page()
    complaints = complaints_of(opened)
    yield opened
    await context.close()
    assert complaints == []


async def open_chat(page: Page, path: str = "/chat") -> Locator:
    """The chat with its greeting; returns the conversation."""
    await page.goto(path)
    log = page.get_by_role("log")
    await expect(log.locator(".bot")).to_have_count(1)
    return log


async def write(page: Page, words: str) -> None:
    """Write into the field that has the focus and send it, by keyboard."""
    await page.keyboard.type(words)
    await page.keyboard.press("Enter")


async def tab_to(page: Page, name: str, *, back: bool = False) -> None:
    """Walk with Tab until the element of this name has the focus; it must be visibly focused."""
    for _ in range(40):
        await page.keyboard.press("Shift+Tab" if back else "Tab")
        focused = page.locator(":focus")
        if await focused.count() and name in (await focused.inner_text() or await accessible_name(focused)):
            assert await focused.evaluate("e => getComputedStyle(e).outlineStyle !== 'none'"), f"focus on {name!r} cannot be seen"
            return
    raise AssertionError(f"{name!r} cannot be reached with Tab")


async def accessible_name(element: Locator) -> str:
    return str(await element.evaluate("e => e.labels?.[0]?.textContent ?? e.getAttribute('aria-label') ?? ''"))


async def violations(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.2 AA and good practice."""
    await page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = await page.evaluate("tags => axe.run(document, {runOnly: tags})", WCAG_22_AA)
    assert len(found["passes"]) > 10, "axe-core did not look"
    return [f"{rule['id']}: {node['html']}" for rule in found["violations"] for node in rule["nodes"]]


# ---------------------------------------------------------------- without a mouse


async def test_a_conversation_by_keyboard_alone_reaches_the_right_queue(page: Page, bank: Bank) -> None:
    """From the skip link to the hand-off: words, the menu's buttons, and the focus never lost."""
    log = await open_chat(page)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the message field")).to_be_focused()
    await page.keyboard.press("Enter")
    await write(page, "*")
    await expect(page.get_by_role("group", name="Answers to choose from").get_by_role("button")).to_have_count(8)
    await tab_to(page, "Cards", back=True)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="2 Card trouble or a new card")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
    await tab_to(page, "Card trouble or a new card", back=True)
    await page.keyboard.press("Space")
    await expect(page.get_by_role("status")).to_have_text("The advisor has ended the conversation. Thank you.")
    await expect(page.get_by_role("button", name="Start again")).to_be_focused()
    assert "Putting you through" in await log.inner_text()
    await bank.until_empty()
    [summary] = await bank.records_written()
    assert (summary.queue, summary.intent) == ("cards", "card_issue")


async def test_an_emergency_is_two_keystrokes_away(page: Page) -> None:
    """The button is there from the first second; a second one says what is to be blocked."""
    await open_chat(page)
    await tab_to(page, "Lost card or fraud")
    await page.keyboard.press("Enter")
    await tab_to(page, "Blocking a card", back=True)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("The advisor has ended the conversation. Thank you.")


async def test_the_site_around_the_page_learns_of_the_hand_over(page: Page, bank: Bank) -> None:
    """The bank's web chat takes over with the reference, which means nothing without its token."""
    await open_chat(page)
    await page.evaluate(
        "() => { window.told = new Promise(t => document.addEventListener('chat:handed-over', event => t(event.detail))) }"
    )
    await page.get_by_role("textbox").fill("my blik does not work")
    await page.keyboard.press("Enter")
    told = await page.evaluate("window.told")
    assert told["queue"] == "payments"
    assert await bank.handoffs.get(told["ref"]) is not None


async def test_after_the_end_one_can_start_again(page: Page) -> None:
    """A fresh conversation, the field focused."""
    log = await open_chat(page)
    await page.get_by_role("button", name="End the chat").click()
    await page.get_by_role("button", name="Start again").click()
    await expect(log.locator(".bot")).to_have_count(1)
    await expect(page.get_by_role("textbox", name="Message")).to_be_focused()


# ---------------------------------------------------------------- for screen readers


async def test_everything_has_a_role_and_a_name(page: Page) -> None:
    """The conversation is a polite live region; what can be chosen is read out in it as well."""
    log = await open_chat(page)
    await expect(log).to_have_accessible_name("Conversation")
    await expect(log).to_have_attribute("aria-live", "polite")
    await expect(page.get_by_role("navigation", name="Language")).to_be_visible()
    field = page.get_by_role("textbox", name="Message")
    await expect(field).to_have_accessible_description(
        "Please do not write passwords, your PIN, a BLIK code or a full card number."
    )
    await expect(page.get_by_role("group", name="Shortcuts").get_by_role("button", name="Talk to a person")).to_be_visible()
    await field.fill("*")
    await page.keyboard.press("Enter")
    await expect(log.locator(".unseen")).to_contain_text("You can choose: 1: Cards, 2: Accounts and payments")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
@pytest.mark.parametrize("path", ["/chat?lang=pl", "/chat?lang=en"])
async def test_axe_core_finds_nothing_at_any_stage(page: Page, path: str, size: tuple[int, int], scheme: str) -> None:
    """At the greeting, with a menu offered, and after the hand-off."""
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    await open_chat(page, path)
    found = await violations(page)
    await page.get_by_role("textbox").fill("*")
    await page.keyboard.press("Enter")
    await expect(page.locator("#choices button")).to_have_count(8)
    found += await violations(page)
    await page.locator("#choices button").first.click()
    await page.locator("#choices button").nth(1).click()
    await expect(page.locator("#restart")).to_be_visible()
    found += await violations(page)
    assert found == []


async def test_the_page_changes_its_language_with_the_conversation(page: Page) -> None:
    """The link goes on with the same conversation once it has begun; every message says which language it is in."""
    log = await open_chat(page)
    await page.get_by_role("textbox").fill("nonsense")
    await page.keyboard.press("Enter")
    await expect(log.locator(".bot")).to_have_count(2)
    await page.get_by_role("link", name="Polski").click()
    await expect(page.get_by_role("heading", name="Czat z bankiem")).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("lang", "pl")
    await expect(page.get_by_role("textbox", name="Wiadomość")).to_be_visible()
    await expect(log.locator(".bot .words").first).to_have_attribute("lang", "en")
    await expect(log.locator(".bot .words").last).to_have_attribute("lang", "pl")


# ---------------------------------------------------------------- sight and touch


async def test_zoomed_to_400_percent_nothing_needs_sideways_scrolling(page: Page) -> None:
    """1280 by 1024 at 400 % is 320 by 256 CSS pixels (WCAG 1.4.10); also with text twice as large (1.4.4)."""
    await page.set_viewport_size({"width": 320, "height": 256})
    await open_chat(page)
    await page.get_by_role("textbox").fill("*")
    await page.keyboard.press("Enter")
    await expect(page.locator("#choices button")).to_have_count(8)
    for size in ("100%", "200%"):
        await page.evaluate("size => { document.documentElement.style.fontSize = size }", size)
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, f"scrolls sideways at {size}"


async def test_everything_that_can_be_pressed_is_large_enough(page: Page) -> None:
    """At least 24 by 24 CSS pixels (WCAG 2.5.8)."""
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    await open_chat(page)
    await page.get_by_role("textbox").fill("*")
    await page.keyboard.press("Enter")
    await expect(page.locator("#choices button")).to_have_count(8)
    measure = "all => all.map(e => [e.textContent, e.getBoundingClientRect().width, e.getBoundingClientRect().height])"
    sizes = await page.locator("button:visible, a:visible:not(.skip), input:visible").evaluate_all(measure)
    assert len(sizes) > 10
    assert [size for size in sizes if min(size[1:]) < 24] == []


async def test_who_wants_no_motion_gets_none(page: Page) -> None:
    """No animation runs."""
    await page.emulate_media(reduced_motion="reduce")
    await open_chat(page)
    assert await page.evaluate("document.getAnimations().length") == 0


# ---------------------------------------------------------------- hostile words, bad lines


async def test_markup_is_shown_as_what_it_is(page: Page) -> None:
    """Neither runs nor becomes an element."""
    log = await open_chat(page)
    hostile = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    await page.get_by_role("textbox").fill(hostile)
    await page.keyboard.press("Enter")
    await expect(log.locator(".bot")).to_have_count(2)
    await expect(log.locator(".you .words")).to_have_text(hostile)
    assert await log.locator("img, script").count() == 0
    assert await page.title() == "Chat with the bank"


async def test_a_quiet_customer_stays_with_one_button(browser: Browser, shared: SharedState, tmp_path: Path) -> None:
    """The warning is told to screen readers, its button reached by keyboard."""
    settings = ChatSettings(idle_s=30.0, idle_warning_s=29.7)
    async with open_bank(shared, tmp_path, settings=settings) as bank:
        page = await browser.new_page(base_url=bank.origin, locale="en-GB")
        await open_chat(page)
        await expect(page.get_by_role("status")).to_contain_text("Are you still there?")
        await tab_to(page, "Yes, I'm here")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
        await page.close()


@pytest.fixture
async def staffed(shared: SharedState, tmp_path: Path) -> AsyncIterator[Bank]:
    """A bank whose agents are the test."""
    async with open_bank(shared, tmp_path, answered=False) as opened:
        yield opened


async def waiting_page(browser: Browser, bank: Bank, locale: str = "en-GB", width: int = 320) -> tuple[Page, str]:
    """A customer on a small telephone who waits for an agent; the reference."""
    page = await browser.new_page(base_url=bank.origin, locale=locale, viewport={"width": width, "height": 640})
    await page.emulate_media(reduced_motion="reduce")  # half faded in, words have too little contrast
    await open_chat(page)
    await page.get_by_role("textbox").fill("my blik does not work" if locale.startswith("en") else "nie działa mi blik")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text(
        "waiting for an advisor" if locale.startswith("en") else "Czekają Państwo"
    )
    (look,) = await bank.chats.everywhere()
    assert look.chat is not None
    return page, look.chat.ref


async def fits(page: Page) -> bool:
    """Nothing needs sideways scrolling."""
    return bool(await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize(
    ("locale", "joined"), [("en-GB", "You are now talking to Anna <b>."), ("pl", "Rozmawia z Państwem: Anna <b>.")]
)
async def test_waiting_and_writing_with_an_agent_at_320_pixels(browser: Browser, staffed: Bank, locale: str, joined: str) -> None:
    """Who came, what they write, that they are writing, and the end; the shortcuts that lead nowhere are gone."""
    page, ref = await waiting_page(browser, staffed, locale)
    found = await violations(page)
    assert await page.locator("#shortcuts [data-key]:visible").count() == 0
    async with staffed.agent(ref) as agent:
        await agent.take("Anna <b>")
        await expect(page.get_by_role("status")).to_have_text(joined)
        await agent.send("typing")
        await expect(page.get_by_role("status")).to_contain_text("Anna <b> ")
        await agent.send("say", text="<img src=x> How can I help?")
        await expect(page.locator(".turn.agent .words")).to_have_text("<img src=x> How can I help?")
        await expect(page.locator(".turn.agent .who")).to_have_text("Anna <b>")
        await page.get_by_role("textbox").type("It does not work")
        await agent.until("typing")
        await page.keyboard.press("Enter")
        assert (await agent.until("say"))["text"] == "It does not work"
        found += await violations(page)
        assert await fits(page)
        await page.screenshot(path=f"{SHOTS}/agent-{locale}.png") if SHOTS else None
        await agent.send("end")
        await expect(page.locator("#restart")).to_be_visible()
    assert found == []
    await page.close()


async def test_a_page_that_is_loaded_anew_is_in_the_same_conversation(browser: Browser, staffed: Bank) -> None:
    """While the customer waits and with the agent; after the end it begins anew."""
    page, ref = await waiting_page(browser, staffed)
    await page.reload()
    await expect(page.get_by_role("status")).to_contain_text("waiting for an advisor")
    await expect(page.get_by_role("log")).to_contain_text("my blik does not work")
    async with staffed.agent(ref) as agent:
        await agent.take()
        await expect(page.get_by_role("status")).to_have_text("You are now talking to Anna.")
        await page.reload()
        await expect(page.get_by_role("status")).to_have_text("You are now talking to Anna.")
        await page.get_by_role("textbox").fill("still here")
        await page.keyboard.press("Enter")
        assert (await agent.until("say"))["text"] == "still here"
        await agent.send("end")
        await expect(page.get_by_role("status")).to_have_text("The advisor has ended the conversation. Thank you.")
    await page.reload()
    await expect(page.get_by_role("log").locator(".turn")).to_have_count(1)
    await page.close()


async def test_an_agent_who_is_lost_is_said_and_the_customer_may_leave(browser: Browser, staffed: Bank) -> None:
    """By keyboard, with the way back to a new conversation."""
    page, ref = await waiting_page(browser, staffed)
    async with staffed.agent(ref) as agent:
        await agent.take()
        await expect(page.get_by_role("status")).to_have_text("You are now talking to Anna.")
    await expect(page.get_by_role("status")).to_contain_text("The advisor is no longer connected.")
    await tab_to(page, "End the chat")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Start again")).to_be_focused()
    await page.close()


@pytest.mark.parametrize("locale", ["en-GB", "pl"])
async def test_an_emergency_with_nobody_there_is_one_tap_from_the_hotline(
    browser: Browser, shared: SharedState, tmp_path: Path, locale: str
) -> None:
    """A link that dials, large enough, named, and still there when the chat has ended."""
    async with open_bank(shared, tmp_path, desk=False) as bank:
        page = await browser.new_page(base_url=bank.origin, locale=locale, viewport={"width": 320, "height": 640})
        await page.emulate_media(reduced_motion="reduce")
        await open_chat(page)
        await page.locator("#shortcuts .urgent").click()
        await expect(page.locator("#restart")).to_be_visible()
        link = page.locator("#hotline a")
        await expect(link).to_have_attribute("href", f"tel:{'+48225550100' if locale == 'pl' else '+48225550103'}")
        box = await link.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
        assert await fits(page)
        assert await violations(page) == []
        await page.screenshot(path=f"{SHOTS}/nobody-{locale}.png") if SHOTS else None
        await page.close()


async def test_a_lost_connection_is_said(browser: Browser, shared: SharedState, tmp_path: Path) -> None:
    """With the way back to a new conversation."""
    async with open_bank(shared, tmp_path) as bank:
        page = await browser.new_page(base_url=bank.origin, locale="en-GB")
        await open_chat(page)
        await bank.stop()
        await expect(page.get_by_role("status")).to_have_text("The connection was lost.")
        await expect(page.get_by_role("button", name="Start again")).to_be_visible()
        await expect(page.locator("#hotline a")).to_have_attribute("href", "tel:+48225550103")
        await page.close()


async def test_words_written_while_the_connection_is_lost_reach_the_agent(browser: Browser, staffed: Bank) -> None:
    """They are on the screen all the time, and sent when the connection is back, once."""
    page, ref = await waiting_page(browser, staffed)
    async with staffed.agent(ref) as agent:
        await agent.take()
        await expect(page.get_by_role("status")).to_have_text("You are now talking to Anna.")
        await page.context.set_offline(True)
        await expect(page.get_by_role("status")).to_contain_text("Connecting again")
        await agent.until("away")
        await page.get_by_role("textbox").fill("I am in a lift")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("log")).to_contain_text("I am in a lift")
        await page.context.set_offline(False)
        assert (await agent.until("say"))["text"] == "I am in a lift"
        await expect(page.locator(".turn.you .words", has_text="I am in a lift")).to_have_count(1)
        await expect(page.get_by_role("status")).to_have_text("You are now talking to Anna.")
    assert len(agent.of("say")) == 1
    await page.close()


async def test_words_that_were_not_passed_on_are_marked_and_can_be_sent_again(
    browser: Browser, staffed: Bank, server: StateServer, shared: SharedState
) -> None:
    """By keyboard; the mark is beside the words, for as long as they are not sent."""
    page, ref = await waiting_page(browser, staffed)
    server.freeze()
    try:
        await page.get_by_role("textbox").fill("Is anybody there?")
        await page.keyboard.press("Enter")
        await expect(page.locator(".turn.you .unsent")).to_contain_text("Not sent.")
        await page.screenshot(path=f"{SHOTS}/unsent.png") if SHOTS else None
        found = await violations(page)
        assert await fits(page)
    finally:
        server.thaw()
    await back(shared)
    await tab_to(page, "Send again", back=True)
    await page.keyboard.press("Enter")
    await expect(page.locator(".unsent")).to_have_count(0)
    await expect(page.get_by_role("textbox")).to_be_focused()
    while [line.text for line in await staffed.chats.lines(ref)][-1:] != ["Is anybody there?"]:
        await asyncio.sleep(0.01)
    assert found == []
    await page.close()


async def test_the_last_words_stay_in_view_when_there_is_more_to_tell_below(browser: Browser, staffed: Bank) -> None:
    """A long status takes room from the conversation, on a small telephone most of all."""
    page, ref = await waiting_page(browser, staffed, width=320)
    async with staffed.agent(ref) as agent:
        await agent.take("Anna")
        for number in range(8):
            await agent.send("say", text=f"line {number}")
        await expect(page.locator(".turn.agent .words").last).to_have_text("line 7")
        await agent.send("transfer", queue="cards")
        await expect(page.get_by_role("status")).to_contain_text("passed this chat on")
        await expect(page.locator(".turn.agent .words").last).to_be_in_viewport(ratio=1)
        below = await page.get_by_role("log").evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight")
        assert below < 2
    await page.close()


async def test_words_that_are_too_long_stay_in_the_field(page: Page) -> None:
    """Nothing is cut off without a word, and nothing has to be written again."""
    log = await open_chat(page)
    long = "a long story " * 60
    await page.get_by_role("textbox").fill(long)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("This message is too long. Please write a shorter one.")
    await expect(page.get_by_role("textbox")).to_have_value(long)
    await expect(log.locator(".you")).to_have_count(0)


async def test_the_language_of_the_page_can_be_changed_while_talking_to_an_agent(browser: Browser, staffed: Bank) -> None:
    """The words around the conversation, also when the page is loaded anew."""
    page, ref = await waiting_page(browser, staffed)
    async with staffed.agent(ref) as agent:
        await agent.take()
        await expect(page.get_by_role("status")).to_have_text("You are now talking to Anna.")
        await page.get_by_role("link", name="Polski").click()
        await expect(page.get_by_role("status")).to_have_text("Rozmawia z Państwem: Anna.")
        await page.reload()
        await expect(page.get_by_role("status")).to_have_text("Rozmawia z Państwem: Anna.")
        await expect(page.get_by_role("textbox", name="Wiadomość")).to_be_visible()
        await agent.send("transfer", queue="cards")
        await expect(page.get_by_role("status")).to_contain_text("Konsultant przekazał tę rozmowę dalej.")
    await page.close()

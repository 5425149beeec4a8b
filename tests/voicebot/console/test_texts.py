"""The page of texts: what needs somebody comes first."""

from __future__ import annotations

import asyncio
import re
from datetime import date
from pathlib import Path

import voicebot
from dialogs.authoring.prompt_list import PromptEntry, Status
from dialogs.data.bundle import load_bundle
from tests.voicebot.console.running import Browser, Console
from voicebot.accounts.roles import Role
from voicebot.console.pages.texts import in_order
from voicebot.console.texts import english, text, texts

TODAY = date(2026, 11, 27)


def entry(name: str, status: Status = Status.OK, ends: date | None = None) -> PromptEntry:
    return PromptEntry(name, "pl", "say", status, "tekst", "anna", "maria", None, ends, None)


def test_what_may_not_be_said_then_what_expires_soon_then_the_rest() -> None:
    soon, late = date(2026, 12, 10), date(2027, 12, 10)
    entries = [entry("a"), entry("b", ends=late), entry("c", ends=soon), entry("d", Status.EXPIRED, date(2026, 11, 1))]
    assert [each.id for each in in_order(entries, TODAY)] == ["d", "c", "b", "a"]


async def test_texts_are_found_by_words_and_language(console: Console) -> None:
    def look(browser: Browser) -> tuple[str, str]:
        found = browser.get("/texts?words=greeting&language=pl")
        missing = browser.get("/texts/pl/greeting/recording")
        assert missing.status_code == 404
        nowhere = browser.client.get("/texts/pl/no_such_text", headers={"Accept-Language": "pl"})
        assert (nowhere.status_code, "Nie ma takiej strony" in nowhere.text) == (404, True)
        return found.text, browser.get("/texts?words=nothing+like+this").text

    with console.browser_of(Role.COMPLIANCE) as browser:
        found, nothing = await asyncio.to_thread(look, browser)
    assert "Dzień dobry" in found
    assert "Good morning" not in found
    assert "Texts: 0" in nothing


def test_what_only_programs_tell_is_marked_as_english_on_a_page_in_polish() -> None:
    told = text("pl", "draft.broken", why=english("flow.yml:3 <b> is no step"))
    assert told.endswith('<span lang="en">flow.yml:3 &lt;b&gt; is no step</span>'), told


def test_each_line_of_the_audit_trail_has_its_words() -> None:
    noted = re.compile(r'note(?:_of)?\((?:session, )?\s*"([a-z_]+(?:\.[a-z_]+)+)"')
    sources = (file.read_text(encoding="utf-8") for file in Path(voicebot.__path__[0]).rglob("*.py"))
    found = {what for source in sources for what in noted.findall(source)}
    assert len(found) > 30
    assert {what for what in found if f"words.audit_{what}" not in texts()} == set()


async def test_a_text_holds_nothing_that_nobody_sees(console: Console) -> None:
    """An approver would read something else than what is there; what looks like YAML is only words."""

    def write(browser: Browser) -> None:
        for unseen in ("\u202e", "\u2066", "\x07", "\u200b", "\x1b[31m"):
            refused = browser.send("/texts/pl/ask_matter", {"text": f"W czym pomóc?{unseen}", "chat": ""})
            assert (refused.status_code, "nobody sees" in refused.text) == (422, True), repr(unseen)
        odd = "!!python/object:x &a *a: [ # - | > ' \" \\ %"
        assert browser.send("/texts/pl/ask_matter", {"text": odd, "chat": ""}).status_code == 303
        texts = load_bundle(console.parts.drafts.folders.bundle).prompts.files["pl"].prompts
        assert texts["ask_matter"].text == odd

    with console.browser_of() as browser:
        await asyncio.to_thread(write, browser)

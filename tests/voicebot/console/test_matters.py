"""Matters, the draft and the studies as pages, in Chromium."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.voicebot.console.chromium import PHONE, axe_finds, chromium, needs_chromium, page_of, shoot, sideways
from tests.voicebot.console.running import Browser, Console, console_of
from tests.voicebot.records.databases import heard, summary
from tests.voicebot.review.packs import small_pack
from tests.voicebot.state.servers import StateServer
from voicebot.accounts.roles import Role
from voicebot.records.database import Database
from voicebot.records.summary import CallRecord
from voicebot.review.queues import Queue
from voicebot.review.store import Review
from voicebot.review.studies import CLUSTERS, DRAFT, LINT

WORDS = "wihajster do bankomatu mi się zdematerializował"


@pytest.fixture
async def console(tmp_path: Path, server: StateServer) -> AsyncIterator[Console]:
    nlu = {"pack": str(small_pack(tmp_path / "pack")), "cache_dir": str(tmp_path / "cache"), "semantic": False}
    async with console_of(tmp_path, server, nlu=nlu) as running:
        await asyncio.to_thread(filled, running)
        yield running


def filled(console: Console) -> None:
    """A line that was refused, labelled and taught; what studies found of it."""
    now, engine = datetime.now(UTC), console.parts.engine
    database = Database(console.parts.settings.database_url)
    line = heard(WORDS, intent="out_of_scope")
    understanding = line["understanding"] | {"decision": "reject", "confidence": 0.4}
    database.write(CallRecord(summary("refused", started=now), [line | {"understanding": understanding}]))
    database.close()
    label = Review(engine).label(("refused", 0), "card_block", who="anna", queue=Queue.NOTHING_FITTED)
    assert label is not None
    Review(engine).taught(label)
    console.parts.draft.teach(WORDS, "card_block", "pl")
    place = {"call_id": "refused", "position": 0}
    change = {**place, "label": "card_block", "was": "reject", "found": "accept card_block", "verdict": "fixed"}
    finish(
        console,
        DRAFT,
        {
            "taught": 1,
            "complaints": [{"level": "warning", "file": "card_block.yml", "line": 7, "what": "alike", "fix": "Look"}],
            "kept_apart": 40,
            "was_right": 0.9,
            "is_right": 0.925,
            "verdicts": {"fixed": 1},
            "changes": [change],
            "lines": 100,
            "lines_changed": 3,
        },
    )
    group = {
        "language": "pl",
        "words": ["wihajster"],
        "suggestion": None,
        "share": 0.1,
        "count": 7,
        "different": 1,
        "first": (now - timedelta(days=3)).isoformat(),
        "last": now.isoformat(),
        "members": [{**place, "hits": 7}],
    }
    finish(console, CLUSTERS, {"lines": 9, "groups": [group]})


def finish(console: Console, name: str, result: dict[str, object]) -> None:
    now, studies = datetime.now(UTC), console.parts.studies.studies
    assert studies.begin(name, "anna", now)
    studies.end(name, now, now, result=result)


@needs_chromium
@pytest.mark.parametrize(("scheme", "size"), [("light", (1280, 900)), ("dark", PHONE)])
async def test_matters_and_the_draft_are_accessible_and_say_what_is_known(
    console: Console, scheme: str, size: tuple[int, int]
) -> None:
    wanted = {
        "/matters": ("wihajster", "7 lines, 1 of them different", "the model has no idea", WORDS, "× 7"),
        "/matters/card_block": ("card_block taken for nothing: 1", WORDS, "taught by anna", "in the draft only"),
        "/review/draft": (WORDS, "Right of 40: 90.0 % before, 92.5 % after", "accept card_block", "fixed", "otherwise: 3"),
        "/review": ("Labels against the model", "The draft of the training data"),
    }
    async with chromium() as browser, page_of(browser, console, Role.TUNER, scheme=scheme, size=size) as page:  # type: ignore[arg-type]
        for path, words in wanted.items():
            await page.goto(path)
            for each in words:
                await expect(page.locator("main")).to_contain_text(each)
            await shoot(page, f"{path.strip('/').replace('/', '-')}-full-{scheme}")
            assert await axe_finds(page) == [], path
            assert await sideways(page) <= 0, path


@needs_chromium
async def test_a_line_is_tried_and_a_check_is_begun_from_the_page(console: Console) -> None:
    async with chromium() as browser, page_of(browser, console, Role.TUNER) as page:
        page.set_default_timeout(60_000)
        await page.goto("/matters/card_block")
        async with asyncio.timeout(300):
            while not await page.get_by_text("accept card_block").count():  # once more where the machine is busy
                await page.fill("#text", "zgubiłem kartę")
                await page.get_by_role("button", name="Explain").click()
                await page.wait_for_load_state()
        await expect(page.locator("main")).to_contain_text("Nearest examples")
        assert await axe_finds(page) == []
        await shoot(page, "matters-try")
        await page.get_by_role("button", name="Check now: Faults").click()
        await expect(page.locator(".notice")).to_contain_text("It has begun")
        await checked(page)
        await page.goto("/matters/card_block")
        await expect(page.locator("main")).to_contain_text("Faults of the training data: last")


async def checked(page: Page) -> None:
    async with asyncio.timeout(300):
        while await page.get_by_role("link", name="Look how far it is").count():
            await page.reload()


async def test_a_matter_that_is_none_and_a_line_without_words(console: Console) -> None:
    def work(browser: Browser) -> None:
        assert browser.get("/matters/nonsense").status_code == 404
        answer = browser.send("/matters/card_block", {"text": " ", "language": "pl"})
        assert (answer.status_code, "Write a line" in answer.text) == (422, True)
        assert browser.send("/studies/nonsense", {}, page="/matters").status_code == 404
        spoken = browser.send("/matters/card_block", {"text": "hello", "language": "../etc"})
        assert (spoken.status_code, "has not learnt this language" in spoken.text) == (422, True)

    with console.browser_of(Role.TUNER) as browser:
        await asyncio.to_thread(work, browser)
    assert console.parts.studies.studies.of(LINT, datetime.now(UTC)).result is None

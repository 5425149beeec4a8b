"""Releases beside one another, in the shadow and by shares of callers, as their pages tell it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from dialogs.authoring.prompt_editing import change_text
from dialogs.data.bundle import DEFAULT_BUNDLE, load_bundle
from nlu.pack.pack import BANK_PACK
from tests.voicebot.console.chromium import PHONE, axe_finds, chromium, needs_chromium, page_of, shoot, sideways
from tests.voicebot.console.running import Console
from tests.voicebot.endpoints.looking import until
from tests.voicebot.records.databases import heard, summary
from voicebot.accounts.roles import Role
from voicebot.figures.models import CallDayRow, DayRow
from voicebot.outcomes.misroute import VERSION
from voicebot.prompts.editing import edit_texts
from voicebot.records.database import Database
from voicebot.records.shadow import ShadowDecision
from voicebot.records.summary import CallRecord
from voicebot.releases.contents import BUNDLE, PACK, File, contents_of, read_contents
from voicebot.releases.pointer import Arm, Stage
from voicebot.releases.store import Checked, Process, Shadowed
from voicebot.review.queues import Queue
from voicebot.review.store import Review


def beside(console: Console) -> tuple[int, str]:
    """A proposal in the shadow, with lines that it takes otherwise and labels; its number, and its release."""
    parts, now = console.parts, datetime.now(UTC)
    contents, where = read_contents({BUNDLE: DEFAULT_BUNDLE, PACK: BANK_PACK})
    base = parts.releases.put(contents, where, now)
    (small, *others) = contents.files
    changed = contents_of([File(f"{BUNDLE}/more.yml", small.octets, small.sha256), small, *others])
    new = parts.releases.put(changed, where, now)
    seq = parts.releases.propose(new, base, authors=["tola"], by="tola", note="fewer loans", at=now)
    assert parts.releases.take_for_checks(seq, "a-run")
    assert parts.releases.checks_end(seq, "a-run", Checked.PASSED, new)
    parts.releases.begin_shadow(new, seq, until=now + timedelta(days=3), who="sam", at=now)
    told = {"seq": 0, "live": "", "loaded": (), "trouble": ""}
    parts.releases.tell(Process("calls-1@a:1", now, **told, shadow=Shadowed(new, 61_000_000, "")))  # type: ignore[arg-type]
    parts.releases.tell(Process("web@a:2", now, **told, shadow=Shadowed(new, 0, "disk full")))  # type: ignore[arg-type]
    database, review = Database(parts.settings.database_url), Review(parts.engine, clock=parts.clock)
    database.keep_shadow(
        [ShadowDecision(f"c{n}", 0, new, "transfer" if n < 8 else "card_block", "accept", 0.9, now) for n in range(24)]
    )
    for number in range(24):
        call = summary(f"c{number}", started=now - timedelta(minutes=number), release=base)
        database.write(CallRecord(call, [heard(f"sprawa numer {number}")]))
        if number < 7:
            review.label((call.call_id, 0), "transfer", who="anna", queue=Queue.SHADOW)
    database.close()
    return seq, new


def by_shares(console: Console, new: str) -> None:
    """Three days ago every fifth caller was given the new release: counted as the roll-ups count."""
    parts, now = console.parts, datetime.now(UTC)
    arms = (Arm("", 0.8), Arm(new, 0.2))
    parts.releases.order(Stage.LIVE, arms, who="sam", why="proposal 1", at=now - timedelta(days=3))
    day = parts.bundle().calendar.local(now).date() - timedelta(days=1)
    split = {"line": "main", "language": "pl", "segment": "mass", "matter": ""}
    counted = [
        (day, "voice", "", {"calls": 8000, "reasked": 1200, "answered_with_matter": 7000, "candidates": 420}),
        (day, "voice", new, {"calls": 2000, "reasked": 220, "answered_with_matter": 1800, "candidates": 90}),
        (day, "chat", "", {"calls": 500, "reasked": 500}),
        (day - timedelta(days=2), "voice", "", {"calls": 9999, "reasked": 9999}),
    ]
    with parts.engine.begin() as connection:
        rows = [{"day": at, "channel": channel, "release": release, "counts": c, **split} for at, channel, release, c in counted]
        connection.execute(insert(CallDayRow), rows)
        days = [{"day": at, "at": now, "calls": 0, "rule": VERSION} for at in sorted({each[0] for each in counted})]
        connection.execute(insert(DayRow), days)


@needs_chromium
async def test_what_runs_beside_is_compared_in_words_that_people_read(console: Console) -> None:
    seq, new = await asyncio.to_thread(beside, console)
    async with chromium() as browser, page_of(browser, console, Role.SUPERVISOR, Role.TUNER) as page:
        await page.goto(f"/releases/{seq}")
        text = await page.locator("section", has=page.get_by_role("heading", name="In the shadow")).inner_text()
        for part in (
            "61 MB of memory",
            "disk full",
            "Lines that both decided: 24.",
            "66.7 % (46.7–82.0)",
            "only the shadow was right 7 times, only the one in force 0 times",
            "The shadow is better.",
        ):
            assert part in text, (part, text)
        assert "<" not in text
        assert await axe_finds(page) == []
        await shoot(page, "release_shadow")
        await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        assert await sideways(page) <= 0
        await page.get_by_role("button", name="End the shadow").click()
        assert await page.get_by_role("button", name="Begin the shadow").is_visible()
        await page.goto("/review/shadow")
        card = await page.locator("#card").inner_text()
        assert "sprawa numer 7" in card
        assert "card_block 0." not in card, "the guess is hidden"
        assert "accept" not in card
        await asyncio.to_thread(by_shares, console, new)
        await page.goto("/releases")
        row = page.get_by_role("row", name="Asked again")
        cells = [await cell.inner_text() for cell in await row.get_by_role("cell").all()]
        assert cells[0].startswith("15.0 %"), "of calls, since the first whole day"
        assert cells[1].startswith("11.0 %")
        assert cells[2].startswith("-4.0 (-5.5 … -2.4)")
        assert "the new one is better" in cells[2]
        misrouted = [
            await cell.inner_text() for cell in await page.get_by_role("row", name="Misrouted").get_by_role("cell").all()
        ]
        assert misrouted[4] == "1800 of 8155 needed"
        assert await axe_finds(page) == []
        await shoot(page, "releases_arms")
        assert await sideways(page) <= 0


def live_meanwhile(console: Console, folder: Path, change: Callable[[Path], None]) -> str:
    """Another release goes live; its id."""
    parts = console.parts
    shutil.copytree(DEFAULT_BUNDLE, folder)
    change(folder)
    release = parts.releases.put(*read_contents({BUNDLE: folder, PACK: BANK_PACK}), datetime.now(UTC))
    parts.releases.order(Stage.LIVE, [Arm(release)], who="sam", why="meanwhile", at=datetime.now(UTC))
    return release


@needs_chromium
async def test_lines_that_two_people_changed_are_settled_side_by_side(console: Console, tmp_path: Path) -> None:
    def reword(bundle: Path, text: str, more: str) -> None:
        edit_texts(bundle, lambda: [change_text(bundle, "pl", "ask_matter", text)])
        edit_texts(bundle, lambda: [change_text(bundle, "pl", more, f"{text} ({more})")])

    parts = console.parts
    await asyncio.to_thread(lambda: reword(parts.drafts.begin().bundle, "W czym możemy pomóc?", "greeting"))
    release = await asyncio.to_thread(live_meanwhile, console, tmp_path / "live", lambda to: reword(to, "Słucham?", "goodbye"))
    await until(lambda: console.service.follower.live == release)
    async with chromium() as browser, page_of(browser, console, Role.TUNER, Role.COMPLIANCE) as page:
        await page.goto("/releases")
        await page.get_by_role("button", name="Renew the draft").click()
        section = page.locator("section", has=page.get_by_role("heading", name="Place 1"))
        text = await section.inner_text()
        assert "W czym możemy pomóc?" in text
        assert "Słucham?" in text
        assert "greeting" not in text.replace("greeting.", ""), "what only one side changed is no question"
        assert await page.locator("fieldset").count() == 1
        assert await axe_finds(page) == []
        await shoot(page, "renew")
        await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        assert await sideways(page) <= 0
        await page.get_by_role("radio", name="The draft's", exact=True).check()
        await page.get_by_role("button", name="Put together").click()
        assert await page.get_by_text("The draft is renewed.").is_visible()
    merged = load_bundle(parts.drafts.folders.bundle).prompts.files["pl"].prompts
    assert merged["ask_matter"].text == "W czym możemy pomóc?"
    assert (merged["greeting"].text, merged["goodbye"].text) == ("W czym możemy pomóc? (greeting)", "Słucham? (goodbye)")
    assert [each.what for each in parts.drafts.changes()] == ["places settled: bundle/prompts/pl.yml"]
    with console.browser_of(Role.TUNER) as tuner:
        stale = await asyncio.to_thread(
            lambda: tuner.send("/releases/renew", {"places": "1", "place-1": "mine", "of": "x"}, page="/releases")
        )
    assert stale.status_code == 422

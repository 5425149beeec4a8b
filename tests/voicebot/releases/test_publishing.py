"""A text changed on the page, approved by another person, heard by callers; and back again. Calls, chats and console are real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import nlu
from nlu.model.store import default_cache
from nlu.pack.pack import Pack
from nlu.understanding.loading import trained
from tests.voicebot.console.running import Browser, Console, console_of
from tests.voicebot.endpoints.looking import until
from tests.voicebot.running import RunningService, open_service
from tests.voicebot.state.servers import StateServer
from voicebot.accounts.roles import Role
from voicebot.records.database import Database
from voicebot.releases.contents import BUNDLE, MODELS, PACK, read_contents
from voicebot.releases.pointer import Stage
from voicebot.releases.store import Check, Checked, Releases, State
from voicebot.softphone import Keys, UntilEnded, UntilSpeaking


@dataclass
class Bank:
    """Everything running, on one database and one state server."""

    service: RunningService
    console: Console


@asynccontextmanager
async def bank(folder: Path, server: StateServer) -> AsyncIterator[Bank]:
    data = folder / "data"
    sections: dict[str, Any] = {"nlu": {"semantic": False}, "state": {"data_dir": str(data), "redis_url": server.url}}
    async with (
        open_service(data, **sections) as service,
        console_of(data, server, nlu={"semantic": False}, web={"chat": {"agents": False}}) as console,
    ):
        yield Bank(service, console)


def as_checked(releases: Releases, seq: int, folder: Path) -> None:
    """What the checks leave: the proposal with models, which are the default ones here."""
    proposal = releases.proposal(seq)
    assert proposal is not None
    contents = releases.contents(proposal.contents)
    assert contents is not None
    releases.write(contents, folder)
    pack = Pack(folder / PACK)
    languages = ("pl", "en")
    if not trained(pack, languages, semantic=False):
        nlu.load(pack, languages, semantic=False)
    for language in languages:
        (source,) = [each for each in default_cache().glob(f"{language}-*") if each.name in model_names(pack, languages)]
        target = folder / MODELS / source.name
        target.mkdir(parents=True)
        for file in source.iterdir():
            (target / file.name).write_bytes(file.read_bytes())
    found, where = read_contents({each: folder / each for each in (BUNDLE, PACK, MODELS)})
    final = releases.put(found, where, datetime.now(UTC))
    assert releases.take_for_checks(seq, "a-run")
    for name, told in (("loads", {"warnings": []}), ("conversations", {"tests": 3, "failed": 1, "failures": []})):
        releases.keep_check(seq, "a-run", Check(name, True, told, datetime.now(UTC)))
    assert releases.checks_end(seq, "a-run", Checked.PASSED, final)


def model_names(pack: Pack, languages: tuple[str, ...]) -> set[str]:
    from nlu.model.training import TrainingConfig
    from nlu.understanding.loading import Trainer

    trainer = Trainer(pack, languages, None, default_cache(), TrainingConfig())
    return {f"{language}-{trainer.version(language)}" for language in languages}


async def greeting(service: RunningService) -> str:
    """What somebody reads who opens the chat now."""
    async with service.customer() as customer:
        await customer.until("options")
        return customer.read


async def in_the_shadow(running: Bank, supervisor: Browser) -> None:
    """The proposal decides beside what is live, in the processes of calls and chats, and nobody is told anything else."""
    console, service = running.console, running.service

    def send(browser: Browser, **fields: str) -> int:
        return browser.send("/releases/1", fields).status_code

    assert await asyncio.to_thread(lambda: send(supervisor, do="shadow", days="8")) == 422
    with console.browser_of(Role.TUNER) as tuner:
        assert await asyncio.to_thread(lambda: send(tuner, do="shadow", days="3")) == 422, "not their role"
    assert await asyncio.to_thread(lambda: send(supervisor, do="shadow", days="3")) == 303
    async with asyncio.timeout(60):
        while sum(bool(p.shadow and p.shadow.octets) for p in console.parts.releases.processes(datetime.now(UTC))) < 2:
            await asyncio.sleep(0.1)
    metrics = service.web.chat.services.session.metrics  # type: ignore[union-attr]
    async with service.customer() as customer:
        await customer.until("options")
        await customer.say("chcę zrobić przelew za granicę")
        await customer.until("options")
        await until(lambda: "voicebot_shadow_decided_total 1.0" in metrics.render())
    (call_id,) = [each for each, lines in service.journals.items() if any(line.get("type") == "Heard" for line in lines)]
    assert await asyncio.to_thread(lambda: send(supervisor, do="no_shadow")) == 303
    await until(lambda: all(each.shadow is None for each in console.parts.releases.processes(datetime.now(UTC))))
    stores = service.web.stores.records
    assert await stores.flush(10)
    async with asyncio.timeout(10):
        while (record := await stores.call(call_id)) is None:
            await asyncio.sleep(0.05)
    (decision,) = await asyncio.to_thread(Database(console.parts.settings.database_url).shadow_of, [call_id])
    assert record.lines[decision.position]["type"] == "Heard", "the line that people review"
    assert decision.intent.startswith("transfer")
    page = (await asyncio.to_thread(supervisor.get, "/releases/1")).text
    assert "Lines that both decided: 1." in page


async def test_a_text_from_the_page_to_the_callers_and_back(
    tmp_path: Path, server: StateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_checks(*_: object) -> None:
        """They have a test of their own: a minute of linting and training."""

    monkeypatch.setattr("voicebot.console.pages.proposal.check_apart", no_checks)
    async with bank(tmp_path, server) as running:
        console, service = running.console, running.service
        releases = console.parts.releases

        def write(browser: Browser) -> None:
            changed = browser.send("/texts/pl/greeting", {"text": "Zupełnie nowe powitanie.", "chat": ""})
            assert changed.headers["location"] == "/releases?notice=texts.in_draft", changed.text
            assert "bundle/prompts/pl.yml" in browser.get("/releases").text
            proposed = browser.send("/releases", {"do": "propose", "note": "warmer"})
            assert proposed.headers["location"].startswith("/releases/1?"), proposed.text
            assert browser.send("/releases/1", {"do": "approve", "kind": "texts"}).status_code == 422, (
                "an author approves nothing"
            )

        def approve(browser: Browser) -> str:
            page = browser.get("/releases/1").text
            assert browser.send("/releases/1", {"do": "approve", "kind": "texts"}).status_code == 303
            return page

        def publish(browser: Browser, do: str) -> int:
            return browser.send("/releases/1", {"do": do, "share": "100"}).status_code

        with console.browser_of(Role.TUNER, Role.COMPLIANCE) as author:
            await asyncio.to_thread(write, author)
        with console.browser_of(Role.SUPERVISOR) as supervisor:
            assert await asyncio.to_thread(publish, supervisor, "prepare") == 422, "not checked, not approved"
            with console.browser_of(Role.COMPLIANCE) as other:
                page = await asyncio.to_thread(approve, other)
            assert "Dzień dobry, tu automatyczny asystent banku." in page
            assert "Zupełnie nowe powitanie." in page
            await asyncio.to_thread(as_checked, releases, 1, tmp_path / "checked")
            assert "3 tests, 1 failed, 0 by this change" in (await asyncio.to_thread(supervisor.get, "/releases/1")).text
            assert await asyncio.to_thread(publish, supervisor, "switch") == 422, "not prepared"
            await in_the_shadow(running, supervisor)
            async with service.customer() as under_way:
                await under_way.until("options")
                assert await asyncio.to_thread(publish, supervisor, "prepare") == 303
                proposal = releases.proposal(1)
                assert proposal is not None
                final = proposal.final or ""
                async with asyncio.timeout(120):
                    while any(final not in each.loaded for each in releases.processes(datetime.now(UTC))):
                        await asyncio.sleep(0.2)
                assert len(releases.processes(datetime.now(UTC))) == 3, "calls, web and console"
                assert "Zupełnie nowe" not in await greeting(service), "prepared is not live"
                assert await asyncio.to_thread(publish, supervisor, "switch") == 303
                await until(lambda: service.service.follower.live == service.web.follower.live == final)
                assert "Zupełnie nowe powitanie." in await greeting(service)
                assert "Zupełnie nowe powitanie." not in under_way.read
                await (await under_way.key("9")).until("options")
                await under_way.key("1")
                assert (await under_way.until("handed_over"))["queue"] == "card_emergency", "by what it began with"
            report, lines = await service.call(UntilSpeaking(0.3), Keys("91"), UntilEnded(30))
            assert report.put_through
            (call_id,) = [call for call, journal in service.journals.items() if journal is lines]
            assert await service.service.stores.records.flush(10)
            record = await service.service.stores.records.call(call_id)
            assert record is not None
            assert record.summary.release == final
            spec = service.service.bundle.prompts.files["pl"].prompts["greeting"]
            assert (spec.author, spec.approver) == ("person-0", "person-2"), "names come from the log-in"
            assert releases.proposal(1).state is State.PUBLISHED  # type: ignore[union-attr]
            assert not (tmp_path / "data" / "drafts").exists(), "the draft has done its work"

            def roll_back(browser: Browser) -> None:
                assert browser.send("/releases/back", {"why": ""}, page="/releases").status_code == 422
                assert browser.send("/releases/back", {"why": "nobody likes it"}, page="/releases").status_code == 303

            server.kill()
            await asyncio.to_thread(roll_back, supervisor)
            await until(lambda: service.service.follower.live == service.web.follower.live == "")
            assert not releases.shadow().release, "it ended when the release went live"  # type: ignore[union-attr]
            assert [each.stage for each in releases.history()] == [Stage.BACK, Stage.LIVE, Stage.PREPARE]

"""A release in the shadow decides on what callers said, is dropped before it is in the way, and leaves only its decisions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nlu.types import Decision, Hypothesis, Understanding
from tests.voicebot.endpoints.looking import until
from voicebot.metrics.registry import Metrics
from voicebot.records.database import Database
from voicebot.records.shadow import ShadowDecision
from voicebot.records.store import RecordStore
from voicebot.understanding import shadow
from voicebot.understanding.shadow import MOST_WAITING, InThread, LiveShadow, ShadowLine

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


class Release:
    """An understander that waits while `held`, and cannot understand "broken"."""

    def __init__(self) -> None:
        self.asked: list[tuple[Sequence[Hypothesis], str]] = []
        self.free = threading.Event()
        self.free.set()

    def understand(self, hypotheses: Sequence[Hypothesis], lang: str) -> Understanding:
        self.free.wait(10)
        self.asked.append((hypotheses, lang))
        if hypotheses[0].text == "broken":
            raise RuntimeError("no such matter")
        return Understanding(hypotheses[0].text, "transfer", 0.7, Decision.CONFIRM)


class Bank:
    """Records, metrics, and a shadow over them."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'calls.db'}"
        self.records = RecordStore(self.url, spool_dir=folder / "spool")
        self.metrics = Metrics()
        self.busy = False
        self.shadow = LiveShadow(self.records, self.metrics, loaded=lambda: self.busy, clock=lambda: NOW)

    def counted(self, name: str) -> int:
        return next(int(float(line.split()[-1])) for line in self.metrics.render().splitlines() if line.startswith(name))

    def dropped(self, reason: str) -> int:
        return self.counted(f'voicebot_shadow_dropped_total{{reason="{reason}"}}')

    async def kept(self) -> list[ShadowDecision]:
        assert await self.records.flush()
        database = Database(self.url)
        try:
            return await asyncio.to_thread(database.shadow_of, ["c1"])
        finally:
            database.close()


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[Bank]:
    found = Bank(tmp_path)
    await found.records.start()
    yield found
    await found.shadow.end()
    await found.records.close()


def line(position: int, text: str = "przelew", language: str = "pl") -> ShadowLine:
    return ShadowLine("c1", position, (Hypothesis(text, 0.9), Hypothesis("przelewu", 0.4)), language)


async def test_lines_are_decided_by_all_their_readings_and_kept(bank: Bank) -> None:
    """A language that the release has not is its first one, as in the release in force; what fails costs one line."""
    release = Release()
    bank.shadow.offer(line(1))
    assert bank.counted("voicebot_shadow_decided_total") == 0, "there is no shadow"
    bank.shadow.begin("r1", InThread(release), ["pl", "en"])
    for each in (line(2), line(5, "broken"), line(7, language="uk")):
        bank.shadow.offer(each)
    await until(lambda: bank.counted("voicebot_shadow_decided_total") == 2)
    await bank.shadow.end()
    assert [(each[0].text, len(said), lang) for said, lang in release.asked for each in [said]] == [
        ("przelew", 2, "pl"),
        ("broken", 2, "pl"),
        ("przelew", 2, "pl"),
    ]
    assert bank.dropped("failed") == 1
    assert await bank.kept() == [ShadowDecision("c1", position, "r1", "transfer", "confirm", 0.7, NOW) for position in (2, 7)]
    bank.shadow.offer(line(9))
    assert len(release.asked) == 3, "it has ended"


async def test_what_comes_while_it_is_busy_or_the_process_is_loaded_is_dropped_and_counted(bank: Bank) -> None:
    release = Release()
    release.free.clear()
    bank.shadow.begin("r1", InThread(release), ["pl"])
    bank.shadow.offer(line(0))
    await until(lambda: bank.shadow._lines.empty())
    for position in range(1, MOST_WAITING + 4):
        bank.shadow.offer(line(position))
    assert bank.dropped("busy") == 3
    bank.busy = True
    bank.shadow.offer(line(500))
    assert bank.dropped("load") == 1
    release.free.set()
    await until(lambda: bank.counted("voicebot_shadow_decided_total") == MOST_WAITING + 1)


async def test_a_decision_is_written_without_waiting_for_many_others(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """And of what a database does not take, nothing waits on disk: the records come first."""
    monkeypatch.setattr(shadow, "BATCH_S", 0.05)
    bank.shadow.begin("r1", InThread(Release()), ["pl"])
    bank.shadow.offer(line(1))
    async with asyncio.timeout(10):
        while not await bank.kept():
            await asyncio.sleep(0.02)
    bank.shadow.offer(line(1))
    await until(lambda: bank.dropped("unwritten") == 1)
    assert bank.records.trouble is None
    assert len(await bank.kept()) == 1

"""Waiting times from app_queue, by the manager interface as 22.10 speaks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.voicebot.ami import PASSWORD, FakeManager, block
from tests.voicebot.endpoints.looking import until
from voicebot.ami.connection import parse_block
from voicebot.ami.settings import AmiSettings
from voicebot.endpoints.asterisk.queues import QueueFigures, QueueWatch, figures_of, queues_of
from voicebot.tasks import cancelled


def row(queue: str, callers: int = 0, agents: int = 2, free: int = 1, average: int = 30, longest: int = 0) -> dict[str, object]:
    return {
        "Queue": queue, "LoggedIn": agents, "Available": free, "Callers": callers, "HoldTime": average, "TalkTime": 90,
        "LongestHoldTime": longest,
    }  # fmt: skip


@pytest.fixture
async def manager() -> AsyncIterator[FakeManager]:
    opened = FakeManager()
    await opened.start()
    yield opened
    await opened.stop()


def settings(manager: FakeManager, password: str = PASSWORD) -> AmiSettings:
    return AmiSettings(port=manager.port, password=SecretStr(password), every_s=1.0)


async def test_figures_come_and_come_again_after_a_break(manager: FakeManager) -> None:
    manager.queues = [row("cards", callers=3, free=0, longest=75), row("loans")]
    manager.junk = b"Event: Odd\r\nno line at all\r\n\r\n" + block(Event="QueueSummary", Queue="broken", Callers="many")
    told: list[QueueFigures] = []
    watch = QueueWatch(settings(manager), told.append)
    running = asyncio.create_task(watch.run())
    try:
        await until(lambda: watch.available)
        assert {each.queue: each.expected_s for each in told} == {"cards": 75.0, "loans": 0.0}
        await manager.stop()
        await until(lambda: not watch.available)
        assert watch.figures == {}
        await manager.start()
        await until(lambda: watch.available)
        assert manager.logins == 2
    finally:
        await cancelled(running)


async def test_a_wrong_password_is_told_with_its_mend(manager: FakeManager, caplog: pytest.LogCaptureFixture) -> None:
    watch = QueueWatch(settings(manager, "another-password-1"), lambda _: None)
    running = asyncio.create_task(watch.run())
    try:
        await until(lambda: "asterisk.ami.user and password; manager.conf" in caplog.text)
        assert not watch.available
        assert "another-password-1" not in caplog.text
    finally:
        await cancelled(running)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (row("q", callers=0, free=1), 0.0),
        (row("q", callers=0, free=0, average=30), 30.0),
        (row("q", callers=2, free=0, average=30, longest=10), 30.0),
        (row("q", callers=2, free=1, average=30, longest=90), 90.0),
        (row("q", callers=2, agents=0, free=0, longest=90), None),
    ],
)
def test_what_a_caller_must_expect(said: dict[str, object], expected: float | None) -> None:
    figures = figures_of(parse_block(block(Event="QueueSummary", **said)))
    assert figures is not None
    assert figures.expected_s == expected


def test_a_queue_of_asterisk_may_be_several_of_the_bundle() -> None:
    figures = QueueFigures("hotline", 0, 1, 1, 0.0, 0.0)
    targets = [("general", "general"), ("crisis", "general"), ("cards", ""), ("loans", "loans")]
    assert queues_of(figures, targets, {"hotline": "general"}) == ["general", "crisis"]
    assert queues_of(QueueFigures("cards", 0, 1, 1, 0.0, 0.0), targets, {}) == ["cards"]


@given(st.binary(max_size=300))
def test_whatever_octets_come_are_figures_or_none(octets: bytes) -> None:
    figures = figures_of({"event": "QueueSummary", "queue": "q", **parse_block(octets)})
    assert figures is None or figures.callers >= 0

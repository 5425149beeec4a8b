"""Every test here runs against a real state server and a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.voicebot.chat.bank import Bank, open_bank
from tests.voicebot.console.running import Console, console_of
from tests.voicebot.state.servers import StateServer, other, server, shared
from voicebot.state.shared import SharedState

__all__ = ["console", "other", "server", "shared"]


@pytest.fixture
async def console(tmp_path: Path, server: StateServer) -> AsyncIterator[Console]:
    async with console_of(tmp_path, server) as running:
        yield running


@pytest.fixture
async def bank(shared: SharedState, tmp_path: Path) -> AsyncIterator[Bank]:
    """Chats of customers, beside the console. No desk but the console's own."""
    folder = tmp_path / "bank"
    folder.mkdir()
    async with open_bank(shared, folder, desk=False) as opened:
        yield opened

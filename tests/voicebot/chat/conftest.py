"""Every chat here runs against a real state server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.voicebot.chat.bank import Bank, open_bank
from tests.voicebot.state.servers import other, server, shared
from voicebot.state.shared import SharedState

__all__ = ["bank", "other", "server", "shared"]


@pytest.fixture
async def bank(shared: SharedState, tmp_path: Path) -> AsyncIterator[Bank]:
    """A bank at noon on a working day."""
    async with open_bank(shared, tmp_path) as opened:
        yield opened

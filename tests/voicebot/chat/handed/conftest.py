"""Nobody answers but the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.voicebot.chat.bank import Bank, open_bank
from voicebot.state.shared import SharedState


@pytest.fixture
async def bank(shared: SharedState, tmp_path: Path) -> AsyncIterator[Bank]:
    """A bank with a desk whose agents are the test."""
    async with open_bank(shared, tmp_path, answered=False) as opened:
        yield opened

"""What tests of mails need: real understanding, a real state server, real databases."""

from __future__ import annotations

import pytest

from tests.voicebot.records.servers import postgres
from tests.voicebot.state.servers import server, shared
from voicebot.understanding.service import UnderstandingService, load_understanding
from voicebot.understanding.settings import NluSettings

__all__ = ["postgres", "server", "shared"]


@pytest.fixture(scope="session")
def understanding() -> UnderstandingService:
    """As the service has it."""
    return load_understanding(NluSettings(), ("pl", "en"))

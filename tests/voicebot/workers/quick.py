"""A process of calls with the quickest engines, as a program: what `voicebot.workers` is, started in a second."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dialogs.data.bundle import load_bundle
from tests.voicebot.running import quick_engines
from voicebot.config.settings import Settings
from voicebot.conversation.session import utc_now
from voicebot.service import Service, open_service
from voicebot.workers.__main__ import main


@asynccontextmanager
async def _open(settings: Settings, *, process: str) -> AsyncIterator[Service]:
    async with (
        quick_engines(load_bundle(settings.bundle), settings.state.data_dir, utc_now) as engines,
        open_service(settings, engines=engines, process=process) as service,
    ):
        yield service


if __name__ == "__main__":
    sys.exit(main(_open))

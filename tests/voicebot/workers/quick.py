"""A process of calls with the quickest engines, as a program: what `voicebot.workers` is, started in a second."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dialogs.data.bundle import load_bundle
from tests.voicebot.running import quick_engines
from voicebot.children.orders import first_line
from voicebot.config.settings import Settings
from voicebot.conversation.session import utc_now
from voicebot.service import Service, open_service
from voicebot.workers.__main__ import run


@asynccontextmanager
async def _open(settings: Settings, *, process: str) -> AsyncIterator[Service]:
    async with (
        quick_engines(load_bundle(settings.bundle), settings.state.data_dir, utc_now) as engines,
        open_service(settings, engines=engines, process=process) as service,
    ):
        yield service


if __name__ == "__main__":
    sys.exit(asyncio.run(run(first_line().decode(), Settings.model_validate_json(first_line()), _open)))

"""Everything else that customers of the example do: with keys, with buttons, in the app, and when something fails."""

from __future__ import annotations

from pathlib import Path

import journey

from tests.voicebot.bank_app.example import example, needs_all_of_it

pytestmark = needs_all_of_it


async def test_everything_without_speaking(tmp_path: Path) -> None:
    async with example(tmp_path, hears=False) as world:
        for tried in (journey.by_keyboard, journey.asks_who_calls, journey.by_telephone, journey.what_goes_wrong):
            await tried(world)

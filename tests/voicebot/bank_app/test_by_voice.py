"""A customer of the example speaks. A file of its own, so that it runs beside the others."""

from __future__ import annotations

from pathlib import Path

import journey

from tests.voicebot.bank_app.example import example, needs_all_of_it

pytestmark = needs_all_of_it


async def test_a_customer_speaks_and_is_put_through(tmp_path: Path) -> None:
    async with example(tmp_path, hears=True) as world:
        await journey.by_voice(world)

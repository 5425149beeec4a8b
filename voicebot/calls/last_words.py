"""Speaking on a leg that has no pipeline, or whose pipeline broke: the last words of a call."""

from __future__ import annotations

import asyncio
import contextlib

from dialogs.events import Say
from voicebot.endpoints.leg import Leg
from voicebot.prompts.speaking import Speaker

MAKE_S = 6.0
"""How long making the sound may take."""
LATE_S = 2.0
"""How much longer than the sound playing it may take."""
POLL_S = 0.04


async def speak_on(leg: Leg, speaker: Speaker, say: Say) -> None:
    """Say this on the leg; comes back when the last sample was sent, or when the leg does not take it in time.

    Raises what a voice or a leg may raise.
    """
    async with asyncio.timeout(MAKE_S):
        pcm = await speaker.pcm(say, leg.sample_rate)
    leg.flush()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(len(pcm) / 2 / leg.sample_rate + LATE_S):
            while pcm or leg.buffered():
                pcm = pcm[leg.write(pcm) :] if pcm else pcm
                await asyncio.sleep(POLL_S)

"""What a call leaves in the metrics."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from audio.errors import RecogniserBusy, RecogniserError
from tests.voicebot.calls.test_whole_calls import Engine, speaks, world
from tests.voicebot.endpoints.memory_leg import MemoryLeg
from voicebot.state.shared import SharedState


async def test_a_call_s_length_and_the_recogniser_s_time_are_measured(shared: SharedState, tmp_path: Path) -> None:
    """By language, and in seconds."""
    async with world(shared, tmp_path) as calls:
        await calls.call(speaks)
        told = calls.services.session.metrics.render().splitlines()
    assert 'voicebot_recogniser_seconds_count{language="pl"} 1.0' in told
    assert "voicebot_call_seconds_count 1.0" in told
    assert "voicebot_chat_seconds_count 0.0" in told
    assert "voicebot_steering_seconds_count 1.0" in told


MOMENTS = ("open", "feed", "pause", "finish")
FAILURES = [
    *((moment, RecogniserError("died"), "failed") for moment in MOMENTS),
    *((moment, RecogniserBusy("full"), "busy") for moment in MOMENTS),
    ("finish", TimeoutError(), "late"),
]


@pytest.mark.parametrize(("moment", "error", "reason"), FAILURES, ids=str)
async def test_turns_without_words_are_counted_by_their_reason(
    shared: SharedState, tmp_path: Path, moment: str, error: Exception, reason: str
) -> None:
    async with world(shared, tmp_path, engine=Engine(moment, error)) as calls:

        async def then_hangs_up(leg: MemoryLeg) -> None:
            async with asyncio.timeout(15):
                while "voicebot_recogniser_failures_total{" not in calls.services.session.metrics.render():
                    await asyncio.sleep(0.01)
            leg.leave()

        await calls.call(speaks, then_hangs_up)
        told = calls.services.session.metrics.render().splitlines()
    assert f'voicebot_recogniser_failures_total{{language="pl",reason="{reason}"}} 1.0' in told
    assert not [line for line in told if line.startswith("voicebot_recogniser_seconds_count")]

"""The scripted caller against a bot of a few lines: what it does, hears and reports."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audio.synthesis import embedded_piper_model
from tests.voicebot.endpoints.sip.conftest import running, settings
from voicebot.endpoints.endpoint import Identify
from voicebot.endpoints.leg import Leg, LegEnded, LegKey
from voicebot.softphone import (
    CallReport,
    CallScript,
    Keys,
    Moment,
    Pause,
    Say,
    UntilEnded,
    UntilSilent,
    UntilSpeaking,
    run_script_process,
)


def _tone(leg: Leg, seconds: float) -> bytes:
    time = np.arange(int(leg.sample_rate * seconds)) / leg.sample_rate
    return (8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16).tobytes()


async def _greet_and_answer_keys(leg: Leg, identify: Identify) -> None:
    """Play a long greeting; a key stops it and a short answer follows half a second later; "9" ends the call."""
    await leg.answer()
    leg.write(_tone(leg, 1.9))
    while not isinstance(event := await leg.next_event(), LegEnded):
        if event == LegKey("9"):
            await leg.hang_up()
        elif isinstance(event, LegKey):
            leg.flush()
            await asyncio.sleep(0.5)
            leg.write(_tone(leg, 0.5))


async def _call(*scripts: CallScript, max_calls: int = 10) -> tuple[list[CallReport], list[Moment]]:
    moments: list[Moment] = []
    async with running(settings(max_calls=max_calls)) as bot:
        bot.endpoint.serve = _greet_and_answer_keys
        host, port = bot.address
        aimed = [replace(script, target=f"sip:802@{host}:{port}") for script in scripts]
        return await run_script_process(aimed, on_moment=moments.append), moments


BY_KEY = CallScript(
    "sip:nowhere", (UntilSpeaking(0.3), Keys("1"), UntilSilent(0.5, at_most_s=8), Keys("9"), UntilEnded(5)), name="by key"
)


async def test_a_call_is_followed_step_by_step() -> None:
    (report,), moments = await _call(BY_KEY)
    assert report.answered
    assert report.timed_out == ()
    whats = [moment.what for moment in report.moments]
    assert whats[0] == "dialling"
    assert whats[-1] == "ended"
    steps = [moment.detail for moment in report.moments if moment.what == "step_began"]
    assert steps[:4] == ["until_speaking", "keys", "until_silent", "keys"]
    assert whats.count("bot_started") == whats.count("bot_stopped") == 2
    assert [item.step for item in report.stops] == [2], "the key fell into the bot's speech once"
    assert [item.step for item in report.responses] == [2], "the bot answered the first key alone"
    assert sorted(moments, key=lambda moment: moment.at) == list(report.moments)


async def test_several_calls_at_once_each_have_their_report() -> None:
    scripts = [CallScript("sip:nowhere", (Pause(0.2),), name=f"call {n}", number=f"+4860010020{n}") for n in range(4)]
    reports, _ = await _call(*scripts)
    assert [report.call for report in reports] == [f"call {n}" for n in range(4)]
    assert all(report.answered for report in reports)


async def test_a_refused_call_reports_the_status() -> None:
    reports, _ = await _call(
        CallScript("sip:nowhere", (Pause(2.0),), name="first"), CallScript("sip:nowhere", delay_s=0.5), max_calls=1
    )
    assert [(report.answered, report.status) for report in reports] == [(True, 0), (False, 503)]


async def test_a_step_that_waits_in_vain_is_reported_and_the_script_goes_on() -> None:
    (report,), _ = await _call(CallScript("sip:nowhere", (UntilSilent(5.0, at_most_s=0.3), Keys("9"), UntilEnded(5))))
    assert report.timed_out == (1,)


async def test_a_call_is_bounded_in_time() -> None:
    (report,), _ = await _call(CallScript("sip:nowhere", (Pause(60),), max_s=0.5))
    assert report.answered
    assert report.moments[-1].what == "ended"


async def test_the_process_ends_with_the_one_who_started_it() -> None:
    async with running(settings()) as bot:
        host, port = bot.address
        calling = asyncio.create_task(run_script_process([CallScript(f"sip:802@{host}:{port}", (Pause(60),))]))
        leg = await asyncio.wait_for(bot.ringing.get(), 20)
        await leg.answer()
        calling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await calling
        assert calling.cancelled()


@pytest.mark.skipif(embedded_piper_model() is None, reason="the voice is an extra: install voicebot[voice-en]")
async def test_text_is_spoken_once_and_kept(tmp_path: Path) -> None:
    async with running(settings()) as bot:
        host, port = bot.address
        script = CallScript(f"sip:802@{host}:{port}", (Say("lost card"),), codecs=("g722",))
        for _ in range(2):
            calling = asyncio.create_task(run_script_process([script], cache=tmp_path))
            leg = await asyncio.wait_for(bot.ringing.get(), 60)
            await leg.answer()
            heard = []
            while not leg.ended.is_set():
                heard.append(leg.read())
                await asyncio.sleep(0.02)
            await calling
            assert np.abs(np.frombuffer(b"".join(heard), dtype=np.int16)).max() > 3000
    assert len(list(tmp_path.iterdir())) == 1

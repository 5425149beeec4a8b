"""The far ends of the load bench are heard and hear: each leg, one call, against a whole service."""

from __future__ import annotations

import multiprocessing
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.load.far_ends import FAR_ENDS, StreamPlan, _calls
from bench.load.legs import TOKEN, LegRow, sections
from tests.voicebot.running import open_service
from voicebot.endpoints.asterisk.dialplan_endpoint import DialplanEndpoint
from voicebot.endpoints.carriers.endpoint import CarriersEndpoint

GOOD = LegRow("audiosocket", 40, 40, 0.2, 40, 0, [30.0] * 40, 2.0, 0.01, 0.5)


def test_a_step_holds_up_when_everybody_was_served() -> None:
    assert GOOD.good
    assert not replace(GOOD, up=39).good
    assert not replace(GOOD, keys=39).good
    assert not replace(GOOD, broke=1).good
    assert not replace(GOOD, gaps_ms=[30.0] * 38 + [90.0] * 2).good
    assert replace(GOOD, gaps_ms=None).good


async def test_each_leg_carries_speech_and_a_key(tmp_path: Path) -> None:
    speech = tmp_path / "speech.wav"
    with wave.open(str(speech), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes((np.sin(np.arange(32000) / 5) * 9000).astype("<i2").tobytes())
    async with open_service(tmp_path / "data", **sections()) as running:
        endpoints = running.service.endpoints
        (dialplan,) = [each for each in endpoints if isinstance(each, DialplanEndpoint)]
        (carriers,) = [each for each in endpoints if isinstance(each, CarriersEndpoint)]
        ports = {
            "audiosocket": dialplan._server.audiosocket_port,
            "websocket": dialplan._server.websocket_port,
            "telnyx": carriers.port,
        }
        for number, leg in enumerate(FAR_ENDS):
            media = ("127.0.0.1", ports[leg])
            plan = StreamPlan(leg, 1, 0.5, "7", speech, f"http://127.0.0.1:{dialplan.port}", TOKEN, media, number)
            ours, theirs = multiprocessing.Pipe()
            (report,) = await _calls(plan, theirs)
            assert ours.recv() == ("up", 1)
            assert report.first_sound_s is not None
            assert not report.broke
            call_id = list(running.journals)[-1]
            assert [line["key"] for line in running.journals[call_id] if line.get("type") == "KeyPressed"] == ["7"]
            await running.closed(call_id)
        assert len(running.journals) == len(FAR_ENDS)

"""Real SIP calls that are heard by the engines which a bank brings: sherpa-onnx, and a speech service of pipecat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from audio.recognisers.load import load_recogniser
from audio.recognisers.settings import RecogniserSettings
from audio.types import Recogniser
from tests.audio.sherpa_models import streaming_transducer
from tests.voicebot.pipeline import test_speech_service
from tests.voicebot.running import open_service
from voicebot.pipeline.speech_service import ServiceRecogniser
from voicebot.softphone import HangUp, Say, UntilSilent, UntilSpeaking

WORDS = ("▁zgubiłem", "▁moją", "▁kartę", "▁dzisiaj", "▁wczoraj")


def sherpa(folder: Path) -> Recogniser:
    model = streaming_transducer(folder / "model", words=WORDS)
    loaded = load_recogniser(RecogniserSettings(engine="sherpa", kind="streaming_transducer", model=model))
    assert loaded is not None
    return loaded


def service(folder: Path) -> Recogniser:
    (folder / "key").write_text("open sesame\n")
    settings = RecogniserSettings(
        engine="pipecat",
        service=f"{test_speech_service.__name__}.Streaming",
        arguments={"words": "zgubiłem moją kartę dzisiaj"},
        secret_files={"api_key": folder / "key"},
    )
    return ServiceRecogniser(settings, "pl")


@pytest.mark.parametrize("load", [sherpa, service])
async def test_a_caller_is_steered_by_what_the_engine_heard(tmp_path: Path, load: Callable[[Path], Recogniser]) -> None:
    """The engines here write Polish words for any voice that speaks long enough, so an English one is the caller's."""
    recogniser = await asyncio.to_thread(load, tmp_path)
    async with open_service(tmp_path / "state", recognisers={"pl": recogniser}) as running:
        _, lines = await running.call(
            UntilSilent(0.8), Say("I have lost my card and I want to block it"), UntilSpeaking(0.3), HangUp()
        )
    recogniser.close()
    assert any("zgubiłem moją kartę dzisiaj" in str(line) for line in lines), lines
    assert "card_block" in str(lines), lines

"""sherpa-onnx, for real, with small models made here: they prove the engine and our way to it, not a language."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audio.errors import ModelError, RecogniserError
from audio.loudness import to_pcm
from audio.recognisers.load import load_recogniser
from audio.recognisers.pool import DecodePool
from audio.recognisers.settings import RecogniserSettings, SherpaKind
from audio.recognisers.sherpa import SherpaRecogniser
from audio.types import UNSTATED, Recogniser
from tests.audio import sherpa_models
from tests.audio.sherpa_models import SENTENCE

MAKERS: dict[SherpaKind, Callable[[Path], Path]] = {
    "streaming_transducer": sherpa_models.streaming_transducer,
    "nemo_transducer": sherpa_models.nemo_transducer,
    "nemo_ctc": sherpa_models.nemo_ctc,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[SherpaKind, Path]:
    return {kind: make(tmp_path_factory.mktemp(kind)) for kind, make in MAKERS.items()}


def voice(sample_rate: int, seconds: float = 1.8) -> bytes:
    """Something loud with a pitch."""
    time = np.arange(round(sample_rate * seconds)) / sample_rate
    return to_pcm(np.sum([np.sin(2 * np.pi * pitch * time) for pitch in range(150, 3400, 150)], axis=0).astype(np.float32) * 0.03)


def opened(models: dict[SherpaKind, Path], kind: SherpaKind, *hotwords: str) -> Recogniser:
    settings = RecogniserSettings(engine="sherpa", kind=kind, model=models[kind], hotwords=hotwords, workers=1)
    recogniser = load_recogniser(settings)
    assert recogniser is not None
    assert recogniser.name == "sherpa"
    return recogniser


@pytest.mark.parametrize(
    ("kind", "confidence"), [("streaming_transducer", None), ("nemo_transducer", None), ("nemo_ctc", UNSTATED)]
)
async def test_each_kind_hears_both_rates_and_nothing_in_silence(
    models: dict[SherpaKind, Path], kind: SherpaKind, confidence: float | None
) -> None:
    recogniser = opened(models, kind)
    for sample_rate in (8000, 16000):
        partials: list[str] = []
        stream = recogniser.open(language="en", sample_rate=sample_rate, on_partial=partials.append)
        pcm = voice(sample_rate)
        for at in range(0, len(pcm), sample_rate // 5):
            stream.feed(pcm[at : at + sample_rate // 5])
            await asyncio.sleep(0.002)
        stream.pause()
        (reading,) = (await stream.finish()).readings
        assert reading.text == SENTENCE
        assert reading.confidence == confidence if confidence else 0.5 < reading.confidence < 1
        assert all(SENTENCE.startswith(text) for text in partials)
        silent = recogniser.open(language="en", sample_rate=sample_rate)
        silent.feed(bytes(sample_rate))
        assert (await silent.finish()).readings == ()
    recogniser.close()


@pytest.mark.parametrize("kind", ["streaming_transducer", "nemo_transducer"])
async def test_a_hotword_decides_between_words_that_sound_alike(models: dict[SherpaKind, Path], kind: SherpaKind) -> None:
    recogniser = opened(models, kind, "my card")
    stream = recogniser.open(language="en", sample_rate=8000)
    stream.feed(voice(8000))
    assert (await stream.finish()).text == "i lost my card"
    recogniser.close()


async def test_hotwords_are_spelled_as_the_model_can_and_others_are_named_once(
    models: dict[SherpaKind, Path], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The library would write of each, at each utterance, past the log; and encode thousands anew each time."""
    recogniser = opened(models, "streaming_transducer", "żółć", "MY CARD!", "tcard", *["i lost"] * 5000)
    for _ in range(2):
        stream = recogniser.open(language="en", sample_rate=8000)
        stream.feed(voice(8000))
        assert (await stream.finish()).text == "i lost my card"
    recogniser.close()
    (told,) = caplog.messages
    assert told.startswith("2 of 5003 hotwords")
    assert told.endswith(": żółć, tcard")
    assert capfd.readouterr().err == ""


async def test_streams_that_run_beside_one_another_hear_each_their_own(models: dict[SherpaKind, Path]) -> None:
    recogniser = SherpaRecogniser(models["streaming_transducer"], DecodePool(2, 20, 20))
    streams = [recogniser.open(language="en", sample_rate=8000) for _ in range(8)]
    for number, stream in enumerate(streams):
        stream.feed(voice(8000, 1.8 if number % 2 else 0.3))
    streams[0].close()
    texts = [result.text for result in await asyncio.gather(*(stream.finish() for stream in streams))]
    assert texts == ["", SENTENCE, *["i lost", SENTENCE] * 3]
    recogniser.close()


async def test_a_decode_that_hangs_is_an_error_at_the_end_and_costs_one_worker(
    models: dict[SherpaKind, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    recogniser = SherpaRecogniser(models["streaming_transducer"], DecodePool(1, 1, 0.3))
    gate, engine = threading.Event(), recogniser._engine
    ready = engine.is_ready
    monkeypatch.setattr(engine, "is_ready", lambda stream: gate.wait(20) and ready(stream))
    stream = recogniser.open(language="en", sample_rate=8000)
    stream.feed(voice(8000))
    with pytest.raises(RecogniserError, match="no result within"):
        await stream.finish()
    gate.set()
    after = recogniser.open(language="en", sample_rate=8000)
    after.feed(voice(8000))
    assert (await after.finish()).text == SENTENCE
    recogniser.close()


def without_joiner(model: Path) -> None:
    (model / "joiner.onnx").unlink()


def half_an_encoder(model: Path) -> None:
    whole = (model / "encoder.onnx").read_bytes()
    (model / "encoder.onnx").write_bytes(whole[: len(whole) // 2])


def without_metadata(model: Path) -> None:
    sherpa_models.streaming_transducer(model, metadata=False)


def without_tokens(model: Path) -> None:
    (model / "tokens.txt").write_text("")


def half_the_tokens(model: Path) -> None:
    whole = (model / "tokens.txt").read_text()
    (model / "tokens.txt").write_text(whole[: len(whole) // 2])


def changed(model: Path) -> None:
    (model / "SHA256SUMS").write_text(f"{'0' * 64}  tokens.txt\n")


@pytest.mark.parametrize(
    ("harm", "names"),
    [
        (without_joiner, r"joiner.* is missing"),
        (half_an_encoder, r"encoder\.onnx"),
        (without_metadata, "cannot be loaded"),  # where the library would end the process
        (without_tokens, "tokens.txt has no token 0"),  # it would hear nothing, or end the process in a call
        (half_the_tokens, "tokens.txt has no token 3"),
        (changed, "tokens.txt"),
    ],
)
def test_a_damaged_model_is_an_error_that_names_the_mend_and_the_process_lives(
    tmp_path: Path, harm: Callable[[Path], None], names: str
) -> None:
    model = sherpa_models.streaming_transducer(tmp_path)
    harm(model)
    with pytest.raises(ModelError, match=f"(?s){names}.*fetch"):
        SherpaRecogniser(model, DecodePool(1, 1, 1))


def test_a_model_of_another_kind_is_refused(models: dict[SherpaKind, Path]) -> None:
    settings = RecogniserSettings(engine="sherpa", kind="transducer", model=models["nemo_transducer"])
    with pytest.raises(ModelError, match="correct kind"):
        load_recogniser(settings)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"engine": "sherpa", "model": "m"}, "kind"),
        ({"engine": "vosk", "model": "m", "kind": "nemo_ctc"}, "kind"),
        ({"engine": "sherpa", "kind": "nemo_ctc"}, "needs a model"),
        ({"engine": "whisper", "hotwords": ["BLIK"]}, "hotwords"),
        ({"engine": "sherpa", "kind": "transducer", "model": "m", "hotwords": ["a/b"]}, "no word"),
        ({"engine": "sherpa", "kind": "transducer", "model": "m", "hotwords": ["BLIK", "..."]}, "no word"),
        ({"engine": "sherpa", "kind": "transducer", "model": "m", "hotwords": ["BL\0IK"]}, "no word"),
    ],
)
def test_settings_that_do_not_fit_are_told(given: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        RecogniserSettings.model_validate(given)

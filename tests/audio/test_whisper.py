"""The embedded Whisper, for real: what callers say over a telephone line is understood."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from audio.errors import ModelError, RecogniserError
from audio.recognisers.decoding import LONGEST_S, WhisperDecoder, split
from audio.recognisers.features import SAMPLE_RATE, log_mel
from audio.recognisers.load import load_recogniser
from audio.recognisers.settings import RecogniserSettings
from tests.audio.conftest import LOST_CARD, Caller


def alike(text: str, said: str) -> bool:
    """The same words but for one in ten letters: the voice speaks a little differently each time it is made."""
    return Levenshtein.normalized_similarity(words(text), words(said)) >= 0.9


def words(text: str) -> str:
    return " ".join("".join(letter for letter in text.lower() if letter.isalnum() or letter in " '").split())


@pytest.mark.parametrize("sample_rate", [8000, 16000])
@pytest.mark.parametrize("sentence", [LOST_CARD, "Can I speak to a human please?"])
def test_a_sentence_is_understood_at_telephone_and_wideband_rate(
    decoder: WhisperDecoder, caller: Caller, sample_rate: int, sentence: str
) -> None:
    best, *others = decoder.readings(caller.says(sentence, sample_rate), sample_rate, "en")
    assert alike(best.text, sentence)
    assert 0.5 < best.confidence <= 1
    assert all(0 < other.confidence <= 1 and words(other.text) != words(best.text) for other in others)


@pytest.mark.parametrize(
    ("said", "expect", "understood"),
    [("Yes, please.", "yes_no", "yes please"), ("No.", "yes_no", "no"), ("Seven, five, two.", "digits", "752")],
)
def test_closed_questions_get_the_expected_phrase(
    decoder: WhisperDecoder, caller: Caller, said: str, expect: str, understood: str
) -> None:
    best = decoder.readings(caller.says(said), 8000, "en", expect)[0]
    heard = dict.fromkeys(words(best.text).split())  # the model may write the last word twice
    assert "".join(heard) == understood.replace(" ", "")


def test_a_new_matter_in_answer_to_yes_or_no_stays_a_sentence(decoder: WhisperDecoder, caller: Caller) -> None:
    assert alike(decoder.readings(caller.says(LOST_CARD), 8000, "en", "yes_no")[0].text, LOST_CARD)


@pytest.mark.parametrize("level", [0.0, 0.003, 0.03])
@pytest.mark.parametrize("language", ["pl", "en"])
def test_silence_and_noise_are_no_words(decoder: WhisperDecoder, language: str, level: float) -> None:
    hiss = np.random.default_rng(3).normal(0, level * 32768, 12000).astype("<i2").tobytes()
    assert decoder.readings(hiss, 8000, language) == ()


def test_nothing_at_all_is_no_words(decoder: WhisperDecoder) -> None:
    assert decoder.readings(b"", 8000, "pl") == ()


def test_speech_longer_than_the_model_hears_at_a_time_is_understood_to_its_end(decoder: WhisperDecoder, caller: Caller) -> None:
    pcm = caller.says(LOST_CARD, 16000, silence_after_s=22) + caller.says(
        "Can I speak to a human please?", 16000, silence_after_s=8
    )
    text = words(decoder.readings(pcm, 16000, "en")[0].text)
    assert "my card" in text
    assert "speak to a human" in text


def test_a_language_the_model_lacks_is_an_error(decoder: WhisperDecoder, caller: Caller) -> None:
    with pytest.raises(RecogniserError, match=r"<\|tlh\|>"):
        decoder.readings(caller.says("No."), 8000, "tlh")


@pytest.mark.parametrize("seconds", [1, 27, 29, 61, 95])
def test_pieces_of_long_speech_are_short_enough_and_lose_nothing(seconds: int) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, seconds * SAMPLE_RATE).astype(np.float32)
    pieces = split(samples)
    assert max(len(piece) for piece in pieces) <= LONGEST_S * SAMPLE_RATE
    assert np.array_equal(np.concatenate(pieces), samples)


def test_long_speech_is_cut_where_it_is_quiet() -> None:
    samples = np.full(40 * SAMPLE_RATE, 0.1, dtype=np.float32)
    samples[22 * SAMPLE_RATE : 22 * SAMPLE_RATE + SAMPLE_RATE // 2] = 0
    assert 22 <= len(split(samples)[0]) / SAMPLE_RATE <= 22.5


def test_a_tone_is_in_its_mel_band_and_the_rest_of_the_context_is_silence() -> None:
    seconds = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    mel = log_mel(np.sin(2 * np.pi * 1000 * seconds).astype(np.float32), context_s=3)
    assert mel.shape == (80, 300)
    # 1 kHz is mel 15 of 45.2 on Slaney's scale, in 81 steps: band 26 (from 0)
    assert int(mel[:, 50].argmax()) in (25, 26)
    assert float(mel[:, 110:].max()) == float(mel.min())


def write_garbage(folder: Path) -> None:
    (folder / "model.bin").write_bytes(b"\x00garbage" * 1000)


def write_truncated(folder: Path) -> None:
    with (folder / "model.bin").open("r+b") as file:
        file.truncate(1 << 20)


def write_bad_tokens(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def remove_tokens(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


@pytest.mark.parametrize("harm", [write_garbage, write_truncated, write_bad_tokens, remove_tokens])
def test_an_operators_broken_model_is_an_error_with_the_mend(
    whisper_folder: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(whisper_folder, folder)
    harm(folder)
    with pytest.raises(ModelError, match=f"{folder}.*(fetch or copy it again|give a faster-whisper folder)"):
        load_recogniser(RecogniserSettings(model=folder, workers=1))


async def test_the_factory_gives_an_embedded_recogniser_that_hears(caller: Caller, whisper_folder: Path) -> None:
    recogniser = load_recogniser(RecogniserSettings(workers=1), cache_dir=whisper_folder.parent)
    assert recogniser is not None
    stream = recogniser.open(language="en", sample_rate=8000)
    stream.feed(caller.says(LOST_CARD))
    stream.pause()
    assert alike((await stream.finish()).text, LOST_CARD)
    recogniser.close()


def test_the_engine_none_is_no_recogniser() -> None:
    assert load_recogniser(RecogniserSettings(engine="none")) is None


@pytest.mark.parametrize(
    ("settings", "fix"),
    [
        (RecogniserSettings(engine="vosk", model=Path("/nowhere")), r"/nowhere is no Vosk model \(am/final.mdl is missing\)"),
        (RecogniserSettings(model=Path("/nowhere")), "model.bin is missing: give a faster-whisper folder"),
    ],
)
def test_a_wrong_setting_is_an_error_with_the_mend(settings: RecogniserSettings, fix: str) -> None:
    with pytest.raises(ModelError, match=fix):
        load_recogniser(settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"engine": "sphinx"}, "'whisper', 'vosk', .* or 'none'"), ({"engine": "vosk"}, "give the folder of an unpacked one")],
)
def test_a_setting_that_cannot_work_is_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RecogniserSettings.model_validate(settings)

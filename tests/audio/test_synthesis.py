"""Voices as processes of their own: they speak, and when they die or hang the caller of the voice learns why."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from audio.errors import SynthesisError
from audio.prompt_store import PromptStore
from audio.synthesis import EspeakVoice, PiperVoice, embedded_piper_model, read_wav


def seconds(sound_pcm: bytes, sample_rate: int) -> float:
    return len(sound_pcm) / 2 / sample_rate


@pytest.fixture
def model() -> Path:
    path = embedded_piper_model()
    assert path is not None
    return path


def program(tmp_path: Path, body: str) -> str:
    """An executable that stands in for an engine."""
    path = tmp_path / "engine"
    path.write_text(f"#!{sys.executable}\nimport sys, time, os\n{body}")
    path.chmod(0o755)
    return str(path)


# speaks piper's protocol: a tenth of a second of sound a word, in no time to start
QUICK_PIPER = """
import wave
folder = sys.argv[sys.argv.index('--output-dir') + 1]
for number, line in enumerate(sys.stdin):
    if 'never' in line:
        time.sleep(60)
    path = os.path.join(folder, f'{number}.wav')
    with wave.open(path, 'wb') as file:
        file.setparams((1, 2, 22050, 0, 'NONE', ''))
        file.writeframes(b'\\x01\\x00' * 2205 * len(line.split()))
    print('INFO:__main__:Wrote', path, file=sys.stderr, flush=True)
"""


@pytest.fixture
def quick(model: Path, tmp_path: Path) -> PiperVoice:
    """A voice whose engine starts at once."""
    return PiperVoice(model, command=(program(tmp_path, QUICK_PIPER),), idle_s=60)


@pytest.mark.parametrize(("voice", "text"), [("pl", "W czym mogę pomóc? Zażółć gęślą jaźń."), ("en-gb", "How may I help you?")])
async def test_espeak_speaks_both_languages(voice: str, text: str) -> None:
    sound = await EspeakVoice(voice).synthesise(text)
    assert sound.sample_rate == 22050
    assert 0.8 < seconds(sound.pcm, sound.sample_rate) < 6
    assert np.abs(np.frombuffer(sound.pcm, dtype="<i2")).max() > 1000


async def test_half_the_speed_takes_longer() -> None:
    voice = EspeakVoice("pl")
    usual, slow = [len((await voice.synthesise("Zastrzeżenie karty", speed)).pcm) for speed in (1.0, 0.6)]
    assert slow > 1.3 * usual


@pytest.mark.parametrize("text", ["--version", "-f /etc/passwd", "$(reboot); `id`", "<break time='9s'/>karta", "dwie\nlinie"])
async def test_text_is_only_ever_spoken(text: str) -> None:
    """It passes no shell and is never an option."""
    sound = await EspeakVoice("pl").synthesise(text)
    assert 0.2 < seconds(sound.pcm, sound.sample_rate) < 8


async def test_a_missing_espeak_says_what_to_install() -> None:
    with pytest.raises(SynthesisError, match="install the package espeak-ng"):
        await EspeakVoice("pl", command="no-such-espeak").synthesise("karta")


async def test_an_unknown_espeak_voice_is_an_error() -> None:
    with pytest.raises(SynthesisError, match="has no voice 'no-such-voice'"):
        await EspeakVoice("no-such-voice").synthesise("karta")


async def test_an_espeak_that_hangs_is_given_up_and_leaves_no_process(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    body = f"open({str(note)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    voice = EspeakVoice("pl", command=program(tmp_path, body), deadline_s=1.0)
    with pytest.raises(SynthesisError, match="said nothing within 1 s"):
        await voice.synthesise("karta")
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


async def test_piper_speaks_many_texts_with_one_process(model: Path) -> None:
    voice = PiperVoice(model)
    first = await voice.synthesise("How may I help you?")
    process = voice._process
    second = await voice.synthesise("I can put you through.\nOne moment.")
    assert voice._process is process
    assert first.sample_rate == second.sample_rate == 22050
    assert 0.5 < seconds(first.pcm, 22050) < 4
    assert 0.8 < seconds(second.pcm, 22050) < 6, "both lines, as one text"
    await voice.close()
    assert process is not None
    assert process.returncode is not None


async def test_a_piper_killed_between_two_texts_is_started_again(quick: PiperVoice) -> None:
    await quick.synthesise("One.")
    assert quick._process is not None
    quick._process.kill()
    assert seconds((await quick.synthesise("Two words.")).pcm, 22050) == pytest.approx(0.2)
    await quick.close()


async def test_a_piper_killed_in_the_middle_of_a_text_is_started_again(model: Path) -> None:
    voice = PiperVoice(model)
    await voice.synthesise("One.")
    long_text = "This takes a while to say, because it goes on and on about cards, accounts and transfers. " * 2
    speaking = asyncio.create_task(voice.synthesise(long_text))
    await asyncio.sleep(0.05)
    assert voice._process is not None
    voice._process.kill()
    assert seconds((await speaking).pcm, 22050) > 4
    await voice.close()


async def test_a_text_whose_speaking_was_cancelled_does_not_answer_the_next(quick: PiperVoice) -> None:
    await quick.synthesise("One.")
    speaking = asyncio.create_task(quick.synthesise("This never ends."))
    await asyncio.sleep(0.05)
    speaking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await speaking
    assert seconds((await quick.synthesise("Two words.")).pcm, 22050) == pytest.approx(0.2)
    await quick.close()


async def test_texts_asked_for_at_once_each_get_their_own_sound(quick: PiperVoice) -> None:
    texts = ["word " * count for count in (3, 1, 4, 1, 5)]
    sounds = await asyncio.gather(*(quick.synthesise(text) for text in texts))
    assert [len(sound.pcm) // 4410 for sound in sounds] == [3, 1, 4, 1, 5]
    await quick.close()


async def test_another_speed_is_another_process(quick: PiperVoice) -> None:
    await quick.synthesise("One.")
    usual = quick._process
    await quick.synthesise("One.", 0.8)
    assert usual is not None
    assert quick._process is not usual
    assert usual.returncode is not None
    await quick.close()


async def test_a_piper_that_dies_every_time_is_an_error_that_says_why(model: Path, tmp_path: Path) -> None:
    voice = PiperVoice(model, command=(program(tmp_path, "sys.stderr.write('no onnxruntime\\n')\nsys.exit(1)"),))
    with pytest.raises(SynthesisError, match="no onnxruntime"):
        await voice.synthesise("One.")
    await voice.close()


async def test_a_piper_that_hangs_is_given_up(model: Path, tmp_path: Path) -> None:
    voice = PiperVoice(model, command=(program(tmp_path, "time.sleep(60)"),), start_s=0.3, deadline_s=0.2)
    with pytest.raises(SynthesisError, match=r"did not start within 0\.3 s"):
        await voice.synthesise("One.")
    assert voice._process is None
    await voice.close()


async def test_a_piper_may_take_longer_to_start_than_to_speak(model: Path, tmp_path: Path) -> None:
    """On a busy machine loading takes many times as long as a sentence; a sentence has its own limit."""
    command = (program(tmp_path, "time.sleep(1.0)\n" + QUICK_PIPER),)
    voice = PiperVoice(model, command=command, start_s=30.0, deadline_s=0.5)
    assert (await voice.synthesise("One.")).pcm
    assert (await voice.synthesise("Two.")).pcm
    await voice.close()


async def test_a_piper_that_has_started_is_given_its_own_time_for_each_text(model: Path, tmp_path: Path) -> None:
    """Also for the first one: the limit of the start is not added to it."""
    voice = PiperVoice(model, command=(program(tmp_path, QUICK_PIPER),), start_s=60.0, deadline_s=0.3)
    with pytest.raises(SynthesisError, match=r"said nothing within 0\.3 s"):
        await asyncio.wait_for(voice.synthesise("This never ends."), 30)
    assert voice._process is None
    await voice.close()


async def test_a_slow_start_is_told_as_it_goes_on(model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    command = (program(tmp_path, "time.sleep(0.5)\n" + QUICK_PIPER),)
    voice = PiperVoice(model, command=command, progress_s=0.05)
    with caplog.at_level("INFO", logger="audio.synthesis"):
        assert (await voice.synthesise("One.")).pcm
    assert f"{voice.name} is starting" in caplog.text
    await voice.close()


async def test_a_voice_that_does_not_start_leaves_the_prompt_to_the_next_one(model: Path, tmp_path: Path) -> None:
    slow = PiperVoice(model, command=(program(tmp_path, "time.sleep(60)"),), start_s=0.2)
    store = PromptStore(None, {"en": (slow, EspeakVoice("en-gb"))})
    assert await store.pcm("How may I help you?", "en", 8000)
    await store.close()


async def test_an_idle_piper_leaves_and_comes_back(model: Path, tmp_path: Path) -> None:
    voice = PiperVoice(model, command=(program(tmp_path, QUICK_PIPER),), idle_s=0.02)
    await voice.synthesise("One.")
    assert voice._process is not None
    assert await asyncio.wait_for(voice._process.wait(), 20) == 0
    assert (await voice.synthesise("Two.")).pcm
    await voice.close()


async def test_a_missing_piper_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match=r"pl_PL\.onnx is missing"):
        await PiperVoice(tmp_path / "pl_PL.onnx").synthesise("karta")


@pytest.mark.parametrize("text", ["", " \n", "…", "?!"])
async def test_nothing_to_say_is_an_error(model: Path, text: str) -> None:
    with pytest.raises(SynthesisError, match="nothing to speak"):
        await PiperVoice(model).synthesise(text)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\x00\x00\x00\x00WAVEfmt ", b"\x00" * 100])
def test_what_is_no_sound_is_an_error(data: bytes) -> None:
    with pytest.raises(SynthesisError, match="engine gave no sound"):
        read_wav(data, "engine")

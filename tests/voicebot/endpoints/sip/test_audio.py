"""The sound of a call: what one end sends is what the other hears, whatever the codec."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, end_of, settings
from voicebot.endpoints.sip.codecs import Codec
from voicebot.endpoints.sip.leg import SipLeg
from voicebot.softphone import CallReport, CallScript, Pause, Play, run_script_process

BOT_HZ, CALLER_HZ = 440.0, 1000.0
RATES: dict[Codec, int] = {"pcma": 8000, "pcmu": 8000, "g722": 16000, "opus": 16000}


def _tone(hertz: float, rate: int, seconds: float) -> bytes:
    time = np.arange(int(rate * seconds)) / rate
    return (8000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16).tobytes()


def _loudest_hertz(pcm: bytes, rate: int) -> float:
    samples: npt.NDArray[np.float64] = np.frombuffer(pcm, dtype=np.int16).astype(np.float64)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def _write_wav(path: Path, pcm: bytes, rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)


def _read_wav(path: Path) -> tuple[bytes, int]:
    with wave.open(str(path), "rb") as file:
        return file.readframes(file.getnframes()), file.getframerate()


async def _play_and_listen(leg: SipLeg) -> bytes:
    """Answer, play a tone, and give back all that is heard until the call ends."""
    await leg.answer()
    waiting = _tone(BOT_HZ, leg.sample_rate, 0.8)
    heard = []
    while not leg.ended.is_set():
        waiting = waiting[leg.write(waiting) :]
        heard.append(leg.read())
        await asyncio.sleep(0.01)
    return b"".join(heard)


async def test_a_tone_arrives_as_the_same_tone_both_ways_in_every_codec(start_bot: StartBot, tmp_path: Path) -> None:
    bot = await start_bot()
    _write_wav(tmp_path / "caller.wav", _tone(CALLER_HZ, 16000, 0.8), 16000)
    target = f"sip:802@{bot.address[0]}:{bot.address[1]}"
    scripts = [
        CallScript(
            target,
            (Play(tmp_path / "caller.wav"), Pause(0.3)),
            number=codec,
            codecs=(codec,),
            record=tmp_path / f"{codec}.wav",
        )
        for codec in RATES
    ]
    calling = asyncio.create_task(run_script_process(scripts))
    heard: dict[str, tuple[SipLeg, asyncio.Task[bytes]]] = {}
    for _ in scripts:
        leg = await asyncio.wait_for(bot.ringing.get(), 20)
        heard[leg.offer.from_uri] = (leg, asyncio.create_task(_play_and_listen(leg)))
    reports: list[CallReport] = await calling
    for codec, rate in RATES.items():
        leg, listening = heard[f"sip:{codec}@127.0.0.1"]
        assert leg.sample_rate == rate
        assert _loudest_hertz(await listening, rate) == pytest.approx(CALLER_HZ, abs=10)
        pcm, received_rate = _read_wav(tmp_path / f"{codec}.wav")
        assert _loudest_hertz(pcm, received_rate) == pytest.approx(BOT_HZ, abs=10)
    assert all(report.heard_s == pytest.approx(0.8, abs=0.15) for report in reports)


@pytest.mark.parametrize(
    ("offered", "rate"),
    [
        (("8 PCMA/8000", "9 G722/8000"), 8000),
        (("9 G722/8000", "8 PCMA/8000"), 16000),
        (("18 G729/8000", "111 opus/48000/2", "8 PCMA/8000"), 16000),
    ],
)
async def test_the_offers_first_codec_that_we_know_is_taken(
    start_bot: StartBot, open_probe: OpenProbe, offered: tuple[str, ...], rate: int
) -> None:
    """RFC 3264, 6.1: the answer keeps the offer's order, so a trunk that wants wideband names it first."""
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe, probe.offer(offered), talk=False)
    assert leg.sample_rate == rate
    await probe.bye()


async def test_a_codec_that_is_switched_off_is_not_taken(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot(settings(codecs=("pcma",)))
    probe = await open_probe(bot)
    leg = await bot.connect(probe, probe.offer(("9 G722/8000", "8 PCMA/8000")), talk=False)
    assert leg.sample_rate == 8000
    await probe.bye()


async def test_flushing_drops_what_is_not_sent_yet(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe)
    assert leg.write(_tone(BOT_HZ, 8000, 1.0)) == 16000
    assert leg.buffered() > 14000
    leg.flush()
    await until(lambda: not leg.buffered())
    while not probe.rtp.received.empty():
        probe.rtp.received.get_nowait()
    quiet = [(await probe.rtp.received.get())[12:] for _ in range(3)]
    assert set(b"".join(quiet)) <= {0xD5, 0x55}, "sound was sent after it was dropped"
    await probe.bye()


async def test_silence_is_sent_from_the_first_second(start_bot: StartBot, open_probe: OpenProbe) -> None:
    """A far end that waits for our first packet to learn our address must not wait for our first word."""
    bot = await start_bot()
    probe = await open_probe(bot)
    await bot.connect(probe, talk=False)
    packet = await asyncio.wait_for(probe.rtp.received.get(), 2)
    assert packet[1] & 0x7F == 8
    await probe.bye()


async def test_a_reinvite_to_another_codec_keeps_the_legs_sample_rate(start_bot: StartBot, open_probe: OpenProbe) -> None:
    bot = await start_bot()
    probe = await open_probe(bot)
    leg = await bot.connect(probe, probe.offer(("9 G722/8000",)), talk=False)
    assert leg.sample_rate == 16000
    await probe.switch_to_pcma()
    heard = bytearray()

    def heard_enough() -> bool:
        heard.extend(leg.read())
        return len(heard) >= 16000

    await until(heard_enough)
    assert leg.sample_rate == 16000
    assert _loudest_hertz(bytes(heard[-12800:]), 16000) == pytest.approx(probe.tone_hertz, abs=10)
    assert leg.write(_tone(BOT_HZ, 16000, 0.5)) == 16000
    assert 8000 < leg.buffered() <= 16000
    await probe.bye()
    assert (await end_of(leg)).cause == "hangup"

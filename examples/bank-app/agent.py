"""The agents' telephone: answers every queue by SIP, says a sentence, and stays until the customer hangs up.

    python agent.py 192.0.2.10 [--record FOLDER]

What it hears it keeps only if told to, one WAV a call, for the check of run.py. Prints where it listens, then what happens.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from pathlib import Path

from baresip import AudioNotActive, AudioRestarted, BaresipError, Call, Event, StackEvent

from audio.synthesis import Sound
from voicebot.softphone.hearing import BotSound
from voicebot.softphone.phone import Phone
from voicebot.softphone.script import Say
from voicebot.softphone.speech import ScriptVoice, at_rate, default_cache

GREETING = "Hello, this is Anna from the bank. I can see what it is about. How can I help?"
RING_S = 2.0  # so that one hears how it is to wait
_TICK_S = 0.01
_READ_BYTES = 8192


class Agent:
    """Talks to whoever is put through."""

    def __init__(self, greeting: Sound, record: Path | None) -> None:
        self._greeting = greeting
        self._record = record
        self._number = itertools.count(1)

    async def talk(self, call: Call) -> None:
        """Until the far end hangs up."""
        number, ended = next(self._number), asyncio.Event()

        def look(event: StackEvent) -> None:
            if event.event is Event.CALL_CLOSED:
                ended.set()

        call.on(look)
        rate = await _rate_of(call, ended)
        ear, waiting = BotSound(rate), at_rate(self._greeting, rate)
        _tell(call=number, what="answered")
        while not ended.is_set():
            try:
                waiting = waiting[call.audio.write(waiting) :] if waiting else waiting
                for what, _ in ear.feed(call.audio.read(_READ_BYTES), time.monotonic()):
                    _tell(call=number, what=what.replace("bot", "customer"))
            except (AudioNotActive, AudioRestarted):
                pass  # held, or taken back
            except BaresipError:
                break
            await asyncio.sleep(_TICK_S)
        recording = self._record / f"agent-{number}.wav" if self._record is not None else None
        if recording is not None:
            ear.save(recording)
        _tell(call=number, what="ended", heard_s=round(ear.spoken_s, 1), recording=str(recording or ""))


async def _rate_of(call: Call, ended: asyncio.Event) -> int:
    """The rate of the sound (Hz), once there is any."""
    while not ended.is_set():
        try:
            return int(call.audio.info().rx_sample_rate)
        except AudioNotActive:
            await asyncio.sleep(_TICK_S)
    return 8000


def _tell(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def listen(host: str, record: Path | None) -> None:
    """Answer calls until cancelled."""
    voice = ScriptVoice(default_cache())
    try:
        greeting = await voice.utter(Say(GREETING))
    finally:
        await voice.close()
    async with Phone(host, talk=Agent(greeting, record).talk, ring_s=RING_S) as phone:
        address, port = phone.address
        _tell(listening=f"{address}:{port}")
        await asyncio.Event().wait()


def main() -> None:
    """Listen until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("host", help="the address to listen on")
    parser.add_argument("--record", type=Path, help="a folder for what was heard")
    options = parser.parse_args()
    asyncio.run(listen(options.host, options.record))


if __name__ == "__main__":
    main()

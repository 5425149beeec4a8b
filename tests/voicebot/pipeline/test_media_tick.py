"""The media tick: one run of voice activity for all calls, and one call's trouble is no other's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.errors import AudioError
from audio.vad import VadError
from voicebot.pipeline.media_tick import Heard, MediaTick


class Counted:
    """Judges each byte of sound as its own value in percent; sound with a 255 in it breaks it."""

    def feed(self, pcm: bytes) -> list[float]:
        if 255 in pcm:
            raise RuntimeError("cannot be judged")
        return [byte / 100 for byte in pcm]


class Caller:
    """A caller whose sound is known; None: it cannot be read."""

    def __init__(self, sound: bytes | None, listening: bool = True) -> None:
        self.sound = sound
        self.listening = listening

    def take(self) -> bytes:
        if self.sound is None:
            raise OSError("nothing to read")
        return self.sound

    def is_listening(self) -> bool:
        return self.listening


class Runs:
    """Counts how often voice activity ran, and for how many calls."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def together(self, calls: Sequence[tuple[Counted, bytes]]) -> list[list[float]]:
        self.calls.append(len(calls))
        return [activity.feed(pcm) for activity, pcm in calls]


async def heard_of(callers: Sequence[Caller], runs: Runs) -> list[Heard | BaseException]:
    media = MediaTick(lambda rate: Counted(), runs.together, every_s=0.001)
    return await asyncio.gather(*(media.next(each, media.new_activity(8000)) for each in callers), return_exceptions=True)


async def test_calls_that_began_at_different_times_are_judged_in_one_run() -> None:
    runs = Runs()
    media = MediaTick(lambda rate: Counted(), runs.together, every_s=0.2)
    first = asyncio.create_task(media.next(Caller(b"\x01"), Counted()))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(media.next(Caller(b"\x02"), Counted()))
    assert await first == Heard(b"\x01", [0.01])
    assert await second == Heard(b"\x02", [0.02])
    assert sum(runs.calls) == 2


async def test_a_call_that_is_over_is_not_read() -> None:
    media = MediaTick(lambda rate: Counted(), every_s=0.01)
    gone = asyncio.create_task(media.next(Caller(None), Counted()))
    stays = asyncio.create_task(media.next(Caller(b"\x05"), Counted()))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays).speech == [0.05]
    assert gone.cancelled()


@given(st.lists(st.tuples(st.none() | st.binary(max_size=4), st.booleans()), max_size=12))
def test_what_one_call_hears_does_not_depend_on_the_others(calls: list[tuple[bytes | None, bool]]) -> None:
    """Of any mixture of calls: unreadable, silent, not listened to, and such as break voice activity."""
    runs = Runs()
    results = asyncio.run(heard_of([Caller(*each) for each in calls], runs))
    for (sound, listening), result in zip(calls, results, strict=True):
        if sound is None:
            assert isinstance(result, OSError)
        elif listening and 255 in sound:
            assert isinstance(result, VadError)
        else:
            assert result == Heard(sound, [byte / 100 for byte in sound] if listening and sound else ())


async def test_an_error_of_the_engine_keeps_its_code() -> None:
    class Lost(AudioError):
        code = "audio.lost"

    def lost(calls: object) -> list[list[float]]:
        raise Lost("the model is gone")

    media = MediaTick(lambda rate: Counted(), lost, every_s=0.001)
    with pytest.raises(Lost):
        await media.next(Caller(b"\x01"), Counted())

"""How an utterance is decoded around pauses: ahead of time where possible, again only when something was said since."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from audio.errors import RecogniserBusy, RecogniserError
from audio.recognisers.pool import DecodePool
from audio.recognisers.whisper import FIRST_S, LAST_S, WhisperRecogniser
from audio.types import Reading

SECOND = bytes(16000)  # at 8 kHz


@dataclass
class CountingDecoder:
    """Writes how many seconds it was given; waits at `gate` when there is one."""

    gate: threading.Event | None = None
    given: list[bytes] = field(default_factory=list)
    fails: Exception | None = None
    began: threading.Event = field(default_factory=threading.Event)

    def readings(self, pcm: bytes, sample_rate: int, language: str, expect: str) -> tuple[Reading, ...]:
        self.given.append(pcm)
        self.began.set()
        if self.gate is not None:
            self.gate.wait(30)
        if self.fails is not None:
            raise self.fails
        return (Reading(f"{len(pcm) / 2 / sample_rate:g} seconds of {language}", 0.9),)


@dataclass
class Bench:
    """A recogniser around a counting decoder, and the partial results it gave."""

    decoder: CountingDecoder
    recogniser: WhisperRecogniser
    partials: list[str] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, text: str) -> None:
        self.partials.append(text)
        self.told.set()

    async def next_partial(self) -> str:
        await asyncio.wait_for(self.told.wait(), 5)
        self.told.clear()
        return self.partials[-1]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    decoder = CountingDecoder()
    recogniser = WhisperRecogniser(decoder, DecodePool(1, 2, 5))
    yield Bench(decoder, recogniser)
    recogniser.close()


async def test_the_text_decoded_at_the_pause_is_the_result(bench: Bench) -> None:
    stream = bench.recogniser.open(language="pl", sample_rate=8000, on_partial=bench.tell)
    stream.feed(SECOND)
    stream.pause()
    assert await bench.next_partial() == "1 seconds of pl"
    stream.feed(SECOND)  # the silence in which the turn is found to be over
    result = await stream.finish()
    assert result.text == "1 seconds of pl"
    assert result.late_s < 1
    assert len(bench.decoder.given) == 1


async def test_speech_after_the_pause_makes_it_a_partial_result(bench: Bench) -> None:
    stream = bench.recogniser.open(language="pl", sample_rate=8000, on_partial=bench.tell)
    stream.feed(SECOND)
    stream.pause()
    assert await bench.next_partial() == "1 seconds of pl"
    stream.feed(SECOND)
    stream.resume()
    assert (await stream.finish()).text == "2 seconds of pl"
    assert bench.partials == ["1 seconds of pl"]


async def test_each_pause_decodes_all_that_was_said(bench: Bench) -> None:
    stream = bench.recogniser.open(language="en", sample_rate=8000, on_partial=bench.tell)
    for expected in ("1 seconds of en", "2 seconds of en", "3 seconds of en"):
        stream.feed(SECOND)
        stream.pause()
        stream.pause()  # said twice, counts once
        assert await bench.next_partial() == expected
        stream.resume()
    assert len(bench.decoder.given) == 3


async def test_without_a_pause_the_end_decodes(bench: Bench) -> None:
    stream = bench.recogniser.open(language="pl", sample_rate=8000)
    stream.feed(SECOND)
    assert (await stream.finish()).text == "1 seconds of pl"


async def test_nothing_is_decoded_while_the_caller_speaks(bench: Bench) -> None:
    stream = bench.recogniser.open(language="pl", sample_rate=8000, on_partial=bench.tell)
    for _ in range(12):
        stream.feed(SECOND)
        await asyncio.sleep(0)
    result = await stream.finish()
    assert (len(bench.decoder.given), result.decodes, bench.partials) == (1, 1, [])


async def test_a_decode_that_speech_overtakes_tells_nothing_and_when_it_waits_is_never_made() -> None:
    decoder = CountingDecoder(gate=threading.Event())
    recogniser = WhisperRecogniser(decoder, DecodePool(1, 2, 60))
    bench = Bench(decoder, recogniser)
    first, second = (recogniser.open(language="pl", sample_rate=8000, on_partial=bench.tell) for _ in range(2))
    for stream in (first, second):
        stream.feed(SECOND)
        stream.pause()
        assert await asyncio.to_thread(decoder.began.wait, 5)
        stream.feed(SECOND)
        stream.resume()
    assert decoder.gate is not None
    for _ in range(3):  # what was dropped is dropped before a worker is free
        await asyncio.sleep(0)
    decoder.gate.set()
    assert [(await stream.finish()).decodes for stream in (first, second)] == [2, 1]
    assert [len(pcm) // len(SECOND) for pcm in decoder.given] == [1, 2, 2]
    assert bench.partials == []
    recogniser.close()


async def test_of_an_endless_utterance_the_beginning_and_the_end_are_kept(bench: Bench) -> None:
    stream = bench.recogniser.open(language="pl", sample_rate=8000)
    for second in range(80):
        stream.feed(bytes([second]) * len(SECOND))
    await stream.finish()
    kept = bench.decoder.given[0]
    assert len(kept) == round((FIRST_S + LAST_S) * 16000)
    assert (kept[0], kept[len(kept) // 2 - 1], kept[len(kept) // 2], kept[-1]) == (0, 24, 55, 79)


async def test_an_error_of_the_engine_reaches_finish_and_only_that_call(bench: Bench) -> None:
    bench.decoder.fails = MemoryError("no more")
    stream = bench.recogniser.open(language="pl", sample_rate=8000, on_partial=bench.tell)
    stream.feed(SECOND)
    stream.pause()
    with pytest.raises(RecogniserError, match="no more"):
        await stream.finish()
    bench.decoder.fails = None
    healthy = bench.recogniser.open(language="pl", sample_rate=8000)
    healthy.feed(SECOND)
    assert (await healthy.finish()).text == "1 seconds of pl"


async def test_a_hang_of_the_engine_is_bounded() -> None:
    gate = threading.Event()
    recogniser = WhisperRecogniser(CountingDecoder(gate=gate), DecodePool(1, 1, 0.1))
    stream = recogniser.open(language="pl", sample_rate=8000)
    stream.feed(SECOND)
    with pytest.raises(RecogniserError, match=r"within 0\.1 s"):
        await stream.finish()
    gate.set()
    recogniser.close()


async def test_an_overloaded_recogniser_says_so_at_once() -> None:
    gate = threading.Event()
    recogniser = WhisperRecogniser(CountingDecoder(gate=gate), DecodePool(1, 0, 30))
    busy, refused = (recogniser.open(language="pl", sample_rate=8000) for _ in range(2))
    busy.feed(SECOND)
    busy.pause()
    await asyncio.sleep(0)
    refused.feed(SECOND)
    with pytest.raises(RecogniserBusy, match="overloaded"):
        await refused.finish()
    gate.set()
    await busy.finish()
    recogniser.close()


async def test_an_utterance_refused_at_the_pause_is_decoded_at_the_end_when_a_worker_is_free_again() -> None:
    gate = threading.Event()
    recogniser = WhisperRecogniser(CountingDecoder(gate=gate), DecodePool(1, 0, 30))
    busy, refused = (recogniser.open(language="pl", sample_rate=8000) for _ in range(2))
    busy.feed(SECOND)
    busy.pause()
    await asyncio.sleep(0)
    refused.feed(SECOND)
    refused.pause()
    await asyncio.sleep(0)
    gate.set()
    await busy.finish()
    assert (await refused.finish()).text == "1 seconds of pl"
    recogniser.close()


async def test_a_closed_stream_tells_nothing_and_leaves_no_task(bench: Bench) -> None:
    bench.decoder.gate = threading.Event()
    stream = bench.recogniser.open(language="pl", sample_rate=8000, on_partial=bench.tell)
    stream.feed(SECOND)
    stream.pause()
    stream.close()
    bench.decoder.gate.set()
    assert (await stream.finish()).readings == ()
    stream.close()
    await asyncio.sleep(0)
    assert bench.partials == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_while_the_end_is_awaited_gives_an_empty_result(bench: Bench) -> None:
    bench.decoder.gate = threading.Event()
    stream = bench.recogniser.open(language="pl", sample_rate=8000)
    stream.feed(SECOND)
    ending = asyncio.create_task(stream.finish())
    await asyncio.sleep(0)
    stream.close()
    assert (await asyncio.wait_for(ending, 5)).readings == ()
    bench.decoder.gate.set()

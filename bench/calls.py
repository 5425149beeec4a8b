"""What calls cost, on real SIP calls: the service in this process, the scripted caller in another, all on loopback."""

from __future__ import annotations

import asyncio
import gc
import itertools
import shutil
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from audio.types import Recogniser, RecogniserStream, Recognition
from bench.load.rtp import Stops, stops_watched
from bench.parts import doing, part
from bench.shadow import PHASE_S, measure_shadow
from dialogs.events import Conditions
from voicebot.calls.server import CallServer, CallServices
from voicebot.config.settings import Settings
from voicebot.demo.run import A_WORKING_DAY
from voicebot.demo.scenarios import ENGLISH_LINE, LISTEN, YES
from voicebot.memory import keep_for_good, resident_bytes
from voicebot.service import Service, open_service
from voicebot.softphone import (
    CallReport,
    CallScript,
    HangUp,
    Keys,
    Pause,
    Play,
    Say,
    Step,
    UntilEnded,
    UntilSpeaking,
    run_script_process,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CALL_PARTS = ("load", "under_load", "shadow", "latency", "recogniser", "growth")
Figure = Callable[[str, float, str], None]

_RTP_PORTS = (22000, 23999)
_SILENCING = "78"
"""Keys that `key_stops` presses where the bot then says nothing."""
_NUMBERS = itertools.count()  # a number that called before is asked whether it is the same matter

MATTERS = (
    "I've lost my card",
    "I want to make a transfer to my daughter",
    "I forgot my password and cannot log in",
    "What interest do you pay on a savings account",
    "I would like to apply for a mortgage",
    "I want to make a complaint",
)


class DeafRecogniser:
    """Hears nothing: voice activity, turn taking and the dialogue run, and no decoding is paid for."""

    name = "deaf"

    def open(
        self, *, language: str, sample_rate: int, expect: str = "open", on_partial: Callable[[str], None] | None = None
    ) -> RecogniserStream:
        """See `Recogniser`."""
        return _DeafStream()

    def close(self) -> None:
        """See `Recogniser`."""


class _DeafStream:
    def feed(self, pcm: bytes) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    async def finish(self) -> Recognition:
        return Recognition()

    def close(self) -> None: ...


async def measure_calls(say: Figure, folder: Path, parts: Sequence[str] = CALL_PARTS, *, quick: bool = False) -> list[str]:
    """The figures that need calls, of these `parts` of CALL_PARTS; `quick` with a quarter of the work. Returns the parts that
    could not be measured: a slow voice, for one, costs the part that waited for it.
    """
    failed: list[str] = []
    async with _service(folder) as service:
        if "load" in parts:
            with part("load", failed):
                await _load(say, service, await long_speech(folder), calls=10 if quick else 30, seconds=15)
        if "under_load" in parts:
            with part("under_load", failed):
                await _under_load(say, service, folder, calls=20 if quick else 60)
        if "shadow" in parts:
            with part("shadow", failed):
                pairs = 2 if quick else 6
                async with talking(service, await long_speech(folder), calls=30, seconds=2 * pairs * PHASE_S + 60):
                    await measure_shadow(say, service, list(MATTERS), pairs=pairs)
        if "latency" in parts:
            with part("latency", failed):
                await _latencies(say, service, folder, rounds=1 if quick else 3)
        if "recogniser" in parts:
            with part("recogniser", failed):
                await _with_recogniser(say, service, calls=6)
        if "growth" in parts:
            with part("growth", failed):
                await _growth(say, service, calls=250 if quick else 1000)
    return failed


@contextmanager
def _serving(service: Service, services: CallServices) -> Iterator[None]:
    """Calls are served by these services for a while."""
    usual = service.sip.serve
    service.sip.serve = CallServer(services).serve
    try:
        yield
    finally:
        service.sip.serve = usual


@asynccontextmanager
async def _service(folder: Path) -> AsyncIterator[Service]:
    shutil.rmtree(folder / "state", ignore_errors=True)  # callers of an earlier run are not callers of today
    settings = Settings.model_validate(
        {
            "sip": {
                "port": 0,
                "peers": ["127.0.0.1/32"],
                "net_interface": "127.0.0.1",
                "transports": ["udp"],
                "rtp_ports": _RTP_PORTS,
            },
            "limits": {"max_calls": 100},
            "state": {"data_dir": str(folder)},
            "web": {"port": 0},
            "handoff": {"address": "sip:{queue}@127.0.0.1:5999"},
        }
    )
    async with open_service(settings, clock=lambda: A_WORKING_DAY, progress=doing) as service:
        doing("making the prompts ready")
        await service.prompts_ready.wait()
        keep_for_good()  # as a service does
        yield service


def _scripts(
    service: Service, steps: Sequence[tuple[Step, ...]], *, line: str = ENGLISH_LINE, codec: str = "pcma", apart_s: float = 0.05
) -> list[CallScript]:
    host, port = service.sip.address
    return [
        CallScript(
            f"sip:{ENGLISH_LINE}@{host}:{port}",
            each,
            name=f"call {number}",
            number=f"+4860{next(_NUMBERS):07}",
            codecs=(codec,),  # type: ignore[arg-type]
            delay_s=apart_s * number,
        )
        for number, each in enumerate(steps)
    ]


async def long_speech(folder: Path) -> Path:
    """Half a minute of English speech with a breath here and there, as the callers of the load test speak."""
    from audio.synthesis import PiperVoice, embedded_piper_model

    path = folder / "speech.wav"
    if path.exists():  # of an earlier run: it takes a minute to make
        return path
    model = embedded_piper_model()
    if model is None:
        raise SystemExit("the bench speaks with the extra voice-en; run make install")
    voice = PiperVoice(model, deadline_s=120.0)
    try:
        parts = [await voice.synthesise(matter) for matter in MATTERS]
    finally:
        await voice.close()
    silence = bytes(int(0.8 * parts[0].sample_rate) * 2)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, parts[0].sample_rate, 0, "NONE", ""))
        file.writeframes(silence.join(part.pcm for part in parts) * 3)
    return path


@asynccontextmanager
async def talking(service: Service, speech: Path, *, calls: int, seconds: float) -> AsyncIterator[None]:
    """Media both ways, voice activity and dialogue: every caller talks all the time and is heard by a recogniser that is deaf.
    Calls last for `seconds` and a little more.
    """
    deaf: dict[str, Recogniser] = {language: DeafRecogniser() for language in service.call_services.recognisers}
    with _serving(service, replace(service.call_services, recognisers=deaf)):
        talk: tuple[Step, ...] = (Play(speech),) * (1 + int(seconds // 30))
        steps = [(*talk, HangUp())] * calls
        placing = asyncio.create_task(run_script_process(_cut(_scripts(service, steps), seconds + 12), host="127.0.0.1"))
        while service.sip.counts.live < calls and not placing.done():  # noqa: ASYNC110 - a count of the endpoint, not an event
            await asyncio.sleep(0.1)
        if placing.done():
            await placing  # raises what kept the calls from being placed
        await asyncio.sleep(2)
        yield
        await placing


async def _load(say: Figure, service: Service, speech: Path, *, calls: int, seconds: float) -> None:
    before = resident_bytes()
    async with talking(service, speech, calls=calls, seconds=seconds):
        share, live = await call_share(service, seconds)
        how = f"{live} calls at once, {seconds:g} s, PCMA, every caller talking, recogniser deaf"
        say("calls_per_core_no_asr", 1 / share, f"{how}; CPU of the service {share * 100:.2f} % of a core a call")
        grown = (resident_bytes() - before) / 1e6
        say("mb_per_call", grown / max(1, live), f"resident memory of the service, {live} calls against none")


async def call_share(service: Service, seconds: float) -> tuple[float, int]:
    """What each of the calls under way takes of a core, and how many they are."""
    cpu, wall, live = time.process_time(), time.monotonic(), service.sip.counts.live
    await asyncio.sleep(seconds)
    return (time.process_time() - cpu) / (time.monotonic() - wall) / max(1, live), live


async def _under_load(say: Figure, service: Service, folder: Path, *, calls: int) -> None:
    """How fast the bot falls silent while others talk."""
    speech = await long_speech(folder)
    over = [(UntilSpeaking(1.0), Say(matter), HangUp()) for matter in MATTERS]
    async with (
        talking(service, speech, calls=calls, seconds=90),
        stops_watched(_RTP_PORTS, folder / "stops.pcap", _SILENCING) as on_the_wire,
    ):
        how = f"at the caller, while {calls} others talk"
        reports = await run_script_process(_scripts(service, over), host="127.0.0.1", together=1)
        _percentiles(
            say, "bargein_stop_under_load_ms", _stops(reports), f"start of the caller's speech to the bot's silence, {how}"
        )
        stops = await key_stops(service, calls=6, deaf=True)
        _percentiles(say, "key_stop_under_load_ms", stops, f"key pressed to the bot's silence, {how}")
    _say_on_the_wire(say, on_the_wire, "_under_load_ms", f"while {calls} others talk")


def _say_on_the_wire(say: Figure, stops: Stops, name: str, how: str) -> None:
    """Without the jitter buffer of the caller's phone, which is not the bot's."""
    how = f"first packet of it to the bot's last sound, on the wire, {how}"
    _percentiles(say, f"bargein_stop_wire{name}", stops.speech_ms, how)
    _percentiles(say, f"key_stop_wire{name}", stops.key_ms, how)


def _cut(scripts: Sequence[CallScript], seconds: float) -> list[CallScript]:
    return [replace(script, max_s=seconds) for script in scripts]


async def _latencies(say: Figure, service: Service, folder: Path, *, rounds: int) -> None:
    """One call at a time; as the caller hears it: network, jitter buffers and recogniser included."""
    spoken = [(LISTEN, Say(matter), LISTEN, YES, UntilEnded(20)) for matter in MATTERS] * rounds
    over = [(UntilSpeaking(1.0), Say(matter), HangUp()) for matter in MATTERS] * rounds
    counted = ("voicebot_recogniser_decodes_sum", "voicebot_recogniser_decodes_count")
    before = [total(service, each) for each in counted]  # deaf calls of other parts have turns without a decode
    reports = await run_script_process(_scripts(service, spoken, codec="g722"), host="127.0.0.1", together=1)
    answers = [latency.seconds * 1000 for report in reports for latency in report.responses]
    spent, turns = (total(service, each) - earlier for each, earlier in zip(counted, before, strict=True))
    say("decodes_per_utterance", spent / max(1, turns), f"{turns:.0f} utterances, partial results included, embedded recogniser")
    _percentiles(say, "response_ms", answers, "end of speech to first audio, embedded recogniser, one call, G.722, at the caller")
    async with stops_watched(_RTP_PORTS, folder / "stops.pcap", _SILENCING) as on_the_wire:
        reports = await run_script_process(_scripts(service, over), host="127.0.0.1", together=1)
        _percentiles(say, "bargein_stop_ms", _stops(reports), "start of the caller's speech to the bot's silence, at the caller")
        stops = await key_stops(service, calls=6 * rounds)
        _percentiles(say, "key_stop_ms", stops, "key pressed while the bot asks for a number, to its silence, at the caller")
    _say_on_the_wire(say, on_the_wire, "_ms", "one call")


def total(service: Service, name: str) -> float:
    """Of a metric of the calls, over all its labels."""
    lines = service.call_services.session.metrics.render().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


async def key_stops(service: Service, *, calls: int, deaf: bool = False) -> list[float]:
    """Milliseconds from a key to the last sound of the bot. After most keys the next words follow too closely for a silence to be
    heard; after the first digit of a number none do. So the caller asks for a loan, wants to be called back on another number
    (the queue is said to be long), and types a digit over the question for it. "#" ends the number, which is none: asked again.
    Another digit each time: the same one again within 2 s waits 0.1 s, in case it is one press that came in two ways.
    `deaf`: no speech of any call that begins meanwhile is decoded.
    """
    to_the_number = (UntilSpeaking(0.8), Keys("3112", gap_s=0.5), Pause(1.2), Keys("6"), Pause(0.8))
    typed = [(Keys("#"), UntilSpeaking(0.8), Keys(digit), Pause(0.8)) for digit in _SILENCING]
    steps = (*to_the_number, *typed[0], *typed[1], HangUp())
    measured = {len(to_the_number) + 3, len(to_the_number) + len(typed[0]) + 3}  # steps count from 1
    busy = Conditions(waits=(("loans", 900.0),))
    busy_session = replace(service.call_services.session, conditions=lambda: busy)
    services = replace(service.call_services, session=busy_session)
    if deaf:
        services = replace(services, recognisers={language: DeafRecogniser() for language in services.recognisers})
    with _serving(service, services):
        reports = await run_script_process(_scripts(service, [steps] * calls), host="127.0.0.1", together=1)
    return [latency.seconds * 1000 for report in reports for latency in report.stops if latency.step in measured]


async def _with_recogniser(say: Figure, service: Service, *, calls: int) -> None:
    steps = [(LISTEN, Say(MATTERS[n % len(MATTERS)]), LISTEN, YES, UntilEnded(30)) for n in range(calls)]
    cpu = time.process_time()
    reports = await run_script_process(_scripts(service, steps, codec="g722"), host="127.0.0.1")
    spent = time.process_time() - cpu
    talked = sum(report.duration_s for report in reports)
    put_through = sum(report.put_through for report in reports)
    how = f"{calls} whole calls at once, {talked:.0f} call-seconds, {put_through} put through"
    say("calls_per_core_asr", talked / spent, f"{how}; CPU of the service over call-seconds, embedded recogniser")


async def _growth(say: Figure, service: Service, *, calls: int) -> None:
    """Short calls, ten at once, after as many to warm up; memory is read when the SIP stack has let go of old transactions."""
    steps = [(Pause(0.3), HangUp())] * calls
    await run_script_process(_scripts(service, steps, apart_s=0), host="127.0.0.1", together=10)
    await asyncio.sleep(35)
    gc.collect()
    before, tasks = resident_bytes(), len(asyncio.all_tasks())
    await run_script_process(_scripts(service, steps, apart_s=0), host="127.0.0.1", together=10)
    await asyncio.sleep(35)
    gc.collect()
    how = f"{calls} calls after {calls} others, scaled; resident memory 35 s after the last, when SIP transactions have ended"
    say("rss_growth_mb_per_1000_calls", (resident_bytes() - before) / 1e6 * 1000 / calls, how)
    say("tasks_left_over", len(asyncio.all_tasks()) - tasks, "asyncio tasks after those calls against before")


def _stops(reports: Sequence[CallReport]) -> list[float]:
    return [latency.seconds * 1000 for report in reports for latency in report.stops]


def _percentiles(say: Figure, name: str, values: Sequence[float], how: str) -> None:
    ordered = sorted(values)
    if not ordered:
        print(f"{name}: nothing measured  ({how})")
        return
    say(f"{name}_p50", ordered[len(ordered) // 2], f"{how}; {len(ordered)} times")
    say(f"{name}_p95", ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], f"{how}; {len(ordered)} times")

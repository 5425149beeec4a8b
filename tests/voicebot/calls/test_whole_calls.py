"""The real dialogue, driver and pipeline over a leg in memory, with each part failing at each moment.

Whatever breaks, the caller ends at a human or hears why not, a record is written, and nothing is left running.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audio.errors import RecogniserBusy, RecogniserError, SynthesisError
from audio.types import Reading, RecogniserStream, Recognition
from caller_id.types import Caller, NumberTrust
from dialogs.data.bundle import load_bundle
from dialogs.events import Conditions, Say
from dialogs.rehearsal.meanings import parse_meaning
from nlu.pack.pack import BANK_PACK, Pack
from nlu.types import Hypothesis, Understanding
from nlu.understanding.keywords import KeywordUnderstander
from tests.voicebot.endpoints.memory_leg import RATE, MemoryLeg
from tests.voicebot.pipeline.test_pipeline import LoudActivity, by_loudness
from voicebot.calls.server import CallServer, CallServices
from voicebot.conversation.session import SessionServices
from voicebot.endpoints.errors import MediaError
from voicebot.endpoints.leg import CallOffer, TransferOutcome, TransferTarget
from voicebot.handoff.callback_service import CallbackService
from voicebot.handoff.callbacks import CallbackStore
from voicebot.handoff.service import HandOffService
from voicebot.handoff.store import HandOffStore
from voicebot.metrics.registry import Metrics
from voicebot.pipeline.media_tick import MediaTick
from voicebot.pipeline.turns import TurnSettings
from voicebot.records.store import RecordStore
from voicebot.state.admission import Admission
from voicebot.state.caller_memory import CallerMemory
from voicebot.state.live_calls import LiveCalls
from voicebot.state.shared import SharedState
from voicebot.understanding.service import UnderstandingService

BUNDLE = load_bundle()
KEYWORDS = KeywordUnderstander(Pack(BANK_PACK))
CALLER = Caller("+48600100200", NumberTrust.TRUNK)


@dataclass
class Engine:
    """A recogniser that hears "zgubiłem kartę", and can fail at every moment."""

    fails: str = ""
    error: Exception = field(default_factory=lambda: RecogniserError("died"))
    name: str = "test"

    def open(
        self, *, language: str, sample_rate: int, expect: str = "open", on_partial: Callable[[str], None] | None = None
    ) -> RecogniserStream:
        if self.fails == "open":
            raise self.error
        return Stream(self)

    def close(self) -> None: ...


@dataclass
class Stream:
    engine: Engine

    def feed(self, pcm: bytes) -> None:
        if self.engine.fails == "feed":
            raise self.engine.error

    def pause(self) -> None:
        if self.engine.fails == "pause":
            raise self.engine.error

    def resume(self) -> None: ...

    async def finish(self) -> Recognition:
        if self.engine.fails == "finish":
            raise self.engine.error
        return Recognition((Reading("zgubiłem kartę", 0.9),))

    def close(self) -> None: ...


@dataclass
class Voice:
    """Speaks everything in a tenth of a second; can fail for some sentences, or be too slow for all."""

    fails_from: int = 10_000
    error: Exception = field(default_factory=lambda: SynthesisError("dead"))
    said: list[Say] = field(default_factory=list)

    async def pcm(self, say: Say, rate: int) -> bytes:
        self.said.append(say)
        if len(self.said) > self.fails_from:
            raise self.error
        return b"\x01\x01" * (rate // 10)


async def by_hand(hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
    return parse_meaning("card_block", hypotheses[0].text)


@dataclass
class World:
    """A service without sockets."""

    services: CallServices
    server: CallServer
    voice: Voice
    leg: MemoryLeg
    records: RecordStore
    folder: Path
    shared: SharedState

    async def call(self, *acts: Callable[[MemoryLeg], Any], within_s: float = 30.0) -> list[dict[str, Any]]:
        """One call, served to its end while the caller acts; the journal of its record."""
        before = asyncio.all_tasks()

        async def identify(offer: CallOffer) -> Caller:
            return CALLER

        serving = asyncio.create_task(self.server.serve(self.leg, identify))
        await self.leg.answered.wait()
        for act in acts:
            result = act(self.leg)
            if isinstance(result, Awaitable):
                await result
        await asyncio.wait_for(serving, within_s)
        assert self.services.admission.taken == 0, "the place is free again"
        assert len(self.services.session.live) == 0, "nobody is shown as calling"
        assert await self.records.flush(10)
        await self.shared.flush()  # what is written behind a call's back is no part of it
        await self._until_idle(asyncio.all_tasks() - before - {serving})
        (record,) = self.folder.glob("*.json")
        lines: list[dict[str, Any]] = json.loads(record.read_text())["lines"]
        return lines

    async def _until_idle(self, left: set[asyncio.Task[Any]]) -> None:
        """A question to the state server may be letting its connection go just now; anything else that runs on is a fault."""
        if left:
            _, left = await asyncio.wait(left, timeout=1.0)
        assert not left, "nothing is left running"


QUICK = TurnSettings(neutral_s=0.25, decided_s=0.2, yes_no_s=0.2, pause_s=0.1)


@asynccontextmanager
async def world(
    shared: SharedState,
    folder: Path,
    *,
    engine: Engine | None = None,
    voice: Voice | None = None,
    leg: MemoryLeg | None = None,
    understand: Callable[[Sequence[Hypothesis], str], Awaitable[Understanding]] = by_hand,
    **changes: Any,
) -> AsyncIterator[World]:
    """Everything real but the ear's engine, the voice and the leg. `changes` are for the session's services or the call's."""
    records = RecordStore(f"sqlite:///{folder / 'calls.db'}", spool_dir=folder / "spool", folder=folder / "files")
    await records.start()
    session = SessionServices(
        bundle=BUNDLE,
        understanding=UnderstandingService(understand, local=None, keywords=KEYWORDS, languages=("pl", "en")),
        hand_offs=HandOffService(
            HandOffStore(shared), None, lambda queue: queue, callbacks=CallbackService(CallbackStore(shared), BUNDLE)
        ),
        records=records,
        live=LiveCalls(shared),
        memory=CallerMemory(shared, b"a secret of the test"),
        metrics=Metrics(),
        clock=lambda: datetime(2026, 11, 24, 11, 0, tzinfo=UTC),
        understand_s=0.5,
    )
    said = voice or Voice()
    recogniser = engine or Engine()
    services = CallServices(
        session=session,
        speaker=said,  # type: ignore[arg-type]
        recognisers={"pl": recogniser, "en": recogniser},
        media=by_loudness(),
        admission=Admission(shared, max_calls=4),
        turns=QUICK,
    )
    names = {each.name for each in fields(SessionServices)}
    services = replace(
        services,
        session=replace(session, **{name: value for name, value in changes.items() if name in names}),
        **{name: value for name, value in changes.items() if name not in names},
    )
    try:
        yield World(services, CallServer(services), said, leg or MemoryLeg(), records, folder / "files", shared)
    finally:
        await records.close()


def speaks(leg: MemoryLeg) -> None:
    """The caller says something, and waits."""
    leg.speak(0.4)
    leg.speak(0.8, loud=False)


def ended_well(leg: MemoryLeg, lines: list[dict[str, Any]], voice: Voice) -> None:
    """The caller is at a human; or no human could be had, and they were told."""
    last = [line for line in lines if line.get("type") == "HandOffResult"][-1]
    if last["ok"]:
        assert leg.transferred_to
    else:
        assert "apology" in voice.said[-1].prompts[0].id
    assert lines[-1]["kind"] == "closed"


async def test_a_call_without_any_fault(shared: SharedState, tmp_path: Path) -> None:
    async with world(shared, tmp_path) as calls:
        lines = await calls.call(speaks)
        assert calls.leg.transferred_to == ["card_emergency"]
        assert lines[-1]["outcome"] == "handed_over"


async def test_a_barred_caller_is_served_like_anyone_and_the_agent_is_told(shared: SharedState, tmp_path: Path) -> None:
    """And in an emergency at once."""

    async def bar(caller: Caller) -> Caller:
        return replace(caller, barred=True)

    async with world(shared, tmp_path, mark=bar) as calls:
        lines = await calls.call(speaks)
        (handed,) = [line for line in lines if line.get("type") == "HandOff"]
        assert (calls.leg.transferred_to, handed["priority"]) == (["card_emergency"], 10)
        started = next(line for line in lines if line.get("type") == "CallStarted")
        assert started["caller"]["barred"] is True


async def test_marks_that_cannot_be_found_cost_nothing(shared: SharedState, tmp_path: Path) -> None:
    async def broken(caller: Caller) -> Caller:
        raise RuntimeError("the list is gone")

    async with world(shared, tmp_path, mark=broken) as calls:
        lines = await calls.call(speaks)
        assert calls.leg.transferred_to == ["card_emergency"]
        started = next(line for line in lines if line.get("type") == "CallStarted")
        assert started["caller"]["number"].endswith("200")


@pytest.mark.parametrize("error", [RecogniserError("died"), RecogniserBusy("full"), ValueError("anything")], ids=repr)
@pytest.mark.parametrize("moment", ["open", "feed", "pause", "finish"])
async def test_the_recogniser_fails(shared: SharedState, tmp_path: Path, moment: str, error: Exception) -> None:
    """There are keys, and a human behind nine."""
    async with world(shared, tmp_path, engine=Engine(moment, error)) as calls:
        said = len(calls.voice.said)

        async def then_presses(leg: MemoryLeg) -> None:
            async with asyncio.timeout(15):
                while len(calls.voice.said) < said + 2:
                    await asyncio.sleep(0.01)
            leg.press("9")
            await asyncio.sleep(0.1)
            leg.press("1")

        lines = await calls.call(speaks, then_presses)
        ended_well(calls.leg, lines, calls.voice)


@pytest.mark.parametrize("error", [SynthesisError("dead"), RuntimeError("anything")], ids=repr)
@pytest.mark.parametrize("sentence", [0, 1, 2])
async def test_the_voice_fails(shared: SharedState, tmp_path: Path, sentence: int, error: Exception) -> None:
    """Nothing can be said any more, so a human takes over at once."""
    async with world(shared, tmp_path, voice=Voice(sentence, error)) as calls:
        lines = await calls.call(speaks)
        assert calls.leg.transferred_to
        assert lines[-1]["outcome"] == "handed_over"


async def fails(hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
    raise RuntimeError("the classifier broke")


async def hangs(hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize("understand", [fails, hangs])
async def test_the_classifier_fails(
    shared: SharedState, tmp_path: Path, understand: Callable[[Sequence[Hypothesis], str], Awaitable[Understanding]]
) -> None:
    async with world(shared, tmp_path, understand=understand) as calls:

        async def then_presses(leg: MemoryLeg) -> None:
            async with asyncio.timeout(15):
                while not leg.transferred_to and len(calls.voice.said) < 2:
                    await asyncio.sleep(0.01)
            if not leg.transferred_to:
                leg.press("9")
                await asyncio.sleep(0.1)
                leg.press("1")

        lines = await calls.call(speaks, then_presses)
        ended_well(calls.leg, lines, calls.voice)


class BrokenLeg(MemoryLeg):
    """A leg of which one command fails, hangs for a while, or takes the call with it."""

    def __init__(self, command: str, how: str) -> None:
        super().__init__()
        self.command, self.how = command, how
        self.times = 0

    def _trouble(self, command: str) -> None:
        if command == self.command and self.how == "raises":
            raise RuntimeError(f"{command} broke")
        if command == self.command and self.how == "goes":
            self.leave()

    def read(self) -> bytes:
        self.times += self.command == "read"
        if self.times == 5:
            self._trouble("read")
        return super().read()

    def write(self, pcm: bytes) -> int:
        self._trouble("write")
        return super().write(pcm)

    def flush(self) -> None:
        self._trouble("flush")
        super().flush()

    def buffered(self) -> int:
        self._trouble("buffered")
        return super().buffered()

    async def transfer(self, target: TransferTarget, timeout_s: float) -> TransferOutcome:
        if self.command == "transfer":
            self._trouble("transfer")
            if self.how == "slow":
                await asyncio.sleep(0.3)
                return TransferOutcome(False, "timeout")
        return await super().transfer(target, timeout_s)

    async def hang_up(self) -> None:
        if self.command == "hang_up" and not self.hung_up.is_set():
            if self.how == "slow":
                await asyncio.sleep(3.2)  # longer than the stage waits
            elif self.how == "raises":
                await super().hang_up()
                raise RuntimeError("hang_up broke")
        await super().hang_up()


@pytest.mark.parametrize("how", ["raises", "slow", "goes"])
@pytest.mark.parametrize("command", ["read", "write", "flush", "buffered", "transfer", "hang_up"])
async def test_the_leg_fails(shared: SharedState, tmp_path: Path, command: str, how: str) -> None:
    """Whichever command it is, the call ends, with a record; and where the caller is still there, they are handed over."""
    async with world(shared, tmp_path, leg=BrokenLeg(command, how)) as calls:

        async def presses_over_the_bot(leg: MemoryLeg) -> None:
            await asyncio.sleep(0.05)
            leg.press("9")
            await asyncio.sleep(0.1)
            leg.press("1")

        lines = await calls.call(presses_over_the_bot)
        assert lines[-1]["kind"] == "closed"
        if how != "goes":
            ended_well(calls.leg, lines, calls.voice)


async def test_a_leg_that_cannot_be_answered_leaves_no_trace(shared: SharedState, tmp_path: Path) -> None:
    class Mute(MemoryLeg):
        async def answer(self) -> None:
            self.answered.set()
            raise MediaError("no audio")

    async with world(shared, tmp_path, leg=Mute()) as calls:

        async def identify(offer: CallOffer) -> Caller:
            return CALLER

        await calls.server.serve(calls.leg, identify)
        assert calls.leg.hung_up.is_set()
        assert calls.services.admission.taken == 0


def no_conditions() -> Conditions:
    raise RuntimeError("the switches broke")


def no_folder(line: str) -> Path | None:
    raise RuntimeError("no thread left for a recording")


class Broken:
    """A part of the service of which some methods raise, or take for ever; the rest is as it was."""

    def __init__(self, part: object, *methods: str, how: Callable[..., object]) -> None:
        self._part, self._methods, self._how = part, methods, how

    def __getattr__(self, name: str) -> object:
        return self._how if name in self._methods else getattr(self._part, name)

    def __len__(self) -> int:
        return len(self._part)  # type: ignore[arg-type]


def breaks(*_: object, **__: object) -> object:
    raise RuntimeError("it broke")


async def never_answers(*_: object, **__: object) -> object:
    await asyncio.Event().wait()
    raise AssertionError


def no_activity(rate: int) -> LoudActivity:
    raise RuntimeError("no model of speech")


Parts = Callable[[SharedState], dict[str, Any]]

BESIDE_THE_CALL: dict[str, Parts] = {
    "switches": lambda shared: {"conditions": no_conditions},
    "recording": lambda shared: {"recording_dir": no_folder},
    "live list, begin": lambda shared: {"live": Broken(LiveCalls(shared), "began", how=breaks)},
    "live list, changes": lambda shared: {"live": Broken(LiveCalls(shared), "changed", how=breaks)},
    "live list, end": lambda shared: {"live": Broken(LiveCalls(shared), "ended", "began", how=breaks)},
    "memory, recall": lambda shared: {"memory": Broken(CallerMemory(shared, b"secret"), "recall", how=breaks)},
    "memory, slow": lambda shared: {"memory": Broken(CallerMemory(shared, b"secret"), "recall", how=never_answers)},
    "memory, put through": lambda shared: {"memory": Broken(CallerMemory(shared, b"secret"), "put_through", how=breaks)},
    "metrics": lambda shared: {"metrics": Broken(Metrics(), "count", "observe", how=breaks)},
    "admission": lambda shared: {"admission": Broken(Admission(shared, max_calls=4), "admit", "release", how=breaks)},
}


@pytest.mark.parametrize("parts", BESIDE_THE_CALL.values(), ids=BESIDE_THE_CALL)
async def test_what_breaks_beside_the_call_changes_nothing_for_the_caller(
    shared: SharedState, tmp_path: Path, parts: Parts
) -> None:
    """They are put through where their words lead, once."""
    async with world(shared, tmp_path, **parts(shared)) as calls:
        lines = await calls.call(speaks)
        assert calls.leg.transferred_to == ["card_emergency"]
        assert lines[-1]["outcome"] == "handed_over"


async def test_a_callback_list_that_does_not_answer_is_not_waited_for(shared: SharedState, tmp_path: Path) -> None:
    """The caller is through already."""
    async with world(shared, tmp_path) as calls:
        hand_offs = calls.services.session.hand_offs
        hand_offs.rang_again = never_answers  # type: ignore[method-assign,assignment]
        lines = await calls.call(speaks)
        assert calls.leg.transferred_to == ["card_emergency"]
        assert lines[-1]["outcome"] == "handed_over"


async def test_a_record_that_cannot_be_kept_leaves_nobody_in_the_live_list(shared: SharedState, tmp_path: Path) -> None:
    async with world(shared, tmp_path) as calls:
        calls.records.save = breaks  # type: ignore[method-assign,assignment]

        async def identify(offer: CallOffer) -> Caller:
            return CALLER

        serving = asyncio.create_task(calls.server.serve(calls.leg, identify))
        await calls.leg.answered.wait()
        speaks(calls.leg)
        await asyncio.wait_for(serving, 20)
        assert calls.leg.transferred_to == ["card_emergency"]
        assert (len(calls.services.session.live), calls.services.admission.taken) == (0, 0)


@pytest.mark.parametrize("refusals", [0, 1])
async def test_a_conversation_that_cannot_be_held_is_a_sentence_and_a_human_or_an_apology(
    shared: SharedState, tmp_path: Path, refusals: int
) -> None:
    """The pipeline cannot even be made: what is said goes straight to the leg."""
    async with world(shared, tmp_path, media=MediaTick(no_activity)) as calls:
        calls.leg.outcomes = [TransferOutcome(False, "refused", 486)] * refusals
        lines = await calls.call()
        assert calls.leg.transferred_to == ["general"]
        said = [say.prompts[0].id for say in calls.voice.said]
        assert said == ["rescue.connecting", *["rescue.apology"] * refusals]
        assert len(calls.leg.sent) == len(said) * RATE // 10 * 2, "all of it is heard"
        assert lines[-1]["outcome"] == ("apology" if refusals else "handed_over")


async def test_a_conversation_that_cannot_be_held_is_handed_over_without_a_voice(shared: SharedState, tmp_path: Path) -> None:
    async with world(shared, tmp_path, media=MediaTick(no_activity), voice=Voice(0)) as calls:
        lines = await calls.call()
        assert calls.leg.transferred_to == ["general"]
        assert lines[-1]["outcome"] == "handed_over"


@pytest.mark.parametrize("refusals", [1, 2, 3])
async def test_queues_refuse(shared: SharedState, tmp_path: Path, refusals: int) -> None:
    async with world(shared, tmp_path) as calls:
        calls.leg.outcomes = [TransferOutcome(False, "refused", 486)] * refusals
        lines = await calls.call(speaks)
        ended_well(calls.leg, lines, calls.voice)
        assert lines[-1]["outcome"] == ("handed_over" if refusals < 3 else "apology")


async def test_a_stop_of_the_service_hands_over_who_is_left(shared: SharedState, tmp_path: Path) -> None:
    async with world(shared, tmp_path) as calls:

        async def stop(leg: MemoryLeg) -> None:
            async with asyncio.timeout(5):
                while not calls.voice.said:
                    await asyncio.sleep(0.01)
            assert await calls.server.put_all_through(10.0)

        lines = await calls.call(stop)
        assert calls.leg.transferred_to == ["general"]
        assert lines[-1]["outcome"] == "handed_over"
        assert calls.voice.said[-1].prompts[0].id == "rescue.connecting"


async def test_what_the_network_does_not_vouch_for_is_not_remembered(shared: SharedState, tmp_path: Path) -> None:
    """Whoever shows another's number must not change what it gets."""
    async with world(shared, tmp_path) as calls:
        spoofed = replace(CALLER, trust=NumberTrust.NONE)

        async def identify(offer: CallOffer) -> Caller:
            return spoofed

        serving = asyncio.create_task(calls.server.serve(calls.leg, identify))
        await calls.leg.answered.wait()
        speaks(calls.leg)
        await asyncio.wait_for(serving, 20)
        memory = calls.services.session.memory
        assert (await memory.recall(CALLER.number)).last_queue is None


async def test_nobody_who_calls_is_unknown_for_long(shared: SharedState, tmp_path: Path) -> None:
    """A directory that hangs or raises costs the hint, not the call."""
    async with world(shared, tmp_path) as calls:

        async def broken(offer: CallOffer) -> Caller:
            raise RuntimeError("the directory broke")

        serving = asyncio.create_task(calls.server.serve(calls.leg, broken))
        await calls.leg.answered.wait()
        speaks(calls.leg)
        await asyncio.wait_for(serving, 20)
        assert calls.leg.transferred_to == ["card_emergency"]

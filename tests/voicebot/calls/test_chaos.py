"""Whole calls in which any part may raise or be slow at any moment.

Whatever comes together: the caller is put through or hears an apology or a goodbye, the place is free, a record is written,
and nobody is left in the live list nor any task running.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest

from audio.types import RecogniserStream
from dialogs.engine.dialog import Dialog
from dialogs.events import Conditions
from tests.voicebot.calls.test_whole_calls import Engine, Voice, World, world
from tests.voicebot.endpoints.memory_leg import MemoryLeg
from tests.voicebot.pipeline.test_pipeline import LoudActivity
from voicebot.calls.server import CallServer
from voicebot.conversation.session import SessionServices
from voicebot.endpoints.leg import TransferOutcome, TransferTarget
from voicebot.pipeline.media_tick import MediaTick
from voicebot.state.shared import SharedState

SLOW_S = 0.3
CALLS = 16
LAST_WORDS = {"apology", "goodbye", "goodbye_done", "message_done", "callback_done"}


@dataclass
class Trouble:
    """From the `at`-th use of a part, and `times` times in all, it raises or is slow."""

    at: int
    times: int
    how: str
    used: int = 0

    def due(self) -> bool:
        self.used += 1
        return self.at <= self.used < self.at + self.times

    def now(self) -> Any:
        if self.due() and self.how == "raises":
            raise RuntimeError("chaos")
        return None

    async def soon(self) -> None:
        if not self.due():
            return
        if self.how == "raises":
            raise RuntimeError("chaos")
        await asyncio.sleep(SLOW_S)


class Troubled:
    """A part whose named methods meet the trouble before they do what they do; the rest is as it was."""

    def __init__(self, part: object, trouble: Trouble, *methods: str) -> None:
        self._part, self._trouble, self._methods = part, trouble, methods

    def __getattr__(self, name: str) -> Any:
        whole = getattr(self._part, name)
        if name not in self._methods:
            return whole

        def at_once(*given: object, **named: object) -> object:
            self._trouble.now()
            return whole(*given, **named)

        async def late(*given: object, **named: object) -> object:
            await self._trouble.soon()
            return await whole(*given, **named)

        return late if asyncio.iscoroutinefunction(whole) else at_once

    def __len__(self) -> int:
        return len(self._part)  # type: ignore[arg-type]


class TroubledEngine(Engine):
    """A recogniser whose streams meet the trouble, also when they are closed."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble

    def open(
        self, *, language: str, sample_rate: int, expect: str = "open", on_partial: Callable[[str], None] | None = None
    ) -> RecogniserStream:
        self._trouble.now()
        stream = super().open(language=language, sample_rate=sample_rate, expect=expect, on_partial=on_partial)
        return Troubled(stream, self._trouble, "feed", "pause", "finish", "close")


class TroubledLeg(MemoryLeg):
    """A leg whose sound and transfers meet the trouble."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble

    def read(self) -> bytes:
        self._trouble.now()
        return super().read()

    def write(self, pcm: bytes) -> int:
        self._trouble.now()
        return super().write(pcm)

    def flush(self) -> None:
        self._trouble.now()
        super().flush()

    async def transfer(self, target: TransferTarget, timeout_s: float) -> TransferOutcome:
        await self._trouble.soon()
        return await super().transfer(target, timeout_s)


PARTS = (
    "dialogue",
    "voice",
    "voice activity",
    "recogniser",
    "admission",
    "classifier",
    "conditions",
    "memory",
    "live list",
    "metrics",
    "hand-off",
    "sinks",
    "leg",
)


def trouble_with(name: str, trouble: Trouble, calls: World) -> None:
    """This part of the world meets the trouble from now on."""
    services, session = calls.services, calls.services.session
    engine = TroubledEngine(trouble)
    changes: dict[str, dict[str, Any]] = {
        "dialogue": {"new_dialog": lambda bundle, call_id: Troubled(Dialog(bundle, call_id=call_id), trouble, "handle")},
        "voice": {"speaker": Troubled(services.speaker, trouble, "pcm")},
        "voice activity": {"media": MediaTick(lambda rate: Troubled(LoudActivity(), trouble, "feed"))},
        "recogniser": {"recognisers": {"pl": engine, "en": engine}},
        "admission": {"admission": Troubled(services.admission, trouble, "admit")},
        "classifier": {"understanding": Troubled(session.understanding, trouble, "understand", "decides")},
        "conditions": {"conditions": lambda: trouble.now() or Conditions()},
        "memory": {"memory": Troubled(session.memory, trouble, "recall", "put_through", "prefer")},
        "live list": {"live": Troubled(session.live, trouble, "began", "changed")},
        "metrics": {"metrics": Troubled(session.metrics, trouble, "count", "observe")},
        "hand-off": {"hand_offs": Troubled(session.hand_offs, trouble, "hand_off", "rang_again", "last_ref")},
        "sinks": {"sinks": (lambda call_id, line: trouble.now(),)},
        "leg": {},
    }
    of_session = {each.name for each in fields(SessionServices)}
    changed = changes[name]
    session = replace(session, **{field: part for field, part in changed.items() if field in of_session})
    of_call = {field: part for field, part in changed.items() if field not in of_session}
    calls.services = replace(services, session=session, **of_call)
    calls.server = CallServer(calls.services)


class Caller:
    """Speaks, presses, holds the call, or leaves, in any order; in the end presses for a human."""

    def __init__(self, luck: random.Random) -> None:
        self._luck = luck
        self.left = False

    async def act(self, leg: MemoryLeg) -> None:
        """Until the call is over."""
        for _ in range(self._luck.randint(1, 5)):
            await self._do(self._luck.choice(["speak", "speak", "key", "hold", "wait"]), leg)
            await asyncio.sleep(self._luck.uniform(0.0, 0.3))
        if self._luck.random() < 0.15:
            self.left = True
            leg.leave()
        while not leg.hung_up.is_set():
            leg.press(self._luck.choice("090"))
            with suppress(TimeoutError):
                await asyncio.wait_for(leg.hung_up.wait(), 0.4)

    async def _do(self, what: str, leg: MemoryLeg) -> None:
        match what:
            case "speak":
                leg.speak(0.4)
                leg.speak(0.8, loud=False)
            case "key":
                leg.press(self._luck.choice("0123459*#"))
            case "hold":
                leg.hold()
                await asyncio.sleep(0.05)
                leg.resume()


def ended_well(leg: MemoryLeg, lines: list[dict[str, Any]], voice: Voice, *, mute: bool, left: bool) -> None:
    """At a human, or with a last word (where anything could be said at all), unless the caller left."""
    outcome = lines[-1]["outcome"]
    assert lines[-1]["kind"] == "closed"
    if outcome in ("caller_hung_up", "caller_gone"):
        assert left
    elif outcome == "handed_over":
        assert leg.transferred_to
    else:
        assert outcome in ("apology", "done", "goodbye"), outcome
        said = voice.said[-1].prompts[-1].id
        assert mute or set(said.split(".")) & LAST_WORDS, said


@pytest.mark.parametrize("seed", range(CALLS))
async def test_whatever_breaks_the_caller_ends_at_a_human_or_hears_why_not(
    shared: SharedState, tmp_path: Path, seed: int
) -> None:
    luck = random.Random(seed)
    troubles = {
        name: Trouble(luck.randint(1, 6), luck.choice([1, 1, 2, 1000]), luck.choice(["raises", "raises", "slow"]))
        for name in luck.sample(PARTS, luck.choice([1, 1, 2, 3]))
    }
    caller = Caller(luck)
    leg = TroubledLeg(troubles["leg"]) if "leg" in troubles else MemoryLeg()
    leg.outcomes = [TransferOutcome(False, "refused", 486)] * luck.choice([0, 0, 0, 1, 3])
    async with world(shared, tmp_path, leg=leg) as calls:
        for name, trouble in troubles.items():
            trouble_with(name, trouble, calls)
        lines = await calls.call(caller.act, within_s=60.0)
        ended_well(leg, lines, calls.voice, mute=bool({"voice", "leg"} & set(troubles)), left=caller.left)

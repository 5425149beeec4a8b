"""What happened in one call, in the order in which it happened: `FactQueue`, and `Reports`, by which the edges tell of it."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from dialogs.events import Failed, HungUp, KeyPressed
from voicebot.conversation.stage import (
    Fact,
    HoldChanged,
    PlaybackStarted,
    PlaybackStopped,
    PutThroughNow,
    Recognised,
    SpeechStarted,
)

F = TypeVar("F")


class FactQueue:
    """Facts of one call. Any task may put one; one task takes them. What comes before `begin` waits for it."""

    def __init__(self) -> None:
        self._facts: asyncio.Queue[Fact] = asyncio.Queue()
        self._early: list[Fact] | None = []  # None once the call has begun
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be taken."""
        return self._facts.empty()

    def begin(self, first: Fact) -> None:
        """The call begins with this fact; what happened before is taken after it, in order."""
        early, self._early = self._early or [], None
        for fact in (first, *early):
            self.put(fact)

    def put(self, fact: Fact) -> None:
        """One more fact."""
        if self._early is not None:
            self._early.append(fact)
        else:
            self._facts.put_nowait(fact)

    def put_later(self, seconds: float, fact: Fact) -> None:
        """One more fact, when so much time has gone by."""
        self._timers.append(asyncio.get_running_loop().call_later(seconds, self.put, fact))

    async def take(self) -> Fact:
        """The next fact."""
        return await self._facts.get()

    def take_out(self, kind: type[F]) -> list[F]:
        """Facts of one kind that already wait, taken out of turn; the rest keeps its order."""
        waiting = [self._facts.get_nowait() for _ in range(self._facts.qsize())]
        for fact in waiting:
            if not isinstance(fact, kind):
                self._facts.put_nowait(fact)
        return [fact for fact in waiting if isinstance(fact, kind)]

    def close(self) -> None:
        """Nothing comes later any more."""
        for timer in self._timers:
            timer.cancel()


class Reports:
    """What the edges report of one call. Every method returns at once and may be called from any task."""

    def __init__(self, facts: FactQueue) -> None:
        self._facts = facts

    def speech_started(self, *, over_bot: bool) -> None:
        """The caller began to speak; the bot, if it spoke, is paused."""
        self._facts.put(SpeechStarted(over_bot))

    def recognised(self, fact: Recognised) -> None:
        """What was heard, so far or in the whole turn."""
        self._facts.put(fact)

    def key(self, key: str) -> None:
        """A key was pressed."""
        self._facts.put(KeyPressed(key))

    def hold(self, held: bool) -> None:
        """The far end holds the call, or took it back."""
        self._facts.put(HoldChanged(held))

    def playback_started(self, mark: str, at: float) -> None:
        """The first sample of a mark has been sent."""
        self._facts.put(PlaybackStarted(mark, at))

    def playback_stopped(self, mark: str, *, finished: bool, played_s: float) -> None:
        """A mark was played to its end, or stopped."""
        self._facts.put(PlaybackStopped(mark, finished, played_s))

    def failed(self, stage: str, code: str) -> None:
        """A stage failed; the call goes on without it."""
        self._facts.put(Failed(stage, code))

    def hung_up(self, cause: str) -> None:
        """The leg is gone."""
        self._facts.put(HungUp(cause))

    def put_through_now(self, why: str) -> None:
        """The caller must go to the default queue now, with a sentence; a hand-off under way is awaited instead."""
        self._facts.put(PutThroughNow(why))

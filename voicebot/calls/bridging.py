"""Putting a caller through by calling the queue ourselves: whom we may call, what is heard until the two are joined."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog

from audio.music import Music
from dialogs.data.bundle import Bundle
from dialogs.data.whisper import waiting_texts, whisper
from dialogs.events import HandOff, Prompt, Say
from voicebot.calls.last_words import speak_on
from voicebot.conversation.session import aside
from voicebot.endpoints.bridge import Loop, Tap, Way
from voicebot.endpoints.errors import DialFailed
from voicebot.endpoints.leg import Leg, LegEnded, LegKey, TransferTarget
from voicebot.handoff.settings import HandOffSettings, Ringing
from voicebot.metrics.registry import Metrics
from voicebot.prompts.speaking import Speaker
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

TAKE, PASS_BACK = "1", "2"
WHISPERS = 2
"""So often an agent is asked before the call goes elsewhere."""
URGENT_PAUSE_S = 6.0
"""Whoever waits with an emergency hears no music, but every few seconds that somebody is being called."""
_LOOK_S = 0.08

Dial = Callable[[TransferTarget, Mapping[str, str], float, int], Awaitable[Leg]]
"""Calls a queue with these headers; may ring for so many seconds; the sound will have so many Hz. Raises DialFailed."""


@dataclass(frozen=True, slots=True)
class Bridging:
    """What the bridges of all calls share."""

    dial: Dial
    settings: HandOffSettings
    music: Music
    clock: Callable[[], datetime]


class CallSwitchboard:
    """The switchboard of one call; implements `voicebot.endpoints.bridge.Switchboard`."""

    def __init__(self, bridging: Bridging, bundle: Bundle, speaker: Speaker, metrics: Metrics) -> None:
        self.taps: tuple[Tap, Tap] | None = None
        self.handing_over: HandOff | None = None
        """What the next transfer is about."""
        self._shared = bridging
        self._bundle = bundle
        self._speaker = speaker
        self._metrics = metrics

    @property
    def way(self) -> Way:
        """As set."""
        return self._shared.settings.way

    @property
    def max_s(self) -> float:
        """As set."""
        return self._shared.settings.max_bridge_s

    def music(self, sample_rate: int) -> bytes:
        """What the caller hears while the agent holds the call."""
        return b"" if self._shared.settings.ringing is Ringing.SILENCE else self._shared.music.pcm(sample_rate)

    # ------------------------------------------------------------------ the queue

    async def dial(self, target: TransferTarget, sample_rate: int) -> Leg:
        """Call the queue; how that ended, and how long it rang, is counted. Raises DialFailed."""
        began, result = time.monotonic(), "gone"
        try:
            leg = await self._shared.dial(target, headers_for(target), self._shared.settings.ring_s, sample_rate)
            result = "answered"
            return leg
        except DialFailed as error:
            result = error.reason
            log.info("queue not reached", queue=target.queue, reason=error.reason, status=error.status, ref=target.ref)
            raise
        finally:
            with aside("measures"):
                self._metrics.observe("voicebot_ring_seconds", time.monotonic() - began)
                self._count(target, result)

    async def present(self, far: Leg, target: TransferTarget) -> None:
        """Tell the agent what it is about, where the queue is set so, and wait for the key. Raises DialFailed when they do not
        take the call. A whisper that cannot be spoken is left out: the caller waits.
        """
        action = self.handing_over
        queue = self._bundle.queues.get(target.queue)
        if action is None or queue is None or not queue.whisper:
            return
        language = queue.language if queue.language in self._bundle.prompts.languages else None
        now = self._shared.clock()
        say = whisper(
            self._bundle.prompts,
            action,
            language or self._bundle.prompts.default_language,
            self._bundle.calendar.local(now).date(),
        )
        for _ in range(WHISPERS):
            key = await self._ask(far, say)
            if key:
                break
        if key != TAKE:
            self._count(target, "passed_back")
            log.info("passed back", queue=target.queue, reason="key" if key else "no key", ref=target.ref)
            raise DialFailed("passed_back")

    async def _ask(self, far: Leg, say: Say) -> str:
        """The key that the agent pressed, during the whisper or soon after; "" for none. Raises DialFailed when they hang up."""
        pressed = asyncio.create_task(_key_of(far), name="whisper-key")
        speaking = asyncio.create_task(speak_on(far, self._speaker, say), name="whisper")
        try:
            await asyncio.wait({pressed, speaking}, return_when=asyncio.FIRST_COMPLETED)
            if not pressed.done():
                if (error := speaking.exception()) is not None:
                    log.error("the whisper cannot be spoken: the call is joined without", code="call.voice", error=error)
                    return TAKE
                await asyncio.wait({pressed}, timeout=self._shared.settings.whisper_s)
            return pressed.result() if pressed.done() else ""
        finally:
            await cancelled(pressed, speaking)
            far.flush()

    # ------------------------------------------------------------------ the caller

    async def entertain(self, near: Leg) -> None:
        """What the caller hears while the queue rings, until cancelled."""
        ringing = self._shared.settings.ringing
        if ringing is Ringing.SILENCE:
            return
        try:
            action = self.handing_over
            queue = self._bundle.queues.get(action.queue) if action is not None else None
            urgent = queue is not None and queue.emergency
            loop = Loop(b"" if urgent else await asyncio.to_thread(self._shared.music.pcm, near.sample_rate))
            if ringing is Ringing.MUSIC and not urgent:
                await _play(near, loop, None)
            pause_s = URGENT_PAUSE_S if urgent else self._shared.settings.message_every_s
            language = action.language if action is not None else self._bundle.prompts.default_language
            async for say in self._messages(language):
                with suppress(TimeoutError):
                    await speak_on(near, self._speaker, say)
                await _play(near, loop, pause_s)
            await _play(near, loop, None)
        except Exception as error:  # silence is no reason not to put anybody through
            log.error("whoever waits hears nothing", code="call.voice", error=error)

    async def _messages(self, language: str) -> AsyncIterator[Say]:
        """The bundle's texts for whoever waits, in order, then the last one again and again; none where there are none."""
        day = self._bundle.calendar.local(self._shared.clock()).date()
        texts = waiting_texts(self._bundle.prompts, language, day)
        for prompt_id in texts:
            yield _message(prompt_id, language)
        while texts:
            yield _message(texts[-1], language)

    def _count(self, target: TransferTarget, result: str) -> None:
        with aside("measures"):
            self._metrics.count("voicebot_dials_total", queue=target.queue, result=result)


def headers_for(target: TransferTarget) -> dict[str, str]:
    """What the queue's call carries: the opaque reference, twice (as is, and as RFC 7433 has it), and the caller's own call."""
    headers = {"X-Call-Ref": target.call_ref} if target.call_ref else {}
    if target.ref:
        headers |= {"X-Handoff-Ref": target.ref, "User-to-User": f"{target.ref.encode().hex()};encoding=hex"}
    return headers


def _message(prompt_id: str, language: str) -> Say:
    return Say((Prompt(prompt_id),), language, mark=prompt_id, barge_in=False)


async def _play(leg: Leg, loop: Loop, seconds: float | None) -> None:
    """The loop, for so long, or until cancelled."""
    clock = asyncio.get_running_loop().time
    until = None if seconds is None else clock() + seconds
    while until is None or clock() < until:
        loop.keep_on(leg, 3 * _LOOK_S)
        await asyncio.sleep(_LOOK_S)


async def _key_of(far: Leg) -> str:
    """The first key that means something; other facts are passed over. Raises DialFailed when the leg ends."""
    while True:
        fact = await far.next_event()
        if isinstance(fact, LegEnded):
            raise DialFailed("refused", why="the agent hung up before taking the call")
        if isinstance(fact, LegKey) and fact.key in (TAKE, PASS_BACK):
            return fact.key

"""Two legs joined here: a caller and the queue that was called for them. Where a far end takes no REFER, this is the transfer.

`Bridged` is a leg like any other whose `transfer` calls the queue and joins the two; the sound, keys and the end of either side
go to the other until both are over. Whoever holds the call sends music of their own; where nothing comes, the caller hears ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, assert_never

from audio.resample import QuickResampler, StreamResampler
from voicebot.endpoints.errors import DialFailed
from voicebot.endpoints.leg import CallOffer, Leg, LegEnded, LegEvent, LegHold, LegKey, LegStats, TransferOutcome, TransferTarget
from voicebot.tasks import cancelled

log = logging.getLogger(__name__)

TICK_S = 0.02
"""A packet of sound: it waits for half of this on average."""
MOST_AHEAD_S = 0.16
"""More than this waiting to be sent is a clock that runs faster than the other, or a burst after a gap: some is left out."""
MOST_FAILED = 100
"""So many pieces in a row that could not be passed on (two seconds of sound) are no hiccup any more."""
LOOK_EVERY = 25
SILENT_S = 0.4
"""Whoever is held and hears nothing for so long hears our music."""
MUSIC_AHEAD_S = 0.2

Tap = Callable[[bytes], None]
NextEvent = Callable[[], Awaitable[LegEvent]]


class Way(StrEnum):
    """How callers get to a queue."""

    REFER = "refer"
    """The far end is asked to call it (RFC 3515), and we are out of it."""
    BRIDGE = "bridge"
    """We call it and stay between the two."""
    AUTO = "auto"
    """REFER; where the far end does not transfer, bridge."""


@dataclass(frozen=True, slots=True)
class BridgeOutcome:
    """How two joined legs came to their end."""

    by: str
    """near (the caller), far (the agent), max_length, shutdown or failed: who or what ended it."""
    seconds: float
    """How long they were joined."""
    cause: str = ""
    """The cause of the leg that ended first, as in `LegEnded`."""

    @property
    def lost(self) -> bool:
        """The caller did not want it to end, and nor did the agent."""
        return self.by in ("shutdown", "failed") or (self.by == "far" and self.cause != "hangup")


class Loop:
    """PCM played round and round, a little ahead of real time."""

    def __init__(self, pcm: bytes) -> None:
        self._pcm = pcm
        self._position = 0

    def keep_on(self, leg: Leg, ahead_s: float = MUSIC_AHEAD_S) -> None:
        """Give the leg as much as keeps it playing; call it again sooner than after `ahead_s`."""
        wanted = int(ahead_s * leg.sample_rate) * 2 - leg.buffered()
        while self._pcm and wanted > 0:
            taken = leg.write(self._pcm[self._position : self._position + wanted])
            if not taken:
                return  # on hold, or over
            self._position = (self._position + taken) % len(self._pcm)
            wanted -= taken


def _resampler(source: int, target: int) -> QuickResampler | StreamResampler | None:
    if source == target:
        return None
    twice = max(source, target) == 2 * min(source, target)
    return QuickResampler(source, target) if twice else StreamResampler(source, target, "QQ")


class _OneWay:
    """The sound of one side on its way to the other."""

    def __init__(self, source: Leg, sink: Leg, tap: Tap | None, tap_rate: int) -> None:
        self._source, self._sink, self._tap = source, sink, tap
        self._resampler = _resampler(source.sample_rate, sink.sample_rate)
        self._tap_resampled = tap_rate != source.sample_rate  # then what the sink gets has the tap's rate
        self._most_ahead = int(MOST_AHEAD_S * sink.sample_rate) * 2
        self._ticks = 0
        self._thinning = False
        self.failed = 0
        """Pieces in a row that could not be passed on."""

    def move(self) -> bool:
        """Pass on what has come; whether anything has."""
        pcm = self._source.read()
        if not pcm:
            return False
        out = pcm if self._resampler is None else self._resampler.feed(pcm)
        if self._tap is not None:
            self._tell(out if self._tap_resampled else pcm)
        if not self._too_far_ahead():
            self._sink.write(out)
        return True

    def _too_far_ahead(self) -> bool:
        """Now and then look how much waits to be sent; once it is too much, leave out what comes until half of that is gone."""
        self._ticks += 1
        if self._thinning or self._ticks % LOOK_EVERY == 0:
            most = self._most_ahead // 2 if self._thinning else self._most_ahead
            self._thinning = self._sink.buffered() > most
        return self._thinning

    def _tell(self, pcm: bytes) -> None:
        try:
            if self._tap is not None:
                self._tap(pcm)
        except Exception:  # whoever listens in must not cost a word of the two
            self._tap = None
            log.exception("the sound of joined calls is no longer passed on")


class Bridge:
    """Joins `near` (the caller) and `far` (the agent), both answered, until either ends; then the other is ended, too."""

    def __init__(
        self,
        near: Leg,
        far: Leg,
        *,
        near_event: NextEvent | None = None,
        music: Callable[[int], bytes] = lambda rate: b"",
        taps: tuple[Tap, Tap] | None = None,
        max_s: float = 4 * 3600.0,
    ) -> None:
        """`near_event` gives the facts of `near` where somebody else reads them first; `music` is PCM at a rate (Hz); `taps` hear
        what the caller and what the agent say, at the rate of `near`.
        """
        self.near, self.far = near, far
        self._near_event = near_event or near.next_event
        self._loop = Loop(music(near.sample_rate))
        heard, spoken = taps or (None, None)
        self._to_far = _OneWay(near, far, heard, near.sample_rate)
        self._to_near = _OneWay(far, near, spoken, near.sample_rate)
        self._max_s = max_s
        self._far_held = False
        self._quiet_s = 0.0
        self._over: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()

    async def run(self) -> BridgeOutcome:
        """Until it is over. Never raises but when cancelled; then, too, both legs are ended."""
        clock = asyncio.get_running_loop().time
        began = clock()
        for leg in (self.near, self.far):
            leg.may_last(self._max_s + 60)
            leg.read()  # what waited was said to nobody
        tasks = [
            asyncio.create_task(self._pump(), name="bridge-sound"),
            asyncio.create_task(self._pass_on("near", self._near_event, self.far), name="bridge-near"),
            asyncio.create_task(self._pass_on("far", self.far.next_event, self.near), name="bridge-far"),
        ]
        by, cause = "failed", ""
        try:
            async with asyncio.timeout(self._max_s):
                by, cause = await self._over
        except TimeoutError:
            by = "max_length"
        finally:
            await cancelled(*tasks)
            await self._end(by, cause)
        return BridgeOutcome(by, clock() - began, cause)

    def stop(self, why: str) -> None:
        """End it, for a reason of our own."""
        self._ends(why, "")

    async def _end(self, by: str, cause: str) -> None:
        """Both legs; a caller whom nobody asked is left to whoever runs the call: there may be something to say."""
        await _hang_up(self.far)
        if not BridgeOutcome(by, 0.0, cause).lost:
            await _hang_up(self.near)

    def _ends(self, by: str, cause: str) -> None:
        if not self._over.done():
            self._over.set_result((by, cause))

    async def _pump(self) -> None:
        clock = asyncio.get_running_loop().time
        at = clock()
        while True:
            at = max(at + TICK_S, clock() - TICK_S)  # a hiccup of the machine is not made good by a burst
            await asyncio.sleep(at - clock())
            self._move(self._to_far)
            self._quiet_s = 0.0 if self._move(self._to_near) else self._quiet_s + TICK_S
            if self._far_held and self._quiet_s >= SILENT_S:
                with contextlib.suppress(Exception):  # music is worth no error
                    self._loop.keep_on(self.near)

    def _move(self, way: _OneWay) -> bool:
        """One direction; whether anything came. Where nothing can be passed on for long, it is over."""
        try:
            moved = way.move()
        except Exception:
            way.failed += 1
            if way.failed == 1:  # once, not fifty times a second
                log.exception("the sound of joined calls cannot be passed on")
            elif way.failed == MOST_FAILED:
                self._ends("failed", "")
            return True
        if moved:
            way.failed = 0
        return moved

    async def _pass_on(self, side: str, next_event: NextEvent, other: Leg) -> None:
        """The facts of one side to the other, until it ends."""
        while True:
            try:
                fact = await next_event()
            except Exception:
                log.exception("facts of a joined leg cannot be read")
                fact = LegEnded("failed")
            match fact:
                case LegKey():
                    await other.send_key(fact.key)
                case LegHold():
                    if side == "far":
                        self._take_hold(fact.held)
                case LegEnded():
                    self._ends(side, fact.cause)
                    return
                case _:
                    assert_never(fact)

    def _take_hold(self, held: bool) -> None:
        self._far_held, self._quiet_s = held, 0.0
        if not held:
            self.near.flush()  # what is left of our music


class Switchboard(Protocol):
    """What a `Bridged` leg needs for one call: who can be called, and what is heard until they are joined."""

    @property
    def way(self) -> Way:
        """How callers get to a queue."""
        ...

    @property
    def max_s(self) -> float:
        """How long two legs may stay joined."""
        ...

    @property
    def taps(self) -> tuple[Tap, Tap] | None:
        """Told what the caller and what the agent say while they are."""
        ...

    async def dial(self, target: TransferTarget, sample_rate: int) -> Leg:
        """Call the queue; the leg is answered. Raises DialFailed."""
        ...

    async def entertain(self, near: Leg) -> None:
        """What the caller hears while the queue rings, until cancelled. Never raises."""
        ...

    async def present(self, far: Leg, target: TransferTarget) -> None:
        """The queue has answered: whatever must be said before the caller is joined. Raises DialFailed when it is not taken."""
        ...

    def music(self, sample_rate: int) -> bytes:
        """What the caller hears while the agent holds the call."""
        ...


class Bridged:
    """Another leg, and a transfer that needs nothing of its far end; implements `Leg`.

    From the first ring on the caller hears the switchboard, and after the transfer the agent: what is written meanwhile is not
    taken, and nothing is read. The leg lives on until the joined calls are over (`parted`); `hang_up` ends both.
    """

    def __init__(self, leg: Leg, board: Switchboard) -> None:
        """Must be made on the running loop: facts are read from now on."""
        self._leg = leg
        self._board = board
        self._facts: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._bridge_facts: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._connecting = False
        self._bridge: Bridge | None = None
        self._joined: asyncio.Task[BridgeOutcome] | None = None
        self._reading = asyncio.get_running_loop().create_task(self._read_facts(), name="bridged-facts")

    def __repr__(self) -> str:
        return f"<Bridged {self._leg!r}{' joined' if self.joined else ''}>"

    @property
    def offer(self) -> CallOffer:
        """The caller's."""
        return self._leg.offer

    @property
    def sample_rate(self) -> int:
        """Of the caller's sound."""
        return self._leg.sample_rate

    @property
    def stats(self) -> LegStats | None:
        """Of the caller's sound."""
        return self._leg.stats

    @property
    def joined(self) -> bool:
        """The caller was put through to a queue here; perhaps that is over already."""
        return self._joined is not None

    @property
    def connecting(self) -> bool:
        """A queue is being called: the caller hears the switchboard, and nothing that is written."""
        return self._connecting

    async def parted(self) -> BridgeOutcome | None:
        """Wait until the joined calls are over; None when none were joined."""
        return await asyncio.shield(self._joined) if self._joined is not None else None

    def part(self, why: str) -> None:
        """End joined calls, for a reason of our own."""
        if self._bridge is not None:
            self._bridge.stop(why)

    async def answer(self) -> None:
        """See `Leg`."""
        await self._leg.answer()

    async def next_event(self) -> LegEvent:
        """See `Leg`. While two legs are joined nothing happens but the end."""
        return await self._facts.get()

    def read(self) -> bytes:
        """See `Leg`."""
        return b"" if self._apart else self._leg.read()

    def write(self, pcm: bytes) -> int:
        """See `Leg`."""
        return 0 if self._apart else self._leg.write(pcm)

    def flush(self) -> None:
        """See `Leg`."""
        if not self._apart:
            self._leg.flush()

    def buffered(self) -> int:
        """See `Leg`."""
        return 0 if self._apart else self._leg.buffered()

    def lost(self) -> int:
        """See `Leg`."""
        return 0 if self._connecting else self._leg.lost()

    async def send_key(self, key: str) -> None:
        """See `Leg`."""
        await self._leg.send_key(key)

    def may_last(self, seconds: float) -> None:
        """See `Leg`."""
        self._leg.may_last(seconds)

    async def transfer(self, target: TransferTarget, timeout_s: float) -> TransferOutcome:
        """By REFER where the way and the far end allow it, else by calling the queue and joining the two."""
        if self._connecting or self.joined:
            return TransferOutcome(False, "gone" if self._gone.is_set() else "busy")
        if self._board.way is not Way.BRIDGE and self._leg.offer.takes_refer:
            outcome = await self._leg.transfer(target, timeout_s)
            if outcome.ok or self._board.way is Way.REFER or not outcome.unable or self._gone.is_set():
                return outcome
            log.info("the far end does not transfer (%s %d): the queue is called from here", outcome.reason, outcome.status)
        if self._gone.is_set():
            return TransferOutcome(False, "gone")
        self._connecting = True
        try:
            return await self._connect(target)
        finally:
            self._connecting = False

    async def hang_up(self) -> None:
        """End the call, and the one it is joined with; harmless when over."""
        self.part("hangup")
        if self._joined is not None:
            await asyncio.wait({self._joined})
        await self._leg.hang_up()

    @property
    def _apart(self) -> bool:
        """The caller is with somebody else."""
        return self._connecting or (self._joined is not None and not self._joined.done())

    async def _connect(self, target: TransferTarget) -> TransferOutcome:
        leaving = asyncio.create_task(self._gone.wait(), name="bridged-leaving")
        entertaining = asyncio.create_task(self._board.entertain(self._leg), name="bridged-ringing")
        reaching = asyncio.create_task(self._reach(target), name="bridged-reaching")
        far: Leg | None = None
        try:
            await asyncio.wait({reaching, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if self._gone.is_set():
                return TransferOutcome(False, "gone")
            far = reaching.result()
        except DialFailed as error:
            return TransferOutcome(False, error.reason, error.status)
        except Exception:
            log.exception("a queue could not be called")
            return TransferOutcome(False, "failed")
        finally:
            await cancelled(leaving, entertaining, reaching)
            self._leg.flush()
            self._leg.lost()  # what was lost was music
            unwanted = far is None or self._gone.is_set()  # the caller left while it answered
            if unwanted and not reaching.cancelled() and reaching.exception() is None:
                await _hang_up(reaching.result())
        if unwanted:
            return TransferOutcome(False, "gone")
        self._join(far)
        return TransferOutcome(True, status=200)

    async def _reach(self, target: TransferTarget) -> Leg:
        far = await self._board.dial(target, self._leg.sample_rate)
        try:
            await self._board.present(far, target)
        except BaseException:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(asyncio.ensure_future(_hang_up(far)))
            raise
        return far

    def _join(self, far: Leg) -> None:
        self._bridge = Bridge(
            self._leg,
            far,
            near_event=self._bridge_facts.get,
            music=self._board.music,
            taps=self._board.taps,
            max_s=self._board.max_s,
        )
        self._joined = asyncio.create_task(self._bridge.run(), name="bridge")

    async def _read_facts(self) -> None:
        """Until the end. Facts go to whoever has the caller."""
        while True:
            try:
                fact = await self._leg.next_event()
            except Exception:
                log.exception("facts of a leg cannot be read")
                fact = LegEnded("failed")
            if self.joined:
                self._bridge_facts.put_nowait(fact)
            if isinstance(fact, LegEnded):
                self._gone.set()
                through = self.joined and fact.cause == "hangup"
                self._facts.put_nowait(LegEnded("transferred", fact.detail) if through else fact)
                return
            if not self.joined:
                self._facts.put_nowait(fact)


async def _hang_up(leg: Leg) -> None:
    try:
        await leg.hang_up()
    except Exception:  # the other leg must end as well
        log.exception("a joined leg could not be ended")

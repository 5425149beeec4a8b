"""A caller and an agent joined by the bot: sound, keys, hold and the end, both ways, over real SIP legs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from tests.voicebot.endpoints.contract.bridged import Board
from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.memory_leg import RATE, MemoryLeg
from tests.voicebot.endpoints.sip.answerer import MEDIA, Queue
from tests.voicebot.endpoints.sip.conftest import running, settings
from tests.voicebot.endpoints.sip.sip_probe import Probe, Wire
from voicebot.endpoints.bridge import Bridge, Bridged, BridgeOutcome, Way
from voicebot.endpoints.leg import Leg, LegEnded, LegKey, TransferOutcome, TransferTarget

CARDS = TransferTarget("cards", ref="r-1")
CALLER_HERTZ, AGENT_HERTZ = 400, 1000


@dataclass
class Joined:
    """The caller, the agent, and the leg between."""

    probe: Probe
    queue: Queue
    leg: Bridged
    board: Board


async def _answer(queue: Queue) -> None:
    await queue.called()
    await queue.answer()


@asynccontextmanager
async def joined(*, max_s: float = 60.0, codec: str = "pcma") -> AsyncIterator[Joined]:
    async with AsyncExitStack() as stack:
        queue = await Queue.open()
        stack.push_async_callback(queue.close)
        bot = await stack.enter_async_context(running(settings(queue_address=queue.address)))
        bot.endpoint.let_dial([CARDS])
        probe = await Probe.open(bot.address)
        stack.push_async_callback(probe.close)
        board = Board(bot.endpoint, max_s=max_s)
        formats = MEDIA if codec == "pcma" else ("9 G722/8000", "101 telephone-event/8000")
        leg = Bridged(await bot.connect(probe, probe.offer(formats), talk=codec == "pcma"), board)
        outcome, _ = await asyncio.gather(leg.transfer(CARDS, 5.0), _answer(queue))
        assert outcome == TransferOutcome(True, status=200)
        yield Joined(probe, queue, leg, board)


def _linear(alaw: bytes) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A-law to samples (ITU-T G.711)."""
    code = np.frombuffer(alaw, np.uint8) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, (code & 15).astype(np.float64)
    size = np.where(exponent == 0, mantissa * 2 + 1, (mantissa * 2 + 33) * 2.0 ** (exponent.astype(int) - 1))
    return np.asarray(np.where(code & 0x80, size, -size))


async def hears(wire: Wire, hertz: int) -> None:
    """Until half a second of PCMA in which this is the loudest tone has come. Raises TimeoutError."""
    heard = b""
    async with asyncio.timeout(8):
        while True:
            packet = await wire.received.get()
            if packet[1] & 0x7F != 8:
                continue
            heard = (heard + packet[12:])[-4000:]
            if len(heard) == 4000:
                samples = _linear(heard)
                if np.abs(samples).mean() > 50 and abs(np.abs(np.fft.rfft(samples)).argmax() * 2 - hertz) <= 20:
                    return


class TestSound:
    async def test_goes_both_ways(self) -> None:
        async with joined() as call:
            await hears(call.queue.rtp, CALLER_HERTZ)
            await hears(call.probe.rtp, AGENT_HERTZ)

    async def test_goes_between_legs_of_different_rates(self) -> None:
        """In memory: a caller at 16 kHz, an agent at 8."""
        near, far = MemoryLeg(), MemoryLeg()
        near.sample_rate = 16000
        bridge = asyncio.create_task(Bridge(near, far).run())
        await asyncio.sleep(0.05)  # it has begun: what waited before is not passed on
        tone = (8000 * np.sin(np.arange(RATE) * 2 * np.pi * AGENT_HERTZ / RATE)).astype("<i2").tobytes()
        for start in range(0, len(tone), 320):
            far._incoming += tone[start : start + 320]
            near.speak(0.02)
            await asyncio.sleep(0.02)
        await until(lambda: len(near.sent) > len(tone) * 1.8)
        samples = np.frombuffer(bytes(near.sent[1600:27200]), "<i2").astype(float)
        hertz = np.abs(np.fft.rfft(samples)).argmax() * 16000 / len(samples)
        assert abs(hertz - AGENT_HERTZ) <= 2, "it was not resampled"
        assert abs(len(far.sent) - 2 * RATE) < RATE / 4
        far.leave()
        assert (await bridge).by == "far"

    async def test_that_piles_up_behind_a_slower_clock_is_thinned_out(self) -> None:
        """The caller's clock runs faster: without care the agent would hear them later and later."""
        near, far = MemoryLeg(), MemoryLeg()
        bridge = asyncio.create_task(Bridge(near, far).run())
        for _ in range(60):
            near.speak(0.05)
            await asyncio.sleep(0.02)
        assert far.buffered() < 2 * RATE * 1.2, "a second and a half came too much"
        near.leave()
        await bridge

    async def test_is_told_to_whoever_records_at_the_callers_rate(self) -> None:
        near, far = MemoryLeg(), MemoryLeg()
        near.sample_rate = 16000
        heard, spoken = bytearray(), bytearray()
        bridge = asyncio.create_task(Bridge(near, far, taps=(heard.extend, spoken.extend)).run())
        await asyncio.sleep(0.05)
        near.speak(0.5)
        far.speak(0.5)
        await until(lambda: heard and len(spoken) > RATE)
        near.leave()
        await bridge
        assert len(heard) == 2 * RATE, "the caller's, as it came"
        assert RATE < len(spoken) <= 2 * RATE, "the agent's, resampled"


class TestKeys:
    async def test_go_both_ways_in_order(self) -> None:
        async with joined() as call:
            for key in "59#*0":
                await call.probe.press_as_a_phone(key, 101)
                assert await call.queue.heard_key() == key
            await call.queue.press("3")
            async with asyncio.timeout(5):
                while (packet := await call.probe.rtp.received.get())[1] & 0x7F != 101:
                    pass
            assert packet[12] == 3

    async def test_at_the_moment_the_agent_leaves_harm_nobody(self) -> None:
        async with joined() as call:
            pressing = asyncio.create_task(call.probe.press_as_a_phone("5", 101))
            await call.queue.hang_up()
            await pressing
            outcome = await call.leg.parted()
            assert outcome is not None
            assert outcome.by == "far"


class TestHold:
    async def test_by_an_agent_without_music_lets_the_caller_hear_ours(self) -> None:
        async with joined() as call:
            await hears(call.probe.rtp, AGENT_HERTZ)
            call.queue.fall_silent()
            await call.queue.hold()
            await hears(call.probe.rtp, 2000)  # the board's
            await call.queue.hold(on=False)
            call.queue.talk()
            await hears(call.probe.rtp, AGENT_HERTZ)
            await hears(call.queue.rtp, CALLER_HERTZ)

    async def test_by_an_agent_with_music_lets_the_caller_hear_theirs(self) -> None:
        async with joined() as call:
            await call.queue.hold()
            while not call.probe.rtp.received.empty():
                call.probe.rtp.received.get_nowait()
            await hears(call.probe.rtp, AGENT_HERTZ)

    async def test_by_the_caller_is_over_when_they_come_back(self) -> None:
        async with joined() as call:
            for extra in ("a=sendonly", "a=sendrecv"):
                call.probe.invite(call.probe.offer(MEDIA, extra=(extra,)))
                call.probe.ack(await call.probe.final("INVITE"))
            await hears(call.probe.rtp, AGENT_HERTZ)
            await hears(call.queue.rtp, CALLER_HERTZ)


class TestTheEnd:
    async def test_by_the_caller_ends_the_agents_call(self) -> None:
        async with joined() as call:
            await call.probe.bye()
            assert (await call.queue.hung_up_on()).method == "BYE"
            outcome = await call.leg.parted()
            assert outcome is not None
            assert (outcome.by, outcome.lost) == ("near", False)
            end = await call.leg.next_event()
            assert isinstance(end, LegEnded)
            assert end.cause == "transferred"

    async def test_by_the_agent_ends_the_callers_call(self) -> None:
        async with joined() as call:
            asking = asyncio.create_task(call.probe.asked("BYE"))
            await call.queue.hang_up()
            call.probe.reply(await asking, "200 OK")
            outcome = await call.leg.parted()
            assert outcome is not None
            assert (outcome.by, outcome.lost) == ("far", False)

    async def test_comes_after_the_longest_time(self) -> None:
        async with joined(max_s=0.5) as call:
            byes = asyncio.gather(call.queue.hung_up_on(), call.probe.asked("BYE"))
            outcome = await call.leg.parted()
            assert outcome is not None
            assert outcome.by == "max_length"
            call.probe.reply((await byes)[1], "200 OK")

    async def test_that_nobody_wanted_leaves_the_caller_to_be_told(self) -> None:
        """The agent's telephone died: there is something to say before the caller's leg ends."""
        near, far = MemoryLeg(), MemoryLeg()
        bridge = asyncio.create_task(Bridge(near, far).run())
        await asyncio.sleep(0)
        far.leave("media_timeout")
        outcome = await bridge
        assert outcome.lost
        assert not near.hung_up.is_set()

    async def test_of_the_bridge_by_cancelling_ends_both(self) -> None:
        near, far = MemoryLeg(), MemoryLeg()
        bridge = asyncio.create_task(Bridge(near, far).run())
        await asyncio.sleep(0.05)
        bridge.cancel()
        with pytest.raises(asyncio.CancelledError):
            await bridge
        assert far.hung_up.is_set()

    @pytest.mark.parametrize("fails", ["read", "write"])
    async def test_comes_when_no_sound_can_be_passed_on(self, fails: str, monkeypatch: pytest.MonkeyPatch) -> None:
        near, far = MemoryLeg(), MemoryLeg()
        bridge = asyncio.create_task(Bridge(near, far).run())
        await asyncio.sleep(0.05)

        def broken(*_: object) -> bytes:
            raise RuntimeError("no sound")

        monkeypatch.setattr(far, fails, broken)
        talking = asyncio.create_task(_talk_on(near))
        outcome = await asyncio.wait_for(bridge, 10)
        talking.cancel()
        assert (outcome.by, outcome.lost) == ("failed", True)


async def _talk_on(leg: MemoryLeg) -> None:
    while True:
        leg.speak(0.02)
        await asyncio.sleep(0.02)


class MemoryBoard(Board):
    """A switchboard whose queue is a leg in memory."""

    def __init__(self, far: MemoryLeg, way: Way) -> None:
        self.far = far
        self.way = way
        self.max_s = 60.0
        self.taps = None
        self.dialled: list[TransferTarget] = []

    async def dial(self, target: TransferTarget, sample_rate: int) -> MemoryLeg:
        self.dialled.append(target)
        return self.far


class TestTheWay:
    @pytest.mark.parametrize(
        ("way", "refer", "bridged"),
        [
            (Way.REFER, TransferOutcome(False, "refused", 405, unable=True), False),
            (Way.AUTO, TransferOutcome(False, "refused", 405, unable=True), True),
            (Way.AUTO, TransferOutcome(False, "timeout", unable=True), True),
            (Way.AUTO, TransferOutcome(False, "refused", 486), False),
            (Way.AUTO, TransferOutcome(True, status=200), False),
            (Way.BRIDGE, TransferOutcome(True, status=200), True),
        ],
    )
    async def test_is_a_bridge_where_it_is_set_or_where_the_far_end_does_not_transfer(
        self, way: Way, refer: TransferOutcome, bridged: bool
    ) -> None:
        near, far = MemoryLeg(), MemoryLeg()
        near.outcomes = [refer]
        board = MemoryBoard(far, way)
        leg = Bridged(near, board)
        outcome = await leg.transfer(CARDS, 1.0)
        assert (outcome.ok, leg.joined, bool(board.dialled)) == (bridged or refer.ok, bridged, bridged)
        assert bool(near.transferred_to) is (way is not Way.BRIDGE)
        await leg.hang_up()
        assert far.hung_up.is_set() is bridged

    async def test_while_the_bot_is_out_of_it_nothing_of_it_is_heard_and_nothing_reaches_it(self) -> None:
        near, far = MemoryLeg(), MemoryLeg()
        leg = Bridged(near, MemoryBoard(far, Way.BRIDGE))
        await leg.transfer(CARDS, 1.0)
        near.speak(0.1)
        near.press("5")
        assert (leg.read(), leg.write(b"\0\0" * 80), leg.buffered()) == (b"", 0, 0)
        await until(lambda: far.keys_sent == "5")
        far.press("8")
        await until(lambda: near.keys_sent == "8")
        near.leave()
        assert await leg.next_event() == LegEnded("transferred")
        assert await leg.parted() is not None

    async def test_a_key_before_the_transfer_is_the_bots(self) -> None:
        near = MemoryLeg()
        leg = Bridged(near, MemoryBoard(MemoryLeg(), Way.BRIDGE))
        near.press("4")
        assert await leg.next_event() == LegKey("4")
        assert await leg.parted() is None
        await leg.hang_up()

    async def test_an_agent_who_answers_while_the_caller_leaves_is_let_go(self) -> None:
        near, far = MemoryLeg(), MemoryLeg()
        board = MemoryBoard(far, Way.BRIDGE)

        async def present(far: Leg, target: TransferTarget) -> None:
            near.leave()

        board.present = present  # type: ignore[method-assign]
        leg = Bridged(near, board)
        assert await leg.transfer(CARDS, 1.0) == TransferOutcome(False, "gone")
        assert far.hung_up.is_set()
        assert not leg.joined


def test_an_end_that_somebody_wanted_is_not_lost() -> None:
    wanted = [("near", "hangup"), ("near", "media_timeout"), ("far", "hangup"), ("max_length", ""), ("hangup", "")]
    assert not any(BridgeOutcome(by, 1.0, cause).lost for by, cause in wanted)
    assert all(BridgeOutcome(by, 1.0, cause).lost for by, cause in [("far", "failed"), ("shutdown", ""), ("failed", "")])

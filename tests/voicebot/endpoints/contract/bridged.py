"""The far end of a SIP leg whose transfers are bridged: the raw caller, a real endpoint between, and a raw queue."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from tests.voicebot.endpoints.contract.far_end import SETTLE_S, Answer, FarEnd
from tests.voicebot.endpoints.contract.sip import SipFarEnd
from tests.voicebot.endpoints.sip.answerer import Queue
from tests.voicebot.endpoints.sip.conftest import Bot
from tests.voicebot.endpoints.sip.sip_probe import Probe
from voicebot.endpoints.bridge import Bridged, Tap, Way
from voicebot.endpoints.leg import Leg, TransferTarget
from voicebot.endpoints.sip.endpoint import SipEndpoint


@dataclass
class Board:
    """Implements `Switchboard`: nothing is said."""

    endpoint: SipEndpoint
    way: Way = Way.BRIDGE
    max_s: float = 60.0
    ring_s: float = 1.0
    taps: tuple[Tap, Tap] | None = None
    headers: Mapping[str, str] = None  # type: ignore[assignment]

    async def dial(self, target: TransferTarget, sample_rate: int) -> Leg:
        uri = self.endpoint.settings.queue_uri(target)
        return await self.endpoint.dial(uri, self.headers or {}, self.ring_s, sample_rate=sample_rate)

    async def entertain(self, near: Leg) -> None:
        await asyncio.Event().wait()

    async def present(self, far: Leg, target: TransferTarget) -> None:
        return None

    def music(self, sample_rate: int) -> bytes:
        return b"\0\0\0\x20\0\0\0\xe0" * sample_rate  # a quarter of the rate: 2 kHz


class BridgedFarEnd(SipFarEnd):
    """Implements `FarEnd`."""

    def __init__(self, bot: Bot, probe: Probe, queue: Queue) -> None:
        super().__init__(bot, probe)
        self.queue = queue

    async def dial(self) -> Leg:  # type: ignore[override]
        return Bridged(await super().dial(), Board(self._bot.endpoint))

    async def answer_transfer(self, answer: Answer) -> None:
        await answer_as(self.queue, answer, self)


async def answer_as(queue: Queue, answer: Answer, caller: FarEnd) -> None:
    """Wait until the queue is called for the caller, and answer."""
    await queue.called()
    match answer:
        case Answer.COMPLETE:
            await queue.answer()
            ending = asyncio.ensure_future(caller.hung_up_on())
            await queue.hang_up()
            await ending
        case Answer.TAKE_OVER:
            queue.say("180 Ringing")
            await queue.answer()
        case Answer.REFUSE:
            queue.say("603 Decline")
        case Answer.REFUSE_LATER:
            queue.say("180 Ringing")
            await asyncio.sleep(SETTLE_S / 2)
            queue.say("486 Busy Here")
        case Answer.IGNORE:
            pass
        case Answer.LEAVE:
            await caller.leave()

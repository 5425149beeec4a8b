"""The far end of the leg in memory."""

from __future__ import annotations

import asyncio

from tests.voicebot.endpoints.contract.far_end import SETTLE_S, Answer
from tests.voicebot.endpoints.memory_leg import MemoryLeg
from voicebot.endpoints.leg import TransferOutcome, TransferTarget


class MemoryFarEnd:
    """Implements `FarEnd`."""

    transfers = True

    def __init__(self) -> None:
        self._leg = MemoryLeg()
        self._asked = asyncio.Event()
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._leg.on_transfer = self._on_transfer

    async def dial(self) -> MemoryLeg:
        return self._leg

    async def connected(self) -> None:
        await self._leg.answered.wait()
        self._leg.speak(0.1)

    async def press(self, key: str) -> None:
        self._leg.press(key)

    async def hold(self) -> None:
        self._leg.hold()

    async def resume(self) -> None:
        self._leg.resume()

    async def renegotiate(self) -> None:
        self._leg.renegotiate()

    async def answer_transfer(self, answer: Answer) -> None:
        await self._asked.wait()
        self._asked.clear()
        self._answer.set_result(answer)

    async def hung_up_on(self) -> None:
        await self._leg.hung_up.wait()

    async def leave(self) -> None:
        self._leg.leave()

    async def _on_transfer(self, target: TransferTarget) -> TransferOutcome:
        self._answer = asyncio.get_running_loop().create_future()
        self._asked.set()
        match await self._answer:
            case Answer.COMPLETE:
                asyncio.get_running_loop().call_later(0.05, self._leg.leave)  # a moment after it has said so
                return TransferOutcome(True, status=200)
            case Answer.TAKE_OVER:
                await asyncio.sleep(SETTLE_S)
                return TransferOutcome(True, status=100)
            case Answer.REFUSE:
                return TransferOutcome(False, "refused", 603)
            case Answer.REFUSE_LATER:
                await asyncio.sleep(SETTLE_S / 2)
                return TransferOutcome(False, "refused", 486)
            case Answer.IGNORE:
                await asyncio.Event().wait()
            case Answer.LEAVE:
                self._leg.leave()
                await asyncio.Event().wait()
        raise AssertionError("unreachable")

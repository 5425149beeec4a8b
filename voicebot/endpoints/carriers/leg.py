"""A call by a carrier's WebSocket, as a leg."""

from __future__ import annotations

import logging
from typing import Any

from voicebot.endpoints.carriers.stream import CarrierCall, CarrierStream, Refused
from voicebot.endpoints.leg import CallOffer, TransferOutcome, TransferTarget

log = logging.getLogger(__name__)


class CarrierLeg(CarrierCall):
    """Whatever ends it but a hang-up by us, the caller is sent to the default queue."""

    def __init__(self, offer: CallOffer, stream: CarrierStream[Any], *, max_call_s: float, silent_s: float) -> None:
        super().__init__(offer, max_call_s=max_call_s, silent_s=silent_s)
        self._stream = stream
        self._asking = False
        self._sent_on = False
        self._refused = False

    def closed(self, detail: str) -> None:
        """The carrier ended the stream: because it puts the caller through, or with the caller."""
        if not self._letting_go and not self._asking:  # while the carrier is asked, its answer tells which
            self._over("transferred" if self._sent_on else "hangup", detail)

    def broke(self, detail: str) -> None:
        """Where the carrier has the caller still, nobody would ever speak to them: they go to the default queue."""
        if not self._letting_go and not self._asking:
            self._run(self.end("transferred" if self._sent_on else "failed", detail), "broke")

    async def _pick_up(self) -> None:
        """The carrier has answered."""

    async def _steer(self, target: TransferTarget) -> TransferOutcome:
        self._asking = True
        try:
            outcome = await self._stream.put_through(target)
            self._sent_on = outcome.ok
            return outcome
        except (Refused, ConnectionError) as error:
            self._refused = True
            log.warning("transfer: %s", error, extra={"call_ref": self.offer.call_ref})
            return TransferOutcome(False, "gone" if self._stream.over.is_set() else "refused")
        finally:
            self._asking = False
            if self._stream.over.is_set():
                self._over("transferred" if self._sent_on else "hangup")

    async def _let_go(self, cause: str) -> None:
        if self._handed_over:
            return
        try:
            if cause == "hangup" and self._answered and not self._refused:
                await self._stream.hang_up()
            else:
                await self._stream.put_through_to_default()
        except (Refused, ConnectionError) as error:
            log.error("a caller is left to the carrier's own flow: %s", error, extra={"call_ref": self.offer.call_ref})

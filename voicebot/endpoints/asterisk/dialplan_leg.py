"""One call that a dialplan brought us, as a leg: it ends by its sound ending, and the dialplan asks what came of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from voicebot.endpoints.leg import CallOffer, TransferOutcome, TransferTarget
from voicebot.endpoints.streams.leg import StreamLeg
from voicebot.endpoints.streams.media import Media
from voicebot.endpoints.streams.variables import variables_of

HANGUP = "hangup"
"""The result of a call that is over: the dialplan hangs up."""
DEFAULT_QUEUE = ""
"""The result of a call that could not be served, and of one that is not known: the dialplan goes on to its default queue."""


class DialplanLeg(StreamLeg):
    """A dialplan tells of no hold, and whether a caller left or a connection broke is one thing to it: the caller is gone."""

    def __init__(
        self, offer: CallOffer, came: Callable[[DialplanLeg], None], *, max_call_s: float, silent_s: float, fetch_s: float
    ) -> None:
        """`came` is told when its sound is there."""
        super().__init__(offer, max_call_s=max_call_s, silent_s=silent_s)
        self.result = DEFAULT_QUEUE
        """What the dialplan is told, as `variables_of` orders it."""
        self._came = came
        self._fetch_s = fetch_s
        self._fetched = asyncio.Event()
        self._steered_to = ""

    def connected(self, media: Media) -> bool:
        """The sound is there, and with it the call."""
        wanted = super().connected(media)
        if wanted:
            self._came(self)
        return wanted

    def closed(self, detail: str) -> None:
        """The sound is gone: by us when the caller is put through, else with the caller."""
        if not self._steered_to and not self._letting_go:
            self._over("hangup", detail)

    def fetch(self) -> str:
        """What the dialplan is told."""
        self._fetched.set()
        return self.result

    async def _pick_up(self) -> None:
        """The dialplan has answered."""

    async def _steer(self, target: TransferTarget) -> TransferOutcome:
        """Leave the result and end the sound. Only when the dialplan has fetched it is the caller on the way."""
        self._steered_to = target.address
        self.result = ",".join(variables_of(target).values())
        if self._media is not None:
            self._media.close()
        # whoever stopped waiting for the transfer must still learn that the caller is gone
        self._later("fetch", self._fetch_s, lambda: self._over("hangup", "the dialplan fetched no result"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._fetch_s):
                await self._fetched.wait()
                self._over("transferred")
                return TransferOutcome(True, status=200)
        self._over("hangup", "the dialplan fetched no result")
        return TransferOutcome(False, "gone")

    async def _let_go(self, cause: str) -> None:
        if not self._handed_over:
            self.result = HANGUP if cause == "hangup" and self._answered else DEFAULT_QUEUE

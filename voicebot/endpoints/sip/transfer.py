"""How a blind transfer ends: what the far end says about a REFER (RFC 3515), judged for a caller who must not be dropped.

A queue answers late, so the final NOTIFY may never come while the caller waits in it. A 202 followed by the first NOTIFY, or by
the far end leaving, therefore counts as handed over; a refusal that follows the first NOTIFY at once still counts as refused.
"""

from __future__ import annotations

import asyncio
import re

from voicebot.endpoints.leg import TransferOutcome
from voicebot.endpoints.sip.trace import SipMessage

# The stack writes Refer-To without angle brackets, so that parameters and headers of the URI would be read as the header's own.
_PLAIN_URI = re.compile(r"sips?:[^\s<>;?,\"@]+(@[^\s<>;?,\"@]+)?")

_TERMINATED = 487  # RFC 3261: Request Terminated; a phone that hangs up while it dials the target says so, then sends BYE
_BYE_FOLLOWS_S = 0.3


def is_transfer_target(uri: str) -> bool:
    """True for a SIP URI that can travel in our Refer-To: no parameters, no headers, no brackets."""
    return _PLAIN_URI.fullmatch(uri) is not None


class TransferWatch:
    """Judges one REFER. Facts come in through the `saw_…` and `…` methods; `outcome` waits for the judgement."""

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._loop = asyncio.get_running_loop()
        self._outcome: asyncio.Future[TransferOutcome] = self._loop.create_future()
        self._cseq = 0
        self._accepted = False
        self._given_up = False
        self._progress = 0
        self._settle: asyncio.TimerHandle | None = None

    def saw_message(self, message: SipMessage) -> None:
        """A message of the call's dialogue was sent or received. What concerns an earlier REFER of the call does not count."""
        if message.method == "REFER" and not message.received:
            self._cseq = self._cseq or message.cseq
        elif message.method == "REFER" and message.status and message.cseq == self._cseq:
            self._answered(message.status)
        elif message.method == "NOTIFY" and message.progress and message.refer in (0, self._cseq):
            self._notified(message.progress)

    def failed(self, status: int) -> None:
        """The stack reports the transfer failed, with the far end's status (0: none)."""
        self._refused(status)

    def call_ended(self, *, transferred: bool) -> None:
        """The leg is gone: handed over if the far end had taken the REFER on, else the caller hung up."""
        if self._given_up:
            self._decide(TransferOutcome(False, "gone", _TERMINATED))
        elif transferred or self._accepted:
            self._decide(TransferOutcome(True, status=self._progress or 202))
        else:
            self._decide(TransferOutcome(False, "gone"))

    async def outcome(self, timeout_s: float) -> TransferOutcome:
        """The judgement, at the latest after `timeout_s`."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._outcome), timeout_s)
        except TimeoutError:
            if self._progress:
                return TransferOutcome(True, status=self._progress)
            return TransferOutcome(False, "timeout")
        finally:
            if self._settle is not None:
                self._settle.cancel()

    def _answered(self, status: int) -> None:
        if 200 <= status < 300:
            self._accepted = True
        elif status >= 300 and status not in (401, 407):  # the stack answers a challenge itself
            self._decide(TransferOutcome(False, "refused", status))

    def _notified(self, progress: int) -> None:
        self._accepted = True
        if progress >= 300:
            self._refused(progress)
        elif progress >= 200:
            self._decide(TransferOutcome(True, status=progress))
        else:
            self._progress = progress
            if self._settle is None:
                self._settle = self._loop.call_later(self._settle_s, self._settled)

    def _refused(self, status: int) -> None:
        if status == _TERMINATED:
            self._given_up = True
            self._loop.call_later(_BYE_FOLLOWS_S, self._decide, TransferOutcome(False, "refused", status))
        else:
            self._decide(TransferOutcome(False, "refused", status))

    def _settled(self) -> None:
        self._decide(TransferOutcome(True, status=self._progress))

    def _decide(self, outcome: TransferOutcome) -> None:
        if not self._outcome.done():
            self._outcome.set_result(outcome)

"""How a blind transfer ends: what the far end says about a REFER (RFC 3515), judged for a caller who must not be dropped.

RFC 3515 (2.4.4) wants a first NOTIFY at once, so "100 Trying" says nothing but that the far end tries. A refusal that comes after
it, while the leg is alive, counts as refused. A far end that sends nothing final (Asterisk, while the queue rings) has taken the
caller over: so after `settle_s` without a refusal, or when the far end leaves, the caller counts as handed over.

Pure: messages and the time (monotonic seconds) come in, a verdict comes out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from voicebot.endpoints.leg import TransferOutcome
from voicebot.endpoints.sip.trace import SipMessage

# The stack writes Refer-To without angle brackets, so that parameters and headers of the URI would be read as the header's own.
_PLAIN_URI = re.compile(r"sips?:[^\s<>;?,\"@]+(@[^\s<>;?,\"@]+)?")

_TERMINATED = 487  # RFC 3261: Request Terminated; a phone that hangs up while it dials the target says so, then sends BYE
_BYE_FOLLOWS_S = 0.3

UNABLE = frozenset({400, 403, 405, 406, 415, 420, 421, 488, 489, 501, 603, 606})
"""Answers to a REFER that speak of the REFER, not of whom it names: whoever sends them does not transfer."""


def is_transfer_target(uri: str) -> bool:
    """True for a SIP URI that can travel in our Refer-To: no parameters, no headers, no brackets."""
    return _PLAIN_URI.fullmatch(uri) is not None


class TransferState(StrEnum):
    """How far a transfer is."""

    SENT = "sent"
    """The REFER is on its way."""
    ACCEPTED = "accepted"
    """The far end said 2xx."""
    PROGRESSING = "progressing"
    """The far end reported progress (NOTIFY with 1xx)."""
    TERMINATED = "terminated"
    """The far end said 487: the caller hung up, or the target was given up; a BYE tells which."""
    DECIDED = "decided"


@dataclass(slots=True)
class TransferWatch:
    """Judges one REFER that was sent at `sent_at`."""

    sent_at: float
    accept_s: float
    """How long the far end may take to accept and report first progress."""
    settle_s: float
    """How long after the first progress a refusal may come."""
    state: TransferState = TransferState.SENT
    outcome: TransferOutcome | None = None
    """The verdict, None while there is none."""
    _cseq: int = 0
    _progress: int = 0
    _deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self._deadline = self.sent_at + self.accept_s

    @property
    def deadline(self) -> float | None:
        """When `time_passed` will decide, if nothing else does before; None when it is decided."""
        return None if self.outcome is not None else self._deadline

    def saw_message(self, message: SipMessage, now: float) -> None:
        """A message of the call was sent or received. What concerns an earlier REFER of the call does not count."""
        if message.method == "REFER" and not message.received:
            self._cseq = self._cseq or message.cseq
        elif message.method == "REFER" and message.status and message.cseq == self._cseq:
            self.answered(message.status)
        elif message.method == "NOTIFY" and message.progress and message.refer in (0, self._cseq):
            self.notified(message.progress, now)

    def answered(self, status: int) -> None:
        """The REFER itself was answered."""
        if 200 <= status < 300:
            if self.state is TransferState.SENT:
                self.state = TransferState.ACCEPTED
        elif status >= 300 and status not in (401, 407):  # the stack answers a challenge itself
            self._decide(TransferOutcome(False, "refused", status, unable=status in UNABLE))

    def notified(self, status: int, now: float) -> None:
        """A NOTIFY reported the status of the target: the REFER was accepted, also where its 202 comes later."""
        if self.state is TransferState.SENT:
            self.state = TransferState.ACCEPTED
        if status >= 300:
            self.refused(status, now)
        elif status >= 200:
            self._decide(TransferOutcome(True, status=status))
        elif self.outcome is None:
            self._progress = status
            if self.state in (TransferState.SENT, TransferState.ACCEPTED):
                self.state = TransferState.PROGRESSING
                self._deadline = now + self.settle_s

    def refused(self, status: int, now: float) -> None:
        """The target, or the stack, says that the transfer failed; `status` 0 when none was given."""
        if self.outcome is not None:
            return
        if status == _TERMINATED:
            self.state = TransferState.TERMINATED
            self._deadline = now + _BYE_FOLLOWS_S
        else:
            unable = self.state is TransferState.SENT and status in UNABLE
            self._decide(TransferOutcome(False, "refused", status, unable=unable))

    def call_ended(self, *, transferred: bool) -> None:
        """The leg is gone: handed over if the far end had accepted, else the caller hung up."""
        if self.state is TransferState.TERMINATED:
            self._decide(TransferOutcome(False, "gone", _TERMINATED))
        elif transferred or self.state in (TransferState.ACCEPTED, TransferState.PROGRESSING):
            self._decide(TransferOutcome(True, status=self._progress or 202))
        else:
            self._decide(TransferOutcome(False, "gone"))

    def time_passed(self, now: float) -> None:
        """Decide when the deadline has passed."""
        if self.outcome is not None or now < self._deadline:
            return
        match self.state:
            case TransferState.PROGRESSING:
                self._decide(TransferOutcome(True, status=self._progress))
            case TransferState.TERMINATED:
                self._decide(TransferOutcome(False, "refused", _TERMINATED))
            case TransferState.SENT | TransferState.ACCEPTED:
                self._decide(TransferOutcome(False, "timeout", unable=self.state is TransferState.SENT))
            case TransferState.DECIDED:
                pass
            case _:
                assert_never(self.state)

    def _decide(self, outcome: TransferOutcome) -> None:
        if self.outcome is None:
            self.outcome = outcome
            self.state = TransferState.DECIDED

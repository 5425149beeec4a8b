"""Errors of the telephone edge, each with a stable code that logs, records and metrics carry."""

from __future__ import annotations


class TelephonyError(Exception):
    """Base of this room's errors: the call or the line cannot be used as asked."""

    code = "telephony.failed"


class CallGone(TelephonyError):
    """The far end left before the thing asked for could be done."""

    code = "telephony.gone"


class MediaError(TelephonyError):
    """The call was answered, but its audio did not come up."""

    code = "telephony.media"


class DialFailed(TelephonyError):
    """Nobody took the call that we placed."""

    code = "telephony.dial"

    def __init__(self, reason: str, status: int = 0, why: str = "") -> None:
        """`reason`: refused, timeout, unreachable (it cannot be dialled) or passed_back (an agent did not take the call).
        `status`: SIP's, or 0.
        """
        super().__init__(why or (f"{reason} ({status})" if status else reason))
        self.reason = reason
        self.status = status


class EndpointError(TelephonyError):
    """The SIP endpoint cannot start; the message says why, and the fix."""

    code = "telephony.endpoint"

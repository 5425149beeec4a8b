"""Refusing a call that was not answered, with the status that makes the trunk go on: the binding knows 486 alone."""

from __future__ import annotations

import contextlib
import logging

from baresip import BaresipError, Call

from voicebot.endpoints.sip.request_listener import RETRY_AFTER_S
from voicebot.endpoints.sip.stack import run_on_stack, stack

log = logging.getLogger(__name__)

_RINGING = b"INCOMING"  # the stack's word for its state


async def refuse_for_now(call: Call) -> None:
    """503 with Retry-After (RFC 3261, 21.5.4): the trunk takes its next route. Raises BaresipError when the call is gone."""
    await _refuse(call, 503, b"Service Unavailable", b"Retry-After: %d\r\n" % RETRY_AFTER_S)


async def refuse_for_good(call: Call) -> None:
    """403 (RFC 3261, 21.4.4): who calls may not. Raises BaresipError when the call is gone."""
    await _refuse(call, 403, b"Forbidden", b"")


async def _refuse(call: Call, status: int, reason: bytes, headers: bytes) -> None:
    refused = False

    def work() -> None:
        nonlocal refused
        found = stack().uag_call_find((call.call_id or "").encode())
        # somebody else's call may have the same Call-ID: one that was answered is never ended here
        if found and not stack().call_is_outgoing(found) and stack().call_statename(found) == _RINGING:
            ours = stack().call_get_ua(found)
            stack().ua_hangupf(ours, found, status, reason, headers + b"Content-Length: 0\r\n\r\n")
            refused = True

    with contextlib.suppress(BaresipError):
        await run_on_stack(call._runtime, work)
    if not refused:
        await call.reject()

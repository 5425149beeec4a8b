"""What systemd is told of the service (sd_notify(3), Type=notify). Where it did not start us, all of this does nothing."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable

import structlog

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"

_LONGEST = 65_536  # octets of a datagram; systemd drops a longer one
_BEATS_A_TIMEOUT = 3  # one that comes late does not cost the service its life

_log = structlog.get_logger(__name__)


def notify(state: str) -> bool:
    """Send `state`: variable assignments, one a line. False when nobody asked to be told, or could not be told. Never raises."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            # "@" stands for the zero octet of an abstract socket's name, see unix(7)
            sender.sendto(state.encode()[:_LONGEST], "\0" + address[1:] if address[0] == "@" else address)
    except OSError as error:
        _log.warning("systemd cannot be told", error=error.strerror, state=state.partition("=")[0])
        return False
    return True


def status(text: str) -> bool:
    """One line for `systemctl status`."""
    return notify(f"STATUS={' '.join(text.split())}")


def reloading() -> bool:
    """The configuration is read again; send READY when that is done."""
    return notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_s() -> float | None:
    """Seconds within which systemd wants a sign of life (WatchdogSec=), None when it wants none of this process."""
    try:
        microseconds = int(os.environ.get("WATCHDOG_USEC", "0"))
        wanted_of = int(os.environ.get("WATCHDOG_PID") or os.getpid())
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 and wanted_of == os.getpid() else None


async def beat(healthy: Callable[[], bool] = lambda: True) -> None:
    """Give signs of life for ever, as a task of the loop that moves the calls: a loop that stands still gives none, and systemd
    replaces the process. Neither does one that is not `healthy`. Returns at once when systemd wants none.
    """
    timeout = watchdog_s()
    if timeout is None:
        return
    while True:
        if healthy():
            notify(ALIVE)
        await asyncio.sleep(timeout / _BEATS_A_TIMEOUT)

"""Memory of a process that serves: what stays is looked through once, what is free is given back when nobody calls.

The C library keeps what calls have used for the next ones. It is no leak, as the next calls use it again, but it is counted as
the service's: after sixty calls at once some 60 MB.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import resource
import time
from pathlib import Path

log = logging.getLogger(__name__)


def give_back() -> bool:
    """Return free pages; whether there were any. Takes some ten milliseconds, without the interpreter. For any thread."""
    try:
        trim = ctypes.CDLL(None).malloc_trim  # glibc's (malloc_trim(3)); other C libraries have none
    except AttributeError:
        return False
    trim.restype, trim.argtypes = ctypes.c_int, [ctypes.c_size_t]
    began = time.monotonic()
    found = bool(trim(0))
    log.debug("free memory given back to the machine in %.0f ms", (time.monotonic() - began) * 1000)
    return found


def resident_bytes() -> int:
    """Memory of this process; 0 where the machine does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0


def peak_bytes() -> int | None:
    """The most memory that this process has had (proc(5), VmHWM); None where the machine does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def keep_for_good() -> None:
    """What is here when a process begins to serve stays as long as the process: the collector of cycles need not look through it
    again. That takes the interpreter, and with it the loop of all calls, for 0.2 to 0.3 s (240,000 objects) whenever much is
    loaded beside calls; what comes later is looked through in a millisecond. Once in a process.
    """
    gc.collect()
    gc.freeze()

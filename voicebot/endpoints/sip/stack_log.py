"""What the SIP stack writes, fit to be kept: no phone number above the debug level, and nothing straight to standard error.

The stack's C code prints some lines (requests it does not know, datagrams that are no SIP) with `stderr` of the C library, past
levels, redaction and format. That stream is led into a pipe, and from there a few lines at a time into our log. Python's own
standard error, and what the interpreter says when it dies, go by the file descriptor and are not touched.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import re
import threading
import time
from ctypes import c_char_p, c_int, c_void_p

log = logging.getLogger(__name__)

_NUMBER = re.compile(r"\+?\d{6,}")
_LOGGERS = ("baresip.native", "baresip.call", "baresip.ua")
_EVERY_S = 5.0
_LINES_EACH = 3
_NATIVE_LINES_EACH = 20
_LONGEST = 200
_READ_BYTES = 65_536


class StackLines(logging.Filter):
    """The stack's lines through logging: numbers masked, control characters escaped, the far end's address dropped. Of a flood
    the first lines of every few seconds are kept, and how many were not is told.
    """

    def __init__(self) -> None:
        super().__init__()
        self._written = 0
        self._left_out = 0
        self._since = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written; debug lines are left as they are."""
        if record.levelno <= logging.DEBUG:
            return True
        now = time.monotonic()
        if now >= self._since + _EVERY_S:
            self._since, self._written = now, 0
        if self._written >= _NATIVE_LINES_EACH:
            self._left_out += 1
            return False
        self._written += 1
        record.msg = _NUMBER.sub("<number>", printable(record.getMessage().encode()))
        record.args = ()
        record.__dict__.pop("peer", None)
        if self._left_out:
            record.msg += f" ({self._left_out} lines before it are not shown)"
            self._left_out = 0
        return True


def mask_stack_logs() -> None:
    """Put the filter on the stack's loggers; harmless when it is there."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(item, StackLines) for item in logger.filters):
            logger.addFilter(StackLines())


class PrintedLines:
    """What C code prints to standard error, from `start` until `close`: the first lines of every few seconds, and how many more.

    `printed` counts all of them. Lines printed faster than they are read are lost to the log, never waited for.
    """

    def __init__(self) -> None:
        self.printed = 0
        self._stream: c_void_p | None = None
        self._before: int | None = None
        self._written = 0
        self._left_out = 0
        self._since = float("-inf")
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Lead the stream into the log. OSError leaves it where it is."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)  # nobody who prints may ever wait for us
        library = _c_library()
        stream = library.fdopen(writing, b"w")
        if not stream:
            os.close(reading)
            os.close(writing)
            raise OSError(ctypes.get_errno(), "no stream for the stack's lines")
        library.setvbuf(stream, None, _LINE_BUFFERED, 1024)
        self._stream = c_void_p.in_dll(library, "stderr")
        self._before, self._stream.value = self._stream.value, stream
        self._thread = threading.Thread(target=self._read, args=(reading,), name="sip-printed-lines", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the stream back, after the stack has stopped."""
        if self._stream is None or self._thread is None:
            return
        stream, self._stream.value = self._stream.value, self._before
        self._stream = None
        _c_library().fclose(stream)
        self._thread.join(2)

    def _read(self, reading: int) -> None:
        rest = b""
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            while data := pipe.read(_READ_BYTES):
                *lines, rest = (rest + data).split(b"\n")
                rest = rest[-_LONGEST:]
                for line in lines:
                    with contextlib.suppress(Exception):  # the pipe must be read on
                        self._take(line)
        if self._left_out:
            self._tell_left_out()

    def _take(self, line: bytes) -> None:
        self.printed += 1
        now = time.monotonic()
        if now >= self._since + _EVERY_S:
            if self._left_out:
                self._tell_left_out()
            self._since, self._written = now, 0
        if self._written < _LINES_EACH:
            self._written += 1
            text = _NUMBER.sub("<number>", printable(line[:_LONGEST]))
            log.warning("the SIP stack printed: %s", text)
        else:
            self._left_out += 1

    def _tell_left_out(self) -> None:
        log.warning("the SIP stack printed more lines that are not shown", extra={"count": self._left_out})
        self._left_out = 0


def printable(line: bytes) -> str:
    """Text that a terminal can be given: control characters and bytes beyond ASCII as escapes."""
    return "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in line)


_LINE_BUFFERED = 1  # _IOLBF


def _c_library() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.fdopen.restype, library.fdopen.argtypes = c_void_p, [c_int, c_char_p]
    library.fclose.restype, library.fclose.argtypes = c_int, [c_void_p]
    library.setvbuf.restype, library.setvbuf.argtypes = c_int, [c_void_p, c_char_p, c_int, ctypes.c_size_t]
    return library

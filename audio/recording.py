"""A call's recording: stereo WAV, the caller left and the bot right, both on one clock, written while the call lasts."""

from __future__ import annotations

import logging
import os
import queue
import struct
import threading
import time
from collections.abc import Callable
from io import FileIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

_log = logging.getLogger(__name__)

_BLOCK_S = 1.0  # what goes to the disk at a time
_SETTLE_S = 0.5  # a channel may be so late before its place is taken for silence
_JITTER_S = 0.1  # audio that arrives within this of where the channel ends follows it without a gap
_MOST_WAITING = 64  # blocks in memory when the disk stalls (a minute of a call); more is dropped
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")

_Samples = npt.NDArray[np.int16]


class StereoRecording:
    """Takes PCM from the event loop without ever waiting for the disk; a thread of its own writes.

    Each piece ends where the clock is when it comes, or follows right behind the last one of its side if it belongs there.
    The header is right after each block, so that a process killed leaves a playable file.
    """

    def __init__(self, path: Path, sample_rate: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Create the file at once. Raises OSError when it cannot be."""
        self.path = path
        self.sample_rate = sample_rate
        self._clock = clock
        self._started = clock()
        self._sides = (_Side(), _Side())
        self._written = 0  # samples handed to the writer
        self._paused = False
        self._closed = False
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._writer = _Writer(FileIO(path, "wb", opener=_private), sample_rate)

    def caller(self, pcm: bytes) -> None:
        """What the caller said just now: 16-bit mono PCM."""
        self._add(0, pcm)

    def bot(self, pcm: bytes) -> None:
        """What the bot was heard to say just now: 16-bit mono PCM."""
        self._add(1, pcm)

    def pause(self) -> None:
        """Write silence for both sides until `resume`: secret keys are being entered."""
        self._paused = True

    def resume(self) -> None:
        """Record again."""
        self._paused = False

    def close(self) -> None:
        """Write what is left and close the file; may take as long as the disk does. Harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        self._flush(max(side.end for side in self._sides) - self._written)
        self._writer.close()

    def discard(self, delete: Callable[[Path], object] | None = None) -> None:
        """Close the file, and delete it (in this way): the caller does not want to be recorded. Harmless when repeated."""
        self.close()
        if delete is not None:
            delete(self.path)
        self.path.unlink(missing_ok=True)

    def _add(self, index: int, pcm: bytes) -> None:
        if self._closed or not pcm:
            return
        side = self._sides[index]
        now = round((self._clock() - self._started) * self.sample_rate)
        samples = np.frombuffer(pcm, dtype="<i2")
        due = now - len(samples)  # it ends now
        start = side.end if due - side.end < self._samples(_JITTER_S) else due
        side.place(max(start, self._written), np.zeros_like(samples) if self._paused else samples)
        settled = min(max(side.end for side in self._sides), now - self._samples(_SETTLE_S)) - self._written
        if settled >= self._samples(_BLOCK_S):
            self._flush(settled)

    def _flush(self, length: int) -> None:
        if length <= 0:
            return
        stereo = np.stack([side.take(self._written, length) for side in self._sides], axis=1)
        self._written += length
        self._writer.put(stereo.astype("<i2").tobytes())

    def _samples(self, seconds: float) -> int:
        return round(seconds * self.sample_rate)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _Side:
    """One channel's audio that is not written yet, in order and without overlap."""

    def __init__(self) -> None:
        self.end = 0  # the sample behind the last one
        self._pieces: list[tuple[int, _Samples]] = []

    def place(self, start: int, samples: _Samples) -> None:
        start = max(start, self.end)
        self._pieces.append((start, samples))
        self.end = start + len(samples)

    def take(self, start: int, length: int) -> _Samples:
        """Samples from `start` on, silence where there are none; they are forgotten here."""
        taken = np.zeros(length, dtype=np.int16)
        kept = []
        for at, samples in self._pieces:
            cut = min(max(start + length - at, 0), len(samples))
            taken[at - start : at - start + cut] = samples[:cut]
            if cut < len(samples):
                kept.append((at + cut, samples[cut:]))
        self._pieces = kept
        return taken


class _Writer:
    """The thread that writes blocks and keeps the header right."""

    def __init__(self, file: FileIO, sample_rate: int) -> None:
        self._file = file
        self._sample_rate = sample_rate
        self._size = 0
        self._failed = False
        self._blocks: queue.Queue[bytes | None] = queue.Queue()
        try:
            self._write_header()
        except OSError:
            file.close()
            raise
        self._thread = threading.Thread(target=self._work, name="recording", daemon=True)
        self._thread.start()

    def put(self, block: bytes) -> None:
        if self._blocks.qsize() >= _MOST_WAITING:
            self._give_up("the disk is too slow")
        if not self._failed:
            self._blocks.put(block)

    def close(self) -> None:
        self._blocks.put(None)
        self._thread.join()

    def _work(self) -> None:
        with self._file:
            while (block := self._blocks.get()) is not None:
                self._append(block)

    def _append(self, block: bytes) -> None:
        if self._failed:
            return
        try:
            self._write(block)
            self._size += len(block)
            self._write_header()
        except OSError as error:
            self._give_up(str(error))

    def _give_up(self, why: str) -> None:
        if not self._failed:
            self._failed = True
            _log.warning("the recording %s ends early: %s", self._file.name, why)

    def _write_header(self) -> None:
        rate, size = self._sample_rate, self._size
        self._file.seek(0)
        header = (b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 2, rate, 4 * rate, 4, 16, b"data", size)
        self._write(_HEADER.pack(*header))
        self._file.seek(_HEADER.size + size)

    def _write(self, data: bytes) -> None:
        if self._file.write(data) != len(data):
            raise OSError("the disk is full")

"""Where prompts are kept as sound: PCM in memory, WAV files on disk, both bounded."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import OrderedDict
from pathlib import Path

from .errors import SynthesisError
from .synthesis import Sound, read_wav, wav_of

_log = logging.getLogger(__name__)

_FORMAT = "1"  # of the cached sound; another number when trimming or levelling changes


def cache_name(voice: str, text: str, speed: float) -> str:
    """The file name of synthesised speech: a hash of everything that makes the sound."""
    parts = "\x00".join((_FORMAT, voice, f"{speed:g}", text))
    return f"{hashlib.sha256(parts.encode()).hexdigest()[:32]}.wav"


class MemoryCache:
    """The PCM used last, bounded in bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._kept: OrderedDict[tuple[str, ...], bytes] = OrderedDict()

    def get(self, key: tuple[str, ...]) -> bytes | None:
        """What was kept under this key."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: tuple[str, ...], pcm: bytes) -> None:
        """Keep it, and drop what was not asked for longest."""
        self._size += len(pcm) - len(self._kept.pop(key, b""))
        self._kept[key] = pcm
        while self._size > self._limit:
            self._size -= len(self._kept.popitem(last=False)[1])


class DiskCache:
    """Synthesised speech as WAV files. A folder that cannot be read or written costs time, never a prompt."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._size: int | None = None
        self._told = False

    def read(self, name: str) -> Sound | None:
        """The sound of this file name, None when there is none that can be played."""
        path = self._folder / name
        try:
            sound = read_wav(path.read_bytes(), "the cache")
            os.utime(path)
        except (OSError, SynthesisError):
            return None
        return sound

    def write(self, name: str, sound: Sound) -> None:
        """Keep it, whole or not at all; a failure is logged once."""
        partial = self._folder / f".{name}.{os.getpid()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                partial.write_bytes(wav_of(sound))
                partial.replace(self._folder / name)
            finally:
                partial.unlink(missing_ok=True)
            self._keep_within_limit(len(sound.pcm))
        except OSError as error:
            if not self._told:
                self._told = True
                _log.warning(
                    "prompts cannot be kept in %s (%s): they are synthesised again after each start", self._folder, error
                )

    def _keep_within_limit(self, added: int) -> None:
        """Drop what was not played for longest until a tenth of the limit is free."""
        self._size = added + self._size if self._size is not None else self._limit + 1
        if self._size <= self._limit:
            return
        files = sorted(((entry.stat(), entry) for entry in self._folder.glob("*.wav")), key=lambda pair: pair[0].st_mtime)
        self._size = sum(status.st_size for status, _ in files)
        room = self._limit if self._size <= self._limit else self._limit * 9 // 10
        for status, path in files:
            if self._size <= room:
                break
            path.unlink(missing_ok=True)
            self._size -= status.st_size

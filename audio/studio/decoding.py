"""Sound files of any format as samples. libsndfile reads most; pydub, with Debian's ffmpeg, reads what is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from audio.errors import RecordingRefused
from audio.loudness import Floats
from audio.sound_files import LARGEST_BYTES, cut_off

LOWEST_RATE, HIGHEST_RATE = 8000, 192_000
LONGEST_S = 120.0
MOST_CHANNELS = 2
FOREIGN: Mapping[str, str] = {
    ".m4a": "mp4",
    ".m4b": "mp4",
    ".mp4": "mp4",
    ".3gp": "mp4",
    ".aac": "aac",
    ".wma": "asf",
    ".amr": "amr",
    ".webm": "webm",
}
"""Endings of files that libsndfile does not read, and what ffmpeg calls their format. It is told: a file that ffmpeg may guess
at can be a list of other files and addresses.
"""
READ = frozenset(f".{name.lower()}" for name in soundfile.available_formats()) | {".oga", ".opus", ".aif", ".wave", ".bwf"}
"""Endings of files that libsndfile reads."""
FFMPEG = ("ffmpeg", "ffprobe")
SAVE_AS = "save it as WAV, FLAC, Ogg or MP3"
_FOREIGN_S = 60.0


@dataclass(frozen=True, slots=True)
class Take:
    """One file as it came. `samples` are (n, channels), floats that are 1.0 at full scale."""

    samples: Floats
    sample_rate: int


def decoded(path: Path) -> Take:
    """The sound of a file. Raises RecordingRefused with the reason, which does not name the file's folder."""
    try:
        if not path.is_file():
            raise RecordingRefused("no file: a link that leads nowhere, a folder or a device")
        if (size := path.stat().st_size) > LARGEST_BYTES:
            raise RecordingRefused(f"{size / 1e6:.0f} MB is too large for a prompt ({LARGEST_BYTES / 1e6:.0f} MB)")
        demuxer = _demuxer(path)
        return _foreign(path, demuxer) if demuxer else _read(path)
    except OSError as error:
        raise RecordingRefused(f"not readable ({error.strerror or error})") from error


def _demuxer(path: Path) -> str | None:
    """What ffmpeg calls the format; None for what libsndfile is to read. MP4 is known by its mark, whatever its name."""
    with path.open("rb") as file:
        if file.read(8)[4:] == b"ftyp":
            return "mp4"
    named = FOREIGN.get(path.suffix.lower())
    return None if named == "mp4" else named


def _read(path: Path) -> Take:
    try:
        with _quiet():
            info = soundfile.info(os.fsencode(path))
        if not LOWEST_RATE <= info.samplerate <= HIGHEST_RATE:
            raise RecordingRefused(
                f"{info.samplerate} Hz is too {'low' if info.samplerate < LOWEST_RATE else 'high'} for speech: "
                f"{LOWEST_RATE} to {HIGHEST_RATE} Hz are read, 16000 or more are better"
            )
        if info.channels > MOST_CHANNELS:
            raise RecordingRefused(f"{info.channels} channels: save the speaker's as mono, or two as stereo")
        if info.duration > LONGEST_S:
            raise RecordingRefused(f"too long for a prompt: more than {LONGEST_S:.0f} s; one file a prompt")
        most = round((LONGEST_S + 1) * info.samplerate)  # a header may lie about the length
        with _quiet():
            samples, rate = soundfile.read(os.fsencode(path), frames=most, dtype="float32", always_2d=True)
    except (RuntimeError, TypeError, ValueError) as error:  # soundfile's own error is a RuntimeError
        raise RecordingRefused(f"not a sound file that can be read ({_reason(error)}): {SAVE_AS}") from error
    if cut_off(info.extra_info, info.frames, len(samples)):
        raise RecordingRefused("cut off: its header says that it is longer; copy it again, or save it again")
    return Take(samples, int(rate))


def _reason(error: Exception) -> str:
    """What is wrong, without the path that soundfile puts before it."""
    if isinstance(error, TypeError):
        return "sound without a header says neither rate nor channels"
    reason = str(error).rpartition("': ")[2].strip()
    if "does not exist" in reason:  # so libsndfile calls what looked like MP3 and is not
        return "Format not recognised"
    return reason.rstrip(".") or type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the MP3 decoder, a C library, writes about damaged files to standard error itself."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _foreign(path: Path, demuxer: str) -> Take:
    """By pydub in a process of its own, which may neither run long nor write much."""
    absent = [program for program in FFMPEG if shutil.which(program) is None]
    if absent:
        kind = path.suffix.lower() if path.suffix.lower() in FOREIGN else "the MP4 in it"
        raise RecordingRefused(f"{kind} needs {absent[0]}: install Debian's package ffmpeg, or {SAVE_AS}")
    with tempfile.TemporaryDirectory(prefix="voicebot-studio-") as folder:
        wav = Path(folder) / "decoded.wav"
        command = [sys.executable, "-W", "ignore", "-m", "audio.studio.foreign", str(path.resolve()), demuxer, str(wav)]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as process:
            try:
                process.wait(_FOREIGN_S)
            except subprocess.TimeoutExpired:
                raise RecordingRefused(f"decoding it took more than {_FOREIGN_S:.0f} s: {SAVE_AS}") from None
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)  # ffmpeg is its child
        if process.returncode or not wav.exists():
            raise RecordingRefused(f"not a sound file that ffmpeg can read as {demuxer}: {SAVE_AS}")
        return _read(wav)


def mono(take: Take) -> Floats:
    """One channel: the louder when the other is nearly silent, else their mean. Raises RecordingRefused when they cancel out."""
    channels = take.samples
    power = np.mean(np.square(channels, dtype=np.float64), axis=0)
    if channels.shape[1] == 1 or power.min() < power.max() / 1000:  # 30 dB below
        return np.ascontiguousarray(channels[:, int(power.argmax())])
    mean: Floats = channels.mean(axis=1, dtype=np.float32)
    if float(np.mean(np.square(mean, dtype=np.float64))) < power.max() / 1000:
        raise RecordingRefused("silent as one channel: its channels cancel each other out; save one of them as mono")
    return mean

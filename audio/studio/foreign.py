"""A process that decodes one file by pydub and ffmpeg: `python -m audio.studio.foreign FILE FORMAT WAV`. Not for use by hand."""

from __future__ import annotations

import resource
import sys

from audio.studio.decoding import HIGHEST_RATE, LONGEST_S

_CPU_S = 60
_MEMORY_BYTES = 3 << 30  # of addresses; ffmpeg's libraries alone take a third of it
_WRITTEN_BYTES = int(LONGEST_S + 2) * HIGHEST_RATE * 4 * 8


def main(file: str, demuxer: str, wav: str) -> None:
    """Decode at most a second more than a prompt may last, so that what is too long can be told."""
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_WRITTEN_BYTES, _WRITTEN_BYTES))
    from pydub import AudioSegment  # here: it needs audioop, and only this process needs it

    AudioSegment.from_file(file, format=demuxer, duration=LONGEST_S + 1).export(wav, format="wav").close()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Whether a sound file is whole."""

from __future__ import annotations

import re

LARGEST_BYTES = 200_000_000
"""Two minutes of stereo at 192 kHz and 32 bits."""
_SAID_AND_THERE = re.compile(r"(?:RIFF|FORM|data|SSND) *: (\d+) \(should be (\d+)\)", re.IGNORECASE)
"""How libsndfile tells what a header says of its file's size, and what there is."""
_WHOLE = 0.95
"""Of the length that the header of an MP3 tells, which is an estimate."""


def cut_off(told: str, frames: int, read: int) -> bool:
    """Whether a file's header says more than there is: `frames`, of which `read` were there, or as libsndfile has `told`
    (`extra_info`). What was written to a pipe says a size above `LARGEST_BYTES`: it may be whole.
    """
    found = _SAID_AND_THERE.search(told)
    return read < _WHOLE * frames or (found is not None and int(found[2]) < int(found[1]) <= LARGEST_BYTES)

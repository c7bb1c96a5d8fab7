"""Hashed TF-IDF: a vector for a text without any model. NumPy only.

Words and pairs of neighbouring words are hashed to the channels of a vector with a sign each, as in
"Feature Hashing for Large Scale Multitask Learning" (arXiv 0902.2206), and weighted by
(1 + ln count) * (1 + ln((1 + N) / (1 + n))), where n of N texts have the word. It sees which words
two texts share, not what they mean: "mug" and "cup" are strangers to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from roboloop.curate.kernels import Hashes, Offsets, load_kernels, mixed
from roboloop.curate.prose import words_of

Vectors = np.ndarray[Any, np.dtype[np.float32]]

TABLE_BITS = 18
HASH_BITS = 40
TEXTS_AT_ONCE = 4096
_LOW = np.uint64((1 << HASH_BITS) - 1)
_SIGN = np.uint64(HASH_BITS - 1)


class HashedTfidf:
    """Turns texts into unit vectors.

    Args:
        weights: float32 [2 ** TABLE_BITS], the weight of each word by its hash (`word_weights`).
        num_dimensions: Length of a vector.
    """

    def __init__(self, weights: Vectors, *, num_dimensions: int = 384) -> None:
        self.weights = weights
        self.num_dimensions = num_dimensions

    def embed(self, texts: Any) -> Vectors:
        """Unit vectors of an Arrow array of texts, [num_texts, num_dimensions]; 0 without words."""
        parts = [self._embed(part) for part in _parts(texts)]
        return np.concatenate(parts) if parts else self._embed(texts)

    def _embed(self, texts: Any) -> Vectors:
        terms = _terms(texts)
        place = (terms.hashes >> np.uint64(TABLE_BITS)) % np.uint64(self.num_dimensions)
        sign = np.where((terms.hashes >> _SIGN) & np.uint64(1), 1.0, -1.0)
        weight = self.weights[terms.hashes & np.uint64((1 << TABLE_BITS) - 1)]
        sums = np.bincount(
            terms.rows * self.num_dimensions + place.astype(np.int64),
            weights=sign * (1 + np.log(terms.counts)) * weight,
            minlength=len(texts) * self.num_dimensions,
        )
        return unit_rows(sums.reshape(len(texts), self.num_dimensions).astype(np.float32))


def word_weights(texts: Any) -> Vectors:
    """The weight of each word by its hash: 1 + ln((1 + N) / (1 + number of texts with it))."""
    num_with = np.zeros(1 << TABLE_BITS, dtype=np.int64)
    for part in _parts(texts):
        slots = (_terms(part).hashes & np.uint64(len(num_with) - 1)).astype(np.int64)
        num_with += np.bincount(slots, minlength=len(num_with))
    return (1 + np.log((1 + len(texts)) / (1 + np.minimum(num_with, len(texts))))).astype(
        np.float32
    )


def unit_rows(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; rows of zeros stay."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    return (vectors / np.where(lengths > 0, lengths, 1)[:, None]).astype(np.float32)


class _Terms(NamedTuple):
    """The distinct words and pairs of words of some texts."""

    rows: Offsets
    hashes: Hashes
    counts: Offsets


def _parts(texts: Any) -> Iterator[Any]:
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        yield texts.slice(start, TEXTS_AT_ONCE)


def _terms(texts: Any) -> _Terms:
    words = words_of(texts, kernels=load_kernels())
    rows = np.repeat(np.arange(len(texts)), np.diff(words.offsets))
    has_next = rows[1:] == rows[:-1]
    pairs = mixed(words.hashes[:-1] + mixed(words.hashes[1:]))[has_next]
    keys = np.concatenate(
        [_keys(rows, mixed(words.hashes)), _keys(rows[:-1][has_next], mixed(pairs))]
    )
    found, counts = np.unique(keys, return_counts=True)
    return _Terms((found >> np.uint64(HASH_BITS)).astype(np.int64), found & _LOW, counts)


def _keys(rows: Offsets, hashes: Hashes) -> Hashes:
    return (rows.astype(np.uint64) << np.uint64(HASH_BITS)) | (hashes & _LOW)

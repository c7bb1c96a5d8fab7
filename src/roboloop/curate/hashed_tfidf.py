"""Hashed TF-IDF: a vector for a text without any model. NumPy only.

Words and pairs of neighbouring words are hashed to the channels of a vector with a sign each, as in
"Feature Hashing for Large Scale Multitask Learning" (arXiv 0902.2206), and weighted by
(1 + ln count) * (1 + ln((1 + N) / (1 + n))), where n of N texts have the word. It sees which words
two texts share, not what they mean: "mug" and "cup" are strangers to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from roboloop.curate.columns import distinct
from roboloop.curate.kernels import TABLE_BITS, load_kernels, term_keys
from roboloop.curate.prose import words_of

Vectors = np.ndarray[Any, np.dtype[np.float32]]

TEXTS_AT_ONCE = 4096


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
        kernels = load_kernels()
        words = words_of(texts, kernels=kernels)
        keys = term_keys(words.hashes, words.offsets)
        most = 2 * int(np.diff(words.offsets).max(initial=0))
        factors = 1 + np.log(np.maximum(np.arange(most + 1), 1))
        sums = kernels.term_sums(keys, len(texts), self.weights, factors, self.num_dimensions)
        return unit_rows(sums.astype(np.float32))


def word_weights(texts: Any) -> Vectors:
    """The weight of each word by its hash: 1 + ln((1 + N) / (1 + number of texts with it))."""
    num_with = np.zeros(1 << TABLE_BITS, dtype=np.int64)
    for part in _parts(texts):
        words = words_of(part, kernels=load_kernels())
        keys = distinct(term_keys(words.hashes, words.offsets))
        slots = (keys & np.uint64(len(num_with) - 1)).astype(np.int64)
        num_with += np.bincount(slots, minlength=len(num_with))
    return (1 + np.log((1 + len(texts)) / (1 + np.minimum(num_with, len(texts))))).astype(
        np.float32
    )


def unit_rows(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; rows of zeros stay."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    return vectors / np.where(lengths > 0, lengths, 1).astype(np.float32)[:, None]


def _parts(texts: Any) -> Iterator[Any]:
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        yield texts.slice(start, TEXTS_AT_ONCE)

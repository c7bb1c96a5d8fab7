"""Good and different ones of many: facility location, greedily.

    f(S) = sum over all i of max over j in S of  similarity(i, j) * (1 - w + w * quality(j))

Every record is served by the chosen one that serves it best. f is monotone and submodular, so the
greedy choice reaches at least 1 - 1/e of the optimum (Nemhauser, Wolsey and Fisher 1978), and a
gain found earlier bounds a later one (Minoux 1978): most need not be found again.

Many records are divided into blocks by their nearest centres, and similarity across blocks counts
as none. Within a block the gains of greedy picks only fall, so the best picks of all blocks, merged
by gain, are the greedy choice for f without the similarities across.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.hashing import seeded_generator
from roboloop.curate.base import NO_PARTNER, Indices, Numbers
from roboloop.curate.hashed_tfidf import Vectors
from roboloop.curate.vector_neighbours import divide

BLOCK_ROWS = 1024
PICKS_AHEAD = 3
"""A block may give so many times its fair share of the picks."""
DECIMALS = 4


class Chosen(NamedTuple):
    """The outcome for some rows.

    Attributes:
        rows: The chosen ones, by falling gain.
        nearest: Of each row, the chosen row of its block that serves it best; -1 without one.
        similarity: Of each row, to that one.
    """

    rows: Indices
    nearest: Indices
    similarity: Numbers


class Picks(NamedTuple):
    """Rows of a block in the order in which they were picked, and what each added."""

    rows: Indices
    gains: Numbers


def choose_diverse(
    vectors: Vectors, quality: Numbers, *, num_chosen: int, quality_weight: float, seed: int = 0
) -> Chosen:
    """Choose rows of high quality that serve all rows well.

    Args:
        vectors: Unit vectors, or zeros for rows that only serve themselves.
        quality: Between 0 and 1, one a row.
        num_chosen: How many; at most all rows.
        quality_weight: w above: 0 for difference alone, 1 for quality times similarity.
        seed: Names the division into blocks.
    """
    num_rows = len(vectors)
    blocks = _blocks(vectors, seed=seed)
    picks: list[Picks] = []
    for rows in blocks:
        most = math.ceil(PICKS_AHEAD * num_chosen * len(rows) / num_rows) + 16
        if len(blocks) == 1:
            most = num_chosen
        benefit = _benefit(vectors[rows], quality[rows], quality_weight=quality_weight)
        found = greedy(benefit, num_picked=min(most, len(rows)))
        picks.append(Picks(rows[found.rows], found.gains))
    merged = np.concatenate([found.rows for found in picks])
    gains = np.concatenate([found.gains for found in picks])
    chosen = merged[np.argsort(-gains, kind="stable")[:num_chosen]]
    nearest = np.full(num_rows, NO_PARTNER, dtype=np.int64)
    similarity = np.full(num_rows, np.nan)
    is_chosen = np.zeros(num_rows, dtype=np.bool_)
    is_chosen[chosen] = True
    for rows in blocks:
        there = rows[is_chosen[rows]]
        if len(there):
            products = _similarity(vectors[rows], vectors[there])
            best = products.argmax(1)
            nearest[rows] = there[best]
            similarity[rows] = products[np.arange(len(rows)), best]
    return Chosen(chosen, nearest, similarity)


def greedy(benefit: Vectors, *, num_picked: int) -> Picks:
    """Picks rows one by one, each the one that adds most.

    Args:
        benefit: float32 [num_rows, num_rows], never negative: how well row j serves row i, at
            [j, i].
        num_picked: How many.
    """
    served = np.zeros(len(benefit), dtype=np.float32)
    bounds = benefit.sum(axis=1, dtype=np.float64)
    rows: list[int] = []
    gains: list[float] = []
    while len(rows) < num_picked:
        best = int(bounds.argmax())
        gain = float(np.maximum(benefit[best] - served, 0).sum(dtype=np.float64))
        bounds[best] = gain
        if int(bounds.argmax()) != best:
            continue
        rows.append(best)
        # A bound found in another order of sums may be a hair too low.
        gains.append(min(gain, gains[-1]) if gains else gain)
        np.maximum(served, benefit[best], out=served)
        bounds[best] = -np.inf
    return Picks(np.array(rows, dtype=np.int64), np.array(gains))


def _benefit(vectors: Vectors, quality: Numbers, *, quality_weight: float) -> Vectors:
    similarity = _similarity(vectors, vectors)
    np.fill_diagonal(similarity, 1.0)
    worth = (1 - quality_weight + quality_weight * quality).astype(np.float32)
    return similarity * worth[:, None]


def _similarity(one: Vectors, other: Vectors) -> Vectors:
    """Products of unit vectors, never negative, rounded so that the order of sums hardly shows."""
    return np.maximum(np.round(one @ other.T, DECIMALS), 0)


def _blocks(vectors: Vectors, *, seed: int) -> list[Indices]:
    """Rows that are near each other together, at most twice `BLOCK_ROWS` in a block."""
    num_rows = len(vectors)
    if num_rows <= BLOCK_ROWS:
        return [np.arange(num_rows)]
    home: Any = divide(vectors, num_centres=-(-num_rows // BLOCK_ROWS), seed=seed).home
    order = seeded_generator(seed, "blocks", num_rows).permutation(num_rows)
    order = order[np.argsort(home[order], kind="stable")]
    blocks: list[Indices] = []
    for members in np.split(order, np.flatnonzero(np.diff(home[order])) + 1):
        num_parts = -(-len(members) // (2 * BLOCK_ROWS))
        blocks += [np.sort(members[part::num_parts]) for part in range(num_parts)]
    return blocks

"""Pairs of near unit vectors: k-means blocks with probes, NumPy only.

The vectors are dealt to the nearest of some centres. A vector is compared with those of its own
centre and of further centres that are hardly less near, for the pairs that a border runs between.
A pair is found if one of the two looks where the other lies, so each border has two chances.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.hashing import seeded_generator
from roboloop.curate.base import Flags, Indices
from roboloop.curate.hashed_tfidf import Vectors, unit_rows

Rows = np.ndarray[Any, Any]
"""Unit vectors, float16 or float32, [num_rows, num_dimensions]; may be mapped into memory."""

COMPARED_WHOLE = 4096
"""Up to so many vectors are compared each with each."""
ROWS_AT_ONCE = 4096
SAMPLE_PER_CENTRE = 32
NUM_ROUNDS = 6
SLACK = 1e-3
"""Products of float16 vectors in float32 may be off by so much."""


class Found(NamedTuple):
    """Pairs of rows, `left[i] < right[i]`, none twice."""

    left: Indices
    right: Indices


class Centres(NamedTuple):
    """A division of vectors by their nearest centres.

    Attributes:
        centres: float32 [num_centres, num_dimensions], unit vectors.
        home: Of each row, the number of its nearest centre.
        others: Further centres each row is near to, as pairs (row, centre).
    """

    centres: Vectors
    home: Indices
    others: Found


def near_pairs(
    rows: Rows,
    *,
    floor: float,
    num_probes: int = 12,
    margin: float = 0.1,
    max_neighbours: int = 64,
    seed: int = 0,
) -> Found:
    """Pairs of rows whose product is at least `floor`.

    Args:
        rows: Unit vectors.
        floor: Least product.
        num_probes: With how many centres a row is compared at most, its own one among them.
        margin: A further centre is looked at if it is nearer than this to being the nearest.
        max_neighbours: Of each row, only the nearest ones of a block are given.
        seed: Names the draw of the first centres.
    """
    num_rows = len(rows)
    if num_rows <= COMPARED_WHOLE:
        everything = np.arange(num_rows)
        return _merged(
            [_compared(rows, everything, everything, floor=floor, most=max_neighbours)], num_rows
        )
    division = divide(
        rows, num_centres=num_centres_for(num_rows), num_probes=num_probes, margin=margin, seed=seed
    )
    return _merged(
        (
            _compared(rows, looking, members, floor=floor, most=max_neighbours)
            for looking, members in _blocks(division)
        ),
        num_rows,
    )


def num_centres_for(num_rows: int) -> int:
    """So many that finding the nearest centre costs about as much as comparing in the blocks."""
    return max(1, round((1.5 * num_rows) ** 0.5))


def divide(
    rows: Rows, *, num_centres: int, num_probes: int = 1, margin: float = 0.0, seed: int = 0
) -> Centres:
    """Divide unit vectors by spherical k-means, whose centres are found on a seeded sample."""
    draw = seeded_generator(seed, "centres", len(rows), num_centres)
    num_sampled = min(len(rows), SAMPLE_PER_CENTRE * num_centres)
    sample = _float(rows, np.sort(draw.choice(len(rows), num_sampled, replace=False)))
    centres = unit_rows(sample[np.sort(draw.choice(num_sampled, num_centres, replace=False))])
    for _ in range(NUM_ROUNDS):
        nearest = np.concatenate(
            [
                (sample[start : start + ROWS_AT_ONCE] @ centres.T).argmax(1)
                for start in range(0, num_sampled, ROWS_AT_ONCE)
            ]
        )
        centres = _means(sample, nearest, centres=centres)
    del sample
    home = np.empty(len(rows), dtype=np.int64)
    others: list[Found] = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = _float(rows, slice(start, start + ROWS_AT_ONCE))
        products = part @ centres.T
        place = np.arange(len(part))
        nearest = products.argmax(1)
        home[start : start + len(part)] = nearest
        least = products[place, nearest] - margin
        for _ in range(min(num_probes, num_centres) - 1):
            products[place, nearest] = -np.inf
            nearest = products.argmax(1)
            near = products[place, nearest] >= least
            others.append(Found(start + place[near], nearest[near]))
    return Centres(
        centres,
        home,
        Found(*(np.concatenate([found[side] for found in others]) for side in (0, 1)))
        if others
        else Found(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)),
    )


def _blocks(division: Centres) -> Iterator[tuple[Indices, Indices]]:
    """For each centre: the rows that look there, and those that lie there."""
    num_centres = len(division.centres)
    by_home = np.argsort(division.home, kind="stable")
    bounds = np.searchsorted(division.home[by_home], np.arange(num_centres + 1))
    rows, centres = division.others
    by_centre = np.argsort(centres, kind="stable")
    other_bounds = np.searchsorted(centres[by_centre], np.arange(num_centres + 1))
    for centre in range(num_centres):
        members = by_home[bounds[centre] : bounds[centre + 1]]
        visitors = rows[by_centre[other_bounds[centre] : other_bounds[centre + 1]]]
        if len(members):
            yield np.concatenate([members, visitors]), members


def _compared(rows: Rows, looking: Indices, members: Indices, *, floor: float, most: int) -> Found:
    """Pairs of one of `looking` and one of `members`."""
    left: list[Indices] = []
    right: list[Indices] = []
    targets = _float(rows, members)
    for start in range(0, len(looking), ROWS_AT_ONCE):
        asked = looking[start : start + ROWS_AT_ONCE]
        for begin in range(0, len(members), ROWS_AT_ONCE):
            answering = members[begin : begin + ROWS_AT_ONCE]
            products = _float(rows, asked) @ targets[begin : begin + ROWS_AT_ONCE].T
            hits = np.flatnonzero(products.reshape(-1) >= floor - SLACK)
            one, other = np.divmod(hits, len(answering))
            apart = asked[one] != answering[other]
            one, other = one[apart], other[apart]
            if len(one) > most:
                chosen = _strongest(one, products[one, other], most=most)
                one, other = one[chosen], other[chosen]
            left.append(asked[one])
            right.append(answering[other])
    return Found(np.concatenate(left), np.concatenate(right))


def _strongest(keys: Indices, products: Rows, *, most: int) -> Flags:
    """Of the entries of each key, which ascend, the `most` with the largest products."""
    order = np.lexsort((-products, keys))
    sorted_keys = keys[order]
    begins = np.searchsorted(sorted_keys, sorted_keys, side="left")
    chosen = np.zeros(len(keys), dtype=np.bool_)
    chosen[order[np.arange(len(keys)) - begins < most]] = True
    return chosen


def _merged(parts: Any, num_rows: int) -> Found:
    codes = [
        np.minimum(part.left, part.right) * num_rows + np.maximum(part.left, part.right)
        for part in parts
    ]
    merged = np.unique(np.concatenate(codes)) if codes else np.zeros(0, dtype=np.int64)
    left, right = np.divmod(merged, max(num_rows, 1))
    return Found(left, right)


def _means(sample: Vectors, nearest: Indices, *, centres: Vectors) -> Vectors:
    """The mean direction of each centre's vectors; a centre without any stays."""
    order = np.argsort(nearest, kind="stable")
    filled, starts = np.unique(nearest[order], return_index=True)
    moved = centres.copy()
    moved[filled] = unit_rows(np.add.reduceat(sample[order], starts, axis=0))
    return moved


def _float(rows: Rows, chosen: Any) -> Vectors:
    return np.ascontiguousarray(rows[chosen], dtype=np.float32)

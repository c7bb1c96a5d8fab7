"""Pairs of rows that share a key, without comparing every row with every other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from roboloop.curate.kernels import Bools, Hashes, Offsets, mixed

SMALL_BLOCK = 64
"""Up to so many rows of one block are compared each with each."""
WINDOW = 256
"""With how many others a row is compared in one table, where more share a key."""
MIN_MERGED = 1 << 18
"""New pairs are held against those that are known when there are so many of them."""

Near = Callable[[Offsets, Offsets], Bools]


class Candidates(NamedTuple):
    """Pairs of rows, `left[i] < right[i]`, sorted, none twice."""

    left: Offsets
    right: Offsets


class Clones(NamedTuple):
    """Rows with equal keys: the first of each, and the others with the first they belong to."""

    firsts: Offsets
    others: Offsets
    first_of_others: Offsets


def find_clones(keys: Hashes) -> Clones:
    """Which rows repeat an earlier row's key."""
    order = np.argsort(keys, kind="stable")
    is_first = np.ones(len(order), dtype=np.bool_)
    is_first[1:] = keys[order][1:] != keys[order][:-1]
    first_places = np.maximum.accumulate(np.where(is_first, np.arange(len(order)), 0))
    firsts = order[first_places]
    return Clones(np.sort(order[is_first]), order[~is_first], firsts[~is_first])


def candidates(
    rows: Offsets,
    *,
    blocks: Hashes,
    tables: Callable[[Offsets], Iterable[Hashes]],
    near: Near,
) -> Candidates:
    """Pairs of rows of one block that are near, by a cheap test.

    In a small block each row is tried against each other. In a large one only rows that share a key
    of some table are; where more than `WINDOW` rows share one, each is tried against the next ones
    in the order of the table before.

    Args:
        rows: Indices of the rows to pair, ascending.
        blocks: Rows of different blocks never belong together; one value for each of `rows`.
        tables: Gives, for some rows, their keys in each table.
        near: The cheap test for pairs of rows.
    """
    by_block = np.argsort(blocks, kind="stable")
    sizes = _run_sizes(blocks[by_block])
    found = _PairSet(int(rows.max(initial=-1)) + 1, near=near)
    few = by_block[(sizes > 1) & (sizes <= SMALL_BLOCK)]
    for one, other in _equal_keys(blocks[few], window=SMALL_BLOCK):
        found.add(rows[few[one]], rows[few[other]])
    many = np.sort(by_block[sizes > SMALL_BLOCK])
    order = np.arange(len(many))
    for keys in tables(rows[many]) if len(many) else ():
        keys_in_block = mixed(keys + mixed(blocks[many]))
        order = order[np.argsort(keys_in_block[order], kind="stable")]
        for one, other in _equal_keys(keys_in_block[order], window=WINDOW):
            found.add(rows[many[order[one]]], rows[many[order[other]]])
    return found.pairs()


class _PairSet:
    """Pairs that passed the cheap test, none twice."""

    def __init__(self, num_rows: int, *, near: Near) -> None:
        self._num_rows = max(num_rows, 1)
        self._near = near
        self._codes = np.zeros(0, dtype=np.int64)  # sorted, none twice
        self._new: list[Offsets] = []
        self._num_new = 0

    def add(self, one: Offsets, other: Offsets) -> None:
        passed = self._near(one, other)
        left, right = np.minimum(one, other)[passed], np.maximum(one, other)[passed]
        self._new.append(left * self._num_rows + right)
        self._num_new += len(left)
        if self._num_new > max(MIN_MERGED, len(self._codes)):
            self._merge()

    def pairs(self) -> Candidates:
        self._merge()
        return Candidates(self._codes // self._num_rows, self._codes % self._num_rows)

    def _merge(self) -> None:
        """Put the new ones among the others: together as much work as one sorting takes."""
        codes = np.sort(np.concatenate([self._codes, *self._new]))
        self._codes = codes[np.r_[True, codes[1:] != codes[:-1]]] if len(codes) else codes
        self._new, self._num_new = [], 0


def _run_sizes(keys: Hashes) -> Offsets:
    """For each of some sorted keys, how often it occurs."""
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, int)
    counts = np.diff(np.r_[starts, len(keys)])
    return np.repeat(counts, counts)


def _equal_keys(keys: Hashes, *, window: int) -> Iterator[Candidates]:
    """Places of equal keys among sorted ones that are at most `window` apart."""
    places = np.arange(len(keys))
    for distance in range(1, window + 1):
        places = places[places + distance < len(keys)]
        places = places[keys[places] == keys[places + distance]]
        if not len(places):
            return
        yield Candidates(places, places + distance)

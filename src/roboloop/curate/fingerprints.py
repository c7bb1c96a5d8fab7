"""Numbers of 64 bits that differ in few bits, found without comparing each with each.

Of d + 2 blocks of bits at least two are the same in two numbers that differ in at most d bits; so
numbers that share two blocks are candidates (Manku, Jain, Das Sarma 2007).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np

from roboloop.curate.kernels import Hashes, Offsets, mixed

NUM_BITS = 64


def bit_tables(values: Hashes, *, max_distance: int) -> Iterator[Hashes]:
    """Keys of each value, one table for each two blocks of bits."""
    for number, (one, other) in enumerate(combinations(_blocks(max_distance + 2), 2)):
        yield mixed(values & (one | other)) + np.uint64(number)


def _blocks(num_blocks: int) -> list[np.uint64]:
    """The 64 bits in blocks of nearly the same size, each as a mask."""
    bounds = [NUM_BITS * block // num_blocks for block in range(num_blocks + 1)]
    return [np.uint64((1 << stop) - (1 << start)) for start, stop in pairwise(bounds)]


def num_ones(values: Hashes) -> Offsets:
    """How many bits of each value are set, in steps of 2, 4 and 8 bits at once."""
    of_two, of_four = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
    values = values - ((values >> np.uint64(1)) & of_two)
    values = (values & of_four) + ((values >> np.uint64(2)) & of_four)
    values = (values + (values >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return ((values * np.uint64(0x0101010101010101)) >> np.uint64(56)).astype(np.int64)

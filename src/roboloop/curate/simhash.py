"""simhash: near duplicates by fingerprints of 64 bits, verified; cheaper than `minhash`.

A bit of the fingerprint is what most n-grams of 3 words have there (Charikar 2002), so like texts
differ in few bits. Few bits are no proof: every pair is verified on its n-grams. Pairs within a
distance of d bits are found without comparing all with all: of d + 2 blocks of bits at least two
are equal (Manku, Jain, Das Sarma 2007).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from roboloop.curate.base import ArrowTable
from roboloop.curate.kernels import Bools, Hashes, Kernels, Offsets, mixed
from roboloop.curate.near import NearDuplicates
from roboloop.curate.neighbours import Near
from roboloop.curate.prose import Prose

NUM_BITS = 64


class SimhashDuplicates(NearDuplicates):
    """Drop records whose words have nearly the fingerprint of a better one's, and hold to it."""

    code: ClassVar[str] = "E-CUR-022"
    num_words: ClassVar[int] = 3

    kind: Literal["simhash"] = "simhash"  # pyright: ignore[reportIncompatibleVariableOverride]
    max_distance: int = Field(6, ge=0, le=12)
    """In how many of 64 bits the fingerprints of candidates may differ."""

    def marks(self, prose: Prose, kernels: Kernels) -> dict[str, Any]:
        """The fingerprint."""
        hashes = mixed(prose.shingles.astype(np.uint64))
        return {"fingerprint": kernels.simhash(hashes, prose.offsets)}

    def tables(self, sketches: ArrowTable, rows: Offsets) -> Iterator[Hashes]:
        """Each two blocks of bits."""
        fingerprints = sketches["fingerprint"].to_numpy()[rows]
        for number, (one, other) in enumerate(combinations(_blocks(self.max_distance + 2), 2)):
            yield mixed(fingerprints & (one | other)) + np.uint64(number)

    def near(self, sketches: ArrowTable, kernels: Kernels) -> Near:
        """Whether the fingerprints differ in few bits."""
        del kernels
        fingerprints = sketches["fingerprint"].to_numpy()

        def agree(left: Offsets, right: Offsets) -> Bools:
            differing = fingerprints[left] ^ fingerprints[right]
            return _num_ones(differing) <= self.max_distance

        return agree


def _blocks(num_blocks: int) -> list[np.uint64]:
    """The 64 bits in blocks of nearly the same size, each as a mask."""
    bounds = [NUM_BITS * block // num_blocks for block in range(num_blocks + 1)]
    return [
        np.uint64((1 << stop) - (1 << start))
        for start, stop in zip(bounds, bounds[1:], strict=False)
    ]


def _num_ones(values: Hashes) -> Offsets:
    """How many bits of each value are set, in steps of 2, 4 and 8 bits at once."""
    of_two, of_four = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
    values = values - ((values >> np.uint64(1)) & of_two)
    values = (values & of_four) + ((values >> np.uint64(2)) & of_four)
    values = (values + (values >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return ((values * np.uint64(0x0101010101010101)) >> np.uint64(56)).astype(np.int64)

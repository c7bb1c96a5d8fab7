"""minhash: of records that say nearly the same about the same pictures, the best one stays.

Candidates come from locality-sensitive hashing with 32 bands of 4 rows over n-grams of 5 words
(Broder 1997; Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, chapter 3): two texts of
Jaccard similarity s share a band with probability 1 - (1 - s^4)^32, which is 0.9998 at 0.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from roboloop.base.hashing import seeded_generator
from roboloop.curate.base import ArrowTable
from roboloop.curate.columns import as_binaries, byte_rows
from roboloop.curate.kernels import Bools, Hashes, Kernels, Marks, Offsets, mixed
from roboloop.curate.near import NearDuplicates
from roboloop.curate.neighbours import Near
from roboloop.curate.prose import Prose

NUM_BANDS, ROWS_OF_BAND = 32, 4
NUM_HASHES = NUM_BANDS * ROWS_OF_BAND
SLACK = 0.15
"""A pair is verified unless its signatures agree in a fraction below `floor` by so much: over three
standard deviations of the estimate."""


class MinhashDuplicates(NearDuplicates):
    """Drop records that say nearly the same about the same pictures as a better one."""

    code: ClassVar[str] = "E-CUR-021"
    num_words: ClassVar[int] = 5

    kind: Literal["minhash"] = "minhash"  # pyright: ignore[reportIncompatibleVariableOverride]

    def marks(self, prose: Prose, kernels: Kernels) -> dict[str, Any]:
        """A key of 32 bits for each band, and 8 bits of each of the 128 least hashes."""
        functions = _hash_functions()
        least = kernels.minhash(prose.shingles, prose.offsets, *functions)
        bands = np.zeros((len(least), NUM_BANDS), dtype=np.uint64)
        for row in range(ROWS_OF_BAND):
            bands = mixed(bands + least[:, row::ROWS_OF_BAND])
        return {
            "bands": as_binaries((bands >> np.uint64(32)).astype(np.uint32)),
            "signature": as_binaries((least & np.uint32(0xFF)).astype(np.uint8)),
        }

    def tables(self, sketches: ArrowTable, rows: Offsets) -> Iterator[Hashes]:
        """The keys of the bands."""
        bands = byte_rows(sketches["bands"]).view(np.uint32)
        for band in range(NUM_BANDS):
            yield bands[rows, band].astype(np.uint64) + np.uint64(band << 32)

    def near(self, sketches: ArrowTable, kernels: Kernels) -> Near:
        """Whether the signatures agree nearly as much as `floor` asks."""
        signature = byte_rows(sketches["signature"])
        least = int(NUM_HASHES * (self.floor - SLACK))

        def agree(left: Offsets, right: Offsets) -> Bools:
            return kernels.num_equal(signature, left, right) >= least

        return agree


class _HashFunctions(NamedTuple):
    """h(x) = x * factor + addend modulo 2^32, with odd factors: each permutes the numbers."""

    factors: Marks
    addends: Marks


@lru_cache(maxsize=1)
def _hash_functions() -> _HashFunctions:
    # The same in every run: signatures of two runs can be compared.
    draw = seeded_generator("minhash", NUM_HASHES)
    factors, addends = draw.integers(0, 1 << 32, size=(2, NUM_HASHES), dtype=np.uint32)
    return _HashFunctions(factors | np.uint32(1), addends)

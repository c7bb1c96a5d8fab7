"""simhash: near duplicates by fingerprints of 64 bits, verified; cheaper than `minhash`.

A bit of the fingerprint is what most n-grams of 3 words have there (Charikar 2002), so like texts
differ in few bits. Few bits are no proof: every pair is verified on its n-grams.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from roboloop.curate.base import ArrowTable
from roboloop.curate.fingerprints import bit_tables, num_ones
from roboloop.curate.kernels import Bools, Hashes, Kernels, Offsets, mixed
from roboloop.curate.near import NearDuplicates
from roboloop.curate.neighbours import Near
from roboloop.curate.prose import Prose


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
        return bit_tables(fingerprints, max_distance=self.max_distance)

    def near(self, sketches: ArrowTable, kernels: Kernels) -> Near:
        """Whether the fingerprints differ in few bits."""
        del kernels
        fingerprints = sketches["fingerprint"].to_numpy()

        def agree(left: Offsets, right: Offsets) -> Bools:
            return num_ones(fingerprints[left] ^ fingerprints[right]) <= self.max_distance

        return agree

"""Prints of pictures: enough to find a copy of a picture that was encoded or resized anew.

The hash of a picture tells the scene; in robots' data many pictures share one. So the hash only
finds candidates, and a second look decides: the picture in 16 x 16 cells of grey, with brightness
and contrast taken out. A copy differs a little everywhere; where something moved, one cell differs
much.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from roboloop.base.hashing import hash_bytes
from roboloop.base.pictures import decode_grey
from roboloop.curate.kernels import Hashes, Offsets
from roboloop.curate.picture_hash import SIDE, picture_hash
from roboloop.records.media import Media, VideoFrame
from roboloop.records.media_open import MediaStore

CELLS = 16
STEPS = 32
"""Steps of one standard deviation of grey; a cell is a whole number of them, from -127 to 127."""
PLAIN = 2.0
"""Pictures whose grey deviates less, in levels of 255, show nothing that could be recognised."""


class PicturePrint(NamedTuple):
    """What is kept of a picture.

    Attributes:
        content: Hash of its encoded bytes; of a video frame the hash its reference states.
        hash: 64 bits of how it looks (`picture_hash`); 0 for a plain picture.
        cells: Grey of 16 x 16 cells in steps, as bytes of int8.
    """

    content: str
    hash: int
    cells: bytes


def print_of(medium: Media, *, store: MediaStore) -> PicturePrint:
    """The print of a picture.

    Raises:
        RoboLoopError: E-MED-001 to E-MED-008.
    """
    if isinstance(medium, VideoFrame):
        return _print(medium.content_hash or "", grey=store.open(medium).convert("L"))
    data = store.read_bytes(medium)
    return _print(hash_bytes(data), grey=decode_grey(data, least_side=4 * SIDE))


def _print(content: str, *, grey: Image.Image) -> PicturePrint:
    cells = np.asarray(grey.resize((CELLS, CELLS), Image.Resampling.BOX), dtype=np.float64)
    spread = float(cells.std())
    if spread < PLAIN:
        return PicturePrint(content, 0, bytes(CELLS * CELLS))
    steps = np.clip(np.rint((cells - cells.mean()) / spread * STEPS), -127, 127).astype(np.int8)
    return PicturePrint(content, picture_hash(grey), steps.tobytes())


def cell_rows(cells: list[bytes]) -> Any:
    """The cells of some prints as rows of int8."""
    flat = np.frombuffer(b"".join(cells), dtype=np.int8)
    return flat.reshape(len(cells), CELLS * CELLS)


def largest_difference(left: Any, right: Any) -> Any:
    """Of each pair of rows of cells the difference of the least alike cell, in deviations."""
    apart = np.abs(left.astype(np.int16) - right.astype(np.int16))
    return apart.max(axis=1, initial=0) / STEPS


class HashTable:
    """Hashes of pictures, searched for those that differ in few bits.

    Args:
        hashes: 64 bits each.
        max_distance: In how many bits two may differ.
    """

    def __init__(self, hashes: Hashes, *, max_distance: int) -> None:
        from roboloop.curate.fingerprints import bit_tables

        self._hashes = hashes
        self._max_distance = max_distance
        self._tables = [
            (keys[order], order)
            for keys in bit_tables(hashes, max_distance=max_distance)
            for order in [np.argsort(keys, kind="stable")]
        ]

    def near(self, hashes: Hashes) -> tuple[Offsets, Offsets]:
        """Pairs (place in `hashes`, place in the table) that are near, sorted, none twice."""
        from roboloop.curate.fingerprints import bit_tables, num_ones

        num_rows = max(1, len(self._hashes))
        codes = np.zeros(0, dtype=np.int64)
        asked = bit_tables(hashes, max_distance=self._max_distance)
        for (keys, order), wanted in zip(self._tables, asked, strict=True):
            spans = spans_of(keys, wanted)
            one, other = spans.owners, order[spans.places]
            passed = num_ones(hashes[one] ^ self._hashes[other]) <= self._max_distance
            codes = np.union1d(codes, one[passed] * num_rows + other[passed])
        return codes // num_rows, codes % num_rows


class Spans(NamedTuple):
    """Every place of a sorted array that holds a wanted key, beside the place of that wish."""

    owners: Offsets
    places: Offsets


def spans_of(keys: Any, wanted: Any, *, max_places: int | None = None) -> Spans:
    """Where in sorted `keys` each of `wanted` stands; keys that stand more often are left out."""
    low = np.searchsorted(keys, wanted, side="left")
    counts = np.searchsorted(keys, wanted, side="right") - low
    if max_places is not None:
        counts[counts > max_places] = 0
    owners = np.repeat(np.arange(len(wanted)), counts)
    within = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Spans(owners, low[owners] + within)

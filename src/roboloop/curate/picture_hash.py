"""A hash of 64 bits of how a picture looks: like pictures differ in few bits.

The 8 x 8 lowest frequencies of the picture's cosine transform, in grey at 32 x 32, each against
their median (Zauner 2010, section 3.2.1). All in whole numbers, so that every machine agrees.
An object that moved hardly changes it: of robots' pictures it tells the scene, not the moment.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

SIDE = 32
NUM_WAVES = 8
_SCALE = 4096
_TIMES, _WAVES = np.arange(SIDE), np.arange(NUM_WAVES)
_COSINES = np.rint(
    _SCALE * np.cos(np.pi * (2 * _TIMES[None, :] + 1) * _WAVES[:, None] / (2 * SIDE))
).astype(np.int64)


def picture_hash(grey: Image.Image) -> int:
    """The hash of a grey picture of any size."""
    small = grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    waves = (_COSINES @ np.asarray(small, dtype=np.int64) @ _COSINES.T).ravel()
    waves[0] = 0  # how bright it is does not count
    is_high = 2 * waves > _twice_median(waves)
    return int.from_bytes(np.packbits(is_high).tobytes(), "big")


def _twice_median(values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
    middle = np.sort(values)[len(values) // 2 - 1 : len(values) // 2 + 1]
    return int(middle.sum())

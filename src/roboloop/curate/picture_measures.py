"""What can be measured of a picture without knowing what it shows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from roboloop.base.errors import MissingDependencyError, RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.base.pictures import decode_grey, picture_size
from roboloop.records.media import Media, VideoFrame
from roboloop.records.media_open import MediaStore

MEASURED_SIDE = 256
"""Pictures are measured with the shorter side reduced to this, so that sizes compare."""


class PictureMeasures(NamedTuple):
    """Measures of one picture.

    Attributes:
        size: As stored, upright.
        brightness: Mean of the grey values, 0 to 255.
        contrast: Their standard deviation.
        sharpness: Variance of the Laplacian of the grey values (Pech-Pacheco et al., 2000).
    """

    size: PictureSize
    brightness: float
    contrast: float
    sharpness: float


def measure_picture(media: Media, *, store: MediaStore) -> PictureMeasures | str:
    """The measures of a picture, or why it cannot be read.

    JPEGs are decoded at a fraction of their size where that is enough.

    Raises:
        MissingDependencyError: When its container needs a package that is not installed.
    """
    try:
        if isinstance(media, VideoFrame):
            picture = store.open(media)
            size, grey = PictureSize(*picture.size), picture.convert("L")
        else:
            data = store.read_bytes(media)
            size, grey = picture_size(data), decode_grey(data, least_side=MEASURED_SIDE)
    except MissingDependencyError:
        raise
    except RoboLoopError as error:
        return f"{error.code} {error.detail}"
    return PictureMeasures(size, *grey_measures(grey))


def grey_measures(grey: Image.Image) -> tuple[float, float, float]:
    """Brightness, contrast and sharpness of a grey picture; see `PictureMeasures`."""
    shorter = min(grey.size)
    if shorter > MEASURED_SIDE:
        scale = MEASURED_SIDE / shorter
        width, height = (max(1, round(side * scale)) for side in grey.size)
        grey = grey.resize((width, height), Image.Resampling.BOX)
    values = np.asarray(grey, dtype=np.int32)
    return float(values.mean()), float(values.std()), _laplacian_variance(values)


def _laplacian_variance(values: np.ndarray[tuple[int, int], np.dtype[np.int32]]) -> float:
    """Variance of the 4-neighbour Laplacian inside the picture; 0 for one too small to have any."""
    if min(values.shape) < 3:
        return 0.0
    around = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:]
    return float((around - 4 * values[1:-1, 1:-1]).var())

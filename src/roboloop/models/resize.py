"""Bicubic resizing by the two filters of Hugging Face's picture processors.

Both weigh the same neighbours; they round otherwise, so that values differ by one or two of 255
levels. A model sees what its processor's filter makes, and a processor is named in a model's folder
(`filter_of`). PyTorch's is what torchvision calls, here without torchvision, and three times as
fast as Pillow's.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roboloop.base.geometry import PictureSize

Filter = Literal["torch", "pillow"]

CHANNELS = 3


def filter_of(processor: str | None) -> Filter:
    """The filter of an `image_processor_type`.

    `...Pil` are Pillow's. All others, `Qwen2VLImageProcessor` of the published folders too, are
    torchvision's since transformers 5, which is also what servers run.
    """
    return "pillow" if processor is not None and processor.endswith("Pil") else "torch"


def planes(picture: Image.Image, *, size: PictureSize, by: Filter) -> NDArray[np.uint8]:
    """Red, green and blue of an RGB picture at `size`, [3, height, width]; may share memory."""
    if picture.size == tuple(size):
        return np.asarray(picture).transpose(2, 0, 1)
    if by == "pillow":
        return np.asarray(picture.resize(size, Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    import torch
    from torch.nn import functional

    # A copy: torch warns of memory that must not be written to.
    values = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]
    shape = (size.height, size.width)
    return functional.interpolate(values, shape, mode="bicubic", antialias=True)[0].numpy()


def resized(picture: Image.Image, *, size: PictureSize, by: Filter) -> Image.Image:
    """An RGB picture at `size`."""
    if picture.size == tuple(size):
        return picture
    values = planes(picture, size=size, by=by).transpose(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(values))

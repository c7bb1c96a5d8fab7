"""Pictures to patches: what a vision tower of the Qwen2-VL family takes in.

A picture is resized to the size its dialect names and cut into square patches, in the order in
which the model merges them: 2 x 2 neighbours stand together and become one token. Values stay
bytes until a batch is made, so that a cache of cut pictures is eight times smaller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.models.resize import CHANNELS, Filter, filter_of, planes, resized


class Patches(NamedTuple):
    """A picture cut up.

    Attributes:
        values: uint8 [num_patches, 3, patch_size, patch_size], red, green and blue planes.
        grid_thw: int64 [1, 3]: frames (1), rows and columns of patches.
    """

    values: NDArray[np.uint8]
    grid_thw: NDArray[np.int64]


@dataclass(frozen=True)
class PixelFormat:
    """How a model wants its pictures.

    Attributes:
        patch_size: Edge of a patch in pixels.
        merge_size: Patches along each edge of one token.
        temporal_patch_size: Frames in a patch; a still picture is repeated that often.
        mean: Mean of red, green and blue, of values from 0 to 1.
        std: Their standard deviation.
        resize: The filter; it also says in which order values are normalised.
    """

    patch_size: int
    merge_size: int
    temporal_patch_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resize: Filter = "torch"

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PixelFormat:
        """From the keys of a `preprocessor_config.json`.

        Raises:
            KeyError, TypeError: A key is missing or of another type.
        """
        red, green, blue = map(float, value["image_mean"])
        std_red, std_green, std_blue = map(float, value["image_std"])
        return cls(
            patch_size=int(value["patch_size"]),
            merge_size=int(value["merge_size"]),
            temporal_patch_size=int(value["temporal_patch_size"]),
            mean=(red, green, blue),
            std=(std_red, std_green, std_blue),
            resize=filter_of(value.get("image_processor_type")),
        )

    @property
    def factor(self) -> int:
        """Edge of one token in pixels: widths and heights of views are multiples of it."""
        return self.patch_size * self.merge_size

    def num_tokens(self, view: PictureSize) -> int:
        """Tokens of the language model that a view of this size takes."""
        return view.width * view.height // self.factor**2

    def grid(self, view: PictureSize) -> NDArray[np.int64]:
        """Frames (1), rows and columns of patches of a still picture of this size, [1, 3].

        Raises:
            RoboLoopError: E-ENG-003 when the view is not a multiple of `factor`.
        """
        if view.width % self.factor or view.height % self.factor or min(view) < self.factor:
            raise RoboLoopError(
                "E-ENG-003",
                f"the dialect gives a view of {view.width} x {view.height} pixels, the model "
                f"wants multiples of {self.factor}",
            )
        patch = self.patch_size
        return np.array([[1, view.height // patch, view.width // patch]], dtype=np.int64)

    def seen(self, picture: Image.Image, *, view: PictureSize) -> Image.Image:
        """The picture in RGB at `view`, a size in pixels, as the model will see it."""
        return resized(_opaque(picture), size=view, by=self.resize)

    def cut(self, picture: Image.Image, *, view: PictureSize) -> Patches:
        """Resize `picture` (bicubic) to `view`, a size in pixels, and cut it into patches.

        Raises:
            RoboLoopError: E-ENG-003 when the view is not a multiple of `factor`.
        """
        grid = self.grid(view)
        merge, patch = self.merge_size, self.patch_size
        _, rows, columns = map(int, grid[0])
        blocks = planes(_opaque(picture), size=view, by=self.resize).reshape(
            CHANNELS, rows // merge, merge, patch, columns // merge, merge, patch
        )
        values = blocks.transpose(1, 4, 2, 5, 0, 3, 6).reshape(-1, CHANNELS, patch, patch)
        return Patches(values, grid)

    def normalise(self, values: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Bytes [n, 3, p, p] to the model's float32 [n, 3 * frames * p * p]."""
        num, _, patch, _ = values.shape
        planes = np.empty((num, CHANNELS, self.temporal_patch_size, patch, patch), np.float32)
        for channel in range(CHANNELS):
            planes[:, channel] = self._levels[channel][values[:, channel]][:, None]
        return planes.reshape(num, -1)

    @cached_property
    def _levels(self) -> NDArray[np.float32]:
        """The normalised value of every byte, [3, 256], rounded as Hugging Face does it."""
        mean = np.array(self.mean, dtype=np.float32)[:, None]
        std = np.array(self.std, dtype=np.float32)[:, None]
        if self.resize == "torch":
            scaled = (np.arange(256, dtype=np.float32) - mean * 255) / (std * 255)
            return scaled.astype(np.float32)
        unit = (np.arange(256, dtype=np.float64) * (1 / 255)).astype(np.float32)
        return (unit - mean) / std


def _opaque(picture: Image.Image) -> Image.Image:
    """In RGB; what shines through is white."""
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return picture.convert("RGB")

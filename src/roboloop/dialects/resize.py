"""The resize rule of the Qwen-VL family: multiples of a factor within a budget of pixels."""

from __future__ import annotations

import math

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize

MAX_ASPECT = 200


def check_budget(*, factor: int, min_pixels: int, max_pixels: int) -> None:
    """Check the options of `smart_resize`.

    Raises:
        RoboLoopError: E-CFG-003 when a value is below 1 or the budget is empty.
    """
    if factor < 1 or min_pixels < 1 or max_pixels < min_pixels:
        raise RoboLoopError(
            "E-CFG-003",
            f"factor={factor}, min_pixels={min_pixels}, max_pixels={max_pixels}: all must be at "
            "least 1, and max_pixels not below min_pixels",
        )


def smart_resize(
    size: PictureSize, *, factor: int, min_pixels: int, max_pixels: int
) -> PictureSize:
    """Width and height that a Qwen-VL picture processor resizes a picture of `size` to.

    Both become the nearest multiples of `factor` (halves to even). Above `max_pixels` both shrink
    by one ratio and are cut down to multiples, below `min_pixels` they grow and are filled up.
    Source: Qwen2-VL's `smart_resize`; the tests compare with the one in transformers.

    Raises:
        RoboLoopError: E-DIA-001 for an empty picture or an aspect above 200 to 1.
    """
    width, height = size
    if min(size) < 1 or max(size) / min(size) > MAX_ASPECT:
        raise RoboLoopError(
            "E-DIA-001", f"the picture is {width}x{height}; its aspect may be {MAX_ASPECT} at most"
        )
    new_width = round(width / factor) * factor
    new_height = round(height / factor) * factor
    if new_width * new_height > max_pixels:
        shrink = math.sqrt(height * width / max_pixels)
        new_width = max(factor, math.floor(width / shrink / factor) * factor)
        new_height = max(factor, math.floor(height / shrink / factor) * factor)
    elif new_width * new_height < min_pixels:
        grow = math.sqrt(min_pixels / (height * width))
        new_width = math.ceil(width * grow / factor) * factor
        new_height = math.ceil(height * grow / factor) * factor
    return PictureSize(new_width, new_height)

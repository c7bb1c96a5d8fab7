"""Our patches are those of Hugging Face's PIL picture processor, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.dialects import load_dialect
from roboloop.models.pixels import PixelFormat

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def random_picture(width: int, height: int, *, mode: str = "RGB") -> Image.Image:
    generator = np.random.default_rng(width * 1009 + height)
    values = generator.integers(0, 256, (height, width, 4), dtype=np.uint8)
    return Image.fromarray(values if mode in ("RGBA", "LA") else values[..., :3]).convert(mode)


def assert_equal_to_transformers(
    picture: Image.Image, *, patch: int, merge: int, frames: int, budget: tuple[int, int]
) -> None:
    low, high = budget
    theirs = Qwen2VLImageProcessorPil(
        patch_size=patch,
        merge_size=merge,
        temporal_patch_size=frames,
        size={"shortest_edge": low, "longest_edge": high},
    )(images=[picture], return_tensors="np")
    ours = PixelFormat(patch, merge, frames, MEAN, STD)
    dialect = load_dialect("qwen25_vl", factor=patch * merge, min_pixels=low, max_pixels=high)
    view = dialect.view_size(PictureSize(*picture.size))
    cut = ours.cut(picture, view=view)
    assert np.array_equal(cut.grid_thw, theirs["image_grid_thw"])
    normalised = ours.normalise(cut.values)
    assert normalised.dtype == theirs["pixel_values"].dtype
    assert np.array_equal(normalised, theirs["pixel_values"])
    assert ours.num_tokens(view) * merge**2 == len(cut.values)


def oracle_lays_over_white() -> bool:
    """Whether this version's processor shows a transparent black picture as a white one."""
    processor = Qwen2VLImageProcessorPil(do_normalize=False, patch_size=14)
    clear = Image.new("RGBA", (56, 56), (0, 0, 0, 0))
    return bool(processor(images=[clear], return_tensors="np")["pixel_values"].min() > 0.99)


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(8, 240),
    height=st.integers(8, 240),
    patch=st.sampled_from([4, 8, 14]),
    merge=st.sampled_from([1, 2]),
    frames=st.sampled_from([1, 2]),
)
def test_any_size_and_format(width: int, height: int, patch: int, merge: int, frames: int) -> None:
    area = (patch * merge) ** 2
    assert_equal_to_transformers(
        random_picture(width, height),
        patch=patch,
        merge=merge,
        frames=frames,
        budget=(4 * area, 60 * area),
    )


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1", "CMYK", "LA"])
def test_any_kind_of_picture(mode: str) -> None:
    if mode in ("RGBA", "LA") and not oracle_lays_over_white():
        pytest.skip(
            f"transformers {transformers.__version__} drops transparency; ours becomes white"
        )
    assert_equal_to_transformers(
        random_picture(57, 91, mode=mode), patch=14, merge=2, frames=2, budget=(3136, 200704)
    )


@pytest.mark.parametrize("size", [(320, 180), (640, 480), (1280, 720)])
def test_sizes_of_robot_cameras(size: tuple[int, int]) -> None:
    assert_equal_to_transformers(
        random_picture(*size), patch=14, merge=2, frames=2, budget=(3136, 1003520)
    )


@pytest.mark.parametrize("view", [(113, 112), (112, 120), (0, 16), (8, 8)])
def test_a_view_that_does_not_fit_is_refused(view: tuple[int, int]) -> None:
    pixels = PixelFormat(8, 2, 2, MEAN, STD)
    with pytest.raises(RoboLoopError, match="E-ENG-003"):
        pixels.cut(random_picture(112, 112), view=PictureSize(*view))

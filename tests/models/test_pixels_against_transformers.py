"""Our patches are those of Hugging Face's picture processors, bit for bit, by the same filter."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.dialects import load_dialect
from roboloop.models.pixels import PixelFormat
from roboloop.models.resize import Filter, filter_of, planes, resized
from roboloop.train.objective import pixel_values

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def random_picture(width: int, height: int, *, mode: str = "RGB") -> Image.Image:
    generator = np.random.default_rng(width * 1009 + height)
    values = generator.integers(0, 256, (height, width, 4), dtype=np.uint8)
    return Image.fromarray(values if mode in ("RGBA", "LA") else values[..., :3]).convert(mode)


HAS_TORCHVISION = importlib.util.find_spec("torchvision") is not None
FILTERS = [
    "pillow",
    pytest.param(
        "torch",
        marks=pytest.mark.skipif(
            not HAS_TORCHVISION, reason="Hugging Face's other processor needs torchvision"
        ),
    ),
]
each_filter = pytest.mark.parametrize("by", FILTERS)


def processor(by: Filter) -> type:
    """Hugging Face's processor that resizes so."""
    if by == "pillow":
        return Qwen2VLImageProcessorPil
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

    return Qwen2VLImageProcessor


def assert_equal_to_transformers(
    picture: Image.Image,
    *,
    by: Filter,
    patch: int = 14,
    merge: int = 2,
    frames: int = 2,
    budget: tuple[int, int] = (3136, 1003520),
) -> None:
    low, high = budget
    theirs = processor(by)(
        patch_size=patch,
        merge_size=merge,
        temporal_patch_size=frames,
        size={"shortest_edge": low, "longest_edge": high},
    )(images=[picture], return_tensors="pt")
    theirs = {name: value.numpy() for name, value in theirs.items()}
    ours = PixelFormat(patch, merge, frames, MEAN, STD, by)
    dialect = load_dialect("qwen25_vl", factor=patch * merge, min_pixels=low, max_pixels=high)
    view = dialect.view_size(PictureSize(*picture.size))
    cut = ours.cut(picture, view=view)
    assert np.array_equal(cut.grid_thw, theirs["image_grid_thw"])
    normalised = ours.normalise(cut.values)
    assert normalised.dtype == theirs["pixel_values"].dtype
    assert np.array_equal(normalised, theirs["pixel_values"])
    late = pixel_values(torch.tensor(cut.values), pixels=ours)
    assert np.array_equal(late.flatten(1).numpy(), theirs["pixel_values"])
    assert ours.num_tokens(view) * merge**2 == len(cut.values)
    again = ours.cut(ours.seen(picture, view=view), view=view)
    assert np.array_equal(again.values, cut.values)


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
@each_filter
def test_any_size_and_format(
    by: Filter, width: int, height: int, patch: int, merge: int, frames: int
) -> None:
    area = (patch * merge) ** 2
    assert_equal_to_transformers(
        random_picture(width, height),
        by=by,
        patch=patch,
        merge=merge,
        frames=frames,
        budget=(4 * area, 60 * area),
    )


@each_filter
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1", "CMYK", "LA"])
def test_any_kind_of_picture(mode: str, by: Filter) -> None:
    if mode in ("RGBA", "LA") and not oracle_lays_over_white():
        pytest.skip(
            f"transformers {transformers.__version__} drops transparency; ours becomes white"
        )
    assert_equal_to_transformers(random_picture(57, 91, mode=mode), by=by, budget=(3136, 200704))


@each_filter
@pytest.mark.parametrize("size", [(320, 180), (640, 480), (1280, 720)])
def test_sizes_of_robot_cameras(size: tuple[int, int], by: Filter) -> None:
    assert_equal_to_transformers(random_picture(*size), by=by)


@pytest.mark.parametrize("size", [(320, 180), (97, 61)])
def test_both_filters_are_near(size: tuple[int, int]) -> None:
    # Torch's is held against Pillow's where torchvision is absent and nothing else can be.
    picture = Image.fromarray(np.asarray(random_picture(24, 16))).resize(size)
    view = PictureSize(308, 168)
    made = [np.asarray(resized(picture, size=view, by=by)) for by in ("torch", "pillow")]
    assert made[0].shape == (168, 308, 3)
    assert 0 < np.abs(made[0].astype(int) - made[1].astype(int)).max() <= 2
    assert np.array_equal(planes(picture, size=view, by="torch").transpose(1, 2, 0), made[0])


def test_a_folder_names_its_filter() -> None:
    assert filter_of("Qwen2VLImageProcessor") == filter_of("Qwen2VLImageProcessorFast") == "torch"
    assert filter_of(None) == "torch"
    assert filter_of("Qwen2VLImageProcessorPil") == "pillow"


@pytest.mark.parametrize("view", [(113, 112), (112, 120), (0, 16), (8, 8)])
def test_a_view_that_does_not_fit_is_refused(view: tuple[int, int]) -> None:
    pixels = PixelFormat(8, 2, 2, MEAN, STD)
    with pytest.raises(RoboLoopError, match="E-ENG-003"):
        pixels.cut(random_picture(112, 112), view=PictureSize(*view))

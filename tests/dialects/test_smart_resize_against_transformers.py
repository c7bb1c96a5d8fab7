"""Our resize rule against the one in transformers and against a real picture processor."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers.models.qwen2_vl import image_processing_pil_qwen2_vl as theirs

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.dialects import load_dialect
from roboloop.dialects.resize import smart_resize

FACTORS = st.sampled_from((2, 14, 16, 28, 32))
UNTIMED = [HealthCheck.too_slow]
SIDES = st.one_of(st.integers(1, 40), st.integers(28, 4000))
BUDGETS = st.tuples(st.integers(1, 200_000), st.integers(0, 13_000_000))


@settings(deadline=None, suppress_health_check=UNTIMED, max_examples=400)
@given(width=SIDES, height=SIDES, factor=FACTORS, budget=BUDGETS)
@example(width=320, height=180, factor=28, budget=(3136, 12845056 - 3136))
@example(width=14, height=14, factor=28, budget=(1, 1000))
@example(width=42, height=70, factor=28, budget=(1, 10**7))
@example(width=4000, height=20, factor=28, budget=(3136, 0))
def test_equal_to_transformers(
    width: int, height: int, factor: int, budget: tuple[int, int]
) -> None:
    assume(max(width, height) <= 200 * min(width, height))
    low, high = budget[0], sum(budget)
    new_height, new_width = theirs.smart_resize(
        height, width, factor=factor, min_pixels=low, max_pixels=high
    )
    ours = smart_resize(PictureSize(width, height), factor=factor, min_pixels=low, max_pixels=high)
    assert ours == (new_width, new_height)


@pytest.mark.parametrize(
    ("size", "resized"),
    [
        ((320, 180), (308, 168)),
        ((640, 360), (644, 364)),
        ((640, 480), (644, 476)),
        ((1280, 720), (1288, 728)),
    ],
)
def test_sizes_that_robointer_publishes(size: tuple[int, int], resized: tuple[int, int]) -> None:
    assert load_dialect("qwen25_vl").view_size(PictureSize(*size)) == resized


@pytest.mark.parametrize("size", [(201, 1), (1, 201), (4020, 20), (0, 5), (5, 0), (0, 0)])
def test_too_elongated_or_empty_pictures_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(RoboLoopError, match="E-DIA-001"):
        load_dialect("qwen25_vl").view_size(PictureSize(*size))
    with pytest.raises((ValueError, ZeroDivisionError)):
        theirs.smart_resize(size[1], size[0])


def test_the_limit_of_the_aspect_itself_is_allowed() -> None:
    assert min(load_dialect("qwen25_vl").view_size(PictureSize(200, 1))) >= 28


@pytest.mark.parametrize("size", [(320, 180), (97, 41), (640, 480), (33, 1000)])
@pytest.mark.parametrize(
    ("kind", "patch", "options"),
    [
        ("qwen25_vl", 14, {"max_pixels": 100_352}),
        ("qwen25_vl", 8, {"factor": 16, "max_pixels": 15_360}),
        ("qwen3_vl", 16, {"max_pixels": 131_072}),
        ("robointer_smart_resize", 14, {}),
    ],
)
def test_the_view_is_what_the_processor_makes(
    size: tuple[int, int], kind: str, patch: int, options: dict[str, int]
) -> None:
    dialect = load_dialect(kind, **options)
    processor = theirs.Qwen2VLImageProcessorPil(
        patch_size=patch,
        merge_size=2,
        size={
            "shortest_edge": getattr(dialect, "min_pixels"),  # noqa: B009
            "longest_edge": getattr(dialect, "max_pixels"),  # noqa: B009
        },
    )
    grid = processor(Image.new("RGB", size), return_tensors="np")["image_grid_thw"][0]
    made = (int(grid[2]) * patch, int(grid[1]) * patch)
    assert dialect.view_size(PictureSize(*size)) == made


@pytest.mark.parametrize(
    "options", [{"factor": 0}, {"min_pixels": 0}, {"max_pixels": 100}, {"min_pixels": 10**9}]
)
def test_an_impossible_budget_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(RoboLoopError, match="E-CFG-003"):
        load_dialect("qwen25_vl", **options)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(RoboLoopError, match="E-CFG-003"):
        load_dialect("qwen25_vl", max_pixel=100)

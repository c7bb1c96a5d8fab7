from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from roboloop.dialects import Dialect, load_dialect
from roboloop.models.backbone import Backbone, load_backbone
from roboloop.models.tiny import build_tiny


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session", params=["qwen2_5_vl", "qwen3_vl"])
def backbone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    """A tiny model with larger weights: it says something else to each question."""
    texts = [f"find the {word} cup [1, 2]" for word in ("red", "blue", "green")] * 3
    out = tmp_path_factory.mktemp("engines") / "tiny"
    folder = build_tiny(out, seed=0, texts=texts, depth=2, family=request.param)
    loaded = load_backbone(folder, device="cpu")
    with torch.no_grad():
        for parameter in loaded.model.parameters():
            if parameter.ndim > 1:
                parameter *= 4
    return loaded


@pytest.fixture(scope="session")
def dialect() -> Dialect:
    return load_dialect("qwen25_vl", factor=16, min_pixels=4 * 256, max_pixels=100 * 256)


@pytest.fixture(scope="module")
def noise() -> Callable[[int, int], Image.Image]:
    """Pictures of noise, the same ones for a file of tests whatever ran before it."""
    generator = np.random.default_rng(0)

    def picture(width: int, height: int) -> Image.Image:
        values = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        return Image.fromarray(values)

    return picture

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from roboloop.dialects import Dialect, load_dialect
from roboloop.models.backbone import Backbone, load_backbone
from roboloop.models.tiny import build_tiny

sys.path.insert(0, str(Path(__file__).parent))

TEXTS = [
    "Task: 'pick up the red cup'. Give the box of the gripper at the moment it touches the object.",
    "Find the blue block.",
    '{"gripper_det_bbox": [12, 40, 33, 61]}',
    '[{"bbox_2d": [1, 2, 3, 4], "label": "red cup"}]',
    "任务：“拿起红色的杯子”。请给出夹爪的边界框。",
] * 5


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("models") / "tiny", seed=0, texts=TEXTS)


@pytest.fixture(scope="session")
def backbone(tiny_folder: Path) -> Backbone:
    return load_backbone(tiny_folder, device="cpu")


@pytest.fixture(scope="session")
def dialect() -> Dialect:
    return load_dialect("qwen25_vl", factor=16, min_pixels=4 * 256, max_pixels=100 * 256)


@pytest.fixture(scope="session")
def noise() -> Callable[[int, int], Image.Image]:
    """A picture of random bytes: the hardest one for equality of pixels."""
    generator = np.random.default_rng(0)

    def picture(width: int, height: int) -> Image.Image:
        values = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        return Image.fromarray(values)

    return picture

"""Pictures a second from decoded RGB to pixel values: ours and Hugging Face's two processors.

    python bench/train_pixels.py [--torchvision FOLDER] [--pictures 64] [--rounds 5]

All make the same float32 values for Qwen2.5-VL. Ours and the PIL processor run in two threads; the
fast one takes batches and is tried both so and with two threads of PyTorch's. It needs torchvision:
`--torchvision` names a folder filled by `pip install --no-deps --target FOLDER torchvision`. The
figure of each is that of its best round. The limit is twice the better of the two.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "train"))

import numpy as np
import torch
import torchvision_early  # first of all, see there  # isort: split
from PIL import Image

from roboloop.base.geometry import PictureSize
from roboloop.dialects import load_dialect
from roboloop.models.pixels import PixelFormat
from roboloop.train.objective import pixel_values

MIN_RATIO = 2.0
NUM_THREADS = 2
BATCH = 8
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
SIZES = ((320, 180), (640, 480))
MAX_PIXELS = 1003520

Way = Callable[[Sequence[Image.Image]], object]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--torchvision", type=Path)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(NUM_THREADS)
    ways = {"roboloop": ours, "PIL processor": per_thread(slow_processor())}
    fast = fast_processor()
    if fast is None:
        print("the fast processor is left out: torchvision cannot be loaded; see --torchvision")
    else:
        ways |= {"fast processor, threads": per_thread(fast), "fast processor": in_batches(fast)}
    met = [measure(ways, size=size, options=options) >= MIN_RATIO for size in SIZES]
    print("met" if all(met) and fast is not None else "NOT met")
    return 0 if all(met) and fast is not None else 1


def measure(ways: dict[str, Way], *, size: tuple[int, int], options: argparse.Namespace) -> float:
    """The ratio of ours to the better of the others."""
    rng = np.random.default_rng(0)
    shape = (size[1], size[0], 3)
    pictures = [
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
        for _ in range(options.pictures)
    ]
    speeds = dict.fromkeys(ways, 0.0)
    for _ in range(options.rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            way(pictures)
            speeds[name] = max(speeds[name], len(pictures) / (time.perf_counter() - began))
    for name, speed in speeds.items():
        print(f"{size[0]} x {size[1]} {name}: {speed:,.0f} pictures/s")
    ratio = speeds["roboloop"] / max(speed for name, speed in speeds.items() if name != "roboloop")
    print(f"{size[0]} x {size[1]} ratio {ratio:.2f}, limit {MIN_RATIO}")
    return ratio


def ours(pictures: Sequence[Image.Image]) -> object:
    """Cut in threads; normalised as a batch, as the loss does it."""
    pixels = PixelFormat(14, 2, 2, MEAN, STD)
    dialect = load_dialect("qwen25_vl", factor=28, max_pixels=MAX_PIXELS)

    def cut(picture: Image.Image) -> np.ndarray:
        return pixels.cut(picture, view=dialect.view_size(PictureSize(*picture.size))).values

    made: list[torch.Tensor] = []
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        patches = list(pool.map(cut, pictures))
    for first in range(0, len(patches), BATCH):
        batch = torch.from_numpy(np.concatenate(patches[first : first + BATCH]))
        made.append(pixel_values(batch, pixels=pixels))
    return made


def per_thread(processor: Any) -> Way:
    """Batches in threads."""

    def run(pictures: Sequence[Image.Image]) -> object:
        batches = [pictures[first : first + BATCH] for first in range(0, len(pictures), BATCH)]
        with ThreadPoolExecutor(NUM_THREADS) as pool:
            return list(pool.map(lambda batch: processed(processor, batch), batches))

    return run


def in_batches(processor: Any) -> Way:
    """One batch after the other."""

    def run(pictures: Sequence[Image.Image]) -> object:
        return [
            processed(processor, pictures[first : first + BATCH])
            for first in range(0, len(pictures), BATCH)
        ]

    return run


def processed(processor: Any, pictures: Sequence[Image.Image]) -> object:
    return processor(images=list(pictures), return_tensors="pt")["pixel_values"]


def slow_processor() -> Any:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    return Qwen2VLImageProcessorPil(size=budget())


def fast_processor() -> Any | None:
    if not torchvision_early.is_there():
        return None
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

    return Qwen2VLImageProcessor(size=budget())


def budget() -> dict[str, int]:
    return {"shortest_edge": 3136, "longest_edge": MAX_PIXELS}


if __name__ == "__main__":
    sys.exit(main())

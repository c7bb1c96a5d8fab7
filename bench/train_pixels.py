"""Pictures a second from decoded RGB to what a data thread hands over: ours and Hugging Face's.

    python bench/train_pixels.py [--torchvision FOLDER] [--pictures 64] [--rounds 5]

For Qwen2.5-VL. Our data threads hand over bytes, from which the model's own pass makes the float32
values on its device; Hugging Face's two processors hand over the values. Ours are the fast one's
bit for bit, which is checked, and are also measured made in the threads (`float32`). Ours and the
PIL processor run in two threads; the fast one takes batches and is tried both so and with two
threads of PyTorch's. It needs torchvision: `--torchvision` names a folder filled by `pip
install --no-deps --target FOLDER torchvision`. Rounds take turns; the figure of each is its median.
The limit for the bytes is twice the better of the two processors.
"""

from __future__ import annotations

import argparse
import statistics
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
PIXELS = PixelFormat(14, 2, 2, MEAN, STD)
DIALECT = load_dialect("qwen25_vl", factor=28, max_pixels=MAX_PIXELS)

OURS, OURS_AS_VALUES = "roboloop", "roboloop, float32"

Way = Callable[[Sequence[Image.Image]], Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--torchvision", type=Path)
    parser.add_argument("--pictures", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cpu", action="store_true", help="count CPU-seconds: on a busy machine")
    options = parser.parse_args()
    torch.set_num_threads(NUM_THREADS)
    ways: dict[str, Way] = {
        OURS: cut_in_threads,
        OURS_AS_VALUES: ours,
        "PIL processor": per_thread(slow_processor()),
    }
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
    check_equal(ways, pictures)
    rounds: dict[str, list[float]] = {name: [] for name in ways}
    clock = time.process_time if options.cpu else time.perf_counter
    for _ in range(options.rounds):
        for name, way in ways.items():
            began = clock()
            way(pictures)
            rounds[name].append(len(pictures) / (clock() - began))
    speeds = {name: statistics.median(found) for name, found in rounds.items()}
    for name, speed in speeds.items():
        print(f"{size[0]} x {size[1]} {name}: {speed:,.0f} pictures/s")
    best = max(speeds[name] for name in speeds if "processor" in name)
    ratio, as_values = speeds[OURS] / best, speeds[OURS_AS_VALUES] / best
    print(f"{size[0]} x {size[1]} ratio {ratio:.2f}, limit {MIN_RATIO}; as float32 {as_values:.2f}")
    return ratio


def check_equal(ways: dict[str, Way], pictures: Sequence[Image.Image]) -> None:
    """Ours are the fast processor's values to the bit."""
    if "fast processor" in ways:
        theirs = torch.cat(ways["fast processor"](pictures))
        mine = torch.cat(ours(pictures)).flatten(1)
        difference = float((mine - theirs).abs().max())
        assert difference == 0, f"values differ by {difference}"


def ours(pictures: Sequence[Image.Image]) -> list[torch.Tensor]:
    """Cut and normalised in threads, a batch each."""

    def values(batch: Sequence[Image.Image]) -> torch.Tensor:
        patches = np.concatenate([cut(picture) for picture in batch])
        return pixel_values(torch.from_numpy(patches), pixels=PIXELS)

    with ThreadPoolExecutor(NUM_THREADS) as pool:
        return list(pool.map(values, batched(pictures)))


def cut_in_threads(pictures: Sequence[Image.Image]) -> list[np.ndarray]:
    """Patches as bytes."""
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        return list(pool.map(cut, pictures))


def cut(picture: Image.Image) -> np.ndarray:
    """The patches of a picture."""
    return PIXELS.cut(picture, view=DIALECT.view_size(PictureSize(*picture.size))).values


def batched(pictures: Sequence[Image.Image]) -> list[Sequence[Image.Image]]:
    """In eights."""
    return [pictures[first : first + BATCH] for first in range(0, len(pictures), BATCH)]


def per_thread(processor: Any) -> Way:
    """Batches in threads."""

    def run(pictures: Sequence[Image.Image]) -> list[torch.Tensor]:
        with ThreadPoolExecutor(NUM_THREADS) as pool:
            return list(pool.map(lambda batch: processed(processor, batch), batched(pictures)))

    return run


def in_batches(processor: Any) -> Way:
    """One batch after the other."""

    def run(pictures: Sequence[Image.Image]) -> list[torch.Tensor]:
        return [processed(processor, batch) for batch in batched(pictures)]

    return run


def processed(processor: Any, pictures: Sequence[Image.Image]) -> torch.Tensor:
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

"""Records with the lengths of RoboInter's, and a tiny model for them: shared by the benches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from roboloop.base.geometry import PictureSize
from roboloop.dialects import Dialect, load_dialect
from roboloop.models.tiny import build_tiny
from roboloop.records.answers import Text
from roboloop.records.media import FilePicture
from roboloop.records.record import Record
from roboloop.records.shard_files import ShardWriter
from roboloop.records.shards import write_folder_mark, write_media_roots

SIZE = PictureSize(320, 180)
"""Of a picture: 308 x 168 as Qwen2.5-VL sees it, 66 tokens."""
MEAN_TOKENS, SPREAD, BOUNDS = 250, 0.35, (150, 400)
"""Tokens of a sample: a gamma distribution of this mean and coefficient of variation, cut off."""
FRAME_TOKENS = 84
"""Of a sample: the picture and what the chat puts around the texts; the rest are words."""
TARGET_SHARE = 0.25
WORDS = ("move", "the", "red", "block", "left", "of", "cup", "then", "lift", "it", "slowly", "up")
PATCH_SIZE = 14


def mix_dialect() -> Dialect:
    """Qwen2.5-VL's own view."""
    return load_dialect("qwen25_vl", factor=2 * PATCH_SIZE)


def write_mix(folder: Path, *, num_records: int, num_pictures: int = 64) -> Path:
    """A record folder of the mix below `folder`."""
    rng = np.random.default_rng(0)
    home = folder / "pictures"
    home.mkdir(parents=True, exist_ok=True)
    for number in range(num_pictures):
        small = rng.integers(0, 256, (18, 32, 3), dtype=np.uint8)
        Image.fromarray(small).resize(SIZE).save(home / f"{number}.jpg", quality=90)
    with ShardWriter(folder / "records", split="train") as writer:
        for record in _records(rng, num_records=num_records, num_pictures=num_pictures):
            writer.add(record)
    write_folder_mark(folder / "records", marks=writer.marks)
    write_media_roots(folder / "records", roots={"mix": home})
    return folder / "records"


def write_model(folder: Path) -> Path:
    """A tiny Qwen2.5-VL with Qwen's patches, whose tokenizer has a token for every word."""
    texts = [" ".join(WORDS), "".join(f" {word}" for word in WORDS)] * 20
    return build_tiny(folder, seed=0, texts=texts, patch_size=PATCH_SIZE)


def _records(rng: np.random.Generator, *, num_records: int, num_pictures: int) -> Iterator[Record]:
    drawn = rng.gamma(1 / SPREAD**2, MEAN_TOKENS * SPREAD**2, num_records)
    for number, total in enumerate(drawn.clip(*BOUNDS).astype(int)):
        num_words = int(total) - FRAME_TOKENS
        num_answer = max(1, round(TARGET_SHARE * num_words))
        words = [WORDS[place] for place in rng.integers(len(WORDS), size=num_words)]
        yield Record(
            id=f"mix-{number}",
            task="vqa",
            media=(FilePicture(path=f"mix:{number % num_pictures}.jpg", size=SIZE),),
            inputs={"question": " ".join(words[num_answer:])},
            answer=Text(" ".join(words[:num_answer])),
        )

"""A record folder of drawn pictures and a model of some 50,000 weights: the loop's real parts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects import Dialect, load_dialect
from roboloop.models.backbone import Backbone, load_backbone
from roboloop.models.tiny import build_tiny
from roboloop.models.tiny_shape import Family
from roboloop.records.answers import Answer, Box, Text, Trajectory
from roboloop.records.media import FilePicture
from roboloop.records.record import Record
from roboloop.records.shard_files import ShardWriter
from roboloop.records.shards import write_folder_mark, write_media_roots
from roboloop.tasks import load_task
from roboloop.train.config import SftConfig
from roboloop.train.dpo_config import DpoConfig

# Processes that tests start find their work by the name of its module.
sys.path.insert(0, str(Path(__file__).parent))

SIZE = PictureSize(96, 64)
NUM_PICTURES = 12


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of a user's is read or written, by processes that tests start neither."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBOLOOP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def dialect() -> Dialect:
    return load_dialect("qwen25_vl", factor=16, min_pixels=4 * 256, max_pixels=100 * 256)


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    return list(drawn_records())


@pytest.fixture(scope="session")
def record_folder(tmp_path_factory: pytest.TempPathFactory, records: list[Record]) -> Path:
    home = tmp_path_factory.mktemp("data")
    for number in range(NUM_PICTURES):
        drawn_picture(number).save(home / f"{number}.png")
    return write_records(home / "records", records=records, pictures=home)


@pytest.fixture(scope="session")
def write_folder() -> Callable[..., Path]:
    return write_records


def write_records(folder: Path, *, records: list[Record], pictures: Path) -> Path:
    with ShardWriter(folder, split="train") as writer:
        for record in records:
            writer.add(record)
    write_folder_mark(folder, marks=writer.marks)
    write_media_roots(folder, roots={"drawn": pictures})
    return folder


@pytest.fixture(scope="session")
def paired_records(records: list[Record]) -> list[Record]:
    return [
        replace(record, rejected=worse(record, number)) for number, record in enumerate(records)
    ]


@pytest.fixture(scope="session")
def pair_folder(record_folder: Path, paired_records: list[Record]) -> Path:
    """The same records, each with a worse answer."""
    home = record_folder.parent
    return write_records(home / "pairs", records=paired_records, pictures=home)


@pytest.fixture(scope="session")
def tiny_folder(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], dialect: Dialect
) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    return build_small(folder, records=records, dialect=dialect, family="qwen2_5_vl")


@pytest.fixture(scope="session")
def qwen3_folder(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], dialect: Dialect
) -> Path:
    folder = tmp_path_factory.mktemp("models") / "qwen3"
    return build_small(folder, records=records, dialect=dialect, family="qwen3_vl")


def build_small(folder: Path, *, records: list[Record], dialect: Dialect, family: Family) -> Path:
    texts: list[str] = []
    for record in records:
        task = load_task(record.task)
        assert record.answer is not None
        texts.append(task.question(record, dialect=dialect))
        texts.append(task.render(record.answer, dialect=dialect, size=record.picture_size))
    return build_tiny(
        folder, seed=0, texts=texts, width=32, depth=2, vision_width=32, vision_depth=1,
        family=family,
    )  # fmt: skip


@pytest.fixture
def backbone(tiny_folder: Path) -> Backbone:
    return load_backbone(tiny_folder, device="cpu")


@pytest.fixture(scope="session")
def phase() -> Callable[..., SftConfig]:
    """A short phase, with options changed by name."""

    def make(**options: object) -> SftConfig:
        basis: dict[str, object] = {
            "name": "test",
            "num_steps": 6,
            "pictures_per_step": 4,
            "questions_per_picture": 2,
            "learning_rate": 1e-3,
            "optimizer": {"kind": "muon", "weight_decay": 0.01},
            "log_every_steps": 1,
        }
        if "epochs" in options:
            del basis["num_steps"]
        return SftConfig.model_validate(basis | options)

    return make


@pytest.fixture(scope="session")
def dpo_phase() -> Callable[..., DpoConfig]:
    """A short phase on pairs, with options changed by name."""

    def make(**options: object) -> DpoConfig:
        basis: dict[str, object] = {
            "kind": "dpo",
            "name": "prefer",
            "num_steps": 6,
            "pairs_per_step": 4,
            "learning_rate": 1e-3,
            "log_every_steps": 1,
        }
        if "epochs" in options:
            del basis["num_steps"]
        return DpoConfig.model_validate(basis | options)

    return make


def worse(record: Record, number: int) -> Answer:
    """A place beside the true one; sometimes words, as of a model that failed."""
    if number % 4 == 3:
        return Text("It is near the red block.")
    match record.answer:
        case Box(x1, y1, x2, y2):
            return Box(x1 / 2, y1 / 2, x2 / 2, y2 / 2)
        case Trajectory(points):
            return Trajectory(points[::-1][:3])
        case _:
            raise AssertionError(record)


def drawn_box(number: int) -> Box:
    rng = np.random.default_rng(number)
    left, top = int(rng.integers(4, 60)), int(rng.integers(4, 36))
    return Box(left, top, left + int(rng.integers(12, 30)), top + int(rng.integers(12, 22)))


def drawn_picture(number: int) -> Image.Image:
    """A red block on grey noise, at `drawn_box`."""
    rng = np.random.default_rng(1000 + number)
    noise = rng.integers(90, 140, (SIZE.height, SIZE.width, 1), dtype=np.uint8)
    picture = Image.fromarray(np.repeat(noise, 3, axis=2))
    x1, y1, x2, y2 = drawn_box(number).corners_px
    # Pillow's rectangles include their last row and column.
    ImageDraw.Draw(picture).rectangle((x1, y1, x2 - 1, y2 - 1), fill=(220, 30, 30))
    return picture


def drawn_records() -> Iterator[Record]:
    """Of each picture the gripper's box, the block's box and a path from it to the corner."""
    for number in range(NUM_PICTURES):
        medium = FilePicture(path=f"drawn:{number}.png", size=SIZE)
        box = drawn_box(number)
        x, y = box.center_px
        path = Trajectory(tuple(Point(x * (1 - k / 3), y * (1 - k / 3)) for k in range(4)))
        rows = (
            ("gripper_det", {}, box),
            ("object_box", {"object": "red block"}, box),
            ("traj_wo_init_pos", {"instruction": f"push the red block {number % 3}"}, path),
        )
        for task, inputs, answer in rows:
            yield Record(
                id=f"{task}-{number}", task=task, media=(medium,), inputs=inputs, answer=answer
            )

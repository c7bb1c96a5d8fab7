"""Writes small RLDS data sets, knowing nothing of the reader: own protocol buffers, own CRC."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Value = Sequence[bytes] | Sequence[int] | Sequence[float]
DROID_CAMERAS = ("exterior_image_1_left", "exterior_image_2_left", "wrist_image_left")
DROID_WORDS = ("language_instruction", "language_instruction_2", "language_instruction_3")


def jpeg(seed: int, *, size: tuple[int, int] = (32, 18)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def grey_jpeg() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (32, 18), (128, 128, 128)).save(stream, "JPEG")
    return stream.getvalue()


def example(features: Mapping[str, Value]) -> bytes:
    """A serialised `tf.train.Example`."""
    entries = b""
    for name, values in features.items():
        entry = _field(1, name.encode()) + _field(2, _feature(values))
        entries += _field(1, entry)
    return _field(1, entries)


def framed(data: bytes) -> bytes:
    """A record of a TFRecord file."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def write_droid(
    folder: Path, *, episodes: Sequence[Mapping[str, Value]], split: str = "train"
) -> Path:
    """A data set with DROID's features and one shard; gives the shard."""
    folder.mkdir(parents=True, exist_ok=True)
    observation = {camera: _picture() for camera in DROID_CAMERAS}
    observation["joint_position"] = _tensor("float64", 7)
    steps = {"observation": _dict(observation), "action": _tensor("float64", 7)}
    steps |= {name: {"text": {}} for name in DROID_WORDS}
    metadata = _dict({"file_path": {"text": {}}, "recording_folderpath": {"text": {}}})
    tree = _dict({"steps": {"sequence": {"feature": _dict(steps)}}, "episode_metadata": metadata})
    (folder / "features.json").write_text(json.dumps(tree))
    split_row = {
        "name": split,
        "shardLengths": [str(len(episodes))],
        "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
    }
    info = {"name": "droid", "splits": [split_row], "version": "1.0.0"}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    shard = folder / f"droid-{split}.tfrecord-00000-of-00001"
    shard.write_bytes(b"".join(framed(example(episode)) for episode in episodes))
    return shard


def droid_episode(
    number: int, *, words: Sequence[str], num_steps: int = 5, **changed: Value
) -> dict[str, Value]:
    """An episode of DROID's schema; `words` are the three instructions, empty ones included."""
    features: dict[str, Value] = {}
    for index, camera in enumerate(DROID_CAMERAS):
        seeds = (1000 * number + 100 * index + step for step in range(num_steps))
        features[f"steps/observation/{camera}"] = [jpeg(seed) for seed in seeds]
    for name, text in zip(DROID_WORDS, words, strict=True):
        features[f"steps/{name}"] = [text.encode()] * num_steps
    features["steps/action"] = [0.5] * 7 * num_steps
    features["steps/is_first"] = [1] + [0] * (num_steps - 1)
    features["episode_metadata/file_path"] = [f"/droid/{number}/trajectory.h5".encode()]
    return {**features, **{name.replace("__", "/"): value for name, value in changed.items()}}


def _dict(features: Mapping[str, Any]) -> dict[str, Any]:
    return {"featuresDict": {"features": dict(features)}}


def _picture() -> dict[str, Any]:
    shape = {"dimensions": ["18", "32", "3"]}
    return {"image": {"shape": shape, "dtype": "uint8", "encodingFormat": "jpeg"}}


def _tensor(dtype: str, size: int) -> dict[str, Any]:
    return {"tensor": {"shape": {"dimensions": [str(size)]}, "dtype": dtype}}


def _feature(values: Value) -> bytes:
    first = values[0] if values else b""
    if isinstance(first, bytes):
        return _field(1, b"".join(_field(1, value) for value in values))  # type: ignore[arg-type]
    if isinstance(first, int):
        return _field(3, _field(1, b"".join(map(_varint, values))))  # type: ignore[arg-type]
    return _field(2, _field(1, struct.pack(f"<{len(values)}f", *values)))


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _masked(data: bytes) -> bytes:
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0x82F63B78 if state & 1 else 0)
    crc = state ^ 0xFFFFFFFF
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)

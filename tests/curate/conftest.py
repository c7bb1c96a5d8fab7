"""Folders of small records; makes `made_records` importable by the tests beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from roboloop.records.record import Record
from roboloop.records.shard_files import ShardWriter
from roboloop.records.shards import write_folder_mark, write_media_roots

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "engines"))  # the endpoint on this machine
sys.path.insert(1, str(Path(__file__).parents[1] / "models"))


@pytest.fixture
def embedder_folder() -> Callable[[Path], Path]:
    """Writes a tiny embedder with random weights, the same each time."""
    from embedder_folders import write_folder

    return lambda folder: write_folder(folder, kind="bert", pooling="mean_tokens")


@pytest.fixture
def write_records(tmp_path: Path) -> Callable[..., Path]:
    """Writes records to a complete folder and gives it."""

    def write(records: Sequence[Record], *, max_records: int = 20_000, name: str = "in") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        writer = ShardWriter(folder, split="train", max_records=max_records)
        for item in records:
            writer.add(item)
        writer.close()
        write_media_roots(folder, roots={"made": tmp_path})
        write_folder_mark(folder, marks=writer.marks)
        return folder

    return write

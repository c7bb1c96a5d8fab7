"""parquet: hub tables with pictures inside, in each of their usual layouts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.base.pictures import encode_png
from roboloop.records import Choice, FilePicture, Number, ParquetPicture, Record, Text, Turn
from roboloop.records.media_open import MediaStore
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.parquet_table import ParquetSource


def picture(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def struct(seed: int) -> dict[str, Any]:
    return {"bytes": encode_png(picture(seed)), "path": f"{seed}.png"}


def split_up(source: ParquetSource) -> tuple[list[Record], list[Rejected]]:
    items = list(source.read(SourceContext(Path("made"), 0)))
    return (
        [item for item in items if isinstance(item, Record)],
        [item for item in items if isinstance(item, Rejected)],
    )


def write(folder: Path, table: pa.Table, *, name: str = "test-00000-of-00001") -> Path:
    file = folder / f"data/{name}.parquet"
    file.parent.mkdir(exist_ok=True)
    pq.write_table(table, file, row_group_size=2)
    return folder


def test_lists_of_pictures_and_options(tmp_path: Path) -> None:
    table = pa.table(
        {
            "question_id": ["a", "b", "c"],
            "images": [[struct(1)], [struct(2), struct(3)], None],
            "question": ["q1", "q2", "<image>q3"],
            "choices": [["x", "y"], ["x", "y", "z"], None],
            "answer": ["A", "z", "why"],
        }
    )
    source = ParquetSource(path=write(tmp_path, table), name="hub")
    (first, second), (rejected,) = split_up(source)
    assert first.answer == Choice("A", ("x", "y")) and second.answer == Choice("C", ("x", "y", "z"))
    assert (first.task, first.split) == ("choice_vqa", "test")
    assert second.origin == "test-00000-of-00001.parquet!1"
    assert [media.item for media in second.media if isinstance(media, ParquetPicture)] == [0, 1]
    store = MediaStore(source.media_roots())
    for media, seed in zip((*first.media, *second.media), (1, 2, 3), strict=True):
        assert media.size == (60, 40)
        assert np.array_equal(store.open(media), picture(seed))
    assert (rejected.record_id, rejected.error.code) == ("c", "E-REC-005")


def test_conversations_pairs_and_chat_messages(tmp_path: Path) -> None:
    talks = {
        "conversations": [{"from": "human", "value": "<image>Q"}, {"from": "gpt", "value": "A"}],
        "messages": [{"role": "user", "content": "<image>Q"},
                     {"role": "assistant", "content": "A"}],
        "texts": [{"user": "<image>Q", "assistant": "A", "source": "s"}],
    }  # fmt: skip
    for column, talk in talks.items():
        table = pa.table({"image": [struct(1)], column: [talk]})
        (record,), _ = split_up(ParquetSource(path=write(tmp_path, table)))
        assert (record.turns, record.answer) == ((Turn("user", "<image>Q"),), Text("A"))
        assert record.id == "test-00000-of-00001-0" and len(record.media) == 1


def test_classes_have_the_names_in_the_metadata(tmp_path: Path) -> None:
    features = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    told = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    table = pa.table({"image": pa.array([encode_png(picture(1))], pa.binary()), "label": [1]})
    write(tmp_path, table.replace_schema_metadata(told), name="validation-00000-of-00001")
    (record,), _ = split_up(ParquetSource(path=tmp_path, ask="What is it?"))
    assert (record.answer, record.split) == (Text("dog"), "val")
    assert record.inputs["question"] == "What is it?"
    (named,), _ = split_up(
        ParquetSource(path=tmp_path, ask="?", class_names=("Katze", "Hund"), split="train")
    )
    assert (named.answer, named.split) == (Text("Hund"), "train")
    _, (rejected,) = split_up(ParquetSource(path=tmp_path))
    assert rejected.error.code == "E-DAT-004" and "`ask`" in rejected.error.fix


def test_numbered_pictures_paths_and_several_right_answers(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": [7, 8],
            "image_1": [struct(1), {"bytes": None, "path": "there.png"}],
            "image_2": [struct(2), None],
            "question": ["How many?", "How many?"],
            "options": ["['1', '2']", "[]"],
            "answer": [["2", "two"], ["3"]],
        }
    )
    picture(5).save(tmp_path / "there.png")
    source = ParquetSource(path=write(tmp_path, table), columns={"images": "image_1"}, name="p")
    (first, second), rejected = split_up(source)
    assert not rejected
    assert first.answer == Choice("B", ("1", "2")) and first.meta["all_answers"] == ["2", "two"]
    assert second.media[0] == FilePicture(
        path="p:there.png", size=second.picture_size, content_hash=second.media[0].content_hash
    )
    (first, _), _ = split_up(ParquetSource(path=tmp_path))
    assert len(first.media) == 2
    (first, second), _ = split_up(
        ParquetSource(path=tmp_path, task="number_vqa", columns={"images": "image_2"})
    )
    assert second.answer == Number(3.0)


def test_a_cut_file_costs_one_line_and_a_bad_picture_its_row(tmp_path: Path) -> None:
    cut = {"bytes": encode_png(picture(1))[:300], "path": None}
    empty = {"bytes": b"", "path": None}
    rows: dict[str, Any] = {"image": [struct(1), cut, empty], "question": ["q"] * 3,
                            "answer": ["a"] * 3, "id": ["a", "b", "a"]}  # fmt: skip
    write(tmp_path, pa.table(rows))
    file = tmp_path / "data/test-00000-of-00001.parquet"
    (tmp_path / "data/a-cut.parquet").write_bytes(file.read_bytes()[:-40])
    (tmp_path / "data/b-empty.parquet").touch()
    records, rejected = split_up(ParquetSource(path=tmp_path))
    assert [record.id for record in records] == ["a"]
    assert [item.error.code for item in rejected] == [
        "E-MED-008", "E-MED-008", "E-MED-003", "E-MED-002"]  # fmt: skip
    assert rejected[2].error.place.line == 2


def test_parts_can_be_read_alone_and_columns_must_be_there(tmp_path: Path) -> None:
    rows = {"image": [struct(n) for n in range(5)], "question": ["q"] * 5, "answer": ["a"] * 5}
    source = ParquetSource(path=write(tmp_path, pa.table(rows)))
    context = SourceContext(tmp_path, 0)
    parts = list(source.parts(context))
    assert len(parts) == 3
    alone = [item for part in parts for item in source.read_part(part, context)]
    assert alone == list(source.read(context)) and len(alone) == 5
    with pytest.raises(RoboLoopError, match="'picture'") as caught:
        split_up(ParquetSource(path=tmp_path, columns={"images": "picture"}))
    assert caught.value.code == "E-CFG-003"
    with pytest.raises(RoboLoopError) as caught:
        split_up(ParquetSource(path=tmp_path / "none"))
    assert caught.value.code == "E-DAT-001"

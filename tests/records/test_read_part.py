"""Parts of finished shards: the same records as a whole reading, and the same complaints."""

from __future__ import annotations

from pathlib import Path

import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.records.answers import Number
from roboloop.records.read import read_part, read_records
from roboloop.records.record import Record
from roboloop.records.shard_files import ShardFormat, ShardWriter

RECORDS = [
    Record(id=f"n{i}", task="number_vqa", inputs={"question": f"How many 杯子? {i}"},
           answer=Number(i / 3), meta={"deep": [1e-7, i, None, {"x": 2**70}]})
    for i in range(7)
]  # fmt: skip


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_parts_make_up_the_whole(tmp_path: Path, format: ShardFormat) -> None:
    with ShardWriter(tmp_path, split="train", format=format) as writer:
        for record in RECORDS:
            writer.add(record)
    shard = tmp_path / writer.marks[0].file
    parts = [*read_part(shard, start=0, stop=3), *read_part(shard, start=3, stop=7)]
    assert parts == [found.record for found in read_records([shard])] == RECORDS


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"id": "a", "task": "vqa"', "E-REC-001"),
        ('{"id": "a", "task": "vqa", "meta": {"x": NaN}}', "E-REC-010"),
        ('{"id": "a", "task": 3}', "E-REC-003"),
        ('{"id": "a", "task": "vqa", "colour": 1}', "E-REC-002"),
        ("", "E-REC-001"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, code: str) -> None:
    shard = tmp_path / "train-00000.jsonl"
    shard.write_text(f'{{"id": "first", "task": "vqa"}}\n{line}\n{{"id": "b", "task": "vqa"}}\n')
    with pytest.raises(RoboLoopError, match=r"train-00000\.jsonl:2") as caught:
        list(read_part(shard, start=1, stop=3))
    assert caught.value.code == code

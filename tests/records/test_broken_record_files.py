"""One bad line costs only itself and is named by file, line and id; shards are whole or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records import Box, FilePicture, Record, Text
from roboloop.records.jsonl import Broken, write_json_line
from roboloop.records.parquet import write_parquet
from roboloop.records.read import Found, read_records, scan_records
from roboloop.records.shard_files import ShardMark, ShardWriter, read_mark, verify_shard
from roboloop.records.shards import (
    RecordFolder,
    read_media_roots,
    write_folder_mark,
    write_media_roots,
)

GOOD = '{"id": "good-%d", "task": "vqa"}'

BAD_LINES: list[tuple[bytes, str, str | None, str]] = [
    (b"{'id': 1}", "E-REC-001", None, "not JSON"),
    (b'{"id": "x", "task": "v\xff\xfe"}', "E-REC-001", None, "not UTF-8"),
    (b'{"id": "x", "task": "v", "meta": ' + b"[" * 99_999, "E-REC-001", None, "not JSON"),
    (b'{"id": "x", "task": "v", "meta": {"n": ' + b"9" * 9_999 + b"}}", "E-REC-001", None, "not"),
    (b'{"task": "vqa"}', "E-REC-002", None, "'id'"),
    (b'{"id": "x"}', "E-REC-002", "x", "'task'"),
    (b'{"id": "x", "task": "v", "box": 1}', "E-REC-002", "x", "box"),
    (b'["id"]', "E-REC-003", None, "not list"),
    (b'{"id": "x", "task": 5}', "E-REC-003", "x", "'task'"),
    (b'{"id": "x", "task": "v", "turns": [{"role": "bot"}]}', "E-REC-003", "x", "turn"),
    (b'{"id": "x", "task": "v", "media": [{"kind": "file"}]}', "E-REC-002", "x", "path"),
    (b'{"id": "x", "task": "v", "media": [{"kind": "web", "path": "x"}]}', "E-REC-002", "x", "web"),
    (
        b'{"id": "x", "task": "v", "answer": {"kind": "box", "box_px": [NaN, 1, 2, 3]}}',
        "E-REC-010",
        "x",
        "NaN is not a finite number",
    ),
    (b'{"id": "x", "task": "v", "inputs": {"n": 1e999}}', "E-REC-010", "x", "1e999"),
    (b'{"id": "good-0", "task": "v"}', "E-REC-004", "good-0", "taken by"),
]


@pytest.mark.parametrize(
    ("line", "code", "record_id", "says"), BAD_LINES, ids=lambda v: str(v)[:40]
)
def test_bad_line_costs_only_itself(
    tmp_path: Path, line: bytes, code: str, record_id: str | None, says: str
) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"\n".join([(GOOD % 0).encode(), line, (GOOD % 1).encode(), b""]))
    first, broken, last = scan_records([path])
    assert isinstance(first, Found) and first.record.id == "good-0"
    assert isinstance(last, Found) and last.place == Place(path, 3, record_id="good-1")
    assert isinstance(broken, Broken)
    error = broken.error
    assert (error.code, error.place.line, error.place.record_id) == (code, 2, record_id)
    assert str(path) in str(error.place) and says in error.detail
    with pytest.raises(RoboLoopError, match=r"train\.jsonl:2"):
        list(read_records([path]))


def test_file_cut_in_the_middle_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    whole = f"{GOOD % 0}\n{GOOD % 1}"
    for kept in range(len(GOOD % 0) + 2, len(whole)):
        path.write_text(whole[:kept])
        *good, broken = scan_records([path])
        assert len(good) == 1 and isinstance(broken, Broken)
        assert (broken.error.code, broken.error.place.line) == ("E-REC-014", 2), kept
    path.write_text(whole)  # only the last newline is missing: nothing is lost
    assert len(list(read_records([path]))) == 2


def test_mark_of_byte_order_line_ends_and_empty_lines_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + f"{GOOD % 0}\r\n\r\n{GOOD % 1}\r\n".encode())
    assert [place.line for _, place in read_records([path])] == [1, 3]
    path.write_text('{"id": "a\u2028b", "task": "v"}\n')  # a line separator inside a text
    assert [record.id for record, _ in read_records([path])] == ["a\u2028b"]


def test_one_id_in_two_files_names_both_places(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text(f"{GOOD % 1}\n{GOOD % 2}\n")
    second.write_text(f"{GOOD % 3}\n{GOOD % 2}\n")
    with pytest.raises(RoboLoopError) as caught:
        list(read_records([first, second]))
    assert caught.value.code == "E-REC-004"
    assert f"{second}:2" in str(caught.value) and f"{first}:2" in str(caught.value)


def test_files_that_cannot_be_read_at_all(tmp_path: Path) -> None:
    parquet = tmp_path / "a.parquet"
    with parquet.open("wb") as stream:
        write_parquet(stream, records=[Record(id="a", task="vqa")])
    (tmp_path / "cut.parquet").write_bytes(parquet.read_bytes()[:-30])
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "other.parquet")
    for name, code in [
        ("none.jsonl", "E-DAT-001"),
        ("none.parquet", "E-DAT-001"),
        ("cut.parquet", "E-REC-014"),
        ("other.parquet", "E-REC-002"),
    ]:
        with pytest.raises(RoboLoopError) as caught:
            list(read_records([tmp_path / name]))
        assert (caught.value.code, name in str(caught.value)) == (code, True)


def test_parquet_of_an_earlier_version_has_no_rejected_answers(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with path.open("wb") as stream:
        write_parquet(stream, records=[Record(id="a", task="vqa")])
    pq.write_table(pq.read_table(path).drop_columns("rejected"), path)
    (found,) = scan_records([path])
    assert isinstance(found, Found) and found.record == Record(id="a", task="vqa")


def test_broken_cell_of_a_parquet_row_names_row_and_id(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with path.open("wb") as stream:
        write_parquet(stream, records=[Record(id=name, task="vqa") for name in "abc"])
    table = pq.read_table(path)
    place = table.schema.get_field_index("answer")
    table = table.set_column(place, "answer", pa.array([None, '{"kind": NaN}', None]))
    pq.write_table(table, path)
    first, broken, last = scan_records([path])
    assert isinstance(first, Found) and isinstance(last, Found) and isinstance(broken, Broken)
    assert broken.error.code == "E-REC-010"
    assert broken.error.place == Place(path, 2, record_id="b")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"x": float("nan")}, "E-REC-010"),
        ({"x": float("inf")}, "E-REC-010"),
        ({"x": "\ud800"}, "E-REC-003"),
        ({"x": {1, 2}}, "E-REC-003"),
    ],
)
def test_what_json_cannot_hold_is_refused_before_writing(value: Any, code: str) -> None:
    with pytest.raises(RoboLoopError) as caught:
        write_json_line(value)
    assert caught.value.code == code


# --- shards and folders ---------------------------------------------------------------------------


def sample(number: int, *, split: str = "train") -> Record:
    box = Box(1, 2, 3 + number, 4)
    media = (FilePicture(path=f"m:{number}.png"),)
    return Record(id=f"r{number}", task="contact_box", media=media, answer=box, split=split)


def write_folder(folder: Path, *, num: int = 5) -> list[ShardMark]:
    marks: list[ShardMark] = []
    for split, count in (("train", num), ("val", 1)):
        with ShardWriter(folder, split=split, max_records=2) as writer:
            for number in range(count):
                writer.add(sample(number if split == "train" else 100 + number, split=split))
        marks += writer.marks
    write_folder_mark(folder, marks=marks)
    return marks


def test_folder_gives_back_splits_counts_records_and_hash(tmp_path: Path) -> None:
    write_folder(tmp_path / "a")
    write_folder(tmp_path / "b")
    folder = RecordFolder(tmp_path / "a")
    assert folder.splits == ("train", "val")
    assert folder.counts == {"train": 5, "val": 1}
    assert [record.id for record in folder.records("train")] == ["r0", "r1", "r2", "r3", "r4"]
    assert [place.line for _, place in folder.read("train")] == [1, 2, 1, 2, 1]
    assert [path.name for path in folder.shards("val")] == ["val-00000.jsonl"]
    assert folder.content_hash() == RecordFolder(tmp_path / "b").content_hash()
    write_folder(tmp_path / "c", num=4)
    assert folder.content_hash() != RecordFolder(tmp_path / "c").content_hash()


@pytest.mark.parametrize("damage", ["changed", "cut", "deleted", "unmarked", "bad mark", "newer"])
def test_damaged_shard_is_refused_and_named(tmp_path: Path, damage: str) -> None:
    write_folder(tmp_path)
    shard = tmp_path / "train-00001.jsonl"
    mark = tmp_path / "train-00001.jsonl.done.json"
    match damage:
        case "changed":
            shard.write_bytes(shard.read_bytes().replace(b"5.0", b"6.0"))
        case "cut":
            shard.write_bytes(shard.read_bytes()[:-5])
        case "deleted":
            shard.unlink()
        case "unmarked":
            mark.unlink()
        case "bad mark":
            mark.write_text(mark.read_text()[:-20])
        case _:
            newer = {**json.loads(mark.read_text()), "format_version": 99}
            mark.write_text(json.dumps(newer))
    with pytest.raises(RoboLoopError, match=r"train-00001\.jsonl") as caught:
        list(RecordFolder(tmp_path).read())
    assert caught.value.code == "E-REC-015"


def test_scan_of_a_damaged_folder_loses_only_the_damage(tmp_path: Path) -> None:
    write_folder(tmp_path)
    shard = tmp_path / "train-00001.jsonl"
    shard.write_bytes(shard.read_bytes().replace(b'"id":"r2"', b'"id":NaN'))
    items = list(RecordFolder(tmp_path).scan())
    assert sum(isinstance(item, Found) for item in items) == 5
    assert [item.error.code for item in items if isinstance(item, Broken)] == ["E-REC-010"]


def test_unfinished_folder_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "records.done.json").unlink()
    with pytest.raises(RoboLoopError, match="did not end") as caught:
        RecordFolder(tmp_path)
    assert caught.value.code == "E-REC-015"


def test_shard_that_is_there_already_is_kept_as_it_is(tmp_path: Path) -> None:
    write_folder(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.jsonl*")}
    (tmp_path / "train-00001.jsonl.done.json").unlink()  # killed between shard and mark
    write_folder(tmp_path)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.jsonl*")}
    changed = {path.name for path in before if before[path] != after[path]}
    assert changed == {"train-00001.jsonl", "train-00001.jsonl.done.json"}
    assert read_mark(tmp_path / "train-00001.jsonl") == verify_shard(tmp_path / "train-00001.jsonl")


def test_split_must_be_fit_for_a_file_name(tmp_path: Path) -> None:
    with pytest.raises(RoboLoopError) as caught:
        ShardWriter(tmp_path, split="../train")
    assert caught.value.code == "E-REC-003"


def test_media_roots_beside_the_records_move_with_them(tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    (stage / "records").mkdir(parents=True)
    roots = {"made": stage / "made", "own": stage / "records" / "p", "far": Path("/data/droid")}
    write_media_roots(stage / "records", roots=roots)
    assert read_media_roots(stage / "records") == roots
    stage.rename(tmp_path / "moved")
    moved = read_media_roots(tmp_path / "moved" / "records")
    assert moved["made"] == tmp_path / "moved" / "made"
    assert moved["own"] == tmp_path / "moved" / "records" / "p"
    assert moved["far"] == Path("/data/droid")
    assert read_media_roots(tmp_path) == {}
    (tmp_path / "media_roots.json").write_text("[]")
    with pytest.raises(RoboLoopError) as caught:
        read_media_roots(tmp_path)
    assert caught.value.code == "E-DAT-002"


def test_refused_record_leaves_the_writer_as_it_was(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, split="train") as writer:
        writer.add(Record(id="a", task="vqa", answer=Text("x")))
        with pytest.raises(RoboLoopError):
            writer.add(Record(id="b", task="vqa", meta={"x": float("nan")}))
        writer.add(Record(id="c", task="vqa"))
    ids = [record.id for record, _ in read_records([tmp_path / writer.marks[0].file])]
    assert ids == ["a", "c"] and writer.marks[0].num_records == 2

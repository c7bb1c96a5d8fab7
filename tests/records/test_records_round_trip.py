"""Any record survives JSON, JSON Lines and Parquet; any JSON is a record or an E-REC error."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize, Point
from roboloop.records import (
    ArchivePicture,
    Box,
    Boxes,
    Choice,
    FilePicture,
    LmdbPicture,
    Number,
    ParquetPicture,
    Plan,
    Points,
    Record,
    SpanPicture,
    Text,
    Trajectory,
    Turn,
    VideoFrame,
    YesNo,
)
from roboloop.records.read import read_records
from roboloop.records.record import record_from_json, record_hash, record_to_json
from roboloop.records.shard_files import ShardFormat, ShardWriter

texts = st.text(st.characters(codec="utf-8"), max_size=12)
names = texts.filter(bool)
numbers = st.floats(allow_nan=False, allow_infinity=False)
points = st.builds(Point, numbers, numbers)
many_points = st.lists(points, max_size=4).map(tuple)
many_texts = st.lists(texts, max_size=3).map(tuple)
boxes = st.builds(Box, numbers, numbers, numbers, numbers, st.none() | texts)
answers = st.one_of(
    boxes,
    st.builds(Boxes, st.lists(boxes, max_size=3).map(tuple)),
    st.builds(Points, many_points, many_texts),
    st.builds(Trajectory, many_points),
    st.builds(Choice, texts, many_texts),
    st.builds(YesNo, st.booleans()),
    st.builds(Number, numbers, st.none() | texts),
    st.builds(Plan, many_texts),
    st.builds(Text, texts),
)
sizes = st.none() | st.builds(PictureSize, st.integers(1, 9999), st.integers(1, 9999))
counts = st.integers(0, 10**9)
media = st.one_of(
    st.builds(FilePicture, path=texts, size=sizes),
    st.builds(ArchivePicture, archive=texts, member=texts, size=sizes),
    st.builds(
        ParquetPicture, path=texts, column=texts, row=counts, item=st.none() | counts, size=sizes
    ),
    st.builds(LmdbPicture, store=texts, episode=texts, frame=counts, view=texts, size=sizes),
    st.builds(VideoFrame, path=texts, frame=counts, size=sizes),
    st.builds(
        SpanPicture,
        path=texts,
        offset=counts,
        num_bytes=counts,
        encoding=st.none() | texts,
        size=sizes,
    ),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
inputs = st.dictionaries(
    texts,
    texts | numbers | st.integers() | st.booleans() | many_texts
    | st.builds(Points, many_points, many_texts),
    max_size=3,
)  # fmt: skip
records = st.builds(
    Record,
    id=names,
    task=names,
    media=st.lists(media, max_size=3).map(tuple),
    inputs=inputs,
    turns=st.lists(
        st.builds(Turn, st.sampled_from(["system", "user", "assistant"]), texts), max_size=3
    ).map(tuple),
    answer=st.none() | answers,
    rejected=st.none() | answers,
    source=texts,
    split=st.just("train"),
    licence=texts,
    origin=texts,
    meta=st.dictionaries(texts, json_values, max_size=3),
)


@settings(deadline=None, max_examples=50)
@given(record=records)
def test_json_gives_the_record_back(record: Record) -> None:
    text = json.dumps(record_to_json(record), allow_nan=False)
    back = record_from_json(json.loads(text))
    assert back == record
    assert record_hash(back) == record_hash(record)


@settings(deadline=None, max_examples=15)
@given(
    found=st.lists(records, max_size=7, unique_by=lambda record: record.id),
    format=st.sampled_from(["jsonl", "parquet"]),
)
def test_shards_give_the_records_back(found: list[Record], format: ShardFormat) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ShardWriter(folder, split="train", format=format, max_records=3) as writer:
            for record in found:
                writer.add(record)
        files = [folder / mark.file for mark in writer.marks]
        assert [mark.num_records for mark in writer.marks] == [
            min(3, len(found) - start) for start in range(0, len(found), 3)
        ]
        back = list(read_records(files))
    assert [record for record, _ in back] == found
    assert [place.line for _, place in back] == [index % 3 + 1 for index in range(len(found))]


def test_both_formats_have_one_content_hash(tmp_path: Path) -> None:
    hashes = set()
    formats: tuple[ShardFormat, ...] = ("jsonl", "parquet")
    for format in formats:
        with ShardWriter(tmp_path / format, split="val", format=format) as writer:
            writer.add(Record(id="a", task="vqa", split="val", answer=Text("x")))
        hashes.add(writer.marks[0].content_hash)
    assert len(hashes) == 1


def test_whole_numbers_and_floats_are_one_record() -> None:
    whole = Record(id="a", task="t", answer=Box(1, 2, 3, 4))
    assert record_hash(whole) == record_hash(record_from_json(record_to_json(whole)))


@settings(deadline=None)
@given(value=json_values)
def test_arbitrary_json_is_a_record_or_an_error(value: Any) -> None:
    _read_or_refuse(value)


@settings(deadline=None, max_examples=50)
@given(record=records, data=st.data())
def test_record_with_one_value_replaced_is_a_record_or_an_error(
    record: Record, data: st.DataObject
) -> None:
    value = record_to_json(record)
    place: Any = value
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if isinstance(inner, dict | list) and inner and data.draw(st.booleans()):
            place = inner
            continue
        place[key] = data.draw(json_values)
        break
    _read_or_refuse(value)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"kind": "plan", "steps": "abc"}, "E-REC-003"),
        ({"kind": "boxes", "items": "abc"}, "E-REC-003"),
        ({"kind": "boxes", "items": ["ab"]}, "E-REC-003"),
        ({"kind": "box", "box_px": [1, 2, 3]}, "E-REC-003"),
        ({"kind": "box", "box_px": [1, 2, 3, "4"]}, "E-REC-003"),
        ({"kind": "box", "box_px": [1, 2, 3, True]}, "E-REC-003"),
        ({"kind": "box", "box_px": [1, 2, 3, 10**400]}, "E-REC-010"),
        ({"kind": "box", "box": [1, 2, 3, 4]}, "E-REC-002"),
        ({"kind": "box", "box_px": [1, 2, 3, 4], "score": 1}, "E-REC-002"),
        ({"kind": "points", "points_px": {"x": 1}}, "E-REC-003"),
        ({"kind": "points", "points_px": [[1, 2, 3]]}, "E-REC-003"),
        ({"kind": "yes_no", "value": 1}, "E-REC-003"),
        ({"kind": "circle"}, "E-REC-003"),
        ({}, "E-REC-002"),
        ("yes", "E-REC-002"),
    ],
)
def test_wrong_answers_are_refused(answer: Any, code: str) -> None:
    with pytest.raises(RoboLoopError) as caught:
        record_from_json({"id": "a", "task": "t", "answer": answer})
    assert caught.value.code == code


def _read_or_refuse(value: Any) -> None:
    try:
        record_from_json(value)
    except RoboLoopError as error:
        assert error.code in ("E-REC-002", "E-REC-003", "E-REC-010")

"""`check` finds every planted fault, once, at its place, with any number of workers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.base.files import atomic_write_json
from roboloop.base.geometry import PictureSize, Point
from roboloop.base.hashing import hash_bytes
from roboloop.base.pictures import encode_png
from roboloop.records import (
    ArchivePicture,
    Box,
    FilePicture,
    Media,
    Points,
    Record,
    Text,
)
from roboloop.records.answers import Answer
from roboloop.records.check import CheckReport, check_records
from roboloop.records.jsonl import write_json_line
from roboloop.records.record import record_to_json
from roboloop.records.shard_files import ShardWriter

SIZE = PictureSize(32, 18)


def medium(name: str, *, size: PictureSize | None = SIZE) -> Media:
    return FilePicture(path=f"m:{name}", size=size)


def record(
    name: str,
    *,
    picture: Media,
    answer: Box | Points | None = None,
    rejected: Answer | None = None,
) -> Record:
    return Record(id=name, task="contact_box", media=(picture,), answer=answer, rejected=rejected)


PLANTED: list[tuple[Record, list[str]]] = [
    (record("fine", picture=medium("a.png"), answer=Box(0, 0, 32, 18)), []),
    (record("missing", picture=medium("none.png")), ["E-MED-001"]),
    (record("empty", picture=medium("empty.jpg")), ["E-MED-002"]),
    (record("cut", picture=medium("cut.png")), ["E-MED-003"]),
    (record("resized", picture=medium("a.png", size=PictureSize(64, 36))), ["E-MED-004"]),
    (record("outside", picture=medium("../a.png")), ["E-MED-005"]),
    (
        record("no member", picture=ArchivePicture(archive="m:cut.png", member="a")),
        ["E-MED-008"],
    ),
    (record("beyond", picture=medium("a.png"), answer=Box(1, 1, 33, 4)), ["E-REC-011"]),
    (
        record("beyond unstated", picture=medium("a.png", size=None), answer=Box(1, 1, 33, 4)),
        ["E-REC-011"],
    ),
    (
        record("worse beyond", picture=medium("a.png", size=None), rejected=Box(1, 1, 33, 4)),
        ["E-REC-011"],
    ),
    (record("worse words", picture=medium("a.png"), rejected=Text("[1, 1, 33, 4]")), []),
    (
        record("same", picture=medium("a.png"), answer=Box(1, 2, 3, 4), rejected=Box(1, 2, 3, 4)),
        ["E-REC-016"],
    ),
    (record("inside out", picture=medium("a.png"), answer=Box(9, 1, 3, 4)), ["E-REC-012"]),
    (
        record("two", picture=medium("none.png"), answer=Points((Point(-1, 0),))),
        ["E-REC-011", "E-MED-001"],
    ),
    (record("fine", picture=medium("a.png")), ["E-REC-004"]),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    media = tmp_path / "media"
    media.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (18, 32, 3), dtype=np.uint8)
    data = encode_png(Image.fromarray(pixels))
    (media / "a.png").write_bytes(data)
    (media / "cut.png").write_bytes(data[:-40])
    (media / "empty.jpg").touch()
    lines = [write_json_line(record_to_json(planted)) for planted, _ in PLANTED]
    (tmp_path / "train.jsonl").write_bytes(b"".join(lines) + b'{"id": NaN}\n{"id": "last", "ta')
    atomic_write_json(tmp_path / "media_roots.json", value={"m": "media"})
    return tmp_path


def placed(report: CheckReport) -> list[tuple[int | None, str]]:
    return [(finding.line, finding.code) for finding in report.findings]


EXPECTED = [(line, code) for line, (_, codes) in enumerate(PLANTED, start=1) for code in codes] + [
    (len(PLANTED) + 1, "E-REC-010"),
    (len(PLANTED) + 2, "E-REC-014"),
]


@pytest.mark.parametrize("num_workers", [1, 4])
def test_every_planted_fault_is_found_at_its_place(folder: Path, num_workers: int) -> None:
    report = check_records([folder], num_workers=num_workers)
    assert placed(report) == EXPECTED
    assert report.num_records == len(PLANTED) - 1
    assert report.num_media == 6
    assert sum(report.by_code.values()) == len(EXPECTED)


def test_finding_says_where_what_and_what_to_do(folder: Path) -> None:
    report = check_records([folder / "train.jsonl"])
    finding = next(finding for finding in report.findings if finding.code == "E-MED-004")
    assert finding.record_id == "resized" and finding.medium == "m:a.png"
    assert "32x18" in finding.cause and "64x36" in finding.cause and finding.remedy
    assert f"{folder / 'train.jsonl'}:5" in str(finding)
    assert report.to_json()["findings"][0]["code"] == "E-MED-001"


def test_pictures_can_be_left_out(folder: Path) -> None:
    report = check_records([folder], media=False)
    expected = [(line, code) for line, code in EXPECTED if not code.startswith("E-MED")]
    assert placed(report) == [item for item in expected if item[0] not in (9, 10)]
    assert report.num_media == 0


def test_good_folder_has_no_findings(folder: Path) -> None:
    (folder / "train.jsonl").unlink()
    with ShardWriter(folder, split="train", format="parquet") as writer:
        for number in range(50):
            writer.add(Record(id=str(number), task="vqa", media=(medium("a.png"),)))
    report = check_records([folder])
    assert (report.findings, report.num_records, report.num_media) == ((), 50, 1)


def test_shard_that_was_changed_is_found_and_still_checked(folder: Path) -> None:
    (folder / "train.jsonl").unlink()
    with ShardWriter(folder, split="train") as writer:
        writer.add(Record(id="a", task="vqa", media=(medium("none.png"),), answer=Text("yes")))
    shard = folder / "train-00000.jsonl"
    shard.write_bytes(shard.read_bytes().replace(b"yes", b"no"))
    assert placed(check_records([folder])) == [(None, "E-REC-015"), (1, "E-MED-001")]


def test_nothing_to_check_is_said(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text("[]")
    for path, code in [(tmp_path / "none", "E-DAT-001"), (tmp_path / "data.json", "E-DAT-002")]:
        with pytest.raises(RoboLoopError) as caught:
            check_records([path])
        assert caught.value.code == code


@pytest.mark.parametrize("num_workers", [1, 3])
def test_picture_replaced_by_another_of_its_size_is_noticed(folder: Path, num_workers: int) -> None:
    data = (folder / "media" / "a.png").read_bytes()
    now = FilePicture(path="m:a.png", size=SIZE, content_hash=hash_bytes(data))
    before = FilePicture(path="m:a.png", size=SIZE, content_hash=hash_bytes(b"another"))
    records = [
        record("now", picture=now),
        record("before", picture=before),
        record("unsaid", picture=medium("a.png")),
    ]
    file = folder / "hashed.jsonl"
    file.write_bytes(b"".join(write_json_line(record_to_json(each)) for each in records))
    report = check_records([file], num_workers=num_workers)
    (finding,) = report.findings
    assert (finding.code, finding.record_id, finding.medium) == ("E-MED-009", "before", "m:a.png")
    assert hash_bytes(data)[:12] in finding.cause and hash_bytes(b"another")[:12] in finding.cause
    assert report.num_media == 1

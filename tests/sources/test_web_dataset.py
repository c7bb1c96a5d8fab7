"""webdataset: tar shards, read in place."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from roboloop.base.pictures import encode_png
from roboloop.records import ArchivePicture, Choice, Record, Text, Turn
from roboloop.records.media_open import MediaStore
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.web_dataset import WebDatasetSource, samples


def picture(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def write(file: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(file, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def split_up(source: WebDatasetSource) -> tuple[list[Record], list[Rejected]]:
    items = list(source.read(SourceContext(Path("made"), 0)))
    return (
        [item for item in items if isinstance(item, Record)],
        [item for item in items if isinstance(item, Rejected)],
    )


def test_samples_with_json_a_text_or_a_class(tmp_path: Path) -> None:
    png = [encode_png(picture(seed)) for seed in range(6)]
    talk = [{"from": "human", "value": "<image>Q"}, {"from": "gpt", "value": "A"}]
    asked = {"question": "Which?", "options": ["x", "y"], "answer": "B", "id": "own"}
    write(
        tmp_path / "set-val-000.tar",
        {
            "./in/0001.png": png[0], "./in/0001.json": json.dumps(asked).encode(),
            "0002.json": json.dumps({"conversations": talk}).encode(), "0002.jpg": png[1],
            "0003.png": png[2], "0003.txt": b"a cup\n",
            "0004.left.png": png[3], "0004.right.png": png[4], "0004.cls": b"1",
            "README": b"no sample",
        },
    )  # fmt: skip
    source = WebDatasetSource(path=tmp_path, ask="What is it?", class_names=("cat", "dog"))
    records, rejected = split_up(source)
    assert not rejected
    assert [record.id for record in records] == [
        "own", "set-val-000/0002", "set-val-000/0003", "set-val-000/0004"]  # fmt: skip
    assert [record.answer for record in records] == [
        Choice("B", ("x", "y")), Text("A"), Text("a cup"), Text("dog")]  # fmt: skip
    assert records[1].turns == (Turn("user", "<image>Q"),)
    assert {record.split for record in records} == {"val"}
    assert records[0].origin == "set-val-000.tar!in/0001"
    store = MediaStore(source.media_roots())
    media = [media for record in records for media in record.media]
    assert [isinstance(one, ArchivePicture) and one.size for one in media] == [(60, 40)] * 5
    for one, seed in zip(media, range(5), strict=True):
        assert np.array_equal(store.open(one), picture(seed))


def test_bad_samples_and_a_cut_shard(tmp_path: Path) -> None:
    png, good = encode_png(picture(0)), b'{"question": "q", "answer": "a"}'
    members = {
        "a.png": png, "a.json": good,
        "b.png": png[:200], "b.json": good,
        "c.png": b"", "c.json": good,
        "d.png": png, "d.json": b'{"question": NaN}',
        "e.png": png, "e.json": b"[1]",
        "f.png": png, "f.json": b'{"question": "\xff"}',
        "g.png": png, "g.txt": b"a cup",
    }  # fmt: skip
    write(tmp_path / "b.tar", members)
    (tmp_path / "a-cut.tar").write_bytes((tmp_path / "b.tar").read_bytes()[:1500])
    (tmp_path / "c.tar").write_bytes(b"\x1f\x8b not a plain tar")
    records, rejected = split_up(WebDatasetSource(path=tmp_path))
    assert [record.id for record in records] == ["b/a"]
    assert [item.error.code for item in rejected] == [
        "E-MED-008", "E-MED-003", "E-MED-002", "E-REC-010", "E-DAT-004", "E-REC-001", "E-DAT-004",
        "E-MED-008"]  # fmt: skip
    assert rejected[1].record_id == "b/b"


def test_members_that_follow_one_another_make_a_sample() -> None:
    members = ("a.jpg", "a.json", "x/a.jpg", "x/a.seg.png", "noending", "__meta__.json", ".hidden")
    assert [(sample.key, list(sample.members)) for sample in samples(members)] == [
        ("a", ["jpg", "json"]), ("x/a", ["jpg", "seg.png"])]  # fmt: skip

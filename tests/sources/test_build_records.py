"""Entries in = records + ledger lines; a killed build goes on and ends in the same bytes."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.records import Box, FilePicture, Record, Text
from roboloop.records.shard_files import ShardWriter
from roboloop.records.shards import RecordFolder
from roboloop.runs.ledger import Ledger, LedgerLine, read_ledger
from roboloop.runs.parts import BuildCounts
from roboloop.sources.base import Rejected, Source, SourceContext
from roboloop.sources.build import build_records
from roboloop.sources.record_files import RecordFilesSource

Item = Record | Rejected
SIZE = PictureSize(32, 18)


class Listed(Source):
    """A source that yields what it is given, and notes each time it is read."""

    kind: str = "listed"
    name: str = "listed"
    items: tuple[Any, ...] = ()
    roots: dict[str, Path] = Field(default_factory=dict)
    reads: list[str] = Field(default_factory=list)
    dies_at: int | None = None

    def media_roots(self) -> Mapping[str, Path]:
        return self.roots

    def read(self, context: SourceContext) -> Iterator[Item]:
        self.reads.append(self.name)
        for number, item in enumerate(self.items):
            if number == self.dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            yield item

    def fingerprint(self) -> str:
        return f"{self.name}-{len(self.items)}"


def said(record_id: str, **more: Any) -> Record:
    return Record(id=record_id, task="vqa", answer=Text("x"), origin=f"{record_id}.json:1", **more)


def boxed(record_id: str, box: Box, *, size: PictureSize | None = SIZE) -> Record:
    media = (FilePicture(path="m:a.png", size=size),)
    return replace(said(record_id), task="contact_box", media=media, answer=box)


REJECTED = Rejected(RoboLoopError("E-MED-001", "gone", place=Place("set.json", 7)), "lost")

BAD: list[tuple[Item, str]] = [
    (REJECTED, "E-MED-001"),
    (boxed("nan", Box(float("nan"), 0, 1, 1)), "E-REC-010"),
    (boxed("outside", Box(0, 0, 33, 1)), "E-REC-011"),
    (boxed("inside out", Box(5, 0, 1, 1)), "E-REC-012"),
    (boxed("sizeless", Box(0, 0, 1, 1), size=None), "E-REC-013"),
    (replace(said("kind"), answer=Box(0, 0, 1, 1)), "E-REC-013"),
    (replace(said("task"), task="dance"), "E-CFG-006"),
    (said("split", split="../x"), "E-REC-003"),
    (said("meta", meta={"x": float("inf")}), "E-REC-010"),
    (said("half", meta={"x": "\ud800"}), "E-REC-003"),
    (said("r1"), "E-REC-004"),
]


def build(
    tmp_path: Path, sources: list[Source], **options: Any
) -> tuple[BuildCounts, list[LedgerLine]]:
    context = SourceContext(tmp_path / "made", 0)
    with Ledger(tmp_path / "ledger.jsonl", stage="data") as ledger:
        counts = build_records(
            sources, out=tmp_path / "records", context=context, ledger=ledger, **options
        )
    return counts, list(read_ledger(tmp_path / "ledger.jsonl"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(("bad", "code"), BAD, ids=lambda value: str(value)[:30])
def test_bad_entry_ends_in_the_ledger(tmp_path: Path, bad: Item, code: str) -> None:
    source = Listed(items=(said("r1"), bad, said("r2", split="val")))
    counts, (line,) = build(tmp_path, [source])
    assert counts == BuildCounts(3, 2, 1, {"train": 1, "val": 1}, {code: 1})
    assert (line.stage, line.source, line.code) == ("data", "listed", code)
    if isinstance(bad, Record):
        assert (line.record_id, line.place) == (bad.id, bad.origin)
    else:
        assert (line.record_id, line.place) == ("lost", "set.json:7")
    assert [record.id for record in RecordFolder(tmp_path / "records").records()] == ["r1", "r2"]
    with pytest.raises(RoboLoopError) as caught:
        build(tmp_path / "strict", [source], strict=True)
    assert caught.value.code == code


def test_one_id_in_two_sources_names_the_first_place(tmp_path: Path) -> None:
    sources: list[Source] = [
        Listed(name="a", items=(said("r1"),)),
        Listed(name="b", items=(replace(said("r1"), origin="b.json:9"), said("r2"))),
    ]
    _, (line,) = build(tmp_path, sources)
    assert (line.code, line.source, line.place) == ("E-REC-004", "b", "b.json:9")
    assert "r1.json:1" in line.detail


def test_refused_record_does_not_take_its_id(tmp_path: Path) -> None:
    counts, _ = build(tmp_path, [Listed(items=(replace(said("r"), task="dance"), said("r")))])
    assert (counts.num_records, counts.by_code) == (1, {"E-CFG-006": 1})


def many(name: str, *, num: int = 25, **options: Any) -> Listed:
    items: list[Item] = []
    for number in range(num):
        items.append(said(f"{name}{number}", split="val" if number % 5 == 0 else "train"))
        if number % 10 == 3:
            items.append(REJECTED)
    return Listed(name=name, items=tuple(items), reads=[], **options)


def test_shards_are_bounded_and_formats_and_sizes_hold_the_same_records(tmp_path: Path) -> None:
    found = []
    for number, options in enumerate(
        [{}, {"max_shard_records": 4}, {"format": "parquet", "max_shard_records": 7}]
    ):
        counts, lines = build(tmp_path / str(number), [many("a"), many("b")], **options)
        folder = RecordFolder(tmp_path / str(number) / "records")
        assert folder.counts == counts.by_split == {"train": 40, "val": 10}
        assert counts.num_entries == 56 and len(lines) == counts.num_dropped == 6
        assert all(
            mark.num_records <= options.get("max_shard_records", 99) for mark in folder.marks
        )
        found.append([record for split in folder.splits for record in folder.records(split)])
    assert found[0] == found[1] == found[2]


def _build_and_die(tmp_path: Path, dies_at: int) -> None:
    sources: list[Source] = [many("a"), many("b", dies_at=dies_at), many("c")]
    build(tmp_path, sources, max_shard_records=4)


@pytest.mark.parametrize("dies_at", [0, 13, 27])
def test_killed_build_goes_on_and_gives_the_same_bytes(tmp_path: Path, dies_at: int) -> None:
    expected, lines = build(
        tmp_path / "whole", [many("a"), many("b"), many("c")], max_shard_records=4
    )
    killed = multiprocessing.get_context("fork").Process(
        target=_build_and_die, args=(tmp_path / "killed", dies_at)
    )
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    with pytest.raises(RoboLoopError, match="did not end"):
        RecordFolder(tmp_path / "killed" / "records")
    sources: list[Source] = [many("a"), many("b"), many("c")]
    counts, again = build(tmp_path / "killed", sources, max_shard_records=4)
    assert (counts, again) == (expected, lines)
    assert [source.reads for source in sources if isinstance(source, Listed)] == [[], ["b"], ["c"]]
    ours, theirs = (contents(tmp_path / name / "records") for name in ("killed", "whole"))
    assert ours == theirs


def test_changed_source_is_read_again_with_all_after_it(tmp_path: Path) -> None:
    build(tmp_path, [many("a"), many("b"), many("c")])
    sources = [many("a"), many("b", num=5), many("c")]
    build(tmp_path, list(sources))
    assert [source.reads for source in sources] == [[], ["b"], ["c"]]
    fresh, _ = build(tmp_path / "fresh", [many("a"), many("b", num=5), many("c")])
    assert RecordFolder(tmp_path / "records").counts == fresh.by_split
    ours, theirs = (contents(tmp_path / name) for name in ("records", "fresh/records"))
    assert ours == theirs


def test_shards_of_a_source_that_is_gone_are_removed(tmp_path: Path) -> None:
    build(tmp_path, [many("a"), many("b")], max_shard_records=4)
    build(tmp_path, [many("a", num=3)], max_shard_records=4)
    names = {path.name for path in (tmp_path / "records").glob("*.jsonl")}
    assert names == {path.name for path in RecordFolder(tmp_path / "records").shards()}


def test_damaged_shard_is_made_again(tmp_path: Path) -> None:
    build(tmp_path, [many("a"), many("b")])
    before = contents(tmp_path / "records")
    shard = tmp_path / "records" / "train-00000.jsonl"
    shard.write_bytes(shard.read_bytes()[:-9])
    sources = [many("a"), many("b")]
    build(tmp_path, list(sources))
    assert contents(tmp_path / "records") == before
    assert [source.reads for source in sources] == [["a"], []]


def test_source_without_a_record_stops_with_the_reason(tmp_path: Path) -> None:
    for items, says in [((), "no entry"), ((REJECTED, REJECTED), "all 2 entries.*E-MED-001")]:
        with pytest.raises(RoboLoopError, match=says) as caught:
            build(tmp_path, [Listed(items=items)])
        assert caught.value.code == "E-DAT-003"


def test_one_root_name_for_two_folders_is_refused(tmp_path: Path) -> None:
    first = Listed(items=(said("a"),), roots={"m": tmp_path / "x"})
    second = Listed(items=(said("b"),), roots={"m": tmp_path / "y"})
    with pytest.raises(RoboLoopError, match="another `name`") as caught:
        build(tmp_path, [first, second])
    assert caught.value.code == "E-CFG-003"
    build(tmp_path, [first, Listed(items=(said("b"),), roots={"m": tmp_path / "z" / ".." / "x"})])
    roots = RecordFolder(tmp_path / "records").media_roots
    assert roots == {"m": tmp_path / "x", "made": tmp_path / "made"}


def test_loss_of_a_record_by_our_own_fault_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_add = ShardWriter.add_line

    def forgetful_add(self: ShardWriter, line: bytes) -> None:
        if b'"id":"a7"' not in line:
            real_add(self, line)

    monkeypatch.setattr(ShardWriter, "add_line", forgetful_add)
    with pytest.raises(RoboLoopError, match="num_records=24") as caught:
        build(tmp_path, [many("a")])
    assert caught.value.code == "E-RUN-003"
    with pytest.raises(RoboLoopError, match="did not end"):
        RecordFolder(tmp_path / "records")


# --- the `records` source -------------------------------------------------------------------------


def test_records_of_one_run_are_a_source_of_the_next(tmp_path: Path) -> None:
    made = FilePicture(path="made:p.png", size=PictureSize(32, 18))
    own = FilePicture(path="m:a.png", size=PictureSize(32, 18))
    items = (said("r1", media=(made, own)), said("r2", split="val"))
    build(tmp_path / "one", [Listed(items=items, roots={"m": tmp_path / "pictures"})])
    source = RecordFilesSource(path=tmp_path / "one" / "records")
    build(tmp_path / "two", [source])
    folder = RecordFolder(tmp_path / "two" / "records")
    first, second = folder.records()
    assert (first.id, second.id, second.split) == ("r1", "r2", "val")
    assert first.media[1] == own
    store = folder.media_store()
    located = [store.locate(picture.path) for picture in (first.media[0], own)]  # type: ignore[union-attr]
    assert located == [tmp_path / "one" / "made" / "p.png", tmp_path / "pictures" / "a.png"]


def test_record_files_of_your_own_need_no_mark(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(
        '{"id": "a", "task": "vqa", "split": "val"}\n{"id": "b"}\n{"id": "c", "task": "vqa"}\n'
    )
    source = RecordFilesSource(path=path, roots={"m": tmp_path})
    counts, (line,) = build(tmp_path / "run", [source])
    assert (counts.by_split, line.code, line.record_id) == (
        {"train": 1, "val": 1},
        "E-REC-002",
        "b",
    )
    assert line.place == f"{path}:2"
    origins = [record.origin for record in RecordFolder(tmp_path / "run/records").records()]
    assert sorted(origins) == ["mine.jsonl:1", "mine.jsonl:3"]
    only = RecordFilesSource(path=path, splits=("val",), limit=1)
    assert only.fingerprint() != source.fingerprint()
    counts, _ = build(tmp_path / "val", [only])
    assert counts.by_split == {"val": 1}


def test_changed_shard_is_no_source(tmp_path: Path) -> None:
    build(tmp_path / "one", [many("a")])
    shard = tmp_path / "one" / "records" / "train-00000.jsonl"
    shard.write_text(shard.read_text().replace('"x"', '"y"', 1))
    with pytest.raises(RoboLoopError, match=r"train-00000\.jsonl") as caught:
        build(tmp_path / "two", [RecordFilesSource(path=tmp_path / "one" / "records")])
    assert caught.value.code == "E-REC-015"


def test_media_roots_file_of_the_build_is_plain_json(tmp_path: Path) -> None:
    build(tmp_path, [many("a")])
    table = json.loads((tmp_path / "records" / "media_roots.json").read_text())
    assert table == {"made": "../made"}

"""Kept lengths: found again by other runs, whole after a kill, and never those of another row."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roboloop.base.hashing import hash_value
from roboloop.dialects import Dialect
from roboloop.models.backbone import Backbone
from roboloop.models.chat import Encoder
from roboloop.records.record import Record
from roboloop.records.shards import RecordFolder
from roboloop.train.config import SftConfig
from roboloop.train.examples import Visit, load_records
from roboloop.train.record_batches import PackedBatches
from roboloop.train.record_rows import RecordRows, ViewCache
from roboloop.train.refused import Refused
from roboloop.train.row_lengths import MOST_FILES, MOST_NEW, RowLengths, VisitKeys

Phase = Callable[..., SftConfig]

WRITER = """
import sys
from pathlib import Path
from roboloop.base.hashing import hash_value
from roboloop.train.row_lengths import RowLengths
lengths, first = RowLengths(Path(sys.argv[1])), int(sys.argv[2])
for number in range(first, 10**9):
    lengths.add(hash_value(number), length=number)
    if number == first + 20_000:
        print("on its way", flush=True)
"""


def keys(num: int) -> list[str]:
    return [hash_value(number) for number in range(num)]


def test_another_run_finds_what_was_saved(tmp_path: Path) -> None:
    first = RowLengths(tmp_path / "lengths")
    assert first.get(keys(1)[0]) is None
    for length, key in enumerate(keys(300)):
        first.add(key, length=length)
    assert RowLengths(tmp_path / "lengths").get(keys(3)[2]) is None  # not saved yet
    first.save()
    for run in (first, RowLengths(tmp_path / "lengths")):
        assert [run.get(key) for key in keys(300)] == list(range(300))
        assert run.get(hash_value("another")) is None


def test_many_files_become_one_and_nothing_is_lost(tmp_path: Path) -> None:
    num = 5 * (MOST_FILES + 3)
    for start in range(0, num, 5):
        run = RowLengths(tmp_path)
        for length in range(start, start + 5):
            run.add(keys(num)[length], length=length)
            run.add(keys(1)[0], length=0)  # again in each
        run.save()
    assert len(list(tmp_path.glob("*.npy"))) <= MOST_FILES + 1
    assert [RowLengths(tmp_path).get(key) for key in keys(num)] == list(range(num))


def test_a_damaged_file_is_as_good_as_none(tmp_path: Path) -> None:
    run = RowLengths(tmp_path)
    run.add(keys(1)[0], length=7)
    run.save()
    (tmp_path / "cut.npy").write_bytes(next(tmp_path.glob("*.npy")).read_bytes()[:40])
    np.save(tmp_path / "other.npy", np.zeros(3))
    assert RowLengths(tmp_path).get(keys(1)[0]) == 7


def test_two_runs_write_and_are_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    starts = (0, 5_000_000)
    runs = [
        subprocess.Popen([*command, str(start)], stdout=subprocess.PIPE, env=os.environ)
        for start in starts
    ]
    for run in runs:
        assert run.stdout is not None and run.stdout.readline() == b"on its way\n"
    for run in runs:
        run.send_signal(signal.SIGKILL)
        run.communicate()
    found = RowLengths(tmp_path)
    for start in starts:
        for number in range(start, start + 20_000 - MOST_NEW, 997):
            assert found.get(hash_value(number)) == number


@pytest.fixture
def encoder(backbone: Backbone, dialect: Dialect) -> Encoder:
    return Encoder(backbone.parts, dialect=dialect)


def test_a_key_names_all_that_a_length_follows_from(
    encoder: Encoder, phase: Phase, records: list[Record], dialect: Any
) -> None:
    record, visit = records[0], Visit(0, 0)

    def key(
        *, encoder: Encoder = encoder, seed: int = 0, record: Record = record,
        visit: Visit = visit, **options: Any,
    ) -> str:  # fmt: skip
        return VisitKeys(encoder, config=phase(**options), seed=seed).key(record, visit=visit)

    smaller = Encoder(encoder.parts, dialect=replace(dialect, max_pixels=50 * 256))
    other = Encoder(encoder.parts, dialect=dialect, system="Be brief.")
    changed = replace(record, inputs={"object": "blue block"})
    found = [
        key(),
        key(seed=1),
        key(visit=Visit(0, 1)),
        key(record=changed),
        key(encoder=smaller),
        key(encoder=other),
        key(max_tokens=99),
        key(languages=["zh"]),
    ]
    assert len(set(found)) == len(found)
    assert key(visit=Visit(5, 0)) == key(learning_rate=1.0) == key()
    assert key(seed=1, visit=Visit(0, 3), reword=False) == key(reword=False) != key()


def test_rows_of_others_are_not_written_again(
    record_folder: Path, encoder: Encoder, phase: Phase, tmp_path: Path
) -> None:
    """And all processes share out as without."""
    batching = {"kind": "packed", "records_per_step": 12, "tokens_per_pack": 400}
    config = phase(batching=batching, max_tokens=400, pictures_per_step=8, questions_per_picture=4)
    folder = RecordFolder(record_folder)
    written: list[str] = []

    class Watched(RecordRows):
        def outline(self, visit: Visit) -> Any:
            written.append(self.records[visit.group].id)
            return super().outline(visit)

    def share(rank: int, *, lengths: RowLengths | None) -> list[tuple[str, ...]]:
        written.clear()
        pixels = encoder.parts.pixels
        pictures = ViewCache(folder.media_store(), pixels=pixels, most_bytes=50_000)
        rows = Watched(
            load_records(folder, config=config), encoder=encoder, pictures=pictures,
            config=config, seed=0, lengths=lengths,
        )  # fmt: skip
        made = PackedBatches(
            rows, parts=encoder.parts, config=config, seed=0, refused=Refused(None, stage="test")
        )
        return [micro.record_ids for micro in made.micro_batches(1, rank=rank, num_ranks=3)]

    wanted = [share(rank, lengths=None) for rank in range(3)]
    first = RowLengths(tmp_path)
    assert share(0, lengths=first) == wanted[0] and len(written) == 12
    first.save()
    for rank in range(3):
        assert share(rank, lengths=RowLengths(tmp_path)) == wanted[rank]
        assert sorted(written) == sorted(name for ids in wanted[rank] for name in ids)

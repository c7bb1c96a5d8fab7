"""Several processes read the parts of a data set: the same bytes as one process gives."""

from __future__ import annotations

import multiprocessing
import signal
from pathlib import Path
from typing import Any

import pytest
from parted import NUM_PER_PART, PartedSource, build, build_and_be_killed
from pydantic import ValidationError

from roboloop.base.errors import RoboLoopError
from roboloop.records import Record, Text
from roboloop.records.shards import RecordFolder
from roboloop.runs.ledger import Ledger, read_ledger
from roboloop.sources import parallel
from roboloop.sources.base import SourceContext
from roboloop.sources.build import build_records, source_print


def source(folder: Path, **options: Any) -> PartedSource:
    return PartedSource(path=folder, **options)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".tmp")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"limit": 17},
        {"num_parts": 1},
        {"num_parts": 2},
        {"rate": 0.5},
        {"rate": 0.5, "limit": 9},
    ],
)
def test_any_number_of_workers_gives_the_same_bytes(
    tmp_path: Path, options: dict[str, float]
) -> None:
    found = []
    for num_workers in (1, 2, 3):
        folder = tmp_path / str(num_workers)
        counts = build(folder, source(tmp_path, **options), num_workers=num_workers)
        found.append((counts, contents(folder)))
    assert found[0] == found[1] == found[2]
    counts = found[0][0]
    if not options:
        assert counts.num_entries == 63
        assert counts.by_code == {"E-MED-001": 7, "E-REC-004": 6, "E-REC-010": 7}
    if options == {"limit": 17}:  # a record that is left out later counts, as it did for the source
        assert counts.num_records + counts.num_dropped == 17 + 2


def test_a_rate_draws_each_record_by_its_id(tmp_path: Path) -> None:
    ids: dict[float, list[str]] = {}
    for rate in (1.0, 0.6, 0.2):
        build(tmp_path / str(rate), source(tmp_path, num_parts=60, rate=rate), num_workers=1)
        folder = RecordFolder(tmp_path / str(rate) / "records")
        ids[rate] = [each.id for split in folder.splits for each in folder.records(split)]
    assert set(ids[0.2]) < set(ids[0.6]) < set(ids[1.0])
    for rate in (0.6, 0.2):  # five standard deviations
        share = len(ids[rate]) / len(ids[1.0])
        assert abs(share - rate) < 5 * (rate * (1 - rate) / len(ids[1.0])) ** 0.5


def test_a_rate_leaves_no_refusal_out_and_comes_before_the_limit(tmp_path: Path) -> None:
    given = source(tmp_path, num_parts=20, rate=0.5, limit=30)
    items = list(given.read(SourceContext(tmp_path, 0)))
    records = [item for item in items if isinstance(item, Record)]
    last = int(records[-1].origin.partition(".")[0])
    assert len(records) == 30 and last > 30 / NUM_PER_PART
    assert len(items) - len(records) in (last, last + 1)  # one in each part


def test_a_rate_that_draws_nothing_is_named(tmp_path: Path) -> None:
    class Clean(PartedSource):
        def _entry(self, part: int, number: int) -> Record:
            return Record(id=f"{part}-{number}", task="vqa", answer=Text("x"))

    given = Clean(path=tmp_path, num_parts=1, rate=1e-9)
    with pytest.raises(RoboLoopError, match=r"E-DAT-003 .*rate of 1e-09 draws none"):
        build(tmp_path / "out", given, num_workers=1)


@pytest.mark.parametrize("rate", [0, -0.1, 1.01, float("nan")])
def test_rates_that_there_are_not(tmp_path: Path, rate: float) -> None:
    with pytest.raises(ValidationError, match="rate"):
        source(tmp_path, rate=rate)


def test_build_killed_amid_its_workers_goes_on(tmp_path: Path) -> None:
    whole = build(tmp_path / "whole", source(tmp_path), num_workers=2)
    process = multiprocessing.get_context("spawn").Process(
        target=build_and_be_killed, args=(tmp_path,)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with pytest.raises(RoboLoopError, match="did not end"):
        RecordFolder(tmp_path / "killed" / "records")
    assert build(tmp_path / "killed", source(tmp_path), num_workers=2) == whole
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_death_of_a_worker_names_its_part(tmp_path: Path) -> None:
    with pytest.raises(RoboLoopError, match="SIGKILL over part 3: 3") as caught:
        build(tmp_path, source(tmp_path, killed_over=3), num_workers=2)
    assert caught.value.code == "E-RUN-005"


def test_mistake_in_the_code_of_a_source_shows_part_and_traceback(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)over part 2:.*KeyError: 'no key in 2'"):
        build(tmp_path, source(tmp_path, fails_over=2), num_workers=2)


@pytest.mark.parametrize("num_workers", [1, 2])
def test_file_that_ends_too_early_stops_the_build(tmp_path: Path, num_workers: int) -> None:
    with pytest.raises(RoboLoopError, match="cut off") as caught:
        build(tmp_path, source(tmp_path, ends_in=2), num_workers=num_workers)
    assert (caught.value.code, caught.value.place.line) == ("E-REC-001", 2)


@pytest.mark.parametrize("num_workers", [1, 2])
def test_strict_stops_at_the_first_entry_left_out(tmp_path: Path, num_workers: int) -> None:
    with pytest.raises(RoboLoopError) as caught:
        build(tmp_path, source(tmp_path), num_workers=num_workers, strict=True)
    assert (caught.value.code, caught.value.place.record_id) == ("E-MED-001", "0-2")


def test_workers_do_not_run_far_ahead(tmp_path: Path) -> None:
    listed: list[int] = []

    team = parallel._Team(
        source(tmp_path), name="x", context=SourceContext(tmp_path, 0), num_workers=2
    )
    with team:
        items = team.items(part for part in range(100) if listed.append(part) is None)
        next(items)
        assert len(listed) <= 1 + parallel.PARTS_AHEAD_PER_WORKER * 2


def test_an_optional_source_that_is_not_there_is_a_line_of_the_ledger(tmp_path: Path) -> None:
    absent = source(tmp_path / "nowhere", name="other", optional=True)
    given = [source(tmp_path), absent]
    with Ledger(tmp_path / "ledger.jsonl", stage="data") as ledger:
        counts = build_records(
            given, out=tmp_path / "records", ledger=ledger,
            context=SourceContext(made_folder=tmp_path / "made", seed=0),
        )  # fmt: skip
    alone = build(tmp_path / "alone", given[0], num_workers=1)
    assert counts.num_records == alone.num_records
    assert counts.num_dropped == alone.num_dropped + 1
    *_, line = read_ledger(tmp_path / "ledger.jsonl")
    assert (line.code, line.source) == ("E-DAT-001", "other") and "nowhere" in line.detail
    assert source_print(absent) != source_print(given[0])

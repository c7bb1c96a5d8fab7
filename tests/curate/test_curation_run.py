"""Facts, operators, verdicts, kept records: nothing vanishes, whoever does the work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_records import record

from roboloop.curate import OPERATORS
from roboloop.curate.base import Operator, Pairs, Reasons, keep_best
from roboloop.curate.config import CurateConfig
from roboloop.curate.exact import ExactDuplicates
from roboloop.curate.outcome import VERDICTS_FILE, CurateCounts, curate
from roboloop.records.answers import Box
from roboloop.records.record import Record
from roboloop.records.shards import RecordFolder
from roboloop.runs.ledger import Ledger, read_ledger

Write = Callable[..., Path]


def run(
    folder: Path,
    out: Path,
    *,
    num_workers: int = 1,
    store: Path | None = None,
    operators: Sequence[Operator] = (ExactDuplicates(),),
) -> CurateCounts:
    return run_operators(operators, folder, out, num_workers=num_workers, store=store)


def run_operators(
    operators: Sequence[Operator],
    folder: Path,
    out: Path,
    *,
    num_workers: int = 1,
    store: Path | None = None,
) -> CurateCounts:
    config = CurateConfig.model_validate(
        {"engine": {"kind": "inline", "num_workers": num_workers}, "operators": list(operators)}
    )
    with Ledger(out / "ledger.jsonl", stage="curate") as ledger:
        return curate(
            config, records=folder, store=store or out / "store", out=out, ledger=ledger, seed=1
        )


def with_repeats() -> list[Record]:
    return [
        record("a"),
        record("b", answer=Box(10, 20, 60, 81)),
        record("a-again"),
        record("a-elsewhere", picture="b.jpg"),
        record("a-third", instruction="Pick  the CUP"),
    ]


def test_the_first_of_equal_records_stays(write_records: Write, tmp_path: Path) -> None:
    folder = write_records(with_repeats(), max_records=2)
    out = tmp_path / "out"
    assert run(folder, out) == (5, 3, 2, {"exact": 2})
    kept = [found.id for found in RecordFolder(out / "records").records()]
    assert kept == ["a", "b", "a-elsewhere"]
    lines = {line.record_id: line for line in read_ledger(out / "ledger.jsonl")}
    assert set(lines) == {"a-again", "a-third"}
    assert all("kept instead: 'a'" in line.detail for line in lines.values())
    assert {line.code for line in lines.values()} == {"E-CUR-020"}


def test_any_number_of_workers_gives_the_same_bytes(write_records: Write, tmp_path: Path) -> None:
    records = [*with_repeats(), *(record(f"r{i}", answer=Box(i, 1, 90, 99)) for i in range(60))]
    folder = write_records(records, max_records=7)
    operators: list[Operator] = [
        OPERATORS.resolve(kind).model_validate(options)
        for kind, options in (
            ("exact", {}), ("minhash", {}), ("simhash", {}), ("template_quota", {"quota": 5}),
        )
    ]  # fmt: skip
    run(folder, tmp_path / "one", operators=operators)
    counts = run(folder, tmp_path / "two", num_workers=2, operators=operators)
    assert counts.by_operator.keys() == {"exact", "minhash", "template_quota"}
    for name in ("ledger.jsonl", VERDICTS_FILE, "records/records.done.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_what_was_measured_is_not_measured_again(
    write_records: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_records(with_repeats(), max_records=2)
    store = tmp_path / "store"
    run(folder, tmp_path / "first", store=store)
    gone = next(store.glob("*/exact-*/train-00001.0.arrow"))
    gone.unlink()
    measured: list[int] = []
    sketch = ExactDuplicates.sketch

    def counted(self: ExactDuplicates, batch: Sequence[object], context: object) -> object:
        measured.append(len(batch))
        return sketch(self, batch, context)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(ExactDuplicates, "sketch", counted)
    run(folder, tmp_path / "second", store=store)
    assert measured == [2], "only the shard that was missing"
    first, second = (tmp_path / name / VERDICTS_FILE for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_a_kept_record_is_truly_near_each_it_stands_for() -> None:
    # a - b - c is a chain: a and c are not alike, so both stay when b goes.
    pairs = Pairs(np.array([0, 1]), np.array([1, 2]), np.array([0.9, 0.8]))
    everything = np.ones(3, dtype=np.bool_)
    judged = keep_best(pairs, kept=everything, rank=np.array([2.0, 1.0, 1.5]), threshold=0.7)
    assert judged.drop.tolist() == [False, True, False]
    assert judged.partner[1] == 0
    judged = keep_best(pairs, kept=everything, rank=np.array([1.0, 2.0, 1.0]), threshold=0.7)
    assert judged.drop.tolist() == [True, False, True]
    judged = keep_best(pairs, kept=everything, rank=np.zeros(3), threshold=0.85)
    assert judged.drop.tolist() == [False, True, False]


def test_reasons_are_set_one_or_many_at_once() -> None:
    reasons = Reasons(4)
    reasons[1] = "late"
    reasons[np.array([True, False, False, True])] = "empty"
    reasons[np.array([3])] = "late"
    assert [reasons[record] for record in range(4)] == ["empty", "late", "", "late"]
    assert reasons.to_arrow().to_pylist() == ["empty", "late", "", "late"]
    assert reasons.texts == ["", "late", "empty"]


def test_a_record_that_is_gone_stands_for_nobody() -> None:
    pairs = Pairs(np.array([0]), np.array([1]), np.array([1.0]))
    judged = keep_best(pairs, kept=np.array([False, True]), rank=np.zeros(2), threshold=0.5)
    assert not judged.drop.any()


def test_questions_that_cannot_be_worded_are_not_taken_for_one_another(
    write_records: Write, tmp_path: Path
) -> None:
    unworded = [replace(record(name), inputs={}) for name in ("a", "b", "c")]
    assert run(write_records(unworded), tmp_path / "out").num_kept == 3


def test_operators_that_measure_together_leave_what_each_leaves_alone(
    write_records: Write, tmp_path: Path
) -> None:
    records = [
        record(f"r{number}", instruction=f"pick the {number % 7} red cups: 杯子")
        for number in range(30)
    ]
    folder = write_records(records, max_records=20)
    operators = [
        OPERATORS.resolve(kind)()
        for kind in ("format", "minhash", "simhash", "template_quota", "rubric", "relevance")
    ]
    run_operators(operators, folder, tmp_path / "together")
    for operator in operators:
        run_operators([operator], folder, tmp_path / operator.label, store=tmp_path / "alone")
    together, alone = (
        {path.relative_to(store): path.read_bytes() for path in store.rglob("*.arrow")}
        for store in (tmp_path / "together" / "store", tmp_path / "alone")
    )
    assert len(together) > 2 * len(operators)
    assert together == alone

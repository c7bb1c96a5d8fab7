"""A finished curation, opened again: why a record went, and what another threshold would do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from roboloop.base.errors import Place, RoboLoopError
from roboloop.curate import OPERATORS
from roboloop.curate.base import ArrowTable, Flags, Operator
from roboloop.curate.config import CurateConfig
from roboloop.curate.outcome import VERDICTS_FILE, open_curation
from roboloop.curate.run import Verdicts
from roboloop.curate.store import read_table
from roboloop.pipeline.yaml_places import parse_value
from roboloop.runs.folder import MARK, RunFolder, open_run

NUM_EXAMPLES = 5


class CuratedRun:
    """The newest finished curation of a run.

    Args:
        path: The run's folder.

    Raises:
        RoboLoopError: E-RUN-004 when it is no run folder, or its recipe curates nothing.
    """

    def __init__(self, path: Path) -> None:
        self.run: RunFolder = open_run(path)
        self.mark, self.folder = self._newest()
        settings = self.mark["settings"]
        self.seed: int = settings["seed"]
        self.config = CurateConfig.model_validate(
            {**settings["curate"], "operators": _operators(settings["curate"]["operators"])}
        )

    @cached_property
    def table(self) -> ArrowTable:
        """The verdicts, a row for each record, mapped into memory."""
        return read_table(self.folder / VERDICTS_FILE)

    @cached_property
    def records(self) -> Path:
        """The records as they were before curation."""
        wanted = self.mark["inputs"]["records"]
        for path in sorted(self.run.stages.glob(f"data-*/{MARK}")):
            if json.loads(path.read_text(encoding="utf-8"))["output_hash"] == wanted:
                return path.parent / "records"
        raise RoboLoopError(
            "E-RUN-004",
            "the records before curation are no longer there",
            place=Place(self.run.path),
            fix="Run the recipe again.",
        )

    def row_of(self, record_id: str) -> int | None:
        """The row of a record in `table`, None for an id that is not in it."""
        return find_row(self.table, record_id)

    def judged_with(self, changes: Mapping[str, Any]) -> Verdicts:
        """Verdicts with other options, from the values that are stored: nothing is measured.

        Args:
            changes: `operator.option` -> value.

        Raises:
            RoboLoopError: E-CFG-006 for an unknown operator, E-CFG-003 for an option that changes
                what is measured, or a value that is not valid.
        """
        config = self.config.model_copy(
            update={"operators": changed_operators(self.config.operators, changes=changes)}
        )
        curation = open_curation(
            config, records=self.records, store=self.run.path / "curation", seed=self.seed,
            may_wait=False,
        )  # fmt: skip
        return curation.verdicts()

    def _newest(self) -> tuple[dict[str, Any], Path]:
        marks = sorted(
            self.run.stages.glob(f"curate-*/{MARK}"), key=lambda path: path.stat().st_mtime_ns
        )
        if not marks:
            raise RoboLoopError(
                "E-RUN-004",
                "no curation has finished in this run",
                place=Place(self.run.path),
                fix="Give the recipe a `curate` part and run it.",
            )
        return json.loads(marks[-1].read_text(encoding="utf-8")), marks[-1].parent


def find_row(table: ArrowTable, record_id: str) -> int | None:
    """The row of a record in a table of verdicts, None for an id that is not in it."""
    import pyarrow.compute as pc

    row = pc.index(table["id"], record_id).as_py()  # pyright: ignore[reportAttributeAccessIssue]
    return None if row < 0 else int(row)


class Finding(NamedTuple):
    """What one operator found about one record."""

    operator: str
    drop: bool
    is_first: bool
    value: float
    threshold: float
    partner: str | None
    reason: str


def story_of(run: CuratedRun, row: int) -> Iterator[Finding]:
    """What every operator found about a record, in the order of the recipe."""
    table = run.table.slice(row, 1)
    first = table["first"][0].as_py()
    for number, operator in enumerate(run.config.operators):
        cells = {
            name: table[f"{operator.label}.{name}"][0].as_py()
            for name in ("drop", "value", "threshold", "partner", "reason")
        }
        partner = cells.pop("partner")
        name = run.table["id"][partner].as_py() if partner >= 0 else None
        yield Finding(operator.label, is_first=number == first, partner=name, **cells)


class Change(NamedTuple):
    """How a kept set differs from another over the same records.

    Attributes:
        num_before, num_after: Records kept.
        gained, lost: By (source, task).
        gained_ids, lost_ids: A few examples.
    """

    num_before: int
    num_after: int
    gained: Mapping[tuple[str, str], int]
    lost: Mapping[tuple[str, str], int]
    gained_ids: tuple[str, ...]
    lost_ids: tuple[str, ...]


def change_between(table: ArrowTable, *, before: Flags, after: Flags) -> Change:
    """Compare two kept sets over the rows of a verdict table."""
    gained, lost = np.flatnonzero(after & ~before), np.flatnonzero(before & ~after)
    return Change(
        int(before.sum()),
        int(after.sum()),
        _by_source_and_task(table, gained),
        _by_source_and_task(table, lost),
        tuple(table["id"][int(row)].as_py() for row in gained[:NUM_EXAMPLES]),
        tuple(table["id"][int(row)].as_py() for row in lost[:NUM_EXAMPLES]),
    )


def changed_operators(
    operators: tuple[Operator, ...], *, changes: Mapping[str, Any]
) -> tuple[Operator, ...]:
    """The operators with some of their judging options changed; see `CuratedRun.judged_with`."""
    by_label = {operator.label: operator for operator in operators}
    for key, value in changes.items():
        label, _, option = key.partition(".")
        if label not in by_label:
            raise RoboLoopError(
                "E-CFG-006", f"{label!r} is not one of the operators: {', '.join(by_label)}"
            )
        operator = by_label[label]
        if option not in operator.judging_options - {"name"}:
            tried = ", ".join(sorted(operator.judging_options - {"name"})) or "none"
            raise RoboLoopError(
                "E-CFG-003",
                f"{label} has no option {option!r} that can be changed without measuring again; "
                f"it has: {tried}",
                fix=f"Run the recipe with --set curate.operators.N.{option}=... to measure again.",
            )
        fields = operator.model_dump() | {option: value}
        try:
            by_label[label] = type(operator).model_validate(fields)
        except ValidationError as error:
            reasons = "; ".join(item["msg"] for item in error.errors())
            raise RoboLoopError("E-CFG-003", f"{key}={value}: {reasons}") from None
    return tuple(by_label.values())


def parse_changes(texts: tuple[str, ...]) -> dict[str, Any]:
    """Texts like `near.threshold=0.8` as a table.

    Raises:
        RoboLoopError: E-CFG-005.
    """
    changes: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or "." not in key:
            raise RoboLoopError("E-CFG-005", f"{text!r} is not operator.option=value")
        changes[key] = parse_value(value)
    return changes


def _operators(entries: list[dict[str, Any]]) -> list[Operator]:
    return [OPERATORS.resolve(entry["kind"]).model_validate(entry) for entry in entries]


def _by_source_and_task(
    table: ArrowTable, rows: np.ndarray[Any, Any]
) -> dict[tuple[str, str], int]:
    chosen = table.select(["source", "task"]).take(rows)
    pairs = zip(chosen["source"].to_pylist(), chosen["task"].to_pylist(), strict=True)
    return dict(Counter(pairs).most_common())


class OneSide(NamedTuple):
    """Records that only one of two runs kept.

    Attributes:
        groups: (source, task) -> number.
        reasons: Why the other run has them not -> number.
        examples: A few ids.
    """

    groups: Mapping[tuple[str, str], int]
    reasons: Mapping[str, int]
    examples: tuple[str, ...]


class RunComparison(NamedTuple):
    """What two runs kept."""

    num_both: int
    only_first: OneSide
    only_second: OneSide


def compare_runs(first: CuratedRun, second: CuratedRun) -> RunComparison:
    """Compare the kept records of two runs by their ids."""
    import pyarrow.compute as pc

    kept = [run.table.filter(run.table["kept"]) for run in (first, second)]
    sides: list[OneSide] = []
    for mine, theirs, other in ((kept[0], kept[1], second), (kept[1], kept[0], first)):
        is_shared = pc.is_in(mine["id"], value_set=theirs["id"].combine_chunks())  # pyright: ignore[reportAttributeAccessIssue]
        alone = mine.filter(pc.invert(is_shared))  # pyright: ignore[reportAttributeAccessIssue]
        sides.append(_one_side(alone, other=other))
    num_both = kept[0].num_rows - sum(sides[0].groups.values())
    return RunComparison(num_both, *sides)


def _one_side(alone: ArrowTable, *, other: CuratedRun) -> OneSide:
    import pyarrow.compute as pc

    rows = pc.index_in(alone["id"], value_set=other.table["id"].combine_chunks())  # pyright: ignore[reportAttributeAccessIssue]
    labels = [operator.label for operator in other.config.operators]
    first = other.table["first"]
    reasons: Counter[str] = Counter()
    for row in rows.to_pylist():
        reasons["it never had them" if row is None else labels[first[row].as_py()]] += 1
    everything = np.arange(alone.num_rows)
    examples = tuple(alone["id"].slice(0, NUM_EXAMPLES).to_pylist())
    return OneSide(_by_source_and_task(alone, everything), dict(reasons.most_common()), examples)

"""Tables that somebody published: means without answers, so intervals come from counts alone.

Two models' values on one benchmark are then two shares of unknown overlap. They are held apart by
the two-sample z-test with a pooled share, which is too careful where the same questions were asked:
a difference it cannot see may still be one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from statistics import NormalDist
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.paired_tests import PairedTest
from roboloop.base.statistics import Interval, wilson_bounds
from roboloop.evaluate.compare.comparison import (
    DEFAULTS,
    Cell,
    Column,
    CompareOptions,
    Comparison,
    Difference,
    Row,
    judged_together,
)
from roboloop.evaluate.summary import UNCLEAR
from roboloop.tasks.base import Metric

SUFFIX = ".json"
_NORMAL = NormalDist()


class RecordedRow(BaseModel):
    """One benchmark of a published table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    num_records: int | None = Field(None, ge=1)
    """Questions of the benchmark: the table itself seldom says how many were scored. None where
    nobody tells: then there is no interval and no verdict."""
    answer_kind: Literal["box", "choice", "number", "points", "text", "trajectory", "mixed"]
    unit: Literal["percent", "points", "px"] = "percent"
    """Of the values. Only a percentage is a share of the questions, which tells its interval."""
    higher_is_better: bool = True
    values: tuple[float | None, ...]
    """Per model; null where the table has none."""

    @property
    def metric(self) -> Metric:
        """The measure behind the values; percentages become fractions."""
        unit = "fraction" if self.unit == "percent" else self.unit
        worst = 0.0 if self.higher_is_better else None
        return Metric("score", worst, self.higher_is_better, unit)


class RecordedTable(BaseModel):
    """A published table of scores."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    origin: str
    """Where it was published."""
    models: tuple[str, ...]
    baseline: str
    rows: Mapping[str, RecordedRow]


def shipped_tables() -> dict[str, Path]:
    """Name -> file of the tables that come with the library."""
    folder = Path(str(files("roboloop.evaluate.compare") / "tables"))
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def load_table(path: Path) -> RecordedTable:
    """Read a published table.

    Raises:
        RoboLoopError: E-EVA-003 when the file is none.
    """
    try:
        table = RecordedTable.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise RoboLoopError("E-EVA-003", str(error), place=Place(path)) from error
    short = [name for name, row in table.rows.items() if len(row.values) != len(table.models)]
    if short or table.baseline not in table.models:
        raise RoboLoopError(
            "E-EVA-003",
            f"rows {', '.join(short)} have not one value per model"
            if short
            else f"the baseline {table.baseline!r} is none of {', '.join(table.models)}",
            place=Place(path),
        )
    return table


def recorded_comparison(
    table: RecordedTable, *, baseline: str = "", options: CompareOptions = DEFAULTS
) -> Comparison:
    """The table as a comparison.

    Raises:
        RoboLoopError: E-EVA-003 when it has no such baseline.
    """
    named = baseline or table.baseline
    if named not in table.models:
        raise RoboLoopError(
            "E-EVA-003", f"the table has no model {named!r}; it has {', '.join(table.models)}"
        )
    place = table.models.index(named)
    rows = [
        _row(name, row=row, baseline=place, options=options) for name, row in table.rows.items()
    ]
    models = tuple(Column(name, name) for name in table.models)
    rows = judged_together(rows, num_models=len(models), options=options)
    return Comparison(models, place, rows, options)


def _row(name: str, *, row: RecordedRow, baseline: int, options: CompareOptions) -> Row:
    scale = 100 if row.unit == "percent" else 1
    values = [None if value is None else value / scale for value in row.values]
    num_records = row.num_records or 0
    cells = tuple(
        None
        if value is None
        else Cell(Interval(value, None, None, "none"), num_records, 0, 0, None)
        if row.unit != "percent" or row.num_records is None
        else _share(
            value,
            base=None if number == baseline else values[baseline],
            num_records=row.num_records,
            options=options,
        )
        for number, value in enumerate(values)
    )
    return Row(
        task=name,
        title=row.title,
        metric=row.metric,
        num_shared=num_records,
        num_left_out=0,
        num_groups=num_records,
        answer_kind=row.answer_kind,
        cells=cells,
    )


def _share(value: float, *, base: float | None, num_records: int, options: CompareOptions) -> Cell:
    low, high = wilson_bounds(value, number=num_records, confidence=options.confidence)
    difference = None
    if base is not None:
        difference = _two_shares(value, base=base, number=num_records, options=options)
    return Cell(Interval(value, low, high, "wilson"), num_records, 0, 0, difference)


def _two_shares(value: float, *, base: float, number: int, options: CompareOptions) -> Difference:
    """Two shares of `number` questions each; `wins` and `losses` are not known."""
    reach = _NORMAL.inv_cdf((1 + options.confidence) / 2)
    spread = math.sqrt((value * (1 - value) + base * (1 - base)) / number)
    pooled = (value + base) / 2
    error = math.sqrt(2 * pooled * (1 - pooled) / number)
    gap = value - base
    p_value = 1.0 if not gap else 2 * _NORMAL.cdf(-abs(gap) / error)
    interval = Interval(gap, gap - reach * spread, gap + reach * spread, "two shares")
    return Difference(interval, PairedTest(p_value, "two shares", 0, 0), p_value, UNCLEAR)

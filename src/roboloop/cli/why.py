"""`why`: the whole story of one record."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from roboloop.base.progress import console

if TYPE_CHECKING:
    from roboloop.pipeline.curation import Finding
    from roboloop.records.record import Record

NUM_MADE = 10


def why(record_id: str, /, *, run: Path | None = None) -> int:
    """Tell what became of a record: where it came from, what every operator found, its twin.

    Of a composed record it tells the parents and the evidence, of a parent what was made of it.

    Args:
        record_id: Its id, or the id of an entry that never became a record.
        run: The run folder; the newest below runs/ when left out.
    """
    from roboloop.base.errors import Place, RoboLoopError
    from roboloop.runs.folder import newest_run, open_run

    folder = open_run(run or newest_run(Path("runs"))).path
    told = [
        *_left_out(folder, record_id=record_id),
        *_curated(folder, record_id=record_id),
        *_written(folder, record_id=record_id),
    ]
    if not told:
        raise RoboLoopError(
            "E-RUN-006", f"no record and no dropped entry is called {record_id!r}",
            place=Place(folder),
        )  # fmt: skip
    for line in told:
        console().print(line, markup=False, soft_wrap=True)
    return 0


def _left_out(folder: Path, *, record_id: str) -> list[str]:
    """What the ledgers say; what curation found stands in its verdicts."""
    from roboloop.runs.ledger import find_in_ledgers

    return [
        f"left out by {line.stage}: {line.code} {line.place}: {line.detail}"
        for line in find_in_ledgers(folder, record_id=record_id, but="curate")
    ]


def _curated(folder: Path, *, record_id: str) -> list[str]:
    """What every operator found."""
    from roboloop.pipeline.composition import has_finished
    from roboloop.pipeline.curation import CuratedRun, story_of

    if not has_finished(folder, stage="curate"):
        return []
    curated = CuratedRun(folder)
    row = curated.row_of(record_id)
    if row is None:
        return []
    cells = {name: curated.table[name][row].as_py() for name in ("source", "split", "task", "kept")}
    verdict = "kept" if cells["kept"] else "dropped"
    heading = f"{record_id}: {verdict} ({cells['source']}, {cells['split']}, {cells['task']})"
    return [heading, *(f"  {_shown(finding)}" for finding in story_of(curated, row))]


def _shown(finding: Finding) -> str:
    mark = "✗" if finding.is_first else "·" if finding.drop else "✓"
    text = f"{mark} {finding.operator:<16}"
    if not math.isnan(finding.value):
        text += f" {finding.value:.4g}"
    if not math.isnan(finding.threshold):
        text += f" against {finding.threshold:.4g}"
    text += f"  {finding.reason}" if finding.reason else ""
    return text + (f"; kept instead: {finding.partner}" if finding.partner else "")


def _written(folder: Path, *, record_id: str) -> list[str]:
    """Where it stands among the records that were written last, and what was made of it."""
    from roboloop.pipeline.composition import newest_records, records_about

    records = newest_records(folder)
    if records is None:
        return []
    lines: list[str] = []
    made: list[str] = []
    for record in records_about(records, record_id=record_id):
        if record.id == record_id:
            lines += _composed(record)
        else:
            made.append(record.id)
    if made:
        more = f" and {len(made) - NUM_MADE:,} more" if made[NUM_MADE:] else ""
        lines.append(f"{len(made):,} were made of it: {', '.join(made[:NUM_MADE])}{more}")
    return lines


def _composed(record: Record) -> list[str]:
    """What a written record says of itself."""
    from roboloop.records.composed import COMPOSER_KEY, EVIDENCE_KEY, PARENTS_KEY

    heading = f"{record.id}: written ({record.source}, {record.split}, {record.task})"
    if COMPOSER_KEY not in record.meta:
        return [heading]
    evidence = json.dumps(record.meta.get(EVIDENCE_KEY), ensure_ascii=False)
    return [
        heading,
        f"  composed by {record.meta[COMPOSER_KEY]} of {', '.join(record.meta[PARENTS_KEY])}",
        f"  evidence: {evidence}",
    ]

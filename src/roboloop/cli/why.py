"""`why`: the whole story of one record."""

from __future__ import annotations

import math
from pathlib import Path

from roboloop.base.progress import console


def why(record_id: str, /, *, run: Path | None = None) -> int:
    """Tell what became of a record: where it came from, what every operator found, its twin.

    Args:
        record_id: Its id, or the id of an entry that never became a record.
        run: The run folder; the newest below runs/ when left out.
    """
    from roboloop.base.errors import Place, RoboLoopError
    from roboloop.pipeline.curation import CuratedRun, Finding, story_of
    from roboloop.runs.folder import newest_run
    from roboloop.runs.ledger import find_in_ledgers

    folder = run or newest_run(Path("runs"))
    said = console()
    # What curation found stands in its verdicts.
    lines = list(find_in_ledgers(folder, record_id=record_id, but="curate"))
    for line in lines:
        said.print(f"left out by {line.stage}: {line.code} {line.place}: {line.detail}",
                   markup=False, soft_wrap=True)  # fmt: skip
    curated = CuratedRun(folder)
    row = curated.row_of(record_id)
    if row is None:
        if lines:
            return 0
        raise RoboLoopError(
            "E-RUN-006", f"no record and no dropped entry is called {record_id!r}",
            place=Place(folder),
        )  # fmt: skip

    def shown(finding: Finding) -> str:
        mark = "✗" if finding.is_first else "·" if finding.drop else "✓"
        text = f"{mark} {finding.operator:<16}"
        if not math.isnan(finding.value):
            text += f" {finding.value:.4g}"
        if not math.isnan(finding.threshold):
            text += f" against {finding.threshold:.4g}"
        text += f"  {finding.reason}" if finding.reason else ""
        return text + (f"; kept instead: {finding.partner}" if finding.partner else "")

    cells = {name: curated.table[name][row].as_py() for name in ("source", "split", "task", "kept")}
    verdict = "kept" if cells["kept"] else "dropped"
    heading = f"{record_id}: {verdict} ({cells['source']}, {cells['split']}, {cells['task']})"
    said.print(heading, markup=False, soft_wrap=True)
    for finding in story_of(curated, row):
        said.print(f"  {shown(finding)}", markup=False, soft_wrap=True)
    return 0

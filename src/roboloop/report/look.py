"""The same viewer over plain record files: question, picture and truth, no model in sight."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import roboloop
from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.progress import track
from roboloop.records.check import record_files
from roboloop.records.jsonl import Broken
from roboloop.records.media_open import MediaStore
from roboloop.records.read import scan_records
from roboloop.records.sample import SpreadSample
from roboloop.records.shards import read_media_roots
from roboloop.report.build import write_viewer
from roboloop.report.card import CardMaker, drop_reasons
from roboloop.report.folder import replaced_folder
from roboloop.report.pictures import PictureFolder
from roboloop.report.record_rows import record_row, task_titles
from roboloop.runs.ledger import LedgerLine

NUM_SHOWN = 2_000


class Look(NamedTuple):
    """The page, and how many of the records it shows."""

    page: Path
    num_records: int
    num_shown: int


def build_look(
    files: Sequence[Path],
    *,
    out: Path,
    media_roots: Mapping[str, Path] | None = None,
    sample: int = NUM_SHOWN,
    seed: int = 0,
    limit: int | None = None,
    tasks: Collection[str] = (),
) -> Look:
    """Write a page that shows records.

    A line that is no record does not stop it: the page lists what was left out and why. Of more
    records than `sample` a sample is shown that gives every task the same room; the page's card
    counts all.

    Args:
        files: Record files, or folders of them.
        out: Where the page goes; an older one there is replaced.
        media_roots: Root name -> folder; found beside the files when left out.
        sample: How many records are shown at most.
        seed: Draws another sample.
        limit: Read only the first so many records.
        tasks: Only records of these tasks; of all when empty.

    Raises:
        RoboLoopError: E-DAT-001 when a path holds no record file, or none of these tasks;
            E-REP-002 when `out` is something else.
    """
    paths = [path for file in files for path in record_files(file)]
    roots = dict(media_roots or _roots_beside(paths))
    card, broken = CardMaker(), list[LedgerLine]()
    drawn = SpreadSample(sample, seed=seed)
    num_found = 0
    for found in track(scan_records(paths), title="look"):
        if isinstance(found, Broken):
            broken.append(_left_out(found.error))
        elif not tasks or found.record.task in tasks:
            card.add(found.record)
            drawn.add(found.record)
            num_found += 1
            if num_found == limit:
                break
    if tasks and not num_found:
        raise RoboLoopError("E-DAT-001", f"no record of task {', '.join(sorted(tasks))}")
    with replaced_folder(out) as place:
        pictures = PictureFolder(place, store=MediaStore(roots))
        rows = [
            record_row(record, pictures=pictures)
            for record in track(drawn.records(), title="pictures")
        ]
        counted = card.card()
        summary = {
            "mode": "look",
            "title": ", ".join(dict.fromkeys(file.stem for file in files)),
            "version": roboloop.__version__,
            "counts": {
                "records": counted["num_records"],
                "shown": len(rows),
                "pictures": pictures.num_files,
                "pictures_missing": pictures.num_missing,
            },
            "tasks": task_titles(row["task"] for row in rows),
            "data": counted,
            "ledger": drop_reasons(broken),
        }
        write_viewer(place, summary=summary, samples=[], rows=rows)
    return Look(out / "index.html", num_records=num_found, num_shown=len(rows))


def _roots_beside(paths: Iterable[Path]) -> dict[str, Path]:
    roots: dict[str, Path] = {}
    for folder in dict.fromkeys(path.parent for path in paths):
        roots |= read_media_roots(folder)
    return roots


def _left_out(error: RoboLoopError) -> LedgerLine:
    place = error.place
    return LedgerLine(
        stage="look",
        code=error.code,
        detail=error.detail,
        record_id=place.record_id,
        place=str(Place(place.file and Path(place.file).name, place.line, place.column)),
    )

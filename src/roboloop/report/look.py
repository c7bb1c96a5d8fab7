"""The same viewer over plain record files: question, picture and truth, no model in sight."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import roboloop
from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.progress import track
from roboloop.records.jsonl import Broken
from roboloop.records.media_open import MediaStore
from roboloop.records.read import scan_records
from roboloop.records.record import Record
from roboloop.records.shards import read_media_roots
from roboloop.report.build import write_viewer
from roboloop.report.card import CardMaker, drop_reasons
from roboloop.report.folder import replaced_folder
from roboloop.report.pictures import PictureFolder
from roboloop.report.rows import answer_words, rounded_marks
from roboloop.report.wording import question_of
from roboloop.runs.ledger import LedgerLine
from roboloop.tasks import TASKS, load_task

MAX_RECORDS = 10_000
SUFFIXES = (".jsonl", ".parquet")


def build_look(
    files: Sequence[Path],
    *,
    out: Path,
    media_roots: Mapping[str, Path] | None = None,
    max_records: int = MAX_RECORDS,
) -> Path:
    """Write a page that shows records, and return it.

    A line that is no record does not stop it: the page lists what was left out and why.

    Args:
        files: Record files, or folders of them.
        out: Where the page goes; an older one there is replaced.
        media_roots: Root name -> folder; found beside the files when left out.
        max_records: The first so many are shown; the card counts all.

    Raises:
        RoboLoopError: E-DAT-001 when a path does not exist or holds no record file, E-REP-002 when
            `out` is something else.
    """
    paths = [path for file in files for path in _record_files(file)]
    roots = dict(media_roots or _roots_beside(paths))
    card, broken, rows = CardMaker(), list[LedgerLine](), list[dict[str, Any]]()
    with replaced_folder(out) as place:
        pictures = PictureFolder(place, store=MediaStore(roots))
        for found in track(scan_records(paths), title="look"):
            if isinstance(found, Broken):
                broken.append(_left_out(found.error))
                continue
            card.add(found.record)
            if len(rows) < max_records:
                rows.append(_row(found.record, pictures=pictures))
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
            "tasks": _titles(row["task"] for row in rows),
            "data": counted,
            "ledger": drop_reasons(broken),
        }
        write_viewer(place, summary=summary, samples=[], rows=rows)
    return out / "index.html"


def _record_files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    found = sorted(each for each in path.glob("*") if each.suffix in SUFFIXES)
    if not found:
        what = "holds no .jsonl or .parquet file" if path.is_dir() else "does not exist"
        raise RoboLoopError("E-DAT-001", what, place=Place(path))
    yield from found


def _roots_beside(paths: Iterable[Path]) -> dict[str, Path]:
    roots: dict[str, Path] = {}
    for folder in dict.fromkeys(path.parent for path in paths):
        roots |= read_media_roots(folder)
    return roots


def _row(record: Record, *, pictures: PictureFolder) -> dict[str, Any]:
    shown = [pictures.add(media) for media in record.media]
    return {
        "id": record.id,
        "task": record.task,
        "source": record.source,
        "split": record.split,
        "episode": None if (episode := record.meta.get("episode")) is None else str(episode),
        "pictures": [each.as_json() for each in shown],
        "question": question_of(record),
        "truth": _truth(record),
        "predictions": [],
    }


def _truth(record: Record) -> dict[str, Any] | None:
    """The published answer word for word, and what it means; None where there is neither."""
    said = [turn.text for turn in record.turns if turn.role == "assistant"][-1:]
    if record.answer is None:
        return {"text": said[0], "marks": [], "parsed": ""} if said else None
    marks = load_task(record.task).marks(record.answer) if record.task in TASKS.rows else ()
    words = answer_words(record.answer)
    return {
        "text": said[0] if said else words,
        "marks": rounded_marks([mark._asdict() for mark in marks]),
        "parsed": words if said else "",
    }


def _titles(kinds: Iterable[str]) -> dict[str, str]:
    return {kind: load_task(kind).title for kind in sorted(set(kinds)) if kind in TASKS.rows}


def _left_out(error: RoboLoopError) -> LedgerLine:
    place = error.place
    return LedgerLine(
        stage="look",
        code=error.code,
        detail=error.detail,
        record_id=place.record_id,
        place=str(Place(place.file and Path(place.file).name, place.line, place.column)),
    )

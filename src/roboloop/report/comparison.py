"""The page of a comparison: its table, and every shared record with what all models said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import roboloop
from roboloop.base.progress import track
from roboloop.records.media_open import MediaStore
from roboloop.report.build import write_viewer
from roboloop.report.config import ReportConfig
from roboloop.report.folder import replaced_folder
from roboloop.report.pictures import PictureFolder
from roboloop.report.rows import choose_items, make_row, primary_metric


def build_comparison_page(
    comparison: Mapping[str, Any],
    *,
    tasks: Sequence[Mapping[str, Any]],
    items: Sequence[Mapping[str, Any]],
    media_roots: Mapping[str, Path],
    tables: Mapping[str, str],
    out: Path,
    title: str,
) -> Path:
    """Write the folder of a comparison and return its page.

    Args:
        comparison: The comparison as JSON (docs/evaluation.md).
        tasks: As `tasks` of an evaluation's report: `task`, `title`, `family`, `metrics`.
        items: As the lines of `items.jsonl`, with the models' labels in `predictions`; empty when
            only the numbers are known.
        media_roots: Root name -> folder of the pictures; those without one are shown as missing.
        tables: File name -> text, written beside the page.
        out: Where it goes; an older page there is replaced.
        title: Of the page.

    Raises:
        RoboLoopError: E-REP-002 when `out` is something else.
    """
    config = ReportConfig.model_validate({})
    labels = [model["label"] for model in comparison["models"]]
    metrics = {task["task"]: primary_metric(task) for task in tasks}
    judged = next((label for label in labels if label != comparison["baseline"]), labels[0])
    shown = choose_items(items, limit=config.max_records, model=judged, metrics=metrics)
    with replaced_folder(out) as place:
        pictures = PictureFolder(place, store=MediaStore(dict(media_roots)))
        rows = [
            make_row(item, models=labels, metrics=metrics, pictures=pictures)
            for item in track(shown, title="report")
        ]
        for name, text in tables.items():
            (place / name).write_text(text, encoding="utf-8")
        summary = {
            "mode": "comparison",
            "title": title,
            "version": roboloop.__version__,
            "counts": {
                "records": len(items),
                "shown": len(rows),
                "pictures": pictures.num_files,
                "pictures_missing": pictures.num_missing,
            },
            "comparison": comparison,
            "evaluation": {
                "models": [{"name": label, "role": "candidate"} for label in labels],
                "tasks": tasks,
            },
            "tables": list(tables),
        }
        write_viewer(place, summary=summary, samples=[], rows=rows)
    return out / "index.html"

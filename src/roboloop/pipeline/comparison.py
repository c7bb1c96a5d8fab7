"""A comparison as a folder: every format, and a page with the records behind the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from roboloop.evaluate.compare.comparison import Comparison, shared_items
from roboloop.evaluate.compare.flags import Flag
from roboloop.evaluate.compare.loaded import Evaluated
from roboloop.evaluate.compare.written import SUFFIXES, comparison_json, write_comparison
from roboloop.records.shards import read_media_roots
from roboloop.report.comparison import build_comparison_page


def write_comparison_folder(
    comparison: Comparison, *, flags: Sequence[Flag], models: Sequence[Evaluated], out: Path
) -> Path:
    """Write text, Markdown, LaTeX, CSV, JSON and the page; return the page.

    Args:
        comparison: The numbers.
        flags: What to look at.
        models: The evaluations behind it; none for a published table, whose page has no records.
        out: The folder; an older comparison in it is replaced.

    Raises:
        RoboLoopError: E-REP-002 when `out` holds other files.
    """
    tasks = [
        {
            "task": row.task,
            "title": row.title or row.task,
            "family": "",
            "num_records": row.num_shared,
            "metrics": [
                {**metric._asdict(), "primary": place == 0}
                for place, metric in enumerate(
                    next((m.metrics[row.task] for m in models if row.task in m.metrics), ())
                    or (row.metric,)
                )
            ],
        }
        for row in comparison.rows
    ]
    roots: dict[str, Path] = {}
    for folder in filter(None, (model.folder for model in models)):
        roots |= _media_roots(folder)
    names = ", ".join(column.label for column in comparison.models)
    return build_comparison_page(
        comparison_json(comparison, flags=flags),
        tasks=tasks,
        items=list(shared_items(models)),
        media_roots=roots,
        tables={
            f"comparison{suffix}": write_comparison(comparison, flags=flags, form=form)
            for form, suffix in SUFFIXES.items()
        },
        out=out,
        title=f"Comparison of {names}",
    )


def _media_roots(evaluation: Path) -> dict[str, Path]:
    """Where the pictures of an evaluation lie: told by its own records, or by those of its run."""
    roots: dict[str, Path] = {}
    beside = sorted(evaluation.parent.glob("*/records"))
    for records in (*beside, evaluation.parent / "records", evaluation / "records"):
        roots |= read_media_roots(records)
    return roots

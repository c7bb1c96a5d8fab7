"""The pictures of the first page: for each task its worst, its typical and its best answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def pick_samples(rows: Sequence[Row], *, tasks: Sequence[str]) -> list[dict[str, Any]]:
    """Groups `typical`, `worst` and `best`, each with one row per task that has a picture.

    Judged by the first model, over the answers that were understood: what was not has nothing to
    draw. Typical is the median: half of the answers are at least as good. Tasks whose answers can
    be drawn come first.
    """
    by_task: dict[str, list[Row]] = {task: [] for task in tasks}
    for row in rows:
        if _drawable(row):
            by_task[row["task"]].append(row)
    ranked = [sorted(group, key=_rank) for group in by_task.values() if group]
    ranked.sort(key=lambda group: not any(row["truth"]["marks"] for row in group))
    picks = {
        "typical": [group[(len(group) - 1) // 2] for group in ranked],
        "worst": [group[0] for group in ranked],
        "best": [group[-1] for group in ranked],
    }
    return [{"kind": kind, "records": chosen} for kind, chosen in picks.items()]


def _drawable(row: Row) -> bool:
    first = row["predictions"][0] if row["predictions"] else None
    shown = bool(row["pictures"]) and row["pictures"][0]["file"] is not None
    return (
        shown
        and row["truth"] is not None
        and first is not None
        and first["quality"] is not None
        and "parsed" in first
    )


def _rank(row: Row) -> tuple[float, str]:
    return (row["predictions"][0]["quality"], row["id"])

"""`what-if`: another threshold, tried on stored values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from roboloop.base.progress import console

MAX_GROUPS_SHOWN = 12


def what_if(*changes: str, run: Path | None = None) -> int:
    """Say how the kept records would change with other options, without measuring again.

    Args:
        changes: For example near.threshold=0.8; several may be given.
        run: The run folder; the newest below runs/ when left out.
    """
    from roboloop.pipeline.curation import CuratedRun, change_between, parse_changes
    from roboloop.runs.folder import newest_run

    curated = CuratedRun(run or newest_run(Path("runs")))
    verdicts = curated.judged_with(parse_changes(changes))
    before = curated.table["kept"].to_numpy(zero_copy_only=False)
    change = change_between(curated.table, before=before, after=verdicts.kept)
    said = console()
    difference = change.num_after - change.num_before
    said.print(f"kept: {change.num_before:,} -> {change.num_after:,} ({difference:+,})")
    show_groups("kept as well", change.gained, examples=change.gained_ids)
    show_groups("dropped as well", change.lost, examples=change.lost_ids)
    return 0


def show_groups(
    title: str, groups: Mapping[tuple[str, str], int], *, examples: tuple[str, ...]
) -> None:
    """Print numbers by source and task, the largest first, and a few ids."""
    said = console()
    if not groups:
        return
    said.print(f"{title}: {sum(groups.values()):,}")
    for (source, task), number in list(groups.items())[:MAX_GROUPS_SHOWN]:
        said.print(f"  {number:>9,}  {source}  {task}", markup=False)
    if len(groups) > MAX_GROUPS_SHOWN:
        said.print(f"  and {len(groups) - MAX_GROUPS_SHOWN} more groups")
    said.print(f"  such as {', '.join(examples)}", markup=False, soft_wrap=True)

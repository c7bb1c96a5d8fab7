"""`diff`: what two runs kept, record by record."""

from __future__ import annotations

from pathlib import Path

from roboloop.base.progress import console


def diff(first: Path, second: Path, /, *, records: bool = True) -> int:
    """Say which records only one of two runs kept, and why the other did not.

    Args:
        first: A run folder.
        second: Another.
        records: Compare the kept records (so far the only comparison there is).
    """
    del records
    from roboloop.cli.what_if import show_groups
    from roboloop.pipeline.curation import CuratedRun, compare_runs

    one, other = CuratedRun(first), CuratedRun(second)
    said = console()
    found = compare_runs(one, other)
    said.print(f"kept by both: {found.num_both:,}")
    for path, side in ((first, found.only_first), (second, found.only_second)):
        show_groups(f"only in {path}", side.groups, examples=side.examples)
        for reason, number in side.reasons.items():
            said.print(f"    {number:>9,}  the other: {reason}", markup=False, soft_wrap=True)
    return 0

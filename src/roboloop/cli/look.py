"""`look`: see records with their answers drawn."""

from __future__ import annotations

from pathlib import Path

from roboloop.base.progress import console


def look(
    *files: Path,
    out: Path = Path("look"),
    sample: int = 2000,
    seed: int = 0,
    limit: int | None = None,
    tasks: tuple[str, ...] = (),
) -> int:
    """See records in the offline viewer: picture, question, answer drawn over it.

    Args:
        files: Record files (.jsonl or .parquet) or a folder of them.
        out: Folder for the page.
        sample: Show at most so many, every task with the same room; all are counted.
        seed: Draw another sample.
        limit: Read only the first so many records.
        tasks: Only records of this task. May be given several times.
    """
    from roboloop.base.errors import RoboLoopError
    from roboloop.report.look import build_look

    if not files:
        raise RoboLoopError("E-DAT-001", "no record file given", fix="roboloop look FILE.jsonl")
    made = build_look(
        list(files), out=out, sample=sample, seed=seed, limit=limit, tasks=tasks
    )  # fmt: skip
    said = console()
    if made.num_shown < made.num_records:
        said.print(
            f"shown: {made.num_shown:,} of {made.num_records:,} records, drawn with seed {seed}; "
            "more with --sample, others with --seed",
            soft_wrap=True,
        )
    said.print(f"open it in a browser: file://{made.page.resolve()}", soft_wrap=True)
    print(made.page)  # noqa: T201
    return 0

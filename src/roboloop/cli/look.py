"""`look`: see records with their answers drawn."""

from __future__ import annotations

from pathlib import Path

from roboloop.base.progress import console


def look(*files: Path, out: Path = Path("look")) -> int:
    """See records in the offline viewer: picture, question, answer drawn over it.

    Args:
        files: Record files (.jsonl or .parquet) or a folder of them.
        out: Folder for the page.
    """
    from roboloop.base.errors import RoboLoopError
    from roboloop.report.look import build_look

    if not files:
        raise RoboLoopError("E-DAT-001", "no record file given", fix="roboloop look FILE.jsonl")
    page = build_look(list(files), out=out)
    console().print(f"open it in a browser: file://{page.resolve()}", soft_wrap=True)
    print(page)  # noqa: T201
    return 0

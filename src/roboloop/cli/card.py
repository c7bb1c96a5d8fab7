"""`card`: what a data set is like, on one page."""

from __future__ import annotations

from pathlib import Path

from roboloop.base.progress import console


def card(
    *records: Path,
    out: Path = Path("card"),
    title: str | None = None,
    seed: int = 0,
    samples: int = 24,
) -> int:
    """Write a data set card: Markdown, charts and pictures with their answers drawn.

    Args:
        records: A folder of records, or record files.
        out: The card's folder; README.md in it is the page.
        title: Its heading; the records' folder when left out.
        seed: Draws other samples.
        samples: How many pictures to show, spread over the tasks.
    """
    from roboloop.base.errors import RoboLoopError
    from roboloop.report.data_card import build_card

    if not records:
        raise RoboLoopError("E-DAT-001", "no records given", fix="roboloop card FOLDER")
    heading = title or ", ".join(dict.fromkeys(path.resolve().stem for path in records))
    page = build_card(list(records), out=out, title=heading, seed=seed, num_samples=samples)
    console().print(f"the card: {page}", soft_wrap=True)
    print(page)  # noqa: T201
    return 0

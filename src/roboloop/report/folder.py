"""A folder that is either the whole new report or the old one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from roboloop.base.errors import Place, RoboLoopError

SCHEMA = "roboloop.report/1"
MARK = "report.json"


@contextmanager
def replaced_folder(out: Path) -> Generator[Path]:
    """Give an empty folder beside `out` and put it in `out`'s place when the block ends well.

    Raises:
        RoboLoopError: E-REP-002 when `out` holds something that is not a report.
    """
    if out.exists() and not _replaceable(out):
        raise RoboLoopError("E-REP-002", "it holds other files", place=Place(out))
    building = out.with_name(f".{out.name}.building")
    old = out.with_name(f".{out.name}.old")
    for left_over in (building, old):
        shutil.rmtree(left_over, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        yield building
        if out.exists():
            out.rename(old)
        building.rename(out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _replaceable(out: Path) -> bool:
    if not out.is_dir():
        return False
    if not any(out.iterdir()):
        return True
    try:
        mark: Any = json.loads((out / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(mark, dict) and mark.get("schema") == SCHEMA  # pyright: ignore[reportUnknownMemberType]

"""`check`: find what is wrong before hours are spent on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from roboloop.base.progress import console


def check(
    *files: Path,
    media: bool = True,
    workers: int = 2,
    as_json: Annotated[bool, Parameter("--json")] = False,
) -> int:
    """Check a recipe (.yaml), or record files: every line, answer and picture.

    Ends with status 1 when something was found.

    Args:
        files: A recipe, record files (.jsonl, .parquet), or a folder of record files.
        media: Also open every picture.
        workers: Threads that open pictures.
        as_json: Machine-readable output.
    """
    from roboloop.base.errors import RoboLoopError

    if not files:
        raise RoboLoopError("E-DAT-001", "nothing to check", fix="roboloop check FILE")
    recipes = [file for file in files if file.suffix in (".yaml", ".yml")]
    records = [file for file in files if file not in recipes]
    said = console()
    for recipe in recipes:
        from roboloop.pipeline.load import load_recipe

        load_recipe(recipe)
        said.print(f"[green]✓[/] {recipe}: a good recipe")
    if not records:
        return 0
    from rich.markup import escape

    from roboloop.records.check import check_records

    found = check_records(records, media=media, num_workers=workers)
    if as_json:
        print(json.dumps(found.to_json(), indent=2, ensure_ascii=False))  # noqa: T201
    else:
        for finding in found.findings:
            said.print(escape(str(finding)), soft_wrap=True)
        colour = "green" if not found.findings else "red"
        said.print(f"[{colour}]{found.num_records:,} records, {len(found.findings):,} findings[/]")
    return 1 if found.findings else 0

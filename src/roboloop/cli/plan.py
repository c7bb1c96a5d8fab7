"""`plan`: what a run would do, and what is done already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from roboloop.base.progress import console


def plan(
    recipe: Path,
    /,
    *,
    out: Path | None = None,
    set: tuple[str, ...] = (),
    as_json: Annotated[bool, Parameter("--json")] = False,
) -> int:
    """Say what a run would do and what is done already, and write the resolved lock file.

    Args:
        recipe: A YAML file, or the name of a shipped recipe such as demo_cpu.
        out: The run folder; runs/<recipe name> when left out.
        set: Override a value, for example --set train.0.epochs=1.
        as_json: Machine-readable output.
    """
    from roboloop.pipeline.load import load_recipe
    from roboloop.pipeline.plan import make_plan

    loaded = load_recipe(recipe, overrides=set)
    folder = out or Path("runs") / loaded.name
    steps = make_plan(loaded, out=folder)
    if as_json:
        print(json.dumps([step._asdict() for step in steps], indent=2))  # noqa: T201
        return 0
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("stage", "state", "what"):
        table.add_column(column, no_wrap=column != "what")
    for step in steps:
        table.add_row(f"[bold]{step.stage}[/]", step.state, step.what)
    said = console()
    said.print(table)
    said.print(
        f"\nlock: {folder / 'recipe.lock.yaml'}\nnext: roboloop run {recipe}", soft_wrap=True
    )
    return 0

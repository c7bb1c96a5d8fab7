"""`list`: print the tables."""

from __future__ import annotations

import json
from typing import Annotated, Literal, get_args

from cyclopts import Parameter

TableName = Literal[
    "tasks", "dialects", "sources", "composers", "profiles", "benchmarks", "recipes", "errors"
]  # fmt: skip


def show(
    name: TableName | None = None, /, *, as_json: Annotated[bool, Parameter("--json")] = False
) -> int:
    """Print the tables of what a recipe can name.

    Args:
        name: One table; all of them when left out.
        as_json: Machine-readable output.
    """
    names: tuple[TableName, ...] = get_args(TableName)
    chosen = names[:-1] if name is None else (name,)
    tables = {table: rows_of(table) for table in chosen}
    if as_json:
        print(json.dumps(tables, indent=2, ensure_ascii=False))  # noqa: T201
        return 0
    from rich.console import Console
    from rich.table import Table as RichTable

    for table, rows in tables.items():
        shown = RichTable(title=table, title_justify="left", box=None, pad_edge=False)
        shown.add_column("name", style="bold", no_wrap=True)
        shown.add_column("what it is")
        for kind, text in rows.items():
            shown.add_row(kind, text)
        Console().print(shown, "")
    return 0


def rows_of(name: TableName) -> dict[str, str]:
    """Kind -> one line about it."""
    match name:
        case "tasks":
            from roboloop.tasks import TASKS, load_task

            return {kind: load_task(kind).title for kind in TASKS.rows}
        case "dialects":
            from roboloop.dialects import DIALECTS

            return {kind: str(DIALECTS.resolve(kind).title) for kind in DIALECTS.rows}
        case "sources":
            from roboloop.sources import SOURCES

            return {kind: _first_line(SOURCES.resolve(kind)) for kind in SOURCES.rows}
        case "composers":
            from roboloop.compose import COMPOSERS

            return {kind: _first_line(COMPOSERS.resolve(kind)) for kind in COMPOSERS.rows}
        case "profiles":
            from roboloop.engines.profiles import PROFILES

            return {name: str(PROFILES.resolve(name).title) for name in PROFILES.rows}
        case "benchmarks":
            return _benchmarks()
        case "recipes":
            return _recipes()
        case "errors":
            from roboloop.base.catalogue import CATALOGUE

            return {code: f"{kind.title}. {kind.remedy}" for code, kind in CATALOGUE.items()}


def _benchmarks() -> dict[str, str]:
    from roboloop.evaluate.benchmarks import BENCHMARKS, load_benchmark

    loaded = {kind: load_benchmark(kind) for kind in BENCHMARKS.rows}
    return {
        kind: f"{each.title}: {each.num_items:,} items, {each.hub[0]}, {each.aggregation.words}; "
        f"prompts {', '.join(each.prompts)}"
        for kind, each in loaded.items()
    }


def _recipes() -> dict[str, str]:
    from roboloop.pipeline.load import shipped_recipes
    from roboloop.pipeline.yaml_places import read_yaml

    return {
        stem: str(read_yaml(path, fill_variables=False).value.get("description", ""))
        for stem, path in shipped_recipes().items()
    }


def _first_line(thing: type) -> str:
    return (thing.__doc__ or "").strip().split("\n")[0]

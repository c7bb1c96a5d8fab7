"""`check`: find what is wrong before hours are spent on it, and say what it will cost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.progress import console

if TYPE_CHECKING:
    from roboloop.pipeline.token_table import TaskTokens
    from roboloop.records.check import CheckReport

MAX_SHOWN = 50


def check(
    *files: Path,
    media: bool = True,
    workers: int | None = None,
    dialect: str | None = None,
    set: tuple[str, ...] = (),
    tokenizer: Path | None = None,
    as_json: Annotated[bool, Parameter("--json")] = False,
) -> int:
    """Check recipes (.yaml), and record files: every line, answer and picture.

    With --dialect it also counts the tokens of pictures and texts, task by task. Ends with status
    1 when something was found.

    Args:
        files: Recipes, record files (.jsonl, .parquet), folders of record files, or patterns of
            them such as 'records/*.jsonl'.
        media: Also open every picture, and compare it with the hash of what it was made from.
        workers: Threads that open pictures; one a core when left out.
        dialect: Count tokens for models of this dialect, such as qwen25_vl.
        set: An option of the dialect, such as --set max_pixels=1003520. May be given several times.
        tokenizer: Count text tokens with this tokenizer.json, or with the one of a model's folder;
            they are estimated without it.
        as_json: Machine-readable output.
    """
    if not files:
        raise RoboLoopError("E-DAT-001", "nothing to check", fix="roboloop check FILE")
    paths = [path for file in files for path in _matches(file)]
    recipes = [path for path in paths if path.suffix in (".yaml", ".yml")]
    records = [path for path in paths if path not in recipes]
    said = console()
    for recipe in recipes:
        from roboloop.pipeline.load import load_recipe

        load_recipe(recipe)
        said.print(f"[green]✓[/] {recipe}: a good recipe")
    if not records:
        return 0
    from roboloop.base.workers import default_workers
    from roboloop.records.check import check_records

    found = check_records(records, media=media, num_workers=workers or default_workers())
    tokens = None
    if dialect is not None:
        tokens = _tokens(records, dialect=dialect, options=set, tokenizer=tokenizer)
    if as_json:
        value = found.to_json()
        if tokens is not None:
            value["tokens"] = {task: row.to_json() for task, row in tokens.items()}
            value["text_tokens_are_estimated"] = tokenizer is None
        print(json.dumps(value, indent=2, ensure_ascii=False))  # noqa: T201
    else:
        _show_findings(found)
        if tokens is not None:
            _show_tokens(tokens, estimated=tokenizer is None)
    return 1 if found.findings else 0


def _matches(path: Path) -> Sequence[Path]:
    """The path itself, or what fits its pattern."""
    if path.exists() or not any(sign in str(path) for sign in "*?["):
        return (path,)
    anchor = Path(path.anchor)
    found = sorted(anchor.glob(str(path.relative_to(anchor))))
    if not found:
        raise RoboLoopError("E-DAT-001", "no file fits the pattern", place=Place(path))
    return found


def _tokens(
    records: Sequence[Path], *, dialect: str, options: Sequence[str], tokenizer: Path | None
) -> Mapping[str, TaskTokens]:
    from roboloop.dialects import load_dialect
    from roboloop.pipeline.token_table import count_tokens
    from roboloop.pipeline.yaml_places import parse_value

    given: dict[str, Any] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise RoboLoopError("E-CFG-003", f"{option!r} is no option such as max_pixels=1003520")
        given[name] = parse_value(value)
    count = None
    if tokenizer is not None:
        from roboloop.models.text_tokens import TextTokens

        count = TextTokens(tokenizer).count
    return count_tokens(records, dialect=load_dialect(dialect, **given), count_text=count)


def _show_findings(found: CheckReport) -> None:
    from rich.markup import escape

    said = console()
    for finding in found.findings[:MAX_SHOWN]:
        said.print(escape(str(finding)), soft_wrap=True)
    if len(found.findings) > MAX_SHOWN:
        more = len(found.findings) - MAX_SHOWN
        said.print(f"[dim]and {more:,} more; all of them with --json[/]")
    codes = ", ".join(f"{number:,} x {code}" for code, number in found.by_code.items())
    colour = "green" if not found.findings else "red"
    said.print(
        f"[{colour}]{found.num_records:,} records, {found.num_media:,} media opened, "
        f"{len(found.findings):,} findings{f': {codes}' if codes else ''}[/]"
    )


def _show_tokens(tokens: Mapping[str, TaskTokens], *, estimated: bool) -> None:
    from rich.table import Table

    from roboloop.pipeline.token_table import spread

    shown = Table(box=None, pad_edge=False)
    shown.add_column("task", style="bold", no_wrap=True)
    for name in ("records", "media"):
        shown.add_column(name, justify="right")
    text = "text tokens (estimated)" if estimated else "text tokens"
    for name in ("picture tokens", text):
        shown.add_column(f"{name}\nmin / median / p95 / max", justify="right", no_wrap=True)
    shown.add_column("total", justify="right")
    for task, row in tokens.items():
        cells = [
            " / ".join(f"{number:,}" for number in values) if values else "-"
            for values in (spread(row.picture_tokens), spread(row.text_tokens))
        ]
        total = sum(row.picture_tokens) + sum(row.text_tokens)
        shown.add_row(task, f"{row.num_records:,}", f"{row.num_media:,}", *cells, f"{total:,}")
    said = console()
    said.print("", shown)
    if unknown := sum(row.num_unknown for row in tokens.values()):
        said.print(
            f"[yellow]{unknown:,} records have pictures whose tokens are not known "
            "and are not counted: no size, or a dialect without a known rule[/]"
        )
    if estimated:
        said.print("[dim]text tokens: characters / 4; give --tokenizer to count them[/]")

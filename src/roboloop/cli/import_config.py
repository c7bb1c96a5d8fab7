"""`import-config`: another trainer's configuration becomes a recipe."""

from __future__ import annotations

from pathlib import Path

from roboloop.base.progress import console


def import_config(
    file: Path, /, *, out: Path | None = None, num_gpus: int = 1, num_samples: int | None = None
) -> int:
    """Turn a LLaMA-Factory YAML, or a script like RoboInterVLM's sft.sh, into a recipe.

    Every option is mapped, or listed with the reason why not. Ends with status 1 when an option is
    not known at all.

    Args:
        file: The configuration.
        out: The recipe to write; printed when left out.
        num_gpus: GPUs of that run: batch sizes there are for each.
        num_samples: Training samples of that run, for a warm-up given in steps.
    """
    from rich.table import Table

    from roboloop.base.files import atomic_write_text
    from roboloop.pipeline.import_config import import_config

    made = import_config(file, num_gpus=num_gpus, num_samples=num_samples)
    table = Table(box=None, pad_edge=False)
    for column in ("option", "value", "", "where, or why not"):
        table.add_column(column)
    for line in made.lines:
        table.add_row(line.option, str(line.value), line.state, line.said)
    said = console()
    said.print(table)
    for note in made.notes:
        said.print(f"[yellow]![/] {note}", soft_wrap=True)
    if out is None:
        print(made.text())  # noqa: T201 - the recipe itself
    else:
        atomic_write_text(out, text=made.text())
        said.print(f"next: roboloop plan {out}", soft_wrap=True)
    return 1 if any(line.state == "unknown" for line in made.lines) else 0

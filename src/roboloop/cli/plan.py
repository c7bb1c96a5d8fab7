"""`plan`: what a run would do, and what is done already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from roboloop.base.progress import console

if TYPE_CHECKING:
    from rich.table import Table

    from roboloop.pipeline.phase_plan import PhasePlan


def plan(
    recipe: Path,
    /,
    *,
    out: Path | None = None,
    set: tuple[str, ...] = (),
    as_json: Annotated[bool, Parameter("--json")] = False,
    samples: int | None = None,
    tokens_per_sample: int = 400,
    tokens_per_second: float | None = None,
    gpus: int = 1,
    size: Literal["3b", "7b", "32b"] | None = None,
    image_fraction: float = 0.6,
) -> int:
    """Say what a run would do and what is done already, and write the resolved lock file.

    Of each training phase it says steps, tokens, hours, memory of a GPU under every way of
    sharding, and what looks wrong.

    Args:
        recipe: A YAML file, or the name of a shipped recipe such as demo_cpu.
        out: The run folder; runs/<recipe name> when left out.
        set: Override a value, for example --set train.0.epochs=1.
        as_json: Machine-readable output.
        samples: Records of a phase (pictures, where a step takes pictures).
        tokens_per_sample: Mean tokens of one, its picture's included.
        tokens_per_second: Measured speed of all GPUs together, for the hours.
        gpus: GPUs that share the work.
        size: Count the memory of this published Qwen2.5-VL, in place of the recipe's model.
        image_fraction: Share of the tokens that are pictures', which go through the encoder too.
    """
    from roboloop.pipeline.load import load_recipe
    from roboloop.pipeline.phase_plan import Assumed, plan_phases
    from roboloop.pipeline.plan import make_plan

    loaded = load_recipe(recipe, overrides=set)
    folder = out or Path("runs") / loaded.name
    steps = make_plan(loaded, out=folder)
    assumed = Assumed(samples, tokens_per_sample, tokens_per_second, gpus, size, image_fraction)
    phases = plan_phases(loaded, assumed=assumed)
    if as_json:
        training = {f"train.{phase.name}": phase.to_json() for phase in phases}
        listed = [step._asdict() | _training(training.get(step.stage)) for step in steps]
        print(json.dumps(listed, indent=2))  # noqa: T201
        return 0
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("stage", "state", "what"):
        table.add_column(column, no_wrap=column != "what")
    for step in steps:
        table.add_row(f"[bold]{step.stage}[/]", step.state, step.what)
    said = console()
    said.print(table)
    for phase in phases:
        _show_phase(phase, gpus=gpus)
    said.print(
        f"\nlock: {folder / 'recipe.lock.yaml'}\nnext: roboloop run {recipe}", soft_wrap=True
    )
    return 0


def _training(found: dict[str, Any] | None) -> dict[str, Any]:
    return {} if found is None else {"training": found}


def _show_phase(phase: PhasePlan, *, gpus: int) -> None:
    """Print what a phase comes to, then what looks wrong with it."""
    said = console()
    steps = "steps not known: give --samples"
    if phase.num_steps is not None:
        steps = f"{phase.num_steps:,} steps, about {phase.num_tokens:,} tokens"
    hours = "" if phase.hours is None else f", {phase.hours:.1f} hours"
    said.print(f"\n[bold]train.{phase.name}[/]: {steps}{hours}", soft_wrap=True)
    if phase.weights is not None:
        total, active, trained = phase.weights
        met = "" if active == total else f", {active:,} of them for a token"
        said.print(f"{total:,} weights{met}; {trained:,} trained", soft_wrap=True)
    if phase.memory:
        said.print(_memory_table(phase, gpus=gpus))
    for finding in phase.findings:
        said.print(
            f"[yellow]![/] [bold]{finding.name}[/]: {finding.said}. {finding.remedy}",
            soft_wrap=True,
        )


def _memory_table(phase: PhasePlan, *, gpus: int) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, title=f"GiB of each of {gpus} GPUs")
    names = ("weights", "gradients", "optimizer", "activations", "in all", "recomputed")
    table.add_column("sharding")
    for name in names:
        table.add_column(name, justify="right")
    for row in phase.memory:
        figures = (row.weights, row.gradients, row.states, row.activations)
        in_all = f"{row.low} to {row.high}"
        table.add_row(row.sharding, *map(str, figures), in_all, str(row.recomputed))
    return table

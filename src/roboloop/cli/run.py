"""`run` and its shorter sisters: they follow one recipe and differ in where they stop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from roboloop.base.progress import console
from roboloop.cli.processes import ALONE, GROUP, ProcessOptions

if TYPE_CHECKING:
    from roboloop.pipeline.recipe import Recipe
    from roboloop.train.processes import Processes


def run(
    recipe: Path,
    /,
    *,
    out: Path | None = None,
    set: tuple[str, ...] = (),
    workers: int | None = None,
    processes: ProcessOptions = ALONE,
) -> int:
    """Run a recipe: data, training, evaluation, report.

    Finished stages are kept; a run that was stopped goes on; a changed recipe redoes what the
    change touches and says so.

    Args:
        recipe: A YAML file, or the name of a shipped recipe such as demo_cpu.
        out: The run folder; runs/<recipe name> when left out.
        set: Override a value, for example --set train.0.epochs=1. May be given several times.
        workers: Processes that read data sets; one a core when left out.
        processes: See its options.
    """
    loaded = _load(recipe, overrides=with_workers(set, workers))
    return follow(loaded, out=out, until="report", processes=processes.processes())


def demo(*, out: Path | None = None, set: tuple[str, ...] = ()) -> int:
    """Run the shipped demo: simulated robot pictures, a tiny Qwen2.5-VL, under 10 minutes.

    Args:
        out: The run folder; runs/demo-cpu when left out.
        set: Override a value of the recipe demo_cpu.
    """
    return follow(_load(Path("demo_cpu"), overrides=set), out=out, until="report")


def data(
    recipe: Path,
    /,
    *,
    out: Path | None = None,
    set: tuple[str, ...] = (),
    until: Literal["sources", "curate"] = "curate",
    workers: int | None = None,
) -> int:
    """Make only the records of a recipe.

    Args:
        recipe: A YAML file, or the name of a shipped recipe.
        out: The run folder.
        set: Override a value.
        until: The last data stage to do: sources only, or curation too when the recipe has it.
        workers: Processes that read data sets; one a core when left out.
    """
    last = {"sources": "data", "curate": "curate"}[until]
    return follow(_load(recipe, overrides=with_workers(set, workers)), out=out, until=last)


def train(
    recipe: Path,
    /,
    *,
    out: Path | None = None,
    set: tuple[str, ...] = (),
    processes: ProcessOptions = ALONE,
    launch: Annotated[Literal["torchrun", "slurm"] | None, Parameter(group=GROUP)] = None,
) -> int:
    """Run a recipe up to its last training phase.

    Args:
        recipe: A YAML file, or the name of a shipped recipe.
        out: The run folder.
        set: Override a value.
        processes: See its options.
        launch: Start nothing, but print the commands of torchrun, one for each node, or a script
            for Slurm's sbatch.
    """
    if launch is not None:
        from roboloop.pipeline.launch import launch_text

        processes.check()
        name = _load(recipe, overrides=set).name
        words = ["train", str(recipe), "--out", str(out or Path("runs") / name)]
        words += [word for override in set for word in ("--set", override)]
        print(launch_text(launch, processes.cluster_job(name, arguments=words)))  # noqa: T201
        return 0
    loaded = _load(recipe, overrides=set)
    return follow(loaded, out=out, until="train", processes=processes.processes())


def report(recipe: Path, /, *, out: Path | None = None, set: tuple[str, ...] = ()) -> int:
    """Build the report of a recipe; what it needs is made first unless it is done already.

    Args:
        recipe: A YAML file, or the name of a shipped recipe.
        out: The run folder.
        set: Override a value.
    """
    return follow(_load(recipe, overrides=set), out=out, until="report")


def with_workers(overrides: tuple[str, ...], workers: int | None) -> tuple[str, ...]:
    """The overrides of a recipe, and the number of processes that read its data."""
    return overrides if workers is None else (*overrides, f"data.num_workers={workers}")


def follow(
    recipe: Recipe, *, out: Path | None, until: str, processes: Processes | None = None
) -> int:
    """Follow a recipe up to the stage `until` and say what came of it."""
    from roboloop.pipeline.execute import run_recipe

    folder = out or Path("runs") / recipe.name
    result = run_recipe(recipe, out=folder, until=until, processes=processes)
    said = console()
    if result.scores is not None:
        said.print("\n" + result.scores, markup=False, soft_wrap=True)
    said.print(f"\n{result.next_step}", soft_wrap=True)
    print(result.output)  # noqa: T201 - the one line of data: where the result lies
    if result.gate_closed:
        said.print("the forgetting gate is closed: see `gate` in the evaluation's report.json")
        return 1
    return 0


def _load(recipe: Path, *, overrides: tuple[str, ...]) -> Recipe:
    from roboloop.pipeline.load import load_recipe

    return load_recipe(recipe, overrides=overrides)

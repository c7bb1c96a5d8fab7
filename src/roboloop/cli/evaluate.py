"""`evaluate`: a recipe up to its evaluation, or any model on benchmarks or on records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from cyclopts import Group, Parameter
from pydantic import BaseModel, ValidationError

from roboloop.base.errors import RoboLoopError
from roboloop.base.progress import console

if TYPE_CHECKING:
    from roboloop.evaluate.benchmarks.config import BenchmarkConfig
    from roboloop.evaluate.config import EvaluateConfig

OptionOrder = Literal["stored", "shuffled", "circular"]
Options = TypeVar("Options", bound=BaseModel)
GROUP = Group("Benchmarks", help="Which are asked, in whose words, by whose rules.")


@Parameter(name="*", group=GROUP)
@dataclass(frozen=True, kw_only=True)
class BenchmarkOptions:
    """What is asked of benchmarks.

    Attributes:
        benchmarks: Names of `roboloop list benchmarks` with commas, or all.
        benchmarks_root: Folder with the benchmarks' files; nothing is downloaded.
        prompts: Whose wording: author, strict, flagevalmm, lmms_eval, vlmevalkit.
        option_order: Options as stored, shuffled by seed, or circular: in every rotation as well.
        rules: Evaluators whose scores stand beside ours, with commas, or all.
        published_as: The model's name in published tables, to hold its scores against.
        judge: Address of the model that grades MM-Vet, such as https://api.openai.com/v1.
        judge_model: Its name.
        num_frames: Frames of a video; each benchmark's own number when left out.
        sampler: How frames are spread: linspace, middles or tail.
    """

    benchmarks: str | None = None
    benchmarks_root: Path | None = None
    prompts: str = "author"
    option_order: OptionOrder = "stored"
    rules: str = ""
    published_as: str = ""
    judge: str | None = None
    judge_model: str = ""
    num_frames: int | None = None
    sampler: str = "linspace"

    def settings(self, asked: Mapping[str, Any], *, max_items: int | None) -> BenchmarkConfig:
        """The stage's options.

        Raises:
            RoboLoopError: E-EVA-010 without a folder, E-CFG-003 for a value that cannot be.
        """
        from roboloop.evaluate.benchmarks.config import BenchmarkConfig

        if self.benchmarks_root is None:
            detail, fix = "no folder of benchmarks is named", "Give --benchmarks-root FOLDER."
            raise RoboLoopError("E-EVA-010", detail, fix=fix)
        judge = {"url": self.judge, "model": self.judge_model, "max_new_tokens": 64}
        return _checked(
            BenchmarkConfig,
            {
                **asked, "benchmarks": _names(self.benchmarks or ""), "root": self.benchmarks_root,
                "prompts": self.prompts, "option_order": self.option_order,
                "rules": _names(self.rules), "max_items": max_items,
                "num_frames": self.num_frames, "sampler": self.sampler,
                "published_as": self.published_as, "judge": judge if self.judge else None,
            },
        )  # fmt: skip


NO_BENCHMARKS = BenchmarkOptions()


def evaluate(
    recipe_or_model: str,
    /,
    *,
    benchmarks: BenchmarkOptions = NO_BENCHMARKS,
    tasks: str = "",
    data: Path | None = None,
    engine: str | None = None,
    dialect: str | None = None,
    max_items: int | None = None,
    max_new_tokens: int | None = None,
    batch_size: int = 32,
    seed: int = 0,
    out: Path | None = None,
    set: tuple[str, ...] = (),
) -> int:
    """Measure a recipe's models, or any model on benchmarks or records.

    Exit status 1 when something is missing from the numbers.

        roboloop evaluate recipe.yaml
        roboloop evaluate MODEL --benchmarks all --benchmarks-root ~/benchmarks
        roboloop evaluate NAME --benchmarks blink,erqa --benchmarks-root DIR --engine vllm:URL
        roboloop evaluate MODEL --tasks contact_box,traj,planning --data val/

    Args:
        recipe_or_model: A recipe, a model folder, or with --engine the name of a served model.
        benchmarks: See its options.
        tasks: Tasks of the records with commas; all of them when left out.
        data: Records, or files that some source reads.
        engine: local:PATH, vllm:URL, openai:URL or a URL; the model folder itself when left out.
        dialect: How the model writes places, when its profile does not tell.
        max_items: Only so many items of each benchmark or records of each task: to try.
        max_new_tokens: Longest answer.
        batch_size: Questions answered at once.
        seed: Of drawn items and intervals.
        out: The folder for the results; evaluations/MODEL when left out.
        set: Override a value of the recipe.
    """
    if benchmarks.benchmarks is None and data is None:
        from roboloop.cli.run import follow
        from roboloop.pipeline.load import load_recipe

        loaded = load_recipe(Path(recipe_or_model), overrides=set)
        return follow(loaded, out=out, until="evaluate")
    asked: dict[str, Any] = {"batch_size": batch_size, "seed": seed}
    if max_new_tokens is not None:
        asked["max_new_tokens"] = max_new_tokens
    if benchmarks.benchmarks is not None:
        settings = benchmarks.settings(asked, max_items=max_items)
    else:
        settings = _record_settings(asked, tasks=tasks, max_items=max_items)
    place = out or Path("evaluations") / Path(recipe_or_model).name
    return _measure(
        recipe_or_model, settings, engine=engine, dialect=dialect, overrides=set, data=data,
        out=place,
    )  # fmt: skip


def _record_settings(
    asked: Mapping[str, Any], *, tasks: str, max_items: int | None
) -> EvaluateConfig:
    from roboloop.evaluate.config import EvaluateConfig

    return _checked(
        EvaluateConfig,
        {**asked, "tasks": _names(tasks) or None, "max_records_per_task": max_items,
         "baselines": ()},
    )  # fmt: skip


def _measure(
    target: str,
    settings: BenchmarkConfig | EvaluateConfig,
    *,
    engine: str | None,
    dialect: str | None,
    overrides: tuple[str, ...],
    data: Path | None,
    out: Path,
) -> int:
    """Open the models, measure them, and say what came of it."""
    from roboloop.dialects import load_dialect
    from roboloop.evaluate.benchmarks.config import BenchmarkConfig
    from roboloop.pipeline.measure import measure_benchmarks, measure_records, open_models

    spoken = None if dialect is None else load_dialect(dialect)
    models = open_models(
        target, engine=engine, settings=settings, dialect=spoken, overrides=overrides
    )
    if isinstance(settings, BenchmarkConfig):
        measured = measure_benchmarks(settings, models=models, out=out)
    else:
        assert data is not None
        measured = measure_records(settings, models=models, data=data, out=out)
    said = console()
    said.print("\n" + measured.scores, markup=False, soft_wrap=True)
    said.print(f"open the report in a browser: file://{measured.page.absolute()}", soft_wrap=True)
    print(out)  # noqa: T201 - the one line of data: where the result lies
    return 0 if measured.complete else 1


def _checked(kind: type[Options], given: dict[str, Any]) -> Options:
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        option = "--" + "-".join(map(str, first["loc"])).replace("_", "-")
        raise RoboLoopError("E-CFG-003", f"{option}: {first['msg']}") from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())

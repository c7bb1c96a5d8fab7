"""`evaluate`: a recipe up to its evaluation, or any model on benchmarks or on records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from roboloop.base.errors import RoboLoopError
from roboloop.base.progress import console

if TYPE_CHECKING:
    from roboloop.evaluate.benchmarks.config import BenchmarkConfig

Options = TypeVar("Options", bound=BaseModel)


def evaluate(
    recipe_or_model: str,
    /,
    *,
    benchmarks: str | None = None,
    benchmarks_root: Path | None = None,
    tasks: str | None = None,
    data: Path | None = None,
    engine: str | None = None,
    prompts: str = "author",
    rules: str = "",
    dialect: str | None = None,
    published_as: str = "",
    judge: str | None = None,
    judge_model: str = "",
    max_items: int | None = None,
    num_frames: int | None = None,
    sampler: str = "linspace",
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
        benchmarks: Names of `roboloop list benchmarks` with commas, or all.
        benchmarks_root: Folder with the benchmarks' files; nothing is downloaded.
        tasks: Tasks of the records with commas; all of them when left out.
        data: Records, or files that some source reads.
        engine: local:PATH, vllm:URL, openai:URL or a URL; the model folder itself when left out.
        prompts: Whose wording of the benchmarks: author, strict, flagevalmm, lmms_eval, vlmevalkit.
        rules: Evaluators whose scores stand beside ours, with commas, or all.
        dialect: How the model writes places, when its profile does not tell.
        published_as: The model's name in published tables, to hold its scores against.
        judge: Address of the model that grades MM-Vet, such as https://api.openai.com/v1.
        judge_model: Its name.
        max_items: Only so many items of each benchmark or records of each task: to try.
        num_frames: Frames of a video; each benchmark's own number when left out.
        sampler: How frames are spread: linspace, middles or tail.
        max_new_tokens: Longest answer.
        batch_size: Questions answered at once.
        seed: Of drawn items and intervals.
        out: The folder for the results; evaluations/<model> when left out.
        set: Override a value of the recipe.
    """
    from roboloop.dialects import load_dialect
    from roboloop.pipeline.measure import measure_benchmarks, measure_records, open_models

    if benchmarks is None and data is None:
        from roboloop.cli.run import follow

        return follow(Path(recipe_or_model), out=out, overrides=set, until="evaluate")
    asked: dict[str, Any] = {"batch_size": batch_size, "seed": seed}
    if max_new_tokens is not None:
        asked["max_new_tokens"] = max_new_tokens
    place = out or Path("evaluations") / Path(recipe_or_model).name
    spoken = None if dialect is None else load_dialect(dialect)
    if benchmarks is not None:
        settings = _benchmark_settings(
            {
                **asked, "benchmarks": _names(benchmarks), "root": benchmarks_root,
                "prompts": prompts, "rules": _names(rules), "max_items": max_items,
                "num_frames": num_frames, "sampler": sampler, "published_as": published_as,
            },
            judge=judge, judge_model=judge_model,
        )  # fmt: skip
        models = open_models(recipe_or_model, engine=engine, settings=settings, dialect=spoken)
        measured = measure_benchmarks(settings, models=models, out=place)
    else:
        from roboloop.evaluate.config import EvaluateConfig

        assert data is not None
        chosen = _checked(
            EvaluateConfig,
            {**asked, "tasks": _names(tasks or "") or None, "max_records_per_task": max_items,
             "baselines": ()},
        )  # fmt: skip
        models = open_models(recipe_or_model, engine=engine, settings=chosen, dialect=spoken)
        measured = measure_records(chosen, models=models, data=data, out=place)
    said = console()
    said.print("\n" + measured.scores, markup=False, soft_wrap=True)
    said.print(f"open the report in a browser: file://{measured.page.absolute()}", soft_wrap=True)
    print(place)  # noqa: T201 - the one line of data: where the result lies
    return 0 if measured.complete else 1


def _benchmark_settings(
    given: dict[str, Any], *, judge: str | None, judge_model: str
) -> BenchmarkConfig:
    from roboloop.evaluate.benchmarks.config import BenchmarkConfig

    if given["root"] is None:
        raise RoboLoopError(
            "E-EVA-010", "no folder of benchmarks is named", fix="Give --benchmarks-root FOLDER."
        )
    if judge is not None:
        given["judge"] = {"url": judge, "model": judge_model, "max_new_tokens": 64}
    return _checked(BenchmarkConfig, given)


def _checked(kind: type[Options], given: dict[str, Any]) -> Options:
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        option = "--" + "-".join(map(str, first["loc"])).replace("_", "-")
        raise RoboLoopError("E-CFG-003", f"{option}: {first['msg']}") from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())

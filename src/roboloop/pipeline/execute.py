"""Follow a recipe: every stage once, in order, kept when done.

The order is the life of a record: data -> curate -> compose -> model -> train phases -> evaluate ->
report. A stage's folder is named by a hash of its own settings and of the *contents* it reads, so a
change that does not alter the records does not train again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import roboloop
from roboloop.base.errors import RoboLoopError
from roboloop.base.progress import console
from roboloop.pipeline import stages
from roboloop.pipeline.members import Leader, member_number, say_to, tell_members
from roboloop.pipeline.recipe import Recipe
from roboloop.pipeline.stage import complete
from roboloop.pipeline.yaml_places import dump_yaml
from roboloop.runs.environment import capture_environment
from roboloop.runs.folder import RunFolder, StageFolder
from roboloop.sources.build import source_print
from roboloop.train.phases import Job
from roboloop.train.processes import Processes
from roboloop.train.run_options import RUN_OPTIONS

STOPS = ("data", "curate", "compose", "train", "evaluate", "report")


class RunResult(NamedTuple):
    """Where a run stopped and what it left.

    Attributes:
        output: The folder or page to look at.
        next_step: A sentence for the person.
        scores: The evaluation's table as text, when the run came that far.
        gate_closed: The evaluation found something forgotten that must not be.
    """

    output: Path
    next_step: str
    scores: str | None = None
    gate_closed: bool = False


def run_recipe(
    recipe: Recipe, *, out: Path, until: str = "report", processes: Processes | None = None
) -> RunResult:
    """Follow the recipe in the run folder `out`, up to and with the stage `until`.

    Args:
        recipe: What to do.
        out: The run folder.
        until: The last stage to do.
        processes: Those that train; None trains in this one, or under torchrun in all of its.

    Raises:
        RoboLoopError: E-RUN-002 when another process works in `out`; whatever a stage raises.
    """
    assert until in STOPS, until
    run = RunFolder(out)
    execution = Execution(recipe, run=run, processes=processes)
    if member := member_number(processes):
        if processes is None:
            say_to(run.logs / f"rank-{member}.log")
        return _train_along(execution, until=until)
    with run.exclusive():
        run.write_lock(lock_text(recipe), environment=capture_environment())
        console().print(f"[bold]{recipe.name}[/]  [dim]{out}[/]")
        try:
            return _follow(execution, until=until)
        except RoboLoopError as error:
            tell_members(run, error=error)
            raise


def trained_models(recipe: Recipe, *, out: Path) -> dict[str, Path]:
    """Follow the recipe up to its last training phase and give the model folders.

    Returns:
        `trained`, when the recipe trains, and `untrained`, the model it starts from.

    Raises:
        RoboLoopError: As `run_recipe`.
    """
    run = RunFolder(out)
    with run.exclusive():
        run.write_lock(lock_text(recipe), environment=capture_environment())
        execution = Execution(recipe, run=run)
        _follow(execution, until="train")
        found = {"untrained": execution.weights(0)}
        if execution.phases:
            found = {"trained": execution.weights(len(execution.phases)), **found}
        return found


def lock_text(recipe: Recipe) -> str:
    """The recipe with every default filled in and the version that resolves it, as YAML."""
    return dump_yaml({"roboloop": roboloop.__version__, **recipe.resolved()})


class Execution:
    """The stages of one recipe in one run folder.

    `stage_folders` walks them in order; each folder is known once the one before it is complete,
    because keys depend on contents.
    """

    def __init__(
        self, recipe: Recipe, *, run: RunFolder, processes: Processes | None = None
    ) -> None:
        self.recipe = recipe
        self.run = run
        self.processes = processes
        self.data: StageFolder
        self.curated: StageFolder | None = None
        self.composed: StageFolder | None = None
        self.start: StageFolder
        self.phases: list[StageFolder] = []
        self.judged: StageFolder
        self._locked = recipe.resolved()

    def stage_folders(self) -> Iterator[StageFolder]:
        """Each stage's folder in order; complete one before asking for the next."""
        recipe, locked = self.recipe, self._locked
        seed, dialect = recipe.seed, locked["model"]["dialect"]
        prints = {
            f"source {index}": source_print(source)
            for index, source in enumerate(recipe.data.sources)
        }
        data = {key: value for key, value in locked["data"].items() if key != "num_workers"}
        self.data = self._stage("data", {"data": data, "seed": seed}, prints)
        yield self.data
        records = self.data.output_hash
        if recipe.curate is not None:
            found = {key: item for key, item in locked["curate"].items() if key != "engine"}
            self.curated = self._stage(
                "curate",
                {"curate": found, "seed": seed},
                {"records": records, **stages.curation_inputs(recipe)},
            )
            yield self.curated
            records = self.curated.output_hash
        if recipe.compose is not None:
            self.composed = self._stage(
                "compose",
                {"compose": locked["compose"], "seed": seed},
                {"records": records, **stages.composition_inputs(recipe)},
            )
            yield self.composed
            records = self.composed.output_hash
        inputs = stages.model_inputs(recipe, records_hash=records)
        self.start = self._stage("model", {"model": locked["model"], "seed": seed}, inputs)
        yield self.start
        weights = self.start.output_hash
        for phase, settings in zip(recipe.train, locked["train"], strict=True):
            stage = self._stage(
                f"train.{phase.name}",
                {"train": _without_run_options(settings), "dialect": dialect, "seed": seed},
                {"model": weights, "records": records},
            )
            self.phases.append(stage)
            yield stage
            weights = stage.output_hash
            if recipe.evaluate.after_each_phase and phase is not recipe.train[-1]:
                yield self._evaluation(f"evaluate.{phase.name}", records=records)
        self.judged = self._evaluation("evaluate", records=records)
        yield self.judged
        yield self._stage(
            "report",
            {"report": locked["report"], "name": recipe.name, "description": recipe.description},
            {
                stage.name: stage.key
                for stage in (self.judged, *self.phases, *self._data_stages[1:])
            },
        )

    def work(self, stage: StageFolder, out: Path) -> stages.StageOutput:
        """Do the work of a stage in its folder."""
        recipe, name = self.recipe, stage.name
        if name == "data":
            return stages.make_records(recipe, out=out)
        if name == "curate":
            return stages.curate_records(
                recipe, records=self.data.path, store=self.run.path / "curation", out=out
            )
        if name == "compose":
            records = (self.curated or self.data).path
            store = self.run.path / "composition"
            return stages.compose_records(recipe, records=records, store=store, out=out)
        records = self.records
        if name == "model":
            return stages.make_model(recipe, records=records, out=out)
        if name.startswith("train."):
            is_last = stage is self.phases[-1] and len(self.phases) == len(recipe.train)
            with self._live_page(is_last=is_last):
                return self.train(stage)
        if name.startswith("evaluate"):
            return stages.evaluate_models(
                recipe,
                records=records,
                untrained=self.weights(0),
                phases=self._asked_phases(),
                answers=self.run.path / "answers",
                out=out,
            )
        return stages.write_report(
            recipe,
            run=self.run,
            records=self._data_stages[-1],
            ledgers=self._data_stages,
            phases=self.phases,
            judged=self.judged,
            curated=self.curated,
            out=out,
        )

    def train(self, stage: StageFolder) -> stages.StageOutput:
        """Do the work of a training phase, or this process's share of it."""
        index = self.phases.index(stage)
        job = Job(
            phase=self.recipe.train[index],
            model=self.weights(index),
            records=self.records / "records",
            out=stage.path,
            dialect=self.recipe.model.dialect,
            seed=self.recipe.seed,
        )
        return stages.train_phase(job, processes=self.processes, logs=self.run.logs)

    @property
    def records(self) -> Path:
        """The stage folder with the records that are trained on and asked about."""
        return self._data_stages[-1].path

    @property
    def _data_stages(self) -> list[StageFolder]:
        """The stages that write records, in order."""
        return [stage for stage in (self.data, self.curated, self.composed) if stage is not None]

    def weights(self, num_phases: int) -> Path:
        """The model folder after so many training phases."""
        if num_phases == 0:
            return stages.model_folder(self.recipe, self.start.path)
        return stages.trained_folder(self.phases[num_phases - 1].path)

    def _asked_phases(self) -> dict[str, Path]:
        """The models that are put to the test besides the untrained one, by name."""
        if self.recipe.evaluate.after_each_phase:
            return {
                phase.name: self.weights(number)
                for number, phase in enumerate(self.recipe.train[: len(self.phases)], 1)
            }
        return {"trained": self.weights(len(self.phases))} if self.phases else {}

    def _evaluation(self, name: str, *, records: str) -> StageFolder:
        """The stage that asks the models there are by now."""
        locked, each = self._locked, self.recipe.evaluate.after_each_phase
        models = {"model": (self.phases or [self.start])[-1].output_hash}
        if each:
            models = {stage.name: stage.output_hash for stage in self.phases}
        return self._stage(
            name,
            {
                "evaluate": locked["evaluate"], "dialect": locked["model"]["dialect"],
                "seed": self.recipe.seed,
            },
            {"records": records, **models, "untrained": self.start.output_hash},
        )  # fmt: skip

    def _live_page(self, *, is_last: bool) -> AbstractContextManager[None]:
        """The page `live` of the run, kept up while a phase trains."""
        from roboloop.report.training_page import LivePage, followed

        page = LivePage(self.run.path / "live", title=self.recipe.name)
        console().print(f"follow it in a browser: {page.page}", markup=False, soft_wrap=True)
        return followed(page, find_logs=self._logs, is_last=is_last)

    def _logs(self) -> dict[str, Path]:
        """Logs of the phases so far."""
        return {
            stage.name.removeprefix("train."): stage.path / "trainer_log.jsonl"
            for stage in self.phases
        }

    def _stage(
        self, name: str, settings: Mapping[str, Any], inputs: Mapping[str, str]
    ) -> StageFolder:
        versioned = {**settings, "roboloop": roboloop.__version__}
        return self.run.stage(name, settings=versioned, inputs=inputs)


def _follow(execution: Execution, *, until: str) -> RunResult:
    stop = _last_stage(execution.recipe, until=until)
    stage: StageFolder | None = None
    for stage in execution.stage_folders():
        complete(
            execution.run, stage=stage, work=lambda out, stage=stage: execution.work(stage, out)
        )
        if stage.name == stop:
            break
    assert stage is not None
    match until:
        case "data" | "curate" | "compose":
            records = execution.run.show(stage.path / "records", name="records")
            return RunResult(records, f"next: roboloop look {records}")
        case "train":
            weights = execution.weights(len(execution.phases))
            return RunResult(weights, "next: roboloop evaluate with the same recipe")
        case "evaluate":
            said = "next: roboloop report with the same recipe"
            closed = _gate_closed(stage)
            return RunResult(stage.path / "report.json", said, _scores(stage), closed)
        case _:
            page = execution.run.show(stage.path / "report", name="report") / "index.html"
            said = f"open the report in a browser: file://{page.absolute()}"
            judged = execution.judged
            return RunResult(page, said, _scores(judged), _gate_closed(judged))


def _train_along(execution: Execution, *, until: str) -> RunResult:
    """Take part in the training phases of a run that another process leads."""
    console().print(f"[bold]{execution.recipe.name}[/]: waits for the first process")
    leader = Leader(execution.run)
    stops = {_last_stage(execution.recipe, until=name) for name in (until, "train")}
    for stage in execution.stage_folders():
        if stage in execution.phases and stage.mark is None:
            execution.train(stage)
        leader.wait_for(stage)
        if stage.name in stops:
            break
    return RunResult(execution.run.path, "done; the first process goes on")


def _last_stage(recipe: Recipe, *, until: str) -> str:
    """The name of the stage after which a run up to `until` stops."""
    match until:
        case "train":
            return f"train.{recipe.train[-1].name}" if recipe.train else "model"
        case "curate":
            return "curate" if recipe.curate is not None else "data"
        case "compose":
            return "compose" if recipe.compose is not None else _last_stage(recipe, until="curate")
        case _:
            return until


def _without_run_options(phase: Mapping[str, Any]) -> dict[str, Any]:
    """What a phase's result depends on: a run may go on with other options of how it is run."""
    return {key: value for key, value in phase.items() if key not in RUN_OPTIONS}


def _gate_closed(judged: StageFolder) -> bool:
    mark = judged.mark
    return bool(mark and mark["facts"].get("gate_closed"))


def _scores(judged: StageFolder) -> str:
    """The table of tasks and phases where there is one, else that of tasks and models."""
    phases = judged.path / "phases.txt"
    table = phases if phases.exists() else judged.path / "table.txt"
    return table.read_text(encoding="utf-8")

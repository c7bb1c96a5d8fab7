"""Follow a recipe: every stage once, in order, kept when done.

The order is the life of a record: data -> model -> train phases -> evaluate -> report. A stage's
folder is named by a hash of its own settings and of the *contents* it reads, so a change that does
not alter the records does not train again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import roboloop
from roboloop.base.errors import RoboLoopError
from roboloop.base.progress import console
from roboloop.pipeline import stages
from roboloop.pipeline.recipe import Recipe
from roboloop.pipeline.stage import complete
from roboloop.pipeline.yaml_places import dump_yaml
from roboloop.runs.environment import capture_environment
from roboloop.runs.folder import RunFolder, StageFolder

STOPS = ("data", "train", "evaluate", "report")


class RunResult(NamedTuple):
    """Where a run stopped and what it left.

    Attributes:
        output: The folder or page to look at.
        next_step: A sentence for the person.
        table: The evaluation's table as text, when there is one.
    """

    output: Path
    next_step: str
    table: str | None = None


def run_recipe(recipe: Recipe, *, out: Path, until: str = "report") -> RunResult:
    """Follow the recipe in the run folder `out`, up to and with the stage `until`.

    Raises:
        RoboLoopError: E-RUN-002 when another process works in `out`; whatever a stage raises.
    """
    assert until in STOPS, until
    run = RunFolder(out)
    with run.exclusive():
        run.write_lock(lock_text(recipe), environment=capture_environment())
        console().print(f"[bold]{recipe.name}[/]  [dim]{out}[/]")
        return Execution(recipe, run=run).follow(until=until)


def lock_text(recipe: Recipe) -> str:
    """The recipe with every default filled in and the version that resolves it, as YAML."""
    return dump_yaml({"roboloop": roboloop.__version__, **recipe.resolved()})


class Execution:
    """The stages of one recipe in one run folder."""

    def __init__(self, recipe: Recipe, *, run: RunFolder) -> None:
        self.recipe = recipe
        self.run = run

    def follow(self, *, until: str) -> RunResult:
        """Do the stages in order and stop after `until`."""
        data = self.data()
        if until == "data":
            records = data.path / "records"
            return RunResult(records, f"next: roboloop look {records}")
        start = self.model(data)
        phases = self.train(data, start=start)
        trained = phases[-1].path / "model" if phases else stages.model_folder(self.recipe, start)
        if until == "train":
            return RunResult(trained, "next: roboloop evaluate with the same recipe")
        judged = self.evaluate(data, start=start, phases=phases)
        table = (judged.path / "table.txt").read_text(encoding="utf-8")
        if until == "evaluate":
            return RunResult(judged.path / "report.json", "next: roboloop report", table)
        page = self.report(data, phases=phases, judged=judged)
        return RunResult(page, f"open the report in a browser: file://{page.resolve()}", table)

    def data(self) -> StageFolder:
        """Sources to records."""
        sources = self.recipe.data.sources
        settings = {"data": self.recipe.resolved()["data"], "seed": self.recipe.seed}
        prints = {f"source {index}": each.fingerprint() for index, each in enumerate(sources)}
        stage = self._stage("data", settings=settings, inputs=prints)
        return complete(
            self.run, stage=stage, work=lambda out: stages.make_records(self.recipe, out=out)
        )

    def model(self, data: StageFolder) -> StageFolder:
        """The backbone to start from: built for the tiny model, only identified for a folder."""
        settings = {"model": self.recipe.resolved()["model"], "seed": self.recipe.seed}
        inputs = stages.model_inputs(self.recipe, records_hash=data.output_hash)
        stage = self._stage("model", settings=settings, inputs=inputs)
        return complete(
            self.run,
            stage=stage,
            work=lambda out: stages.make_model(self.recipe, records=data.path, out=out),
        )

    def train(self, data: StageFolder, *, start: StageFolder) -> list[StageFolder]:
        """Every training phase, each from the one before it."""
        done: list[StageFolder] = []
        before, folder = start, stages.model_folder(self.recipe, start)
        for index, phase in enumerate(self.recipe.train):
            settings = {
                "train": self.recipe.resolved()["train"][index],
                "dialect": self.recipe.resolved()["model"]["dialect"],
                "seed": self.recipe.seed,
            }
            inputs = {"model": before.output_hash, "records": data.output_hash}
            stage = self._stage(f"train.{phase.name}", settings=settings, inputs=inputs)
            complete(
                self.run,
                stage=stage,
                work=lambda out, phase=phase, folder=folder: stages.train_phase(
                    self.recipe, phase=phase, model=folder, records=data.path, out=out
                ),
            )
            before, folder = stage, stage.path / "model"
            done.append(stage)
        return done

    def evaluate(
        self, data: StageFolder, *, start: StageFolder, phases: list[StageFolder]
    ) -> StageFolder:
        """The last phase's model and the baselines on the held-out records."""
        settings = {
            "evaluate": self.recipe.resolved()["evaluate"],
            "dialect": self.recipe.resolved()["model"]["dialect"],
            "seed": self.recipe.seed,
        }
        last = phases[-1] if phases else start
        inputs = {
            "records": data.output_hash, "model": last.output_hash, "untrained": start.output_hash,
        }  # fmt: skip
        stage = self._stage("evaluate", settings=settings, inputs=inputs)
        return complete(
            self.run,
            stage=stage,
            work=lambda out: stages.evaluate_models(
                self.recipe, records=data.path, start=start, phases=phases, out=out
            ),
        )

    def report(
        self, data: StageFolder, *, phases: list[StageFolder], judged: StageFolder
    ) -> Path:
        """The page; built in the run folder itself, where a person looks for it."""
        settings = {"report": self.recipe.resolved()["report"], "name": self.recipe.name}
        inputs = {"evaluate": judged.key, **{phase.name: phase.key for phase in phases}}
        stage = self._stage("report", settings=settings, inputs=inputs)
        page = stage.path / "report" / "index.html"
        if stage.mark is not None and not page.exists():
            raise RoboLoopError(
                "E-RUN-004", f"the finished report {str(page)!r} is gone",
                fix=f"Delete {str(stage.path)!r} and run again.",
            )  # fmt: skip
        complete(
            self.run,
            stage=stage,
            work=lambda out: stages.write_report(
                self.recipe, run=self.run, data=data, phases=phases, judged=judged, out=out
            ),
        )
        return page

    def _stage(self, name: str, *, settings: Any, inputs: Mapping[str, str]) -> StageFolder:
        return self.run.stage(
            name, settings={**settings, "roboloop": roboloop.__version__}, inputs=inputs
        )

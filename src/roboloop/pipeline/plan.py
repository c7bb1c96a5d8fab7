"""A dry run: the stages of a recipe, which are done, and what the rest would do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.pipeline.composition import DATA_STAGES
from roboloop.pipeline.execute import Execution, lock_text
from roboloop.pipeline.recipe import Recipe
from roboloop.records.shards import RecordFolder
from roboloop.runs.environment import capture_environment
from roboloop.runs.folder import RunFolder, StageFolder
from roboloop.train.mixture import draw_mixture
from roboloop.train.phases import Phase

NO_DATA = "E-DAT-001"


class Step(NamedTuple):
    """One stage of a plan.

    Attributes:
        stage: Its name, such as `train.ground`.
        state: `done`, `partial` (was interrupted), `missing` (its data are not there), or `to do`.
        what: What it does, in a few words.
        folder: Its folder when its key can be known before running; empty otherwise.
    """

    stage: str
    state: str
    what: str
    folder: str = ""


def make_plan(recipe: Recipe, *, out: Path) -> list[Step]:
    """Describe the run in `out` and write its lock file.

    A stage's key depends on the contents it reads, so the folders of stages behind an unfinished
    one are not known yet.
    """
    run = RunFolder(out)
    run.write_lock(lock_text(recipe), environment=capture_environment())
    made = [name for name in ("curate", "compose") if getattr(recipe, name) is not None]
    phases = [name for phase in recipe.train for name in _phase_stages(recipe, phase)]
    names = ["data", *made, "model", *phases, "evaluate", "report"]
    known, missing = _known_stages(Execution(recipe, run=run), names)
    texts = _descriptions(recipe, records=_records(known))
    steps: list[Step] = []
    for name, stage in zip(names, known, strict=True):
        if stage is None and missing is not None and name == "data":
            steps.append(Step(name, "missing", f"{texts[name]}: {missing}"))
        elif stage is None:
            steps.append(Step(name, "to do", texts[name]))
        elif stage.mark is not None:
            steps.append(Step(name, "done", texts[name], str(stage.path)))
        else:
            state = "partial" if stage.path.exists() else "to do"
            steps.append(Step(name, state, texts[name], str(stage.path)))
    return steps


def _phase_stages(recipe: Recipe, phase: Phase) -> list[str]:
    """The stages that a phase brings; the last evaluation is the run's own."""
    if not recipe.evaluate.after_each_phase or phase is recipe.train[-1]:
        return [f"train.{phase.name}"]
    return [f"train.{phase.name}", f"evaluate.{phase.name}"]


class _Known(NamedTuple):
    """The folders of the stages up to and with the first unfinished one, then None.

    `missing` says what is not there where already the data cannot be found: a plan can be made
    before they are.
    """

    folders: list[StageFolder | None]
    missing: RoboLoopError | None


def _known_stages(execution: Execution, names: list[str]) -> _Known:
    known: list[StageFolder | None] = []
    missing: RoboLoopError | None = None
    try:
        for stage in execution.stage_folders():
            known.append(stage)
            if stage.mark is None:
                break
    except RoboLoopError as error:
        if known or error.code != NO_DATA:
            raise
        missing = error
    return _Known(known + [None] * (len(names) - len(known)), missing)


def _records(known: Sequence[StageFolder | None]) -> RecordFolder | None:
    """What the phases are trained on, when the last stage that writes records is done."""
    data = known[: len([stage for stage in known if stage and stage.name in DATA_STAGES])]
    model = known[len(data)]
    return RecordFolder(data[-1].path / "records") if data and data[-1] and model else None


def _descriptions(recipe: Recipe, *, records: RecordFolder | None) -> dict[str, str]:
    sources = ", ".join(source.kind for source in recipe.data.sources)
    texts = {
        "data": f"records from {sources}",
        "model": f"{recipe.model.kind}, dialect {recipe.model.dialect.kind}",
        "evaluate": f"split {recipe.evaluate.split}, "
        f"{', '.join(recipe.evaluate.tasks) if recipe.evaluate.tasks else 'all tasks'}, "
        f"against {', '.join(recipe.evaluate.baselines) or 'nothing'}",
        "report": "a folder that opens in a browser",
    }
    if recipe.curate is not None:
        labels = ", ".join(operator.label for operator in recipe.curate.operators)
        texts["curate"] = f"{labels}; splits {', '.join(recipe.curate.splits)}"
    if recipe.compose is not None:
        labels = ", ".join(composer.label for composer in recipe.compose.composers)
        texts["compose"] = f"{labels}; keeps {recipe.compose.keep}"
    for phase in recipe.train:
        texts[f"train.{phase.name}"] = phase.summary()
        if records is not None and phase.is_mixed:
            drawn = draw_mixture(records, phase=phase, seed=recipe.seed).drawn
            texts[f"train.{phase.name}"] += f"; {'; '.join(map(str, drawn))}"
        texts[f"evaluate.{phase.name}"] = texts["evaluate"]
    return texts

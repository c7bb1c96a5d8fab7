"""Read what evaluations left: one model of one evaluation, item by item. Nothing is asked again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_value
from roboloop.dialects import Dialect, load_dialect
from roboloop.tasks.base import Metric

REPORT_FILE, ITEMS_FILE = "report.json", "items.jsonl"


class Outcome(NamedTuple):
    """What one model earned on one record.

    Attributes:
        values: Metric -> value, the worst ones for an answer that could not be read.
        status: As in `records.outcomes.ScoreStatus`.
        item: The line of `items.jsonl`.
        prediction: This model's part of it.
    """

    values: Mapping[str, float]
    status: str
    item: Mapping[str, Any]
    prediction: Mapping[str, Any]

    @property
    def group(self) -> tuple[str, str]:
        """The episode the record was drawn with; the record itself when it names none."""
        episode = self.item["episode"]
        source = self.item["source"]
        return (source, self.item["id"]) if episode is None else (source, f"#{episode}")

    @property
    def part(self) -> str:
        """The category of the question within its task, such as a subtask of a benchmark."""
        return self.item.get("subtask") or ""

    @property
    def truth_hash(self) -> str:
        """Tells whether two evaluations mean the same question by an id."""
        return hash_value([self.item["task"], self.item["truth"] and self.item["truth"]["answer"]])


class Evaluated(NamedTuple):
    """One model of one evaluation.

    Attributes:
        label: Its name in the comparison.
        model: Its name in its own evaluation.
        dialect: Its convention, where no prompt tells it otherwise.
        metrics: Task -> its metrics, the main one first.
        titles: Task -> a few words about it.
        dialects: Task -> the convention its answers were read in.
        tasks: Task -> record id -> outcome, for the records that have a truth.
        folder: Where the evaluation lies; None for one that is being made.
    """

    label: str
    model: str
    dialect: str
    metrics: Mapping[str, tuple[Metric, ...]]
    titles: Mapping[str, str]
    dialects: Mapping[str, Dialect]
    tasks: Mapping[str, Mapping[str, Outcome]]
    folder: Path | None = None


def load_evaluated(named: str) -> Evaluated:
    """Read `PATH`, `PATH:MODEL`, or either after `LABEL=`.

    The path is a run folder (its newest evaluation is taken) or an evaluation folder. Without a
    model's name the first candidate is taken: the last model of a run, before its baselines.

    Raises:
        RoboLoopError: E-EVA-003 when there is no evaluation or no such model.
    """
    label, equals, place = named.partition("=")
    path, model = _path_and_model(place if equals else named)
    folder = find_evaluation(path)
    report = read_report(folder)
    names = [entry["name"] for entry in report["models"]]
    candidates = [entry["name"] for entry in report["models"] if entry["role"] == "candidate"]
    chosen = model or next(iter(candidates or names))
    if chosen not in names:
        raise RoboLoopError(
            "E-EVA-003", f"{str(folder)!r} has no model {chosen!r}; it has {', '.join(names)}"
        )
    shown = label if equals else path.name + (f":{model}" if model else "")
    found = evaluated(report, items=read_items(folder), model=chosen, label=shown)
    return found._replace(folder=folder)


def evaluated(
    report: Mapping[str, Any], *, items: Iterable[Mapping[str, Any]], model: str, label: str
) -> Evaluated:
    """One model of an evaluation's report and items."""
    entry = next(entry for entry in report["models"] if entry["name"] == model)
    return Evaluated(
        label=label,
        model=model,
        dialect=entry["dialect"],
        metrics={task["task"]: _metrics(task) for task in report["tasks"]},
        titles={task["task"]: task["title"] for task in report["tasks"]},
        dialects=declared_dialects(report, model=model),
        tasks=_outcomes(items, model=model),
    )


def declared_dialects(report: Mapping[str, Any], *, model: str) -> dict[str, Dialect]:
    """Task -> the dialect in which this model's answers to it were read.

    A benchmark's prompt that says how to write places comes before the model's own dialect. Reports
    written before options were kept have them as they are by default.
    """
    own = next(entry for entry in report["models"] if entry["name"] == model)
    found: dict[str, Dialect] = {}
    for task in report["tasks"]:
        told = task.get("benchmark", {}).get("prompt", {})
        entry = told if told.get("dialect") else own
        found[task["task"]] = load_dialect(entry["dialect"], **entry.get("dialect_options", {}))
    return found


def find_evaluation(path: Path) -> Path:
    """The evaluation folder at `path`, or the newest one of the run folder `path`.

    Raises:
        RoboLoopError: E-EVA-003 when there is none.
    """
    found = [path, *path.glob("stages/evaluate-*"), *path.glob("evaluation")]
    found = [folder for folder in found if (folder / REPORT_FILE).is_file()]
    found = [folder for folder in found if (folder / ITEMS_FILE).is_file()]
    if not found:
        raise RoboLoopError("E-EVA-003", f"there is no evaluation in {str(path)!r}")
    return max(found, key=lambda folder: (folder / REPORT_FILE).stat().st_mtime_ns)


def read_report(folder: Path) -> Mapping[str, Any]:
    """The numbers of an evaluation.

    Raises:
        RoboLoopError: E-EVA-003 when the file cannot be read.
    """
    path = folder / REPORT_FILE
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RoboLoopError("E-EVA-003", f"not JSON: {error}", place=Place(path)) from error


def read_items(folder: Path) -> Iterator[Mapping[str, Any]]:
    """The items of an evaluation, one at a time.

    Raises:
        RoboLoopError: E-EVA-003 when a line cannot be read.
    """
    path = folder / ITEMS_FILE
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise RoboLoopError(
                    "E-EVA-003", f"not JSON: {error}", place=Place(path, number)
                ) from error


def _path_and_model(place: str) -> tuple[Path, str]:
    """A colon separates the model's name, unless the whole is a path that exists."""
    if Path(place).exists() or ":" not in place:
        return Path(place), ""
    path, _, model = place.rpartition(":")
    return Path(path), model


def _metrics(task: Mapping[str, Any]) -> tuple[Metric, ...]:
    return tuple(
        Metric(**{name: each[name] for name in Metric._fields}) for each in task["metrics"]
    )


def _outcomes(items: Iterable[Mapping[str, Any]], *, model: str) -> dict[str, dict[str, Outcome]]:
    tasks: dict[str, dict[str, Outcome]] = {}
    for item in items:
        found = item["predictions"].get(model)
        if found is None or item["truth"] is None:
            continue
        outcome = Outcome(found["values"], found["status"], item, found)
        tasks.setdefault(item["task"], {})[item["id"]] = outcome
    return tasks

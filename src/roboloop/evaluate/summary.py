"""From scores to the report: per task and model every metric with its interval, and a verdict.

The denominator of a task is its number of records with a truth, the same for every model. Means
over unlike metrics are never taken: across tasks, only those with the same main metric are
averaged, and verdicts are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from roboloop.base.hashing import seeded_generator
from roboloop.base.statistics import (
    FloatArray,
    Groups,
    Interval,
    bootstrap_means,
    difference_intervals,
    fewest_groups,
    group_by,
    group_sums,
    mean_intervals,
    percentile_interval,
    share_interval,
)
from roboloop.dialects.base import Dialect
from roboloop.evaluate.config import Measuring
from roboloop.evaluate.score import Judged
from roboloop.records.record import Record
from roboloop.tasks import load_task
from roboloop.tasks.base import Metric, ParseStatus

SCHEMA = "roboloop.evaluation/1"
BETTER, WORSE, UNCLEAR = "better", "worse", "not distinguishable"


class ModelRun(NamedTuple):
    """All judged answers of one model.

    Attributes:
        name: Column name in every table.
        role: `candidate`, `untrained` or `constant`.
        identity: Hash of weights, decoding and dialect.
        dialect: How it writes places, where no prompt tells it otherwise.
        judged: Record id -> score; a task without an entry was not put to this model.
    """

    name: str
    role: str
    identity: str
    dialect: Dialect
    judged: Mapping[str, Judged]


class Topic(Protocol):
    """What records are counted under: their task, or the benchmark they are items of."""

    kind: ClassVar[str]
    title: ClassVar[str]
    family: ClassVar[str]
    metrics: ClassVar[tuple[Metric, ...]]


def task_of(record: Record) -> Topic:
    """The record's task."""
    return load_task(record.task)


@dataclass(frozen=True)
class TaskRecords:
    """The records of one topic, in the order of their ids, and how to weigh them."""

    task: Topic
    records: Sequence[Record]

    @cached_property
    def scored(self) -> list[Record]:
        """Records with a truth: the denominator."""
        return [record for record in self.records if record.answer is not None]

    @cached_property
    def groups(self) -> Groups:
        """Episodes of the scored records."""
        return group_by([group_label(record) for record in self.scored])

    def values(self, model: ModelRun) -> FloatArray:
        """Every metric of every scored record, shape (num_scored, num_metrics)."""
        names = [metric.name for metric in self.task.metrics]
        rows = [model.judged[record.id].score.values for record in self.scored]
        return np.array([[row[name] for name in names] for row in rows], dtype=np.float64)

    def asked(self, model: ModelRun) -> bool:
        """Whether the task was put to this model."""
        return all(record.id in model.judged for record in self.records)


def group_label(record: Record) -> tuple[str, str]:
    """What a record was drawn with: its episode, or itself when it names none."""
    episode = record.meta.get("episode")
    return (record.source, record.id) if episode is None else (record.source, f"#{episode}")


def summarise(
    records: Sequence[Record],
    *,
    models: Sequence[ModelRun],
    config: Measuring,
    notes: Sequence[str] = (),
    topic_of: Callable[[Record], Topic] = task_of,
) -> dict[str, Any]:
    """The whole report as JSON; docs/evaluation.md describes every key."""
    topics = {topic.kind: topic for topic in map(topic_of, records)}
    by_topic: dict[str, list[Record]] = {kind: [] for kind in sorted(topics)}
    for record in sorted(records, key=lambda record: record.id):
        by_topic[topic_of(record).kind].append(record)
    tasks = [TaskRecords(topics[kind], found) for kind, found in by_topic.items()]
    entries = [_task_entry(task, models=models, config=config) for task in tasks]
    return {
        "schema": SCHEMA,
        "settings": config.model_dump(mode="json"),
        "num_records": len(records),
        "complete": all(r["complete"] for entry in entries for r in entry["results"]),
        "models": [
            {
                "name": model.name,
                "role": model.role,
                "identity": model.identity,
                "dialect": model.dialect.kind,
                "dialect_options": model.dialect.options(),
            }
            for model in models
        ],
        "tasks": entries,
        "overall": {
            "models": [
                _overall_entry(model, tasks=tasks, entries=entries, config=config)
                for model in models
            ],
            "by_metric": _by_metric(tasks, models=models, config=config),
        },
        "notes": [*notes, *_small_task_notes(tasks, config=config)],
    }


def _task_entry(
    task: TaskRecords, *, models: Sequence[ModelRun], config: Measuring
) -> dict[str, Any]:
    num_records, num_scored = len(task.records), len(task.scored)
    present = [model for model in models if task.asked(model)]
    return {
        "task": task.task.kind,
        "title": task.task.title,
        "family": task.task.family,
        "num_records": num_records,
        "num_scored_against": num_scored,
        "num_truth_missing": num_records - num_scored,
        "num_groups": task.groups.num_groups,
        "metrics": [
            {**metric._asdict(), "primary": place == 0}
            for place, metric in enumerate(task.task.metrics)
        ],
        "results": [_result(task, model=model, models=present, config=config) for model in present],
    }


def _result(
    task: TaskRecords, *, model: ModelRun, models: Sequence[ModelRun], config: Measuring
) -> dict[str, Any]:
    judged = [model.judged[record.id] for record in task.records]
    statuses = Counter(item.parsed.status for item in judged)
    num_failed = statuses[ParseStatus.INFRA_ERROR]
    num_unparsed = sum(item.parsed.answer is None for item in judged) - num_failed
    result: dict[str, Any] = {
        "model": model.name,
        "complete": not num_failed and len(task.scored) == len(task.records),
        "num_answered": len(judged) - num_failed,
        "num_repaired": len(judged)
        - num_failed
        - num_unparsed
        - sum(item.parsed.is_exact for item in judged),
        "num_unparsed": num_unparsed,
        "parse_statuses": {status.value: statuses[status] for status in ParseStatus},
        "num_request_failed": num_failed,
        "coverage": (len(judged) - num_failed) / len(judged),
    }
    if not task.scored:
        return result | {"validity": None, "metrics": {}, "differences": {}}
    baselines = [other for other in models if other.role != "candidate" and other is not model]
    return result | {
        "validity": _validity(task.scored, model, config=config),
        "metrics": _means(task, model, config=config),
        "differences": {
            baseline.name: _differences(task, model, baseline=baseline, config=config)
            for baseline in baselines
        },
    }


def _means(task: TaskRecords, model: ModelRun, *, config: Measuring) -> dict[str, Any]:
    means = mean_intervals(
        task.values(model),
        groups=task.groups,
        confidence=config.confidence,
        num_draws=config.num_bootstrap,
        generator=_draws(config, task.task.kind),
    )
    metrics = task.task.metrics
    return {metric.name: mean._asdict() for metric, mean in zip(metrics, means, strict=True)}


def _differences(
    task: TaskRecords, model: ModelRun, *, baseline: ModelRun, config: Measuring
) -> dict[str, Any]:
    differences = difference_intervals(
        task.values(model),
        second=task.values(baseline),
        groups=task.groups,
        confidence=config.confidence,
        num_draws=config.num_bootstrap,
        generator=_draws(config, task.task.kind),
    )
    enough = task.groups.num_groups >= fewest_groups(config.confidence)
    return {
        metric.name: {
            **difference._asdict(),
            "verdict": verdict(difference, metric=metric) if enough else UNCLEAR,
        }
        for metric, difference in zip(task.task.metrics, differences, strict=True)
    }


def _validity(
    records: Sequence[Record], model: ModelRun, *, config: Measuring
) -> dict[str, Any] | None:
    """Share of the records whose answer could be read."""
    if not records:
        return None
    groups = group_by([group_label(record) for record in records])
    valid = [float(model.judged[record.id].score.answer is not None) for record in records]
    return share_interval(valid, groups=groups, confidence=config.confidence)._asdict()


def verdict(difference: Interval, *, metric: Metric) -> str:
    """`better` or `worse` when the interval of the difference leaves out zero."""
    if difference.low is None or difference.high is None:
        return UNCLEAR
    if difference.low <= 0 <= difference.high:
        return UNCLEAR
    return BETTER if (difference.value > 0) == metric.higher_is_better else WORSE


def _overall_entry(
    model: ModelRun,
    *,
    tasks: Sequence[TaskRecords],
    entries: Sequence[Mapping[str, Any]],
    config: Measuring,
) -> dict[str, Any]:
    """Validity over all its records, and in how many tasks its main metric beats each baseline."""
    mine = [
        (entry["metrics"][0]["name"], result)
        for entry in entries
        for result in entry["results"]
        if result["model"] == model.name
    ]
    versus: dict[str, Counter[str]] = {}
    for primary, result in mine:
        for baseline, differences in result["differences"].items():
            counts = versus.setdefault(baseline, Counter({BETTER: 0, WORSE: 0, UNCLEAR: 0}))
            counts[differences[primary]["verdict"]] += 1
    scored = [record for task in tasks if task.asked(model) for record in task.scored]
    return {
        "model": model.name,
        "complete": all(result["complete"] for _, result in mine),
        "num_tasks": len(mine),
        "num_unparsed": sum(result["num_unparsed"] for _, result in mine),
        "validity": _validity(scored, model, config=config),
        "versus": {baseline: dict(counts) for baseline, counts in versus.items()},
    }


def _by_metric(
    tasks: Sequence[TaskRecords], *, models: Sequence[ModelRun], config: Measuring
) -> list[dict[str, Any]]:
    """Means over tasks that share their main metric, each task counting alike."""
    families: dict[Metric, list[TaskRecords]] = {}
    for task in tasks:
        if task.scored:
            families.setdefault(task.task.metrics[0], []).append(task)
    rows: list[dict[str, Any]] = []
    for metric, members in families.items():
        if len(members) < 2:
            continue
        results = [
            {"model": model.name, **_mean_over_tasks(members, model, config)._asdict()}
            for model in models
            if all(task.asked(model) for task in members)
        ]
        rows.append(
            {
                "metric": metric.name,
                "unit": metric.unit,
                "higher_is_better": metric.higher_is_better,
                "tasks": [task.task.kind for task in members],
                "results": results,
            }
        )
    return rows


def _mean_over_tasks(
    members: Sequence[TaskRecords], model: ModelRun, config: Measuring
) -> Interval:
    """Mean of the task means of the main metric; an episode is drawn with all its tasks."""
    labels = [group_label(record) for task in members for record in task.scored]
    groups = group_by(labels)
    values, counts = np.zeros((2, len(labels), len(members)))
    start = 0
    for column, task in enumerate(members):
        rows = slice(start, start := start + len(task.scored))
        values[rows, column] = task.values(model)[:, 0]
        counts[rows, column] = 1
    seen = values.sum(axis=1)
    if len(set(seen.tolist())) == 1 and seen[0] in (0.0, 1.0):
        return share_interval(seen, groups=groups, confidence=config.confidence)
    draws = bootstrap_means(
        group_sums(values, groups=groups),
        counts=group_sums(counts, groups=groups),
        num_draws=config.num_bootstrap,
        generator=_draws(config, "overall"),
    )
    return percentile_interval(
        draws.mean(axis=1),
        value=float((values.sum(axis=0) / counts.sum(axis=0)).mean()),
        confidence=config.confidence,
        num_groups=groups.num_groups,
    )


def _small_task_notes(tasks: Sequence[TaskRecords], *, config: Measuring) -> list[str]:
    least = fewest_groups(config.confidence)
    return [
        f"{task.task.kind}: {task.groups.num_groups} episodes are too few to tell any difference "
        f"at {config.confidence:.0%} confidence; at least {least} are needed"
        for task in tasks
        if task.groups.num_groups < least
    ]


def _draws(config: Measuring, purpose: str) -> np.random.Generator:
    """The same draws of episodes for every model, so that columns can be compared."""
    return seeded_generator(config.seed, "bootstrap", purpose)

"""One log for each model and task or benchmark, to be read from top to bottom.

    logs/<model>_<task>.log

Every record's question, answer, truth and scores, then the means, then what asking took.
Texts stand as JSON strings with every sign that a terminal would obey escaped. All of it but the
last part is the same from run to run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.files import atomic_write_text
from roboloop.dialects.base import Dialect
from roboloop.engines.raw_answers import AnswerStore, RawAnswer
from roboloop.evaluate.score import Judged
from roboloop.evaluate.summary import ModelRun
from roboloop.evaluate.tables import shown
from roboloop.records.record import Record
from roboloop.tasks import load_task


class LoggedTopic(NamedTuple):
    """A task or benchmark.

    Attributes:
        kind: Its name in the report.
        records: All its records, in the order of the log.
        dialect: In which their truths are written.
    """

    kind: str
    records: Sequence[Record]
    dialect: Dialect


def topics_by_task(records: Iterable[Record], *, dialect: Dialect) -> list[LoggedTopic]:
    """The tasks of these records, sorted by name."""
    by_task: dict[str, list[Record]] = {}
    for record in records:
        by_task.setdefault(record.task, []).append(record)
    return [LoggedTopic(kind, found, dialect) for kind, found in sorted(by_task.items())]


def write_logs(
    folder: Path,
    *,
    report: Mapping[str, Any],
    topics: Sequence[LoggedTopic],
    runs: Sequence[ModelRun],
    answers: Path,
) -> None:
    """Write the log of every model and topic of an evaluation.

    Args:
        folder: Where the logs go.
        report: The content of `report.json`.
        topics: What the records are counted under, in the order of the report.
        runs: What every model answered.
        answers: Folder of the raw answers.
    """
    for run in runs:
        store = AnswerStore(answers / f"{run.name}.jsonl")
        for entry, topic in zip(report["tasks"], topics, strict=True):
            assert entry["task"] == topic.kind, (entry["task"], topic.kind)
            result = next((r for r in entry["results"] if r["model"] == run.name), None)
            if result is None:
                continue
            judged = [run.judged[record.id] for record in topic.records]
            raw = [found for each in judged if (found := store.get(each.prediction.key))]
            lines = [f"model: {run.name}", f"task: {entry['task']} ({entry['title']})"]
            for record, each in zip(topic.records, judged, strict=True):
                lines += ["", *_sample(record, judged=each, dialect=topic.dialect)]
            lines += ["", "== aggregates", *_aggregates(entry, result=result)]
            lines += ["", "== performance (differs from run to run)", *_performance(raw)]
            path = folder / f"{run.name}_{entry['task']}.log"
            atomic_write_text(path, text="\n".join(lines) + "\n")


def _sample(record: Record, *, judged: Judged, dialect: Dialect) -> Iterator[str]:
    truth = "none"
    if record.answer is not None:
        task = load_task(record.task)
        truth = _quoted(task.render(record.answer, dialect=dialect, size=record.picture_size))
    yield f"id: {_quoted(record.id)}"
    yield f"question: {_quoted(judged.prediction.prompt)}"
    yield f"answer: {_quoted(judged.prediction.text)}"
    yield f"truth: {truth}"
    note = f" ({_quoted(judged.score.note)})" if judged.score.note else ""
    yield f"status: {judged.score.status.value}, {judged.parsed.status.value}{note}"
    values = judged.score.values.items()
    yield "score: " + (" ".join(f"{name}={value:.6g}" for name, value in values) or "none")


def _aggregates(entry: Mapping[str, Any], *, result: Mapping[str, Any]) -> Iterator[str]:
    counts = ("num_answered", "num_unparsed", "num_request_failed")
    yield f"num_records: {entry['num_records']}"
    yield f"num_scored_against: {entry['num_scored_against']}"
    yield from (f"{name}: {result[name]}" for name in counts)
    if (headline := result.get("headline")) is not None:
        refused = headline["refused"]
        yield f"headline: {'none, ' + refused if refused else shown(headline)}"
    if (circular := result.get("circular")) is not None:
        yield f"right in every order of the options: {shown(circular['every_order'])}"
    if result["validity"] is not None:
        yield f"validity: {shown(result['validity'])}"
    for metric in entry["metrics"]:
        if (mean := result["metrics"].get(metric["name"])) is not None:
            better = "higher" if metric["higher_is_better"] else "lower"
            unit = metric["unit"]
            yield f"{metric['name']}: {shown(mean)} ({unit}, {better} is better)"


def _performance(raw: Sequence[RawAnswer]) -> Iterator[str]:
    """What is known of it; an engine in this process tells no latency."""
    new = sum(answer.num_new_tokens for answer in raw)
    yield f"stored answers: {len(raw)}"
    yield f"new tokens: {new}"
    prompts = [a.num_prompt_tokens for a in raw if a.num_prompt_tokens is not None]
    if prompts:
        yield f"prompt tokens: {sum(prompts)} (of {len(prompts)} answers)"
    timed = [(a.num_new_tokens, a.latency_seconds) for a in raw if a.latency_seconds is not None]
    if timed:
        seconds = sum(latency for _, latency in timed)
        yield f"seconds per answer: {seconds / len(timed):.3f} (mean of {len(timed)} answers)"
        if seconds:
            yield f"new tokens per second of waiting: {sum(n for n, _ in timed) / seconds:.1f}"


def _quoted(text: str) -> str:
    """The text as one line of JSON, without anything that a terminal would obey."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in quoted)

"""One log for each model and task, to be read from top to bottom.

    logs/<model>_<task>.log

Every record's question, answer, truth and scores, then the task's means, then what asking took.
Texts stand as JSON strings with every sign that a terminal would obey escaped. All of it but the
last part is the same from run to run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from roboloop.base.files import atomic_write_text
from roboloop.dialects.base import Dialect
from roboloop.engines.raw_answers import AnswerStore, RawAnswer
from roboloop.evaluate.score import Judged
from roboloop.evaluate.summary import ModelRun
from roboloop.evaluate.tables import shown
from roboloop.records.record import Record
from roboloop.tasks import load_task


def write_logs(
    folder: Path,
    *,
    report: Mapping[str, Any],
    records: Sequence[Record],
    runs: Sequence[ModelRun],
    answers: Path,
    dialect: Dialect,
) -> None:
    """Write the log of every model and task of an evaluation.

    Args:
        folder: Where the logs go.
        report: The content of `report.json`.
        records: All records that were asked.
        runs: What every model answered.
        answers: Folder of the raw answers.
        dialect: In which the truth is written.
    """
    for run in runs:
        store = AnswerStore(answers / f"{run.name}.jsonl")
        for entry in report["tasks"]:
            result = next((r for r in entry["results"] if r["model"] == run.name), None)
            if result is None:
                continue
            mine = [record for record in records if record.task == entry["task"]]
            judged = [run.judged[record.id] for record in mine]
            raw = [found for each in judged if (found := store.get(each.prediction.key))]
            lines = [f"model: {run.name}", f"task: {entry['task']} ({entry['title']})"]
            for record, each in zip(mine, judged, strict=True):
                lines += ["", *_sample(record, judged=each, dialect=dialect)]
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

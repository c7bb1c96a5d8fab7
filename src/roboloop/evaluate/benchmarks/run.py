"""Ask models the questions of benchmarks and measure them as the benchmarks' authors do.

    out/
        answers/<model>.jsonl   raw answers; scoring needs nothing else of a model
        judge/                  grades of the judge, kept by answer
        records/                the items, for the report and `check-leakage`
        report.json items.jsonl table.txt .md .csv .tex
        logs/<model>_<benchmark>.log every question with answer, truth and scores

Killed at any moment and called again, it goes on where it was and writes the same files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.hashing import hash_value
from roboloop.dialects.base import Dialect
from roboloop.engines.ask import MediaHashes, ask_all
from roboloop.engines.base import Engine
from roboloop.engines.raw_answers import AnswerStore
from roboloop.evaluate.benchmarks import Benchmark, load_benchmark
from roboloop.evaluate.benchmarks.base import Prompt, Scored
from roboloop.evaluate.benchmarks.config import BenchmarkConfig
from roboloop.evaluate.benchmarks.grading import grade_all
from roboloop.evaluate.benchmarks.headline import benchmark_facts, headline_entry
from roboloop.evaluate.benchmarks.option_orders import circular_entry
from roboloop.evaluate.benchmarks.reading import (
    ReadBenchmark,
    read_benchmarks,
    write_benchmark_records,
)
from roboloop.evaluate.benchmarks.rule_scores import rule_entries
from roboloop.evaluate.benchmarks.strict import prompt_named
from roboloop.evaluate.benchmarks.tables import benchmark_tables
from roboloop.evaluate.items import item_json
from roboloop.evaluate.logs import LoggedTopic, write_logs
from roboloop.evaluate.run import (
    EvaluationResult,
    check_names,
    with_format_hint,
    write_results,
)
from roboloop.evaluate.score import Judged, judge_by
from roboloop.evaluate.summary import ModelRun, summarise
from roboloop.records.media_open import MediaStore
from roboloop.records.outcomes import Prediction
from roboloop.records.record import Record, record_hash
from roboloop.tasks import load_task

JUDGE_FOLDER = "judge"


class BenchmarkModel(NamedTuple):
    """A model to be measured.

    Attributes:
        name: Column name, also of its file of answers.
        engine: Answers its questions.
        dialect: How it writes places when a prompt does not tell it how.
        role: `untrained` for a baseline.
        needs_format_hint: Whether it writes places in whatever way it is asked to; a prompt that
            leaves that to the model then gets a sentence that says how.
    """

    name: str
    engine: Engine
    dialect: Dialect
    role: str = "candidate"
    needs_format_hint: bool = False


def run_benchmarks(
    config: BenchmarkConfig, *, models: Sequence[BenchmarkModel], out: Path
) -> EvaluationResult:
    """Read the benchmarks, ask every model, measure, and write everything to `out`.

    Raises:
        RoboLoopError: As `read_benchmarks`, before anything is asked; E-ENG-* when an engine is not
            there. A question that fails is counted, not raised.
    """
    check_names([model.name for model in models])
    read = read_benchmarks(config)
    write_benchmark_records(read.found, out=out / "records")
    media = MediaStore({each.benchmark.kind: each.folder.resolve() for each in read.found})
    hashes = MediaHashes(media)
    runs = [
        _asked(model, found=read.found, config=config, media=media, hashes=hashes, out=out)
        for model in models
    ]
    records = [record for each in read.found for record in each.records]
    report: dict[str, Any] = {
        **summarise(records, models=runs, config=config, topic_of=_topic),
        "records_hash": hash_value([[r.id, record_hash(r)] for r in records]),
    }
    report["settings"] = {**report["settings"], "root": None}  # the same numbers anywhere
    _add_benchmarks(report, found=read.found, runs=runs, config=config, media=media, models=models)
    report["left_out"] = read.left_out
    by_kind = sorted(read.found, key=lambda each: each.benchmark.kind)
    write_logs(
        out / "logs",
        report=report,
        topics=[
            LoggedTopic(
                each.benchmark.kind,
                each.records,
                prompt_named(each.benchmark, config.prompts).dialect or _plain(),
            )
            for each in by_kind
        ],
        runs=runs,
        answers=out / "answers",
    )
    tables = benchmark_tables(report)
    write_results(
        out, report=report, items=_items(by_kind, runs=runs, config=config), tables=tables
    )
    unparsed = {m["model"]: m["num_unparsed"] for m in report["overall"]["models"]}
    return EvaluationResult(report, len(records), report["complete"], unparsed)


def _topic(record: Record) -> Benchmark:
    return load_benchmark(record.source)


def _asked(
    model: BenchmarkModel,
    *,
    found: Sequence[ReadBenchmark],
    config: BenchmarkConfig,
    media: MediaStore,
    hashes: MediaHashes,
    out: Path,
) -> ModelRun:
    """Every judged answer of one model, found in its store or asked now."""
    store = AnswerStore(out / "answers" / f"{model.name}.jsonl")
    identity = model.engine.identity()
    judged: dict[str, Judged] = {}
    for each in found:
        prompt = prompt_named(each.benchmark, config.prompts)
        predictions = ask_all(
            [(record, _question(record, prompt=prompt, model=model)) for record in each.asked],
            engine=model.engine, identity=identity, store=store, media=media, hashes=hashes,
            batch_size=config.batch_size, model=model.name,
            title=f"asking {model.name}: {each.benchmark.kind}",
        )  # fmt: skip
        read = _judged(each, predictions=predictions, dialect=prompt.dialect or model.dialect)
        if each.benchmark.needs_judge:
            assert config.judge is not None
            read = grade_all(
                read, records=each.records, judge=config.judge, folder=out / JUDGE_FOLDER
            )
        judged |= read
    return ModelRun(model.name, model.role, identity, model.dialect, judged)


def _question(record: Record, *, prompt: Prompt, model: BenchmarkModel) -> str:
    text = prompt.ask(record)
    if prompt.dialect is not None or not model.needs_format_hint:
        return text
    kind = load_task(record.task).answer_kind
    return with_format_hint(text, answer_kind=kind, dialect=model.dialect)


def _judged(
    each: ReadBenchmark, *, predictions: Mapping[str, Prediction], dialect: Dialect
) -> dict[str, Judged]:
    """Record id -> the answer as it was read, and its worth."""
    benchmark = each.benchmark
    measure = benchmark.measurer(each.records)
    return {
        record.id: judge_by(
            predictions[record.id],
            record=record,
            parse=lambda text, record=record: benchmark.parse(text, record=record, dialect=dialect),
            measure=lambda answer, _, record=record: measure(answer, record),
            worst=benchmark.worst(),
        )
        for record in each.asked
    }


def _add_benchmarks(
    report: dict[str, Any],
    *,
    found: Sequence[ReadBenchmark],
    runs: Sequence[ModelRun],
    config: BenchmarkConfig,
    media: MediaStore,
    models: Sequence[BenchmarkModel],
) -> None:
    """Put the authors' numbers beside the metrics; a refused headline makes the run incomplete."""
    by_kind = {each.benchmark.kind: each for each in found}
    by_name = {run.name: run for run in runs}
    dialects = {model.name: model.dialect for model in models}
    for entry in report["tasks"]:
        each = by_kind[entry["task"]]
        entry["benchmark"] = benchmark_facts(
            each.benchmark, num_there=each.num_there, prompts=config.prompts,
            option_order=config.option_order,
        )  # fmt: skip
        for result in entry["results"]:
            run = by_name[result["model"]]
            items = [_scored(record, run=run) for record in each.records]
            result |= headline_entry(
                each.benchmark, items, num_items=len(items),
                num_failed=result["num_request_failed"], config=config,
                model=config.published_as or run.name,
            )  # fmt: skip
            prompt = prompt_named(each.benchmark, config.prompts)
            result["rules"] = rule_entries(
                each.benchmark, each.records, judged=run.judged, rules=config.rules, media=media,
                dialect=prompt.dialect or dialects[run.name],
            )  # fmt: skip
            result["circular"] = circular_entry(
                each.records, rotations=each.rotations, judged=run.judged,
                metric=each.benchmark.metrics[0].name, config=config,
            )  # fmt: skip
            unasked = result["circular"] and result["circular"]["num_failed"]
            result["complete"] = bool(
                result["complete"] and not result["headline"]["refused"] and not unasked
            )
    report["complete"] = all(
        result["complete"] for entry in report["tasks"] for result in entry["results"]
    )
    for model in report["overall"]["models"]:
        model["complete"] = all(
            result["complete"]
            for entry in report["tasks"]
            for result in entry["results"]
            if result["model"] == model["model"]
        )


def _scored(record: Record, *, run: ModelRun) -> Scored:
    score = run.judged[record.id].score
    return Scored(record, score.answer, score.values)


def _items(
    found: Sequence[ReadBenchmark], *, runs: Sequence[ModelRun], config: BenchmarkConfig
) -> Iterator[dict[str, Any]]:
    for each in found:
        prompt = prompt_named(each.benchmark, config.prompts)
        for record in each.records:
            judged = {run.name: run.judged[record.id] for run in runs}
            first = next(iter(judged.values()))
            others = each.rotations.get(record.id, ())
            orders = {run.name: [run.judged[other.id] for other in others] for run in runs}
            yield item_json(
                record, dialect=prompt.dialect or _plain(), question=first.prediction.prompt,
                judged=judged, benchmark=each.benchmark.kind, orders=orders,
            )  # fmt: skip


def _plain() -> Dialect:
    from roboloop.dialects import load_dialect

    return load_dialect("plain")

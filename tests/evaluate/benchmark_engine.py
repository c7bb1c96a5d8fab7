"""An engine that answers items of benchmarks as told, and an evaluation of them to be killed.

python benchmark_engine.py ROOT OUT SECONDS_PER_CALL
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import hub_files

from roboloop.dialects import Dialect, load_dialect
from roboloop.engines.base import Engine, Request, Response
from roboloop.evaluate.benchmarks import load_benchmark
from roboloop.evaluate.benchmarks.config import BenchmarkConfig
from roboloop.evaluate.benchmarks.reading import read_benchmarks
from roboloop.evaluate.benchmarks.run import BenchmarkModel, run_benchmarks
from roboloop.evaluate.benchmarks.strict import prompt_named
from roboloop.evaluate.run import EvaluationResult
from roboloop.records.record import Record

PLAIN = load_dialect("plain")
OUTPUTS = (
    "report.json", "items.jsonl", "table.txt", "table.md", "table.csv", "table.tex", "headlines.csv"
)  # fmt: skip


class ToldEngine(Engine):
    """Says `answers[record_id]`, after opening every picture; a missing one fails."""

    def __init__(self, answers: dict[str, str], *, seconds_per_call: float = 0.0) -> None:
        self.answers = answers
        self.seconds_per_call = seconds_per_call
        self.asked: list[str] = []
        self.num_pictures: dict[str, int] = {}

    def identity(self) -> str:
        return "told"

    def answer(self, requests: Iterable[Request]) -> Iterator[Response]:
        time.sleep(self.seconds_per_call)
        for request in requests:
            self.asked.append(request.record_id)
            try:
                self.num_pictures[request.record_id] = len(request.pictures())
            except ValueError as error:
                yield Response(record_id=request.record_id, error=str(error))
                continue
            text = self.answers.get(request.record_id)
            if text is None:
                yield Response(record_id=request.record_id, error="the server said no")
            else:
                yield Response(record_id=request.record_id, text=text, finish_reason="stop")


def config_for(root: Path, **options: Any) -> BenchmarkConfig:
    given = {"root": root, "num_bootstrap": 200, "batch_size": 4, **options}
    return BenchmarkConfig.model_validate(given)


def perfect_answers(config: BenchmarkConfig) -> dict[str, str]:
    """What a perfect model says, in the convention that the prompt asks for."""
    return {
        record.id: hub_files.perfect_answer(
            record, dialect=prompt_named(each.benchmark, config.prompts).dialect or PLAIN
        )
        for each in read_benchmarks(config).found
        for record in each.records
    }


def measure(
    config: BenchmarkConfig, *, out: Path, engine: ToldEngine, dialect: Dialect = PLAIN
) -> EvaluationResult:
    models = [BenchmarkModel("told", engine, dialect)]
    return run_benchmarks(config, models=models, out=out)


def expect_what_is_there(monkeypatch: Any, config: BenchmarkConfig) -> None:
    """Let each benchmark expect as many items as the small files have."""
    for each in read_benchmarks(config).found:
        monkeypatch.setattr(type(each.benchmark), "num_items", each.num_there)


def entry_of(result: EvaluationResult, kind: str) -> dict[str, Any]:
    return next(entry for entry in result.report["tasks"] if entry["task"] == kind)


def result_of(result: EvaluationResult, kind: str) -> dict[str, Any]:
    return entry_of(result, kind)["results"][0]


def contents(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in OUTPUTS}


def wrong_answers(records: Iterable[Record], *, text: Callable[[Record], str]) -> dict[str, str]:
    return {record.id: text(record) for record in records}


if __name__ == "__main__":
    config = config_for(Path(sys.argv[1]), benchmarks=("blink", "cvbench", "refspatial_location"))
    answers = perfect_answers(config)
    told = ToldEngine(answers, seconds_per_call=float(sys.argv[3]))
    measure(config, out=Path(sys.argv[2]), engine=told)
    assert load_benchmark("blink").kind == "blink"

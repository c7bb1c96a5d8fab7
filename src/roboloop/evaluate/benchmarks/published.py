"""What is published of every benchmark, for whoever holds models against one another."""

from __future__ import annotations

from roboloop.evaluate.benchmarks import ALIASES, BENCHMARKS, load_benchmark
from roboloop.evaluate.benchmarks.base import PERCENT
from roboloop.evaluate.benchmarks.headline import best_published
from roboloop.evaluate.compare.flags import PublishedLines


def published_lines() -> dict[str, PublishedLines]:
    """Benchmark, also under its other names -> best published value, people and chance, 0 to 1."""
    return {name: _lines(name) for name in (*BENCHMARKS.rows, *ALIASES)}


def _lines(name: str) -> PublishedLines:
    benchmark = load_benchmark(name)
    best = best_published(benchmark)
    return PublishedLines(
        best=None if best is None else best.value / PERCENT,
        best_name="" if best is None else best.model,
        human=None if benchmark.human is None else benchmark.human / PERCENT,
        chance=None if benchmark.chance is None else benchmark.chance / PERCENT,
    )

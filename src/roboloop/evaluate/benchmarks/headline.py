"""The authors' number of each benchmark with its interval, parts, and what others published.

A headline over another number of items than the benchmark has, or with failed requests, is refused:
its `value` is null and `refused` says why. The plain item mean stands in `metrics` in any case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from roboloop.base.hashing import seeded_generator
from roboloop.base.statistics import (
    FloatArray,
    Interval,
    bootstrap_means,
    group_by,
    group_sums,
    mean_intervals,
    percentile_interval,
    share_interval,
)
from roboloop.evaluate.benchmarks.base import PERCENT, Anchor, Benchmark, Scored, subtask_of
from roboloop.evaluate.benchmarks.strict import prompt_named
from roboloop.evaluate.config import Measuring
from roboloop.evaluate.summary import group_label

AGREES, ACCEPTABLE = 2.5, 5.0
"""Points between a score and the published one: as the EASI verification table has it."""
FAR_ABOVE = 10.0
Light = Literal["agree", "acceptable", "discrepancy"]

_SUFFIX = re.compile(r"(?:instruct|chat|hf|it)$")


def headline_entry(
    benchmark: Benchmark,
    items: Sequence[Scored],
    *,
    num_items: int,
    num_failed: int,
    config: Measuring,
    model: str,
) -> dict[str, Any]:
    """What stands beside a benchmark's metrics for one model; docs/benchmarks.md has the keys.

    Args:
        benchmark: Which one.
        items: Its scored items.
        num_items: How many were asked.
        num_failed: How many of them got no answer.
        config: Of the intervals.
        model: Name under which the model may have been published.
    """
    refused = _refusal(benchmark, num_items=num_items, num_failed=num_failed)
    statistics = benchmark.statistics(items)
    parts = _parts(benchmark, items, config=config)
    headline: dict[str, Any] = {"value": None, "low": None, "high": None, "method": "none"}
    if not refused:
        headline = _interval(benchmark, items, statistics=statistics, config=config)._asdict()
    value = headline["value"]
    return {
        "headline": {**headline, "refused": refused},
        "numbers": _numbers(benchmark, statistics=statistics),
        "parts": parts,
        "anchors": anchor_entries(benchmark, value=value, parts=parts, model=model),
        "cautions": cautions(benchmark, value=value),
    }


def light_of(difference: float) -> Light:
    """How far a score is from the published one, in points."""
    if abs(difference) <= AGREES:
        return "agree"
    return "acceptable" if abs(difference) <= ACCEPTABLE else "discrepancy"


def anchor_entries(
    benchmark: Benchmark,
    *,
    value: float | None,
    parts: Mapping[str, Mapping[str, Any]],
    model: str,
) -> list[dict[str, Any]]:
    """The published scores of this model, each with the distance from ours and its light."""
    entries: list[dict[str, Any]] = []
    for anchor in benchmark.anchors:
        ours = parts.get(anchor.part, {}).get("value") if anchor.part else value
        if value is None or ours is None or not is_same_model(anchor.model, model):
            continue
        difference = round(PERCENT * ours - anchor.value, 9)
        entries.append(
            {**anchor._asdict(), "difference": difference, "light": light_of(difference)}
        )
    return entries


def best_published(benchmark: Benchmark) -> Anchor | None:
    """The highest published headline."""
    whole = [anchor for anchor in benchmark.anchors if not anchor.part]
    return max(whole, key=lambda anchor: anchor.value, default=None)


def cautions(benchmark: Benchmark, *, value: float | None) -> list[str]:
    """What a careful reader would stop at in this number."""
    if value is None:
        return []
    points, best = PERCENT * value, best_published(benchmark)
    said: list[str] = []
    if benchmark.human is not None and points > benchmark.human:
        said.append(f"above people ({benchmark.human:g}): check for leakage")
    if best is not None and points > best.value + FAR_ABOVE:
        said.append(
            f"far above the best published ({best.model}, {best.value:g}): check for leakage"
        )
    if benchmark.chance is not None and points < benchmark.chance - AGREES:
        said.append(f"below chance ({benchmark.chance:g}): check how answers are read")
    return said


def is_same_model(published: str, ours: str) -> bool:
    """Whether two names mean one model; case, signs and `-Instruct` do not matter."""
    return _plain(published) == _plain(ours)


def benchmark_facts(
    benchmark: Benchmark, *, num_there: int, prompts: str, option_order: str
) -> dict[str, Any]:
    """What is known of a benchmark without asking anybody."""
    prompt = prompt_named(benchmark, prompts)
    best = best_published(benchmark)
    return {
        "hub": list(benchmark.hub),
        "licence": benchmark.licence,
        "num_expected": benchmark.num_items,
        "num_there": num_there,
        "aggregation": benchmark.aggregation.words,
        "prompt": {
            "asked_for": prompts,
            "origin": prompt.origin,
            "dialect": prompt.dialect.kind if prompt.dialect else None,
            "dialect_options": prompt.dialect.options() if prompt.dialect else {},
            "option_order": option_order,
        },
        "chance": benchmark.chance,
        "human": benchmark.human,
        "best_published": None if best is None else best._asdict(),
    }


def _refusal(benchmark: Benchmark, *, num_items: int, num_failed: int) -> str:
    if num_items != benchmark.num_items:
        return f"{num_items:,} of {benchmark.num_items:,} items"
    return f"{num_failed:,} requests failed" if num_failed else ""


def _interval(
    benchmark: Benchmark, items: Sequence[Scored], *, statistics: FloatArray, config: Measuring
) -> Interval:
    """The headline, with its interval from drawing episodes (or items) again.

    Where all items are wrong or all right, drawing again would claim certainty: then Wilson's.
    """
    groups = group_by([group_label(item.record) for item in items])
    main = [item.values[benchmark.metrics[0].name] for item in items]
    if len(set(main)) == 1 and main[0] in (0.0, 1.0):
        return share_interval(main, groups=groups, confidence=config.confidence)
    draws = bootstrap_means(
        group_sums(statistics, groups=groups),
        counts=groups.sizes,
        num_draws=config.num_bootstrap,
        generator=seeded_generator(config.seed, "headline", benchmark.kind),
    )
    return percentile_interval(
        benchmark.headline(draws),
        value=float(benchmark.headline(statistics.mean(axis=0))),
        confidence=config.confidence,
        num_groups=groups.num_groups,
    )


def _numbers(benchmark: Benchmark, *, statistics: FloatArray) -> dict[str, float | None]:
    found = benchmark.numbers(statistics.mean(axis=0))
    return {name: float(number) if np.isfinite(number) else None for name, number in found.items()}


def _parts(
    benchmark: Benchmark, items: Sequence[Scored], *, config: Measuring
) -> dict[str, dict[str, Any]]:
    """Subtask -> its item mean of the main metric with its interval, and how many items it has."""
    main = benchmark.metrics[0].name
    members: dict[str, list[Scored]] = {}
    for item in items:
        if part := subtask_of(item.record):
            members.setdefault(part, []).append(item)
    found: dict[str, dict[str, Any]] = {}
    for part, mine in sorted(members.items()):
        (mean,) = mean_intervals(
            [[item.values[main]] for item in mine],
            groups=group_by([group_label(item.record) for item in mine]),
            confidence=config.confidence,
            num_draws=config.num_bootstrap,
            generator=seeded_generator(config.seed, "part", benchmark.kind, part),
        )
        found[part] = {**mean._asdict(), "num_items": len(mine)}
    return found


def _plain(name: str) -> str:
    lowered = re.sub(r"[^a-z0-9.]", "", name.rpartition("/")[2].casefold())
    return _SUFFIX.sub("", lowered)

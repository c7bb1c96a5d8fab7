"""The same stored answers by the rules of other evaluators, beside ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from roboloop.dialects.base import Dialect
from roboloop.evaluate.benchmarks.base import Benchmark, subtask_of
from roboloop.evaluate.benchmarks.config import ALL
from roboloop.evaluate.benchmarks.texts import REFERENCES, references_of
from roboloop.evaluate.rules import RULES, Case, CaseKind, load_rules
from roboloop.evaluate.score import Judged
from roboloop.records.answers import Answer, Box, Choice, Number, YesNo
from roboloop.records.media import media_from_json
from roboloop.records.media_open import MediaStore
from roboloop.records.outcomes import PredictionStatus
from roboloop.records.record import Record
from roboloop.records.regions import Polygon

CASE_KINDS: dict[str, CaseKind] = {
    "choice_vqa": "mcq",
    "yes_no_vqa": "yesno",
    "number_vqa": "numeric",
    "pointing": "point",
    "object_box": "bbox",
    "vqa": "text",
}


def rule_names(asked: Iterable[str]) -> list[str]:
    """The rules that are asked for; `all` names every one."""
    names = list(asked)
    return list(RULES.rows) if ALL in names else names


def rule_entries(
    benchmark: Benchmark,
    records: Sequence[Record],
    *,
    judged: Mapping[str, Judged],
    dialect: Dialect,
    rules: Iterable[str],
    media: MediaStore,
) -> dict[str, dict[str, Any]]:
    """Rule -> what it makes of the answers of one model; docs/benchmarks.md has the keys.

    Only answers count: failed requests are left out by every rule alike. Rules that know nothing
    of the benchmark have no entry.
    """
    names = rule_names(rules)
    if not names:
        return {}
    cases = [
        (
            record,
            case_of(record, text=judged[record.id].prediction.text, dialect=dialect, media=media),
        )
        for record in records
        if judged[record.id].prediction.status is PredictionStatus.ANSWERED
    ]
    entries: dict[str, dict[str, Any]] = {}
    for name in names:
        scores = {record.id: load_rules(name).score(case) for record, case in cases}
        known = {key: found.score for key, found in scores.items() if found is not None}
        kept = {key: score for key, score in known.items() if score is not None}
        if known:
            entries[name] = {
                "item_mean": float(np.mean(list(kept.values()))) if kept else None,
                "headline": _weighted(benchmark, records, scores=kept),
                "num_scored": len(kept),
                "num_left_out": len(known) - len(kept),
            }
    return entries


def case_of(record: Record, *, text: str, dialect: Dialect, media: MediaStore) -> Case:
    """An item and the answer to it, as rules take them."""
    size = record.picture_size
    options = record.inputs.get("options", ())
    levels, polygon = None, ()
    if (mask := record.meta.get("mask")) is not None:
        levels = np.asarray(media.open(media_from_json(mask)).convert("L"))
    if isinstance(record.answer, Polygon):
        assert size is not None
        polygon = tuple((x / size.width, y / size.height) for x, y in record.answer.vertices_px)
    return Case(
        benchmark=record.source,
        kind=CASE_KINDS[record.task],
        text=text,
        gold=_gold(record),
        options=options if isinstance(options, tuple) else (),
        question=str(record.inputs.get("question", record.inputs.get("object", ""))),
        subtask=subtask_of(record),
        size=size,
        dialect=dialect,
        mask_levels=levels,
        polygon_unit=polygon,
    )


def _gold(record: Record) -> str | tuple[str, ...] | tuple[float, float, float, float] | None:
    answer: Answer | None = record.answer
    match answer:
        case Choice(letter):
            return letter
        case YesNo(value):
            return "yes" if value else "no"
        case Number(value):
            return f"{value:g}"
        case Box():
            return answer.corners_px
        case _:
            return tuple(references_of(record)) if REFERENCES in record.meta else None


def _weighted(
    benchmark: Benchmark, records: Sequence[Record], *, scores: Mapping[str, float]
) -> float | None:
    """The authors' mean of subtask means; None where they have none, or a subtask has no score."""
    weights = benchmark.aggregation.weights
    parts: dict[str, list[float]] = {name: [] for name in weights}
    for record in records:
        if record.id in scores and subtask_of(record) in parts:
            parts[subtask_of(record)].append(scores[record.id])
    if not weights or not all(parts.values()):
        return None
    return float(sum(weights[name] * np.mean(values) for name, values in parts.items()))

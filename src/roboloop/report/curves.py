"""Training curves: the numbers of `trainer_log.jsonl`, ready to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from roboloop.runs.training_log import (
    STEP,
    TITLES,
    Curve,
    LogLines,
    curves_of,
    is_figure,
    read_log,
    thinned,
)


def training_curves(logs: Mapping[str, Path]) -> list[dict[str, Any]]:
    """For each stage its curves and a few facts, in the order of `logs`.

    Args:
        logs: Stage name -> trainer_log.jsonl.
    """
    return [stage_curves(name, log=read_log(path)) for name, path in logs.items()]


def stage_curves(name: str, *, log: LogLines) -> dict[str, Any]:
    """The curves and facts of one stage."""
    curves = curves_of(log.lines)
    return {
        "stage": name,
        "curves": [
            {
                "name": key,
                "title": _sentence(TITLES.get(key, key)),
                "points": thinned(curve),
                "num_logged": len(curve),
            }
            for key, curve in curves.items()
        ],
        "facts": _facts(log.lines, curves=curves),
        "warnings": _warnings(log.lines),
        "num_unread": log.num_unread,
    }


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _warnings(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the run said of itself, each once."""
    said = (entry["warning"] for entry in entries if isinstance(entry.get("warning"), str))
    return list(dict.fromkeys(said))


def _facts(entries: Sequence[Mapping[str, Any]], *, curves: Mapping[str, Curve]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if not entries:
        return facts
    facts["steps"] = entries[-1][STEP]
    if is_figure(entries[-1].get("total_steps")):
        facts["total_steps"] = entries[-1]["total_steps"]
    if loss := curves.get("loss"):
        facts["first_loss"], facts["last_loss"] = loss[0][1], loss[-1][1]
    tokens = [entry["total_tokens"] for entry in entries if is_figure(entry.get("total_tokens"))]
    if tokens:
        facts["total_tokens"] = tokens[-1]
    if speed := curves.get("throughput"):
        facts["median_throughput"] = round(median(value for _, value in speed), 1)
    return facts

"""Training curves: the numbers of `trainer_log.jsonl`, ready to draw."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

MAX_POINTS = 1_200
"""Points drawn for each curve: more than a screen has columns for."""

STEP = "current_steps"
FIRST = ("loss", "eval_loss", "lr", "throughput")
NOT_CURVES = frozenset({STEP, "total_steps", "percentage", "epoch", "total_tokens"})

Curve = list[tuple[float, float]]


def training_curves(logs: Mapping[str, Path]) -> list[dict[str, Any]]:
    """For each stage its curves and a few facts, in the order of `logs`.

    Args:
        logs: Stage name -> trainer_log.jsonl.
    """
    return [_stage(name, path=path) for name, path in logs.items()]


def thinned(curve: Curve, *, max_points: int = MAX_POINTS) -> Curve:
    """At most `max_points` points that keep every peak and dip.

    Each of `max_points` / 2 equal pieces keeps its lowest and its highest point.
    """
    if len(curve) <= max_points:
        return curve
    num_pieces = max_points // 2
    kept: Curve = []
    for piece in range(num_pieces):
        start = piece * len(curve) // num_pieces
        part = curve[start : (piece + 1) * len(curve) // num_pieces]
        ends = {part.index(min(part, key=_height)), part.index(max(part, key=_height))}
        kept += [part[index] for index in sorted(ends)]
    return kept


def _height(point: tuple[float, float]) -> float:
    return point[1]


def _stage(name: str, *, path: Path) -> dict[str, Any]:
    entries, num_unread = _entries(path)
    curves: dict[str, Curve] = {}
    for entry in entries:
        for key, value in entry.items():
            if key not in NOT_CURVES and _is_figure(value):
                curves.setdefault(key, []).append((entry[STEP], float(value)))
    order = [*(key for key in FIRST if key in curves), *sorted(set(curves) - set(FIRST))]
    return {
        "stage": name,
        "curves": [
            {"name": key, "points": thinned(curves[key]), "num_logged": len(curves[key])}
            for key in order
        ],
        "facts": _facts(entries, curves=curves),
        "num_unread": num_unread,
    }


def _facts(entries: Sequence[Mapping[str, Any]], *, curves: Mapping[str, Curve]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if not entries:
        return facts
    facts["steps"] = entries[-1][STEP]
    if _is_figure(entries[-1].get("total_steps")):
        facts["total_steps"] = entries[-1]["total_steps"]
    if loss := curves.get("loss"):
        facts["first_loss"], facts["last_loss"] = loss[0][1], loss[-1][1]
    tokens = [entry["total_tokens"] for entry in entries if _is_figure(entry.get("total_tokens"))]
    if tokens:
        facts["total_tokens"] = tokens[-1]
    if speed := curves.get("throughput"):
        facts["median_throughput"] = round(median(value for _, value in speed), 1)
    return facts


def _entries(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Lines with a step, and how many lines could not be read, such as one cut off."""
    entries: list[dict[str, Any]] = []
    num_unread = 0
    if not path.exists():
        return entries, num_unread
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry: Any = json.loads(line)
        except ValueError:
            entry = None
        if isinstance(entry, dict) and _is_figure(entry.get(STEP)):  # pyright: ignore[reportUnknownMemberType]
            entries.append(entry)  # pyright: ignore[reportUnknownArgumentType]
        else:
            num_unread += 1
    return entries, num_unread


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

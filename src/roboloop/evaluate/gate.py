"""The forgetting gate: tasks that training must not make worse than where it started.

A fall is read off the paired difference to the baseline and its interval. `forgotten` is said when
even the kind end of the interval lies beyond what is allowed, `kept` when even the unkind end lies
within it, and `not told` when the records are too few to say. Only the first closes the gate,
unless the recipe asks for proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

FORGOTTEN, KEPT, NOT_TOLD = "forgotten", "kept", "not told"


class ForgettingGate(BaseModel):
    """What must not be forgotten, and by how much."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tasks: Mapping[str, float] = Field(min_length=1)
    """Task -> the largest fall allowed, in the unit of its main metric: 0.02 are two points of a
    share, 0.01 a hundredth of a diagonal."""
    baseline: str = "untrained"
    """The model that the others are held against; with `after_each_phase` also a phase, against
    which the last one is held."""
    proof: bool = False
    """Close the gate too when the records are too few to tell."""


class GateResult(NamedTuple):
    """One model on one task.

    Attributes:
        fall: Mean fall against the baseline, in the unit of `metric`; negative for a gain.
        low: Kind end of its interval; None without one.
        high: Unkind end.
        allowed: The largest fall allowed.
        verdict: `forgotten`, `kept` or `not told`.
    """

    model: str
    task: str
    metric: str
    fall: float | None
    low: float | None
    high: float | None
    allowed: float
    verdict: str


def gate_results(report: Mapping[str, Any], *, gate: ForgettingGate) -> list[GateResult]:
    """Every candidate of a report on every task of the gate; of several phases the last one.

    A task that is not in the report, or has no difference to the baseline, is `not told`: a gate
    never opens for what was not measured.
    """
    if phases := report.get("phases"):
        rows = {entry["task"]: entry for entry in phases["tasks"]}
        return [
            _phase_result(rows.get(task), phase=phases["order"][-1], task=task, allowed=allowed,
                          baseline=gate.baseline)
            for task, allowed in gate.tasks.items()
        ]  # fmt: skip
    tasks = {entry["task"]: entry for entry in report["tasks"]}
    candidates = [model["name"] for model in report["models"] if model["role"] == "candidate"]
    return [
        _result(tasks.get(task), model=model, task=task, allowed=allowed, baseline=gate.baseline)
        for model in candidates
        for task, allowed in gate.tasks.items()
    ]


def is_closed(results: list[GateResult], *, gate: ForgettingGate) -> bool:
    """Whether the run has to end with an error."""
    closing = {FORGOTTEN, NOT_TOLD} if gate.proof else {FORGOTTEN}
    return any(result.verdict in closing for result in results)


def gate_sentences(results: list[GateResult], *, baseline: str) -> list[str]:
    """The verdicts for people."""
    lines: list[str] = []
    for result in results:
        if result.fall is None:
            lines.append(f"{result.verdict}: {result.task} was not measured against {baseline}")
            continue
        interval = "" if result.low is None else f" [{result.low:+.3f}, {result.high:+.3f}]"
        lines.append(
            f"{result.verdict}: {result.model} on {result.task}: {result.metric} fell by "
            f"{result.fall:+.3f}{interval} against {baseline}, allowed {result.allowed:g}"
        )
    return lines


def _result(
    entry: Mapping[str, Any] | None, *, model: str, task: str, allowed: float, baseline: str
) -> GateResult:
    if entry is None:
        return _unknown(model, task=task, allowed=allowed)
    metric = next(each for each in entry["metrics"] if each["primary"])
    found = next((each for each in entry["results"] if each["model"] == model), None)
    difference = (found or {}).get("differences", {}).get(baseline, {}).get(metric["name"])
    return _judged(difference, metric=metric, unknown=_unknown(model, task=task, allowed=allowed))


def _phase_result(
    row: Mapping[str, Any] | None, *, phase: str, task: str, allowed: float, baseline: str
) -> GateResult:
    """A phase on one row of the table of tasks and phases."""
    unknown = _unknown(phase, task=task, allowed=allowed)
    if row is None:
        return unknown
    difference = row["cells"][phase]["against"].get(baseline)
    return _judged(difference, metric=row["metric"], unknown=unknown)


def _unknown(model: str, *, task: str, allowed: float) -> GateResult:
    return GateResult(model, task, "", None, None, None, allowed, NOT_TOLD)


def _judged(
    difference: Mapping[str, Any] | None, *, metric: Mapping[str, Any], unknown: GateResult
) -> GateResult:
    """The verdict that a paired difference gives."""
    if difference is None:
        return unknown
    sign = -1.0 if metric["higher_is_better"] else 1.0
    fall, ends = sign * difference["value"], (difference["low"], difference["high"])
    told = unknown._replace(metric=metric["name"], fall=fall)
    if ends[0] is None:
        return told
    low, high = sorted(sign * end for end in ends)
    allowed = unknown.allowed
    verdict = FORGOTTEN if low > allowed else KEPT if high <= allowed else NOT_TOLD
    return told._replace(low=low, high=high, verdict=verdict)

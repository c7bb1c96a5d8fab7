"""The report's first sentence: what the measurement says, and no more than that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

BETTER, WORSE, SAME = "better", "worse", "not distinguishable"


class Verdict(NamedTuple):
    """A headline, a second sentence, and what makes the result incomplete (may be empty)."""

    sentence: str
    detail: str
    caution: str


def verdict(evaluation: Mapping[str, Any]) -> Verdict:
    """Say how the first candidate does against the constant answer and the untrained model."""
    names = {model["role"]: model["name"] for model in reversed(evaluation["models"])}
    candidate = names.get("candidate", evaluation["models"][0]["name"])
    num_tasks = len(evaluation["tasks"])
    floor = names.get("constant")
    counts = versus_counts(evaluation, model=candidate, other=floor) if floor else {}
    measured = sum(counts.values())
    if not measured:
        sentence = f"“{candidate}” was measured on {_tasks(num_tasks)}."
        detail = "No constant answer to compare it with."
    else:
        sentence = (
            f"“{candidate}” beats the best constant answer on "
            f"{_share(counts.get(BETTER, 0), total=measured)}."
        )
        detail = _rest(counts)
    before = names.get("untrained")
    if before is not None and before != candidate:
        gains = versus_counts(evaluation, model=candidate, other=before)
        if total := sum(gains.values()):
            detail += f" {_against(before, gains=gains, total=total)}"
    return Verdict(sentence, detail.strip(), _caution(evaluation))


def versus_counts(
    evaluation: Mapping[str, Any], *, model: str, other: str | None
) -> dict[str, int]:
    """How often `model` is better, worse or not distinguishable by the tasks' main metrics."""
    counts: dict[str, int] = {}
    for task in evaluation["tasks"]:
        main = next(metric["name"] for metric in task["metrics"] if metric["primary"])
        for result in task["results"]:
            difference = result["differences"].get(other, {}).get(main)
            if result["model"] == model and difference is not None:
                counts[difference["verdict"]] = counts.get(difference["verdict"], 0) + 1
    return counts


def _rest(counts: Mapping[str, int]) -> str:
    parts: list[str] = []
    if worse := counts.get(WORSE, 0):
        parts.append(f"falls below it on {worse}")
    if same := counts.get(SAME, 0):
        parts.append(f"cannot be told from it on {same}")
    return f"It {' and '.join(parts)}." if parts else ""


def _against(before: str, *, gains: Mapping[str, int], total: int) -> str:
    better, worse = gains.get(BETTER, 0), gains.get(WORSE, 0)
    if better == total:
        return f"It is better than “{before}” on {_share(better, total=total)}."
    losses = f"worse on {worse}" if worse else "worse on none"
    return f"Against “{before}” it is better on {_share(better, total=total)} and {losses}."


def _share(number: int, *, total: int) -> str:
    if number == total:
        return "the only task" if total == 1 else f"all {total} tasks"
    return f"{'none' if number == 0 else number} of {_tasks(total)}"


def _tasks(number: int) -> str:
    return "1 task" if number == 1 else f"{number} tasks"


def _caution(evaluation: Mapping[str, Any]) -> str:
    if evaluation["complete"]:
        return ""
    results: Sequence[Mapping[str, Any]] = [
        result for task in evaluation["tasks"] for result in task["results"]
    ]
    failed = sum(result["num_request_failed"] for result in results)
    missing = sum(task["num_truth_missing"] for task in evaluation["tasks"])
    causes: list[str] = []
    if failed:
        causes.append(f"{failed} request{'s' * (failed != 1)} failed")
    if missing:
        causes.append(f"{missing} record{'s' * (missing != 1)} without a truth")
    return f"This run is incomplete: {' and '.join(causes) or 'something is missing'}."

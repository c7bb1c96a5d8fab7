"""How far a judge can be trusted, from what it said of records whose worth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from roboloop.base.agreement import agreement
from roboloop.engines.judging.planted import FAULTS

Row = Mapping[str, Any]


def planted_error(rows: Sequence[Row]) -> dict[str, Any]:
    """How many spoiled copies were found, and how many of their originals were called bad, too."""
    planted = [row for row in rows if row["planted"]]
    by_fault: dict[str, Any] = {}
    for name in FAULTS:
        judged = [row for row in planted if row["planted"] == name and row["planted_verdict"]]
        if judged:
            by_fault[name] = _share([row["planted_verdict"] == "bad" for row in judged])
    judged = [row["planted_verdict"] == "bad" for row in planted if row["planted_verdict"]]
    originals = [row["verdict"] == "bad" for row in planted if row["verdict"]]
    return {
        "detected": _share(judged),
        "detected_by_fault": by_fault,
        "false_alarms": _share(originals),
    }


def order_error(rows: Sequence[Row]) -> dict[str, Any]:
    """How often the order of two answers decided."""
    pairs = [row for row in rows if row["preferred"]]
    changed = [row["preferred"] != row["swapped_preferred"] for row in pairs]
    first_shown = [row["preferred"] == "own" for row in pairs] + [
        row["swapped_preferred"] == "other" for row in pairs
    ]
    return {"changed": _share(changed), "first_preferred": _share(first_shown)}


def label_agreement(rows: Sequence[Row]) -> dict[str, Any]:
    """Agreement with the labels; records the judge is unsure of count as disagreement."""
    both = [(row["label"], row["verdict"]) for row in rows if row["label"] and row["verdict"]]
    found = agreement([label for label, _ in both], second=[verdict for _, verdict in both])
    return {
        "num_both": found.num_both,
        "accuracy": found.accuracy,
        "kappa": found.kappa,
        "table": {f"{label} judged {verdict}": n for (label, verdict), n in found.table.items()},
        "detected": _share([verdict == "bad" for label, verdict in both if label == "bad"]),
        "false_alarms": _share([verdict == "bad" for label, verdict in both if label == "good"]),
    }


def _share(flags: Sequence[bool]) -> dict[str, Any]:
    """How many of how many; the share is None of none."""
    return {
        "num": sum(flags), "of": len(flags), "share": sum(flags) / len(flags) if flags else None
    }  # fmt: skip

"""The forgetting gate: what closes it, what does not, and what a run says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from scripted_engine import ScriptedEngine, evaluate, perfect_texts, records_of, write_records

from roboloop.evaluate.gate import ForgettingGate, gate_results, is_closed

TASK = "contact_box"


def report_with(tmp_path: Path, *, share_lost: float) -> dict:
    """A candidate that lost so much of what the untrained model can do."""
    records = [replace(record, meta={}) for record in records_of([TASK])]
    folder = write_records(tmp_path / "records", records=records)
    texts = perfect_texts(records)
    ids = sorted(key for key in texts if key.startswith("val"))
    lost = set(ids[: round(share_lost * len(ids))])
    engines = {
        "trained": ScriptedEngine(lambda i: "?" if i in lost else texts[i], name="trained"),
        "untrained": ScriptedEngine(texts.__getitem__, name="untrained"),
    }
    return dict(evaluate(folder, out=tmp_path / "out", engines=engines).report)


@pytest.mark.parametrize(
    ("share_lost", "allowed", "verdict"),
    [(0.0, 0.0, "kept"), (0.75, 0.1, "forgotten"), (0.125, 0.05, "not told"), (0.5, 0.9, "kept")],
)
def test_verdicts(tmp_path: Path, share_lost: float, allowed: float, verdict: str) -> None:
    gate = ForgettingGate(tasks={TASK: allowed})
    (result,) = gate_results(report_with(tmp_path, share_lost=share_lost), gate=gate)
    assert result.verdict == verdict and result.fall == pytest.approx(share_lost)
    assert is_closed([result], gate=gate) == (verdict == "forgotten")
    strict = gate.model_copy(update={"proof": True})
    assert is_closed([result], gate=strict) == (verdict != "kept")


def test_what_was_not_measured_is_not_told(tmp_path: Path) -> None:
    report = report_with(tmp_path, share_lost=0.0)
    gate = ForgettingGate(tasks={"traj": 0.5}, proof=True)
    (result,) = gate_results(report, gate=gate)
    assert (result.verdict, result.fall) == ("not told", None)
    assert is_closed([result], gate=gate)


def test_an_evaluation_with_a_gate_reports_it(tmp_path: Path) -> None:
    records = records_of([TASK])
    folder = write_records(tmp_path / "records", records=records)
    texts = perfect_texts(records)
    engines = {
        "trained": ScriptedEngine(lambda _: "?", name="trained"),
        "untrained": ScriptedEngine(texts.__getitem__, name="untrained"),
    }
    gate = {"tasks": {TASK: 0.02}}
    report = evaluate(folder, out=tmp_path / "out", engines=engines, must_not_forget=gate).report
    assert report["gate"]["closed"] is True
    assert "forgotten: trained on contact_box: iou fell by +1.000" in report["gate"]["sentences"][0]

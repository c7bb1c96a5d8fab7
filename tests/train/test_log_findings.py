"""What a log is found to say: of a published run, and of logs made to be wrong in one way."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.runs.training_log import SAMPLE, read_any_log
from roboloop.train.log_findings import Claim, findings, summary_of


def made(num_lines: int = 10, **changes: Any) -> list[dict[str, Any]]:
    """A log with nothing wrong in it."""
    rates = [1e-5, *(2e-5 * (1 - k / num_lines) for k in range(1, num_lines))]
    lines: list[dict[str, Any]] = []
    for k, rate in enumerate(rates, start=1):
        line = {
            "current_steps": 10 * k, "total_steps": 10 * num_lines, "loss": 2.0 / k + 0.5,
            "eval_loss": 1.0, "lr": rate, "throughput": 1000.0, "total_tokens": 5003 * k,
            "tokens_real": 5003, "padding_fraction": 0.01, "data_wait_seconds": 0.01,
        }  # fmt: skip
        lines.append({name: v for name, v in (line | changes).items() if v is not None})
    return lines


def test_a_good_log_has_no_findings() -> None:
    assert findings(made()) == []


def test_the_published_run() -> None:
    lines = read_any_log(SAMPLE).lines
    warmup, unmeasured, filling = findings(lines)
    assert "until step 80 of 93 (86% of the run)" in warmup and "13 steps are left" in warmup
    assert "no eval_loss" in unmeasured
    assert "all 19 token counts are multiples of 32" in filling
    summary = summary_of(lines)
    assert (summary.steps, summary.total_steps, summary.total_tokens) == (93, 93, 28499296)
    assert summary.lowest_loss == (0.2441, 85)


def test_the_published_run_did_not_see_the_records_its_text_claims() -> None:
    """Its text says 20k; 8 GPUs x 4 x 8 records a step and the log's epochs say 7,776."""
    lines = read_any_log(SAMPLE).lines
    *others, belied = findings(lines, claim=Claim(num_samples=20_000, records_per_step=256))
    assert others == findings(lines)
    assert "30.4 steps of 256 records: 7,776 records were trained on, not 20,000" in belied
    assert findings(lines, claim=Claim(num_samples=7_800, records_per_step=256)) == others


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"eval_loss": None}, "no eval_loss"),
        ({"total_steps": 200}, "ends at step 100 of 200"),
        ({"padding_fraction": 0.38}, "38%"),
        ({"data_wait_seconds": 2.0}, "40% of the time"),
        ({"loss": math.nan}, "no finite number at 10"),
    ],
)
def test_one_thing_wrong_is_one_finding(changes: dict[str, Any], said: str) -> None:
    (found,) = findings(made(**changes))
    assert said in found


def test_a_jump_of_the_loss_is_named() -> None:
    lines = made()
    lines[6]["loss"] = 9.0
    (found,) = findings(lines)
    assert "jumps to 9 at step 70" in found


def test_odd_token_counts_are_not_taken_for_filling() -> None:
    assert findings(made(tokens_real=None)) == []


def test_a_trainer_state_reads_as_a_log(tmp_path: Path) -> None:
    path = tmp_path / "trainer_state.json"
    history = [
        {"epoch": 0.5, "grad_norm": 1.2, "learning_rate": 1e-5, "loss": 2.5, "step": 5},
        {"epoch": 0.5, "eval_loss": 2.25, "eval_runtime": 3.0, "step": 5},
        {"epoch": 1.0, "step": 10, "total_flos": 1.0, "train_loss": 2.0},
    ]
    path.write_text(json.dumps({"max_steps": 10, "log_history": history}))
    first, second, _ = read_any_log(path).lines
    assert (first["current_steps"], first["lr"], first["total_steps"]) == (5, 1e-5, 10)
    assert second["eval_loss"] == 2.25


@pytest.mark.parametrize(
    ("name", "text"), [("a.json", "{}"), ("b.jsonl", "hello\n"), ("c.json", "[1]"), ("d", None)]
)
def test_what_is_no_log_is_refused(tmp_path: Path, name: str, text: str | None) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(RoboLoopError) as caught:
        read_any_log(tmp_path / name)
    assert caught.value.code == "E-RUN-010"

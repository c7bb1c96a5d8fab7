"""The evaluation with a real Qwen2.5-VL of random weights: it earns what it deserves, little."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripted_engine import NUM_EPISODES, perfect_texts, records_of, write_records

from roboloop.dialects import load_dialect
from roboloop.evaluate.config import EvaluateConfig
from roboloop.evaluate.run import ModelUnderTest, run_evaluation
from roboloop.models.tiny import build_tiny

TASKS = ("contact_box", "traj", "contact_decide")
OUTPUTS = ("report.json", "items.jsonl", "answers/untrained.jsonl")


@pytest.mark.slow
def test_an_untrained_model_scores_what_it_deserves(tmp_path: Path) -> None:
    records = records_of(TASKS)
    folder = write_records(tmp_path / "records", records=records)
    dialect = load_dialect("qwen25_vl", factor=16, max_pixels=15360)
    model = build_tiny(tmp_path / "model", seed=0, texts=perfect_texts(records).values())
    config = EvaluateConfig(max_new_tokens=24, num_bootstrap=200, batch_size=5)
    reports = []
    for name in ("first", "second"):
        result = run_evaluation(
            config,
            models=[ModelUnderTest("untrained", model, role="untrained")],
            records=folder,
            out=tmp_path / name,
            dialect=dialect,
        )
        reports.append(result.report)
    for output in OUTPUTS:
        first, second = (tmp_path / name / output for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), output
    report = reports[0]
    assert report["complete"] and report["num_records"] == len(TASKS) * 2 * NUM_EPISODES
    for entry in report["tasks"]:
        untrained, constant = entry["results"]
        primary = entry["metrics"][0]
        found = untrained["differences"]["constant"][primary["name"]]
        assert found["verdict"] != "better", (entry["task"], found)
        assert untrained["validity"]["value"] < 1.0 == constant["validity"]["value"]
        if untrained["num_unparsed"] == 16:
            assert untrained["metrics"][primary["name"]]["value"] == primary["worst"]

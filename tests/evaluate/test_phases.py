"""The table of tasks and phases: what each phase gained and lost, and the gate that reads it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import ScriptedEngine, evaluate, perfect_texts, records_of, write_records

TASKS = ["contact_box", "vqa"]
ORDER = ("untrained", "align", "inject")


def evaluated(tmp_path: Path, **options: object) -> dict[str, Any]:
    """`align` learns the boxes; `inject` learns to answer in words and forgets half of them."""
    records = [replace(record, meta={}) for record in records_of(TASKS)]
    folder = write_records(tmp_path / "records", records=records)
    texts = perfect_texts(records)
    boxes = sorted(key for key in texts if key.startswith("val") and "contact_box" in key)
    forgotten = set(boxes[: len(boxes) // 2])

    def align(record_id: str) -> str:
        return texts[record_id] if "contact_box" in record_id else "?"

    engines = {
        "inject": ScriptedEngine(
            lambda name: "?" if name in forgotten else texts[name], name="inject"
        ),
        "align": ScriptedEngine(align, name="align"),
        "untrained": ScriptedEngine(lambda _: "?", name="untrained"),
    }
    return dict(
        evaluate(folder, out=tmp_path / "out", engines=engines, phases=ORDER, **options).report
    )


def test_a_phase_is_held_against_each_before_it(tmp_path: Path) -> None:
    table = evaluated(tmp_path)["phases"]
    assert table == json.loads((tmp_path / "out/report.json").read_text())["phases"]
    assert table["order"] == list(ORDER)
    rows = {row["task"]: row for row in table["tasks"]}
    boxes, words = rows["contact_box"]["cells"], rows["vqa"]["cells"]
    assert [boxes[phase]["mean"]["value"] for phase in ORDER] == pytest.approx([0, 1, 0.5])
    assert boxes["untrained"]["against"] == {}
    assert boxes["align"]["against"]["untrained"]["verdict"] == "better"
    since_align = boxes["inject"]["against"]["align"]
    assert since_align["value"] == pytest.approx(-0.5) and since_align["verdict"] == "worse"
    assert since_align["high"] < 0 and since_align["raised_p"] < 0.05
    assert boxes["inject"]["against"]["untrained"]["verdict"] == "better"
    assert words["align"]["against"]["untrained"]["verdict"] == "not distinguishable"
    assert words["inject"]["against"]["align"]["verdict"] == "better"
    assert rows["contact_box"]["constant"]["value"] < 0.5


def test_the_table_for_people_shows_the_change_since_the_phase_before(tmp_path: Path) -> None:
    evaluated(tmp_path)
    text = (tmp_path / "out/phases.txt").read_text()
    header, _, boxes, *_ = text.splitlines()
    assert header.split()[-3:] == list(ORDER)
    assert boxes.split()[-7:] == ["0.000", "1.000", "+1.000", "▲", "0.500", "-0.500", "▼"]
    markdown = (tmp_path / "out/phases.md").read_text()
    assert "| 0.500 -0.500 [-" in markdown


@pytest.mark.parametrize(
    ("baseline", "verdict"), [("align", "forgotten"), ("untrained", "kept"), ("no", "not told")]
)
def test_the_gate_holds_the_last_phase_against_the_one_that_is_named(
    tmp_path: Path, baseline: str, verdict: str
) -> None:
    gate = {"tasks": {"contact_box": 0.1}, "baseline": baseline}
    found = evaluated(tmp_path, must_not_forget=gate)["gate"]
    assert [(each["model"], each["verdict"]) for each in found["results"]] == [("inject", verdict)]
    assert found["closed"] == (verdict == "forgotten")


def test_one_phase_alone_has_no_table(tmp_path: Path) -> None:
    records = records_of(["vqa"])
    folder = write_records(tmp_path / "records", records=records)
    engine = ScriptedEngine(perfect_texts(records).__getitem__, name="align")
    result = evaluate(folder, out=tmp_path / "out", engines={"align": engine}, phases=("align",))
    assert "phases" not in result.report and not (tmp_path / "out/phases.txt").exists()

"""`look`: record files in the viewer, without any model, in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_evaluation import MadeEvaluation
from playwright.sync_api import expect

from roboloop.base.errors import RoboLoopError
from roboloop.report.look import build_look


@pytest.mark.browser
def test_records_are_shown_with_their_truth(
    watched: Any, made: MadeEvaluation, tmp_path: Path
) -> None:
    page = watched.open(build_look([made.records], out=tmp_path / "look"), "#/records")
    assert page.inner_text(".hit-count") == "384 records"
    expect(page.locator("nav a")).to_have_text(["Records", "Data"])
    page.locator(".option[data-value='gripper_det']").click()
    assert page.inner_text(".hit-count b") == "48"
    assert page.locator(".stage .truth .ink").count() == 1
    assert page.locator(".answer").count() == 1
    assert page.locator("select").count() == 0, "there is no model to judge by"
    page.keyboard.press("j")
    page.keyboard.press("p")
    page.keyboard.press("2")
    expect(page.locator("h1")).to_have_text("Data")


def test_what_is_no_record_is_listed_and_the_rest_shown(
    made: MadeEvaluation, tmp_path: Path
) -> None:
    lines = (made.records / "val-00000.jsonl").read_text(encoding="utf-8").splitlines()[:3]
    lines[1:1] = ['{"id": "x"}', "not JSON"]
    (tmp_path / "some.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    page = build_look(
        [tmp_path / "some.jsonl"],
        out=tmp_path / "look",
        media_roots={"pictures": made.records / "pictures"},
    )
    told = json.loads((page.parent / "report.json").read_text(encoding="utf-8"))
    assert told["counts"] == {"records": 3, "shown": 3, "pictures": 1, "pictures_missing": 0}
    assert [reason["code"] for reason in told["ledger"]["reasons"]] == ["E-REC-001", "E-REC-002"]
    assert told["ledger"]["reasons"][0]["examples"][0]["place"].startswith("some.jsonl:3")


def test_an_unknown_task_or_a_lost_picture_is_no_obstacle(tmp_path: Path) -> None:
    lines = [
        {"id": "a", "task": "of_a_third_party", "inputs": {"instruction": "stack"},
         "answer": {"kind": "box", "box_px": [1, 2, 3, 4]},
         "media": [{"kind": "file", "path": "gone:1.png", "size": [10, 10]}]},
        {"id": "b", "task": "contact_box"},
        {"id": "c", "task": "vqa", "turns": [{"role": "user", "text": "<image>\nWhat is it?"},
                                             {"role": "assistant", "text": "A cup."}]},
    ]  # fmt: skip
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    page = build_look([path], out=tmp_path / "look")
    rows = (page.parent / "data/records-000.js").read_text(encoding="utf-8")
    assert "E-MED-001" in rows
    assert "instruction: stack" in rows
    assert "What is it?" in rows and "A cup." in rows


def test_more_records_than_fit_are_still_counted(made: MadeEvaluation, tmp_path: Path) -> None:
    page = build_look([made.records], out=tmp_path / "look", max_records=7)
    told = json.loads((page.parent / "report.json").read_text(encoding="utf-8"))
    assert (told["counts"]["records"], told["counts"]["shown"]) == (384, 7)


def test_a_path_without_records_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RoboLoopError, match="E-DAT-001"):
        build_look([tmp_path], out=tmp_path / "look")
    with pytest.raises(RoboLoopError, match="E-DAT-001"):
        build_look([tmp_path / "missing.jsonl"], out=tmp_path / "look")

"""Runs of lmms-eval, VLMEvalKit and FlagEvalMM, in small files of their exact layouts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from roboloop.cli.main import run_command

OPTIONS = ["the red arrow", "the blue arrow", "none"]
SAID = "<think>A?</think>The answer is (B)."


def lmms_eval(root: Path) -> Path:
    path = root / "lab__model-7b" / "20260101_120000_samples_blink.jsonl"
    path.parent.mkdir(parents=True)
    shared: dict[str, Any] = {"doc_hash": "1", "prompt_hash": "2", "target_hash": "3"}
    rows = [
        {"doc_id": 0, "doc": {"question": "Which?", "choices": OPTIONS}, "target": "(B)",
         "arguments": {}, "resps": [[SAID]], "filtered_resps": ["The answer is (B)."], **shared},
        {"doc_id": 1, "doc": {"question": "Is it?"}, "target": "no",
         "arguments": {}, "resps": [["No."]], "filtered_resps": ["No."], **shared},
        {"doc_id": 2, "doc": {}, "target": {"mask": "m.png"},
         "arguments": {}, "resps": [["(0.1, 0.2)"]], "filtered_resps": ["(0.1, 0.2)"], **shared},
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def vlmevalkit(root: Path) -> Path:
    path = root / "model_7b" / "T20260101_G1" / "model_7b_BLINK.tsv"
    path.parent.mkdir(parents=True)
    head = ["index", "question", "A", "B", "C", "answer", "category", "prediction"]
    rows = [
        ["7", "Which?", *OPTIONS, "B", "Counting", SAID],
        ["8", "Is it?", "", "", "", "No", "Other", '"No.\nNot at all."'],
    ]
    path.write_text("".join("\t".join(row) + "\n" for row in [head, *rows]))
    return path


def vlmevalkit_xlsx(root: Path) -> Path:
    """As pandas writes it: whole numbers as numbers, empty cells empty, the index first."""
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    path = root / "model_7b" / "T20260101_G1" / "model_7b_BLINK.xlsx"
    path.parent.mkdir(parents=True)
    book = openpyxl.Workbook()
    book.active.append(["index", "question", "A", "B", "C", "answer", "category", "prediction"])
    book.active.append([7, "Which?", *OPTIONS, "B", "Counting", SAID])
    book.active.append([8, "Is it?", None, None, None, "No", "Other", "No.\nNot at all."])
    book.save(path)
    return path


def flagevalmm(root: Path) -> Path:
    folder = root / "model-7b" / "blink"
    folder.mkdir(parents=True)
    said = [
        {"question_id": "q1", "question": "Which?", "answer": SAID, "usage": {}},
        {"question_id": "q2", "question": "Is it?", "answer": "No.", "usage": {}},
    ]
    cleaned = ["B", "no"]
    evaluated = [
        row | {"answer": text, "raw_answer": text, "correct": True, "label": label}
        for row, text, label in zip(said, cleaned, ["B", "no"], strict=True)
    ]
    (folder / "blink.json").write_text(json.dumps(said))
    (folder / "blink_evaluated.json").write_text(json.dumps(evaluated))
    (folder / "blink_result.json").write_text(json.dumps({"accuracy": 100.0}))
    return folder


def scored(path: Path, out: Path) -> list[dict[str, Any]]:
    assert run_command(["score", str(path), "--out", str(out)]) == 0
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("write", "model", "keys"),
    [
        (lmms_eval, "lab__model-7b", ["0", "1", "2"]),
        (vlmevalkit, "model_7b", ["7", "8"]),
        (vlmevalkit_xlsx, "model_7b", ["7", "8"]),
        (flagevalmm, "model-7b", ["q1", "q2"]),
    ],
)
def test_the_raw_answers_of_others_are_scored(
    write: Any, model: str, keys: list[str], tmp_path: Path
) -> None:
    """The text is what the model said, not what its evaluator had made of it."""
    lines = scored(write(tmp_path / "runs"), tmp_path / "scored.jsonl")
    assert [line["id"] for line in lines] == keys
    assert {line["model"] for line in lines} == {model}
    assert lines[0]["answer"] == SAID and lines[0]["benchmark"] == "blink"
    assert [line["kind"] for line in lines[:2]] == ["mcq", "yesno"]
    assert [line["rules"]["default"]["score"] for line in lines[:2]] == [1.0, 1.0]


@pytest.mark.parametrize("layout", ["lmms_eval", "vlmevalkit", "vlmevalkit_xlsx", "flagevalmm"])
def test_what_is_exported_is_read_again(layout: str, tmp_path: Path) -> None:
    """Every answer, byte for byte, and the same scores; a place alone has no truth there."""
    questions: list[dict[str, Any]] = [
        {"kind": "mcq", "gold": "B", "options": OPTIONS, "answer": SAID, "subtask": "Counting"},
        {"kind": "yesno", "gold": "no", "answer": 'No.\n\t"Not" at all.'},
        {"kind": "numeric", "gold": "4", "answer": "=> four"},
        {"kind": "bbox", "gold": [1, 2, 3, 4], "image_size": [9, 9], "answer": "[1, 2, 3, 4]"},
    ]
    lines = [
        {"id": str(number), "model": "model_7b", "benchmark": "erqa", "question": "Which?"} | each
        for number, each in enumerate(questions)
    ]
    ours = tmp_path / "answers.jsonl"
    ours.write_text("".join(json.dumps(line) + "\n" for line in lines))
    if layout == "vlmevalkit_xlsx":
        pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    out = tmp_path / "theirs"
    assert run_command(["export-answers", str(ours), "--layout", layout, "--out", str(out)]) == 0
    pattern = {
        "lmms_eval": "*/*.jsonl", "vlmevalkit": "*/*.tsv", "vlmevalkit_xlsx": "*/*.xlsx",
        "flagevalmm": "*/erqa",
    }[layout]  # fmt: skip
    (place,) = out.glob(pattern)
    before = scored(ours, tmp_path / "before.jsonl")
    after = scored(place, tmp_path / "after.jsonl")
    assert after[:3] == before[:3]
    assert after[3]["answer"] == before[3]["answer"] and after[3]["kind"] is None


def test_a_truth_that_is_no_text_is_counted_and_not_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = scored(lmms_eval(tmp_path / "runs"), tmp_path / "scored.jsonl")
    assert lines[2]["kind"] is None and lines[2]["rules"]["default"] is None
    assert "3 answers; 1 to questions that no rules know" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["x" * 32_768, "\x1b[31mred"], ids=["long", "control"])
def test_what_no_cell_of_a_workbook_can_hold_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    line = {"benchmark": "erqa", "kind": "yesno", "gold": "no", "answer": text}
    (tmp_path / "answers.jsonl").write_text(json.dumps(line))
    command = ["export-answers", str(tmp_path / "answers.jsonl"), "--layout", "vlmevalkit_xlsx"]
    assert run_command([*command, "--out", str(tmp_path / "theirs")]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "E-EVA-004" in told and "no cell of a workbook" in told
    assert not list(tmp_path.rglob("*.xlsx"))


def test_a_file_that_is_no_workbook_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    path = tmp_path / "model_BLINK.xlsx"
    path.write_bytes(b"index\tprediction\n")
    assert run_command(["score", str(path), "--out", str(tmp_path / "scored.jsonl")]) == 2
    assert "no workbook" in capsys.readouterr().err


def test_a_line_out_of_layout_is_told_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = lmms_eval(tmp_path / "runs")
    path.write_text(path.read_text() + '{"doc_id": 3, "resps": [["A"]]}\n')
    assert run_command(["score", str(path), "--out", str(tmp_path / "scored.jsonl")]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "E-EVA-004" in told and "'target' is missing" in told and ".jsonl:4" in told
    assert not (tmp_path / "scored.jsonl").exists()

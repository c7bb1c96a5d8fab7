"""`roboloop score`: stored answers scored again, by anybody's rules, whatever a model said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hub_files
import pytest
from benchmark_engine import ToldEngine, config_for, measure, perfect_answers
from loopback_endpoint import Answer, endpoint
from scripted_engine import ScriptedEngine, evaluate, perfect_texts, record_for, write_records

from roboloop.cli.main import run_command
from roboloop.dialects import load_dialect
from roboloop.evaluate.rules import RULES

QUESTION = {
    "benchmark": "erqa",
    "kind": "mcq",
    "question": "Which arrow?",
    "options": ["The red arrow", "The blue arrow"],
    "gold": "B",
}
HOSTILE = [
    "",
    " \n\t",
    "<script>alert('B')</script>",
    "\x1b[31mB\x1b[0m",
    "B" * 100_000,
    "[[" * 50_000,
    "\u202eB\u0000",
    '{"answer": "B"' * 5_000,
    "Error code: 503",
]


def score(tmp_path: Path, answers: Path, *options: str) -> list[dict[str, Any]]:
    out = tmp_path / "scored.jsonl"
    assert run_command(["score", str(answers), "--out", str(out), *options]) == 0
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def write_lines(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_one_model_gets_as_many_numbers_as_there_are_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["The answer is B", "<answer>B</answer>", "the blue arrow", "Answer: A"]
    lines = [{**QUESTION, "id": text, "answer": text} for text in texts]
    found = score(tmp_path, write_lines(tmp_path / "a.jsonl", lines), "--rules", "all")
    assert [line["id"] for line in found] == texts
    assert [line["answer"] for line in found] == texts
    scores = {
        name: [(line["rules"][name] or {}).get("score") for line in found] for name in RULES.rows
    }
    assert scores == {
        "default": [1, 1, 1, 0],
        "flagevalmm": [1, 0, 0, 0],
        "vlmevalkit": [0, 0, 0, 0],
        "lmms_eval": [1, 1, 0, 0],
        "author": [None] * 4,
    }
    table = capsys.readouterr().out
    assert "75.00" in table and "25.00" in table and "4 answers; 0 to questions" in table
    start, end = found[0]["rules"]["default"]["span"]
    assert texts[0][start:end] == "answer is B"


def test_whatever_a_model_said_is_kept_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [{**QUESTION, "answer": text, "benchmark": "er\x1b[31mqa"} for text in HOSTILE]
    found = score(tmp_path, write_lines(tmp_path / "a.jsonl", lines), "--rules", "all")
    assert [line["answer"] for line in found] == HOSTILE
    assert {line["rules"]["default"]["score"] for line in found} <= {0.0, 1.0}
    statuses = [line["rules"]["default"]["status"] for line in found]
    assert (statuses[0], statuses[-1]) == ("no_answer", "infra_error")
    assert "\x1b" not in capsys.readouterr().out
    assert b"\x1b" not in (tmp_path / "scored.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gold": None}, "gold"),
        ({"gold": ["B"]}, "no truth of kind mcq"),
        ({"kind": "numeric", "gold": "some"}, "could not convert"),
        ({"kind": "essay"}, "essay"),
        ({"answer": 3}, "answer is not a text"),
        ({"kind": "bbox", "gold": [1, 2, 3, 4]}, "image_size"),
        ({"kind": "point", "image_size": [64, 48]}, "mask"),
        ({"kind": "point", "mask": "nowhere.png"}, "nowhere.png"),
        ({"convention": "furlongs"}, "furlongs"),
    ],
)
def test_a_line_that_cannot_be_scored_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], message: str
) -> None:
    good = {**QUESTION, "answer": "B"}
    answers = write_lines(tmp_path / "a.jsonl", [good, {**good, **change}])
    out = tmp_path / "scored.jsonl"
    assert run_command(["score", str(answers), "--out", str(out)]) == 2
    told = "".join(capsys.readouterr()).replace("\n", "")
    assert message in told
    assert not out.exists()


def test_an_evaluation_is_scored_as_it_was(tmp_path: Path) -> None:
    records = [
        record_for(task, index=index, split=split, episode=index)
        for task in ("choice_vqa", "yes_no_vqa", "object_box", "traj")
        for split in ("train", "val")
        for index in range(4)
    ]
    folder = write_records(tmp_path / "records", records=records)
    engine = ScriptedEngine(perfect_texts(records).__getitem__)
    evaluate(folder, out=tmp_path / "evaluation", engines={"model": engine})
    found = score(tmp_path, tmp_path / "evaluation")
    own = [line for line in found if line["model"] == "model"]
    assert len(own) == 16
    for line in own:
        rules = line["rules"]["default"]
        assert rules is None if line["benchmark"] is None else rules["score"] == 1.0
    assert sum(line["benchmark"] is None for line in own) == 4, "no rules know of paths"


def test_places_are_read_in_the_dialect_and_budget_they_were_scored_in(tmp_path: Path) -> None:
    small = load_dialect("qwen25_vl", max_pixels=28 * 28 * 30)
    records = [
        record_for("object_box", index=index, split=split, episode=index)
        for split in ("train", "val")
        for index in range(4)
    ]
    folder = write_records(tmp_path / "records", records=records)
    engine = ScriptedEngine(perfect_texts(records, dialect=small).__getitem__)
    evaluate(folder, out=tmp_path / "evaluation", engines={"model": engine}, dialect=small)
    report = json.loads((tmp_path / "evaluation/report.json").read_text())
    assert report["models"][0]["dialect_options"]["max_pixels"] == 28 * 28 * 30
    own = [line for line in score(tmp_path, tmp_path / "evaluation") if line["model"] == "model"]
    assert [line["rules"]["default"]["score"] for line in own] == [1.0] * 4


def test_places_of_a_benchmark_are_read_as_its_prompt_asked_for_them(tmp_path: Path) -> None:
    hub_files.refspatial(tmp_path / "hub")
    config = config_for(tmp_path / "hub", benchmarks=("refspatial_location",))
    engine = ToldEngine(perfect_answers(config))
    measure(config, out=tmp_path / "evaluation", engine=engine, dialect=load_dialect("plain"))
    found = score(tmp_path, tmp_path / "evaluation")
    assert [line["rules"]["default"]["score"] for line in found] == [1.0] * 3


def test_a_judge_reads_only_what_the_rules_could_not_and_only_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["The answer is A", "the one that points to the sky", "I refuse", "Error code: 500"]
    answers = write_lines(tmp_path / "a.jsonl", [{**QUESTION, "answer": text} for text in texts])

    def judge(body: dict[str, Any], _: int) -> Answer:
        read = "B" if "sky" in json.dumps(body) else "none"
        return Answer(json.dumps({"value": read}))

    with endpoint(judge) as server:
        options = ("--judge-url", server.url, "--judge-model", "reader")
        first = score(tmp_path, answers, *options)
        assert len(server.requests) == 2
        assert score(tmp_path, answers, *options) == first
        assert len(server.requests) == 2, "kept, not asked again"
    told = [line["rules"]["default"] for line in first]
    assert [each["score"] for each in told] == [0, 1, 0, 0]
    assert [each["rule"] == "judge" for each in told] == [False, True, False, False]
    assert told[1]["note"] == "read by reader" and told[2]["status"] == "no_answer"
    assert "asked about 2 answers, read 1" in "".join(capsys.readouterr()).replace("\n", " ")
    assert run_command(["score", str(answers), "--out", str(tmp_path / "x"), *options[:2]]) == 2

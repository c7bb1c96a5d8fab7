"""The whole evaluation with scripted engines: denominators, baselines, verdicts, files."""

from __future__ import annotations

import csv
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import (
    OUTPUTS,
    PLAIN,
    SIZE,
    ScriptedEngine,
    contents,
    evaluate,
    perfect_texts,
    read_items,
    record_for,
    records_of,
    result_of,
    truth_for,
    write_records,
)

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import load_dialect
from roboloop.evaluate.config import EvaluateConfig
from roboloop.evaluate.run import question_text
from roboloop.evaluate.selection import training_truths
from roboloop.records import Record, answers
from roboloop.tasks import load_task

TASK = "contact_box"


@pytest.fixture
def records() -> list[Record]:
    return records_of([TASK])


@pytest.fixture
def folder(tmp_path: Path, records: list[Record]) -> Path:
    return write_records(tmp_path / "records", records=records)


@pytest.fixture
def texts(records: list[Record]) -> dict[str, str]:
    return perfect_texts(records)


def test_unparsed_and_failed_stay_in_the_denominator(
    folder: Path, texts: dict[str, str], tmp_path: Path
) -> None:
    """16 records: 3 unreadable, 2 never answered, 11 perfect. The mean is 11/16, whatever fails."""
    ids = sorted(key for key in texts if key.startswith("val"))
    said: dict[str, str | None] = {**texts, **dict.fromkeys(ids[:3], "no idea")}
    said |= dict.fromkeys(ids[3:5])
    out = tmp_path / "out"
    result = evaluate(folder, out=out, engines={"model": ScriptedEngine(said.__getitem__)})
    model = result_of(result.report, "model")
    assert model["metrics"]["iou"]["value"] == pytest.approx(11 / 16)
    assert model["validity"]["value"] == pytest.approx(11 / 16)
    assert (model["num_unparsed"], model["num_request_failed"]) == (3, 2)
    assert model["coverage"] == pytest.approx(14 / 16)
    assert not model["complete"] and not result.complete and not result.report["complete"]
    assert "model †" in (out / "table.md").read_text()
    statuses = {item["id"]: item["predictions"]["model"]["status"] for item in read_items(out)}
    assert [statuses[key] for key in ids[:6]] == ["unparsed"] * 3 + ["request_failed"] * 2 + [
        "scored"
    ]


def test_a_missing_truth_leaves_every_models_denominator(
    records: list[Record], texts: dict[str, str], tmp_path: Path
) -> None:
    last = max(r.id for r in records if r.split == "val")
    hidden = [replace(r, answer=None) if r.id == last else r for r in records]
    folder = write_records(tmp_path / "hidden", records=hidden)
    engines = {
        "good": ScriptedEngine(texts.__getitem__, name="good"),
        "mute": ScriptedEngine(lambda _: "", name="mute"),
    }
    report = evaluate(folder, out=tmp_path / "out", engines=engines).report
    (entry,) = report["tasks"]
    assert (entry["num_records"], entry["num_scored_against"]) == (16, 15)
    assert entry["num_truth_missing"] == 1
    assert result_of(report, "good")["metrics"]["iou"]["value"] == 1.0
    assert result_of(report, "mute")["metrics"]["iou"]["value"] == 0.0
    assert not report["complete"]
    item = next(item for item in read_items(tmp_path / "out") if item["id"] == last)
    assert item["truth"] is None
    assert item["predictions"]["good"]["status"] == "truth_missing"
    assert item["predictions"]["good"]["values"] == {}


def test_the_order_of_records_does_not_matter(
    folder: Path, records: list[Record], texts: dict[str, str], tmp_path: Path
) -> None:
    shuffled = list(records)
    random.Random(5).shuffle(shuffled)
    other = write_records(tmp_path / "shuffled", records=shuffled)
    for name, place in (("one", folder), ("two", other)):
        engine = ScriptedEngine(texts.__getitem__)
        evaluate(place, out=tmp_path / name, engines={"model": engine}, max_records_per_task=9)
    names = (*OUTPUTS, "answers/model.jsonl")
    assert contents(tmp_path / "one", names) == contents(tmp_path / "two", names)
    assert len(read_items(tmp_path / "one")) == 9


@pytest.mark.parametrize("task", ["contact_box", "traj"])
def test_baselines_stand_in_the_same_table(task: str, tmp_path: Path) -> None:
    """A perfect model beats both baselines, whether more or less is better."""
    records = records_of([task])
    folder = write_records(tmp_path / "records", records=records)
    engines = {
        "trained": ScriptedEngine(perfect_texts(records).__getitem__, name="trained"),
        "untrained": ScriptedEngine(lambda _: "lorem ipsum", name="untrained"),
    }
    out = tmp_path / "out"
    report = evaluate(folder, out=out, engines=engines).report
    assert [m["role"] for m in report["models"]] == ["candidate", "untrained", "constant"]
    metric = load_task(task).metrics[0]
    trained, untrained, constant = (
        result_of(report, name, task) for name in ("trained", "untrained", "constant")
    )
    assert untrained["metrics"][metric.name]["value"] == metric.worst
    assert 0.0 < constant["metrics"][metric.name]["value"] < 1.0
    assert constant["validity"]["value"] == 1.0
    for baseline in ("untrained", "constant"):
        assert trained["differences"][baseline][metric.name]["verdict"] == "better"
    assert untrained["differences"]["constant"][metric.name]["verdict"] == "worse"
    assert "trained" not in untrained["differences"]
    (overall,) = [m for m in report["overall"]["models"] if m["model"] == "trained"]
    assert overall["versus"]["constant"] == {"better": 1, "worse": 0, "not distinguishable": 0}
    table = (out / "table.md").read_text()
    assert all(f"| {name} |" in table for name in engines) and "| constant |" in table
    rows = list(csv.DictReader((out / "table.csv").read_text().splitlines()))
    assert {(row["model"], row["baseline"]) for row in rows} >= {
        ("trained", "untrained"),
        ("trained", "constant"),
        ("untrained", "constant"),
    }


def test_an_evaluation_may_do_without_baselines(folder: Path, tmp_path: Path) -> None:
    """Without them the untrained model is not even opened."""
    engines = {"model": ScriptedEngine(lambda _: "?"), "untrained": ScriptedEngine(lambda _: "?")}
    report = evaluate(folder, out=tmp_path, engines=engines, baselines=[]).report
    assert [m["name"] for m in report["models"]] == ["model"]
    assert engines["untrained"].asked == []


def test_the_constant_is_the_training_median_written_and_read_like_an_answer(
    records: list[Record], texts: dict[str, str], tmp_path: Path
) -> None:
    """Every training box is the same, so that the median is known."""
    fixed = truth_for("box", 2)
    moved = [replace(r, answer=fixed) if r.split == "train" else r for r in records]
    folder = write_records(tmp_path / "records", records=moved)
    for dialect in (PLAIN, load_dialect("qwen3_vl")):
        out = tmp_path / dialect.kind
        engine = ScriptedEngine(texts.__getitem__)
        evaluate(folder, out=out, engines={"model": engine}, dialect=dialect)
        for item in read_items(out):
            said = item["predictions"]["constant"]
            assert said["text"] == load_task(TASK).render(fixed, dialect=dialect, size=SIZE)
            assert (said["parse_status"], said["parse_rule"]) == ("ok", "exact")
            box = answers.answer_from_json(said["answer"])
            assert isinstance(box, answers.Box) and isinstance(fixed, answers.Box)
            assert box.corners_px == pytest.approx(fixed.corners_px, abs=0.5)


def test_without_training_records_there_is_a_note_and_no_constant(
    records: list[Record], texts: dict[str, str], tmp_path: Path
) -> None:
    val = [record for record in records if record.split == "val"]
    folder = write_records(tmp_path / "records", records=val)
    engine = ScriptedEngine(texts.__getitem__)
    report = evaluate(folder, out=tmp_path / "out", engines={"model": engine}).report
    assert report["notes"] == [f"{TASK}: no training record, so no constant baseline"]
    assert [r["model"] for r in report["tasks"][0]["results"]] == ["model"]


def test_few_episodes_never_tell_a_difference(tmp_path: Path) -> None:
    """Five episodes that all agree: chance alone does that once in sixteen times."""
    few = [
        record_for(TASK, index=index, split=split, episode=index // 3)
        for split in ("train", "val")
        for index in range(15)
    ]
    folder = write_records(tmp_path / "records", records=few)
    engine = ScriptedEngine(perfect_texts(few).__getitem__)
    report = evaluate(folder, out=tmp_path / "out", engines={"model": engine}).report
    difference = result_of(report, "model")["differences"]["constant"]["iou"]
    assert difference["low"] > 0 and difference["verdict"] == "not distinguishable"
    assert any("5 episodes are too few" in note for note in report["notes"])


def test_items_have_exactly_the_documented_keys(
    folder: Path, texts: dict[str, str], tmp_path: Path
) -> None:
    evaluate(folder, out=tmp_path, engines={"model": ScriptedEngine(texts.__getitem__)})
    item = read_items(tmp_path)[0]
    assert set(item) == {
        "id", "task", "question_type", "subtask", "source", "split", "episode", "pictures",
        "question", "truth", "predictions",
    }  # fmt: skip
    assert item["episode"] == "val-0"
    assert item["pictures"][0]["width"] == SIZE.width
    assert set(item["truth"]) == {"answer", "text", "marks"}
    assert item["truth"]["marks"][0]["shape"] == "box"
    assert set(item["predictions"]) == {"model", "constant"}
    assert set(item["predictions"]["model"]) == {
        "prompt", "text", "status", "parse_status", "parse_rule", "parse_span", "note", "values",
        "answer", "marks", "num_new_tokens", "finish_reason",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"split": "test"},
            r"E-EVA-001 no record is in split 'test'; records found: train 16, val",
        ),
        ({"tasks": [TASK, "traj"]}, r"E-EVA-001 no record of traj is in split 'val'"),
    ],
)
def test_nothing_to_evaluate_says_what_there_is(
    options: dict[str, Any], message: str, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(RoboLoopError, match=message):
        evaluate(folder, out=tmp_path, engines={"model": ScriptedEngine(str)}, **options)


def test_tasks_with_one_main_metric_are_averaged_task_by_task(tmp_path: Path) -> None:
    """16 perfect answers of one task and 4 wrong ones of another: the mean is 1/2, not 16/20."""
    tasks = ("contact_box", "current_box", "traj")
    records = [r for r in records_of(tasks) if r.task != "current_box" or r.id[-13] in "01"]
    records = [r for r in records if r.split == "val"]
    few = [record for record in records if record.task == "current_box"]
    texts = perfect_texts(records) | {record.id: "?" for record in few}
    folder = write_records(tmp_path / "records", records=records)
    engine = ScriptedEngine(texts.__getitem__)
    report = evaluate(folder, out=tmp_path / "out", engines={"model": engine}).report
    (shared,) = report["overall"]["by_metric"]
    assert (shared["metric"], shared["tasks"]) == ("iou", ["contact_box", "current_box"])
    assert len(few) not in (0, 16)
    assert shared["results"][0]["value"] == pytest.approx(0.5)


def test_wordings_follow_language_and_seed(records: list[Record]) -> None:
    def asked(**options: Any) -> list[str]:
        config = EvaluateConfig(**options)
        return [question_text(record, dialect=PLAIN, config=config) for record in records]

    first = asked()
    assert len(set(first)) == 1
    assert first == asked(wording="first", seed=3)
    drawn = asked(wording="seeded", seed=3)
    assert len(set(drawn)) > 1 and drawn == asked(wording="seeded", seed=3)
    assert drawn != asked(wording="seeded", seed=4)
    assert all(re.search("[\u4e00-\u9fff]", text) for text in asked(languages=("zh",)))
    hint = PLAIN.format_hint("box", language="en")
    assert asked(format_hint=True)[0].endswith(hint)


def test_the_constant_is_drawn_from_a_bounded_choice_of_truths(
    records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roboloop.evaluate.selection.MAX_TRUTHS", 5)
    train = [record for record in records if record.split == "train"]
    chosen = training_truths(train, tasks={TASK}, seed=1)
    assert len(chosen[TASK]) == 5
    assert chosen == training_truths(train[::-1], tasks={TASK}, seed=1)
    assert chosen != training_truths(train, tasks={TASK}, seed=2)


def test_one_log_for_each_model_and_task(tmp_path: Path) -> None:
    """All but what it took is the same on another day; nothing in it moves a terminal."""
    records = records_of(["contact_box", "traj"])
    folder = write_records(tmp_path / "records", records=records)
    texts = perfect_texts(records) | {records[0].id: "\x1b[31mno\nbox \u202e"}
    logs: list[dict[str, str]] = []
    for name in ("one", "two"):
        engines = {"trained": ScriptedEngine(texts.__getitem__, name="trained")}
        report = evaluate(folder, out=tmp_path / name, engines=engines).report
        files = sorted((tmp_path / name / "logs").iterdir())
        logs.append({file.name: file.read_text(encoding="utf-8") for file in files})
    assert logs[0].keys() == {
        "trained_contact_box.log", "trained_traj.log",
        "constant_contact_box.log", "constant_traj.log",
    }  # fmt: skip
    before = [{n: text.partition("== performance")[0] for n, text in each.items()} for each in logs]
    assert before[0] == before[1]
    log = logs[0]["trained_contact_box.log"]
    assert log.count("\nid: ") == 16 == result_of(report, "trained", "contact_box")["num_answered"]
    assert "\\u001b[31mno\\nbox \\u202e" in log and "status: unparsed, no_answer" in log
    assert "iou=1 acc@0.1=1" in log and "num_unparsed: 1" in log and "new tokens: " in log
    assert all(sign.isprintable() or sign == "\n" for sign in log)


@pytest.mark.parametrize(
    ("question_type", "task", "framed"),
    [
        ("default", "contact_box", "{}"),
        ("refindoor", "contact_box", "Follow the instruction and give the bounding box of what it"),
        ("qwen_grounding", "final_box", "<ref>{}</ref>"),
        ("qwen_grounding", "traj", "{}"),
        ("w2p", "contact_point", "{}\nWrite the answer as"),
        ("w2p", "contact_box", "{}"),
    ],
)
def test_question_types_frame_questions_for_places(
    question_type: str, task: str, framed: str
) -> None:
    record = record_for(task, index=0, split="val", episode=0)
    plain = question_text(record, dialect=PLAIN, config=EvaluateConfig())
    config = EvaluateConfig.model_validate({"question_type": question_type})
    asked = question_text(record, dialect=PLAIN, config=config)
    assert framed.format(plain) in asked and plain in asked
    assert (asked == plain) == (framed == "{}")
    hinted = config.model_copy(update={"format_hint": True})
    hint = question_text(record, dialect=PLAIN, config=hinted)
    assert hint.count("Write the answer as") == 1, "the notation is told once"

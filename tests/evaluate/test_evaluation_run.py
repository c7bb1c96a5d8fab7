"""The whole evaluation with scripted engines: denominators, resume, baselines, order, files."""

from __future__ import annotations

import csv
import json
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import scripted_engine
from PIL import Image
from scripted_engine import (
    PLAIN,
    SIZE,
    ScriptedEngine,
    evaluate,
    perfect_texts,
    record_for,
    records_of,
    truth_for,
    write_records,
)

from roboloop.base.errors import RoboLoopError
from roboloop.dialects import load_dialect
from roboloop.evaluate.config import EvaluateConfig
from roboloop.evaluate.run import ModelUnderTest, question_text, run_evaluation
from roboloop.evaluate.selection import training_truths
from roboloop.records import FilePicture, Record, Turn, answers
from roboloop.tasks import TASKS, load_task

TASK = "contact_box"
OUTPUTS = ("report.json", "items.jsonl", "table.txt", "table.md", "table.csv", "table.tex")


def read_items(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "items.jsonl").read_text().splitlines()]


def contents(out: Path, names: tuple[str, ...] = OUTPUTS) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in names}


def asked_by(engine: ScriptedEngine) -> list[str]:
    return [record_id for portion in engine.asked for record_id in portion]


def result_of(report: Any, model: str, task: str = TASK) -> dict[str, Any]:
    (entry,) = [entry for entry in report["tasks"] if entry["task"] == task]
    (result,) = [result for result in entry["results"] if result["model"] == model]
    return result


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


def test_resume_asks_only_what_is_missing_or_failed(
    folder: Path, texts: dict[str, str], tmp_path: Path
) -> None:
    ids = sorted(key for key in texts if key.startswith("val"))
    flaky: dict[str, str | None] = {**texts, ids[4]: None, ids[9]: None}
    first = ScriptedEngine(flaky.__getitem__)
    incomplete = evaluate(folder, out=tmp_path / "out", engines={"model": first})
    assert not incomplete.complete
    assert sorted(asked_by(first)) == ids
    second = ScriptedEngine(texts.__getitem__)
    result = evaluate(folder, out=tmp_path / "out", engines={"model": second})
    assert sorted(asked_by(second)) == [ids[4], ids[9]]
    assert result.complete
    third = ScriptedEngine(texts.__getitem__)
    evaluate(folder, out=tmp_path / "out", engines={"model": third}, num_bootstrap=333)
    assert third.asked == []
    fresh = tmp_path / "fresh"
    evaluate(folder, out=fresh, engines={"model": ScriptedEngine(texts.__getitem__)})
    evaluate(folder, out=tmp_path / "out", engines={"model": third})
    assert contents(tmp_path / "out") == contents(fresh)


@pytest.mark.parametrize("changed", ["weights", "prompt", "picture"])
def test_answers_of_other_weights_prompts_or_pictures_are_not_reused(
    changed: str, folder: Path, texts: dict[str, str], tmp_path: Path
) -> None:
    evaluate(folder, out=tmp_path / "out", engines={"model": ScriptedEngine(texts.__getitem__)})
    name, options = "scripted", {}
    if changed == "weights":
        name = "trained longer"
    elif changed == "prompt":
        options = {"format_hint": True}
    else:
        Image.new("RGB", SIZE, (1, 2, 3)).save(folder / "pictures" / "3.png")
    engine = ScriptedEngine(texts.__getitem__, name=name)
    evaluate(folder, out=tmp_path / "out", engines={"model": engine}, **options)
    assert len(asked_by(engine)) == (1 if changed == "picture" else 16)


def cut_line(data: bytes) -> bytes:
    return data[:-40]


def cut_between_lines(data: bytes) -> bytes:
    return b"".join(data.splitlines(keepends=True)[:-1])


def cut_newline(data: bytes) -> bytes:
    return data[:-1]


def add_noise(data: bytes) -> bytes:
    return data + b'{"key": "0\x00'


@pytest.mark.parametrize("damage", [cut_line, cut_between_lines, cut_newline, add_noise])
def test_a_half_written_end_is_dropped_and_asked_again(
    damage: Callable[[bytes], bytes], folder: Path, texts: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    evaluate(folder, out=out, engines={"model": ScriptedEngine(texts.__getitem__)}, batch_size=2)
    names = (*OUTPUTS, "answers/model.jsonl")
    whole = contents(out, names)
    store = out / "answers" / "model.jsonl"
    store.write_bytes(damage(whole["answers/model.jsonl"]))
    engine = ScriptedEngine(texts.__getitem__)
    evaluate(folder, out=out, engines={"model": engine}, batch_size=2)
    assert len(asked_by(engine)) == (0 if damage is add_noise else 8)
    assert contents(out, names) == whole


def test_damage_in_the_middle_of_the_store_is_named(
    folder: Path, texts: dict[str, str], tmp_path: Path
) -> None:
    evaluate(folder, out=tmp_path, engines={"model": ScriptedEngine(texts.__getitem__)})
    store = tmp_path / "answers" / "model.jsonl"
    lines = store.read_text().splitlines(keepends=True)
    store.write_text("".join([*lines[:2], "oops\n", *lines[3:]]))
    with pytest.raises(RoboLoopError, match=r"E-REC-001 .*model\.jsonl:3"):
        evaluate(folder, out=tmp_path, engines={"model": ScriptedEngine(texts.__getitem__)})


@pytest.mark.slow
def test_killed_while_asking_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """kill -9, three times, in a process whose engine is scripted to be slow.

    The engine is a stand-in because the moment of death must fall between two answers; that the
    real engine gives equal answers to equal batches is proved by its own tests.
    """
    folder = write_records(tmp_path / "records", records=records_of(TASKS.rows))
    names = (*OUTPUTS, "answers/trained.jsonl")
    scripted_engine.main(folder, tmp_path / "whole", 0.0)
    out = tmp_path / "killed"
    store = out / "answers" / "trained.jsonl"
    command = [sys.executable, scripted_engine.__file__, str(folder), str(out)]
    seen = 0
    for _ in range(3):
        process = subprocess.Popen([*command, "0.3"], stderr=subprocess.DEVNULL)
        while not store.exists() or store.stat().st_size <= seen:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (out / "report.json").exists()
        seen = store.stat().st_size
    subprocess.run([*command, "0"], check=True, stderr=subprocess.DEVNULL)
    assert contents(out, names) == contents(tmp_path / "whole", names)


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


def test_baselines_stand_in_the_same_table(
    folder: Path, texts: dict[str, str], tmp_path: Path
) -> None:
    engines = {
        "trained": ScriptedEngine(texts.__getitem__, name="trained"),
        "untrained": ScriptedEngine(lambda _: "lorem ipsum", name="untrained"),
    }
    out = tmp_path / "out"
    report = evaluate(folder, out=out, engines=engines).report
    assert [m["role"] for m in report["models"]] == ["candidate", "untrained", "constant"]
    trained, untrained, constant = (
        result_of(report, name) for name in ("trained", "untrained", "constant")
    )
    assert untrained["metrics"]["iou"]["value"] == 0.0
    assert 0.0 < constant["metrics"]["iou"]["value"] < 1.0
    assert constant["validity"]["value"] == 1.0
    for baseline in ("untrained", "constant"):
        assert trained["differences"][baseline]["iou"]["verdict"] == "better"
    assert untrained["differences"]["constant"]["iou"]["verdict"] == "worse"
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
            assert said["parse_status"] == "exact"
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


def test_an_unreadable_picture_fails_its_question_alone(
    folder: Path, texts: dict[str, str], tmp_path: Path
) -> None:
    (folder / "pictures" / "0.png").unlink()
    engine = ScriptedEngine(texts.__getitem__)
    result = evaluate(folder, out=tmp_path / "out", engines={"model": engine})
    model = result_of(result.report, "model")
    assert (model["num_request_failed"], model["num_answered"]) == (1, 15)
    (failed,) = [
        item["predictions"]["model"]
        for item in read_items(tmp_path / "out")
        if item["predictions"]["model"]["status"] == "request_failed"
    ]
    assert failed["note"].startswith("E-MED-001") and failed["values"]["iou"] == 0.0


def test_equal_questions_about_equal_pictures_are_asked_once(tmp_path: Path) -> None:
    twins = [
        Record(
            id=f"twin-{index}",
            task=TASK,
            media=(FilePicture(path="pictures:1.png", size=SIZE),),
            turns=(Turn("user", "<image>\nWhere?"), Turn("assistant", "there")),
            answer=truth_for("box", index),
            split="val",
        )
        for index in range(3)
    ]
    folder = write_records(tmp_path / "records", records=twins)
    engine = ScriptedEngine(lambda _: "[1, 2, 30, 40]")
    evaluate(folder, out=tmp_path / "out", engines={"model": engine})
    assert engine.asked == [["twin-0"]]
    items = read_items(tmp_path / "out")
    assert {item["predictions"]["model"]["text"] for item in items} == {"[1, 2, 30, 40]"}
    assert {item["question"] for item in items} == {"Where?"}


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
        "id", "task", "source", "split", "episode", "pictures", "question", "truth", "predictions",
    }  # fmt: skip
    assert item["episode"] == "val-0"
    assert item["pictures"][0]["width"] == SIZE.width
    assert set(item["truth"]) == {"answer", "text", "marks"}
    assert item["truth"]["marks"][0]["shape"] == "box"
    assert set(item["predictions"]) == {"model", "constant"}
    assert set(item["predictions"]["model"]) == {
        "prompt", "text", "status", "parse_status", "note", "values", "answer", "marks",
        "num_new_tokens", "finish_reason",
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


def test_stored_answers_are_scored_again_without_a_model(
    folder: Path, texts: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    evaluate(folder, out=out, engines={"model": ScriptedEngine(texts.__getitem__)})
    first = contents(out)
    for name in OUTPUTS:
        (out / name).unlink()
    options: dict[str, Any] = {
        "models": [ModelUnderTest("model", tmp_path / "gone")],
        "records": folder,
        "out": out,
        "dialect": PLAIN,
        "open_engine": None,
    }
    config = EvaluateConfig(num_bootstrap=200, batch_size=4)
    run_evaluation(config, **options)
    assert contents(out) == first
    (out / "answers" / "model.jsonl").unlink()
    with pytest.raises(RoboLoopError, match="E-EVA-002"):
        run_evaluation(config, **options)


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

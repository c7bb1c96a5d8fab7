"""Raw answers are kept and found again: after a failure, damage, a kill, or a change."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import scripted_engine
from PIL import Image
from scripted_engine import (
    OUTPUTS,
    PLAIN,
    SIZE,
    ScriptedEngine,
    asked_by,
    contents,
    evaluate,
    perfect_texts,
    read_items,
    records_of,
    result_of,
    truth_for,
    write_records,
)

from roboloop.base.errors import RoboLoopError
from roboloop.evaluate.config import EvaluateConfig
from roboloop.evaluate.run import ModelUnderTest, run_evaluation
from roboloop.records import FilePicture, Record, Turn
from roboloop.tasks import TASKS

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


def test_questions_keep_their_company_when_asked_later(
    folder: Path, texts: dict[str, str], tmp_path: Path
) -> None:
    """Portions of 8. One question of the first fails; the second portion is lost in a crash."""
    whole = ScriptedEngine(texts.__getitem__)
    evaluate(folder, out=tmp_path / "whole", engines={"model": whole}, batch_size=2)
    first, second = whole.asked
    said: dict[str, str | None] = {**texts, first[3]: None}
    out = tmp_path / "out"
    engines = {"model": ScriptedEngine(said.__getitem__)}
    evaluate(folder, out=out, engines=engines, batch_size=2)
    store = out / "answers" / "model.jsonl"
    store.write_text("".join(store.read_text().splitlines(keepends=True)[:8]))
    resumed = ScriptedEngine(texts.__getitem__)
    evaluate(folder, out=out, engines={"model": resumed}, batch_size=2)
    assert resumed.asked == [[first[3]], second]
    assert contents(out) == contents(tmp_path / "whole")


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

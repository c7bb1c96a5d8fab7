"""Scores from rules, a judge and a field; thresholds are tried on stored values."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import rubric_by_rows
from loopback_endpoint import Answer, endpoint
from made_records import record
from operate import facts_table, told
from PIL import Image
from real_records import alfred, safe_agent_bench
from test_curation_run import run_operators

from roboloop.curate.facts import facts_schema
from roboloop.curate.format_measures import box_side_px, cut_off, outside_px, stray_marks
from roboloop.curate.outcome import ABOUT_FILE
from roboloop.curate.rubric import Rubric
from roboloop.curate.rubric_rules import MARKS, marks_of
from roboloop.curate.store import read_table
from roboloop.records.answers import Number, Plan, Text, YesNo
from roboloop.records.record import Record
from roboloop.records.shards import RecordFolder

Write = Callable[..., Path]


def marks(question: str, answer: str, kind: str = "text", **changes: Any) -> dict[str, float]:
    """Of one row of facts, with `cut_off` as the rules of form would tell it."""
    row = {
        "question": question, "answer": answer, "answer_kind": kind, "short_answer": "",
        "geometry": [], "problem": "", "width": 100, "height": 100, **changes,
    }  # fmt: skip
    columns = {name: pa.array([row[name]], facts_schema().field(name).type) for name in
               row.keys() & facts_schema().names}  # fmt: skip
    told = {name: pa.array([row.get(name)], pa.string()) for name in ("cut_off", "stray_marks")}
    [found] = marks_of(pa.RecordBatch.from_pydict(columns), **told)
    return dict(zip(MARKS, found.tolist(), strict=True))


QUESTION = "How should the robot move the red cup to the shelf?"
GOOD = "Grasp the red cup by its handle, lift it, and place it on the upper shelf."


def test_marks_are_what_a_person_would_count() -> None:
    assert min(marks(QUESTION, GOOD).values()) > 0.75
    assert marks(QUESTION, "Paris is a lovely place for a long holiday")["relevance"] < 0.1
    assert marks(QUESTION, f"{GOOD} {GOOD}")["novelty"] == 0.5
    assert marks(QUESTION, GOOD * 60)["length"] == 0
    assert marks(QUESTION, "It is a thing with some stuff on something")["detail"] <= 0.5
    assert marks(QUESTION, GOOD, cut_off="ends with a comma")["form"] == 0.75
    assert marks(QUESTION, GOOD, problem="unaskable: x")["form"] == 0.5
    assert marks("杯子在哪里？", "杯子在桌子上，靠近碗的左边")["relevance"] == 1
    steps = "find the cup\npick the cup\nput the cup on the shelf"
    assert marks("move the cup to the shelf", steps, "plan")["grounding"] == 1
    assert marks("move the cup", "go\ngo\ngo", "plan")["novelty"] == pytest.approx(1 / 3)


def test_coordinates_are_not_punished_for_having_no_words() -> None:
    box = marks("'pick the cup': box?", "", "box", geometry=[0.1, 0.1, 0.2, 0.2])
    assert set(box.values()) == {1.0}
    outside = marks("box of the cup?", "", "box", geometry=[0.1, 0.1, 1.2, 0.2])
    assert outside["grounding"] == 0


ALPHABET = "aA bcDE 09.!?;\n\t\r\x1c\u3000-_cup的了杯子。？；ſKİé１😀"
WORDS = "the The a things object cup CUPS cups lifting lifted boxes is 12 3 İz 杯子 的 . ? \n ; -"


def texts(num_texts: int) -> list[str]:
    """Of odd characters, and of words that repeat."""
    draw = random.Random(3)
    words = WORDS.split(" ")
    odd = ("".join(draw.choices(ALPHABET, k=draw.randrange(60))) for _ in range(num_texts // 2))
    spoken = (" ".join(draw.choices(words, k=draw.randrange(30))) for _ in range(num_texts // 2))
    return [*odd, *spoken, "", *(f"go {n}" * n for n in (1, 100, 400)), "1\n" * 50, "一" * 151]


def by_rows(batch: Any) -> Any:
    """The marks as plain Python finds them, row by row."""
    told = {
        "cut_off": cut_off(batch), "stray_mark": stray_marks(batch),
        "outside_px": pa.array(outside_px(batch)), "box_side_px": pa.array(box_side_px(batch)),
    }  # fmt: skip
    names = ("question", "answer", "answer_kind", "short_answer", "geometry", "problem")
    columns = {**{name: batch[name] for name in names}, **told}
    rows = pa.RecordBatch.from_pydict(columns).to_pylist()
    return np.array([rubric_by_rows.mark(row) for row in rows])


@pytest.mark.parametrize("ascii_only", [True, False])
def test_marks_are_those_of_plain_python(ascii_only: bool) -> None:
    answers = [text for text in texts(3000) if not ascii_only or text.isascii()]
    questions = answers[1:] + answers[:1]
    records = [
        told(Plan(tuple(answer.split("\n"))) if number % 3 else answer, question=question)
        for number, (question, answer) in enumerate(zip(questions, answers, strict=True))
    ]
    records += [record("box"), told(YesNo(True), task="yes_no_vqa"), told(Number(3), task="vqa")]
    [batch] = facts_table(records).combine_chunks().to_batches()
    found = marks_of(batch, cut_off=cut_off(batch), stray_marks=stray_marks(batch))
    np.testing.assert_array_equal(found, by_rows(batch))


def test_marks_of_real_records_are_those_of_plain_python() -> None:
    for batch in facts_table([*alfred(2000), *safe_agent_bench()]).combine_chunks().to_batches():
        found = marks_of(batch, cut_off=cut_off(batch), stray_marks=stray_marks(batch))
        np.testing.assert_array_equal(found, by_rows(batch))


def worded(name: str, answer: str, **meta: Any) -> Record:
    return Record(
        id=name, task="vqa", inputs={"question": QUESTION}, answer=Text(answer), meta=meta,
        source="made",
    )  # fmt: skip


RECORDS = [
    worded("good", GOOD, mark=90),
    worded("twice", f"{GOOD} {GOOD}", mark=50),
    worded("off", "Paris is a lovely place for a long holiday in spring", mark=10),
    replace(record("box"), meta={"mark": "high"}),
    Record(id="plan", task="plan_steps", inputs={"instruction": "move the red cup"},
           answer=Plan(("find the red cup", "pick the red cup", "put the cup down"))),
]  # fmt: skip


def kept_ids(out: Path) -> list[str]:
    return [found.id for found in RecordFolder(out / "records").records()]


def test_the_rules_rank_as_meant_and_thresholds_need_no_measuring(
    write_records: Write, tmp_path: Path
) -> None:
    folder, store = write_records(RECORDS, max_records=2), tmp_path / "store"
    run_operators([Rubric()], folder, tmp_path / "all", store=store)
    table = read_table(tmp_path / "all" / "verdicts.arrow")
    scores = dict(zip(table["id"].to_pylist(), table["rubric.value"].to_pylist(), strict=True))
    assert scores["off"] < scores["twice"] < scores["good"] <= 6
    assert scores["box"] == 6 and 5 < scores["plan"] <= 6
    assert kept_ids(tmp_path / "all") == [item.id for item in RECORDS], "no threshold, no drop"
    limit = (scores["off"] + scores["twice"]) / 2
    run_operators([Rubric(threshold=limit)], folder, tmp_path / "some", store=store)  # pyright: ignore[reportCallIssue]
    assert "off" not in kept_ids(tmp_path / "some")
    assert len(list(store.glob("*/rubric-*"))) == 1, "measured once"


def test_the_lowest_of_each_family_go(write_records: Write, tmp_path: Path) -> None:
    folder = write_records(RECORDS)
    operator = Rubric.model_validate({"lowest_share": 0.4})
    run_operators([operator], folder, tmp_path / "out")
    assert kept_ids(tmp_path / "out") == ["good", "twice", "box", "plan"]


def test_a_field_gives_the_score(write_records: Write, tmp_path: Path) -> None:
    folder = write_records(RECORDS)
    operator = Rubric.model_validate(
        {"by": "field", "field": "mark", "scale": [0, 100], "threshold": 3.0}
    )
    run_operators([operator], folder, tmp_path / "out")
    assert kept_ids(tmp_path / "out") == ["good", "twice", "box", "plan"], "no number, no score"
    values = read_table(tmp_path / "out" / "verdicts.arrow")["rubric.value"].to_pylist()
    assert values[:3] == pytest.approx([5.5, 3.5, 1.5])
    assert np.isnan(values[3])


def grade(body: dict[str, Any]) -> str:
    """A judge that likes what speaks of cups."""
    said = body["messages"][1]["content"]
    text = said if isinstance(said, str) else said[-1]["text"]
    score = 6 if "cup by its handle" in text else 2
    same = dict.fromkeys(("relevance", "correctness", "grounding", "format", "redundancy"), score)
    return json.dumps({**same, "score": score, "reason": "as it is"})


def test_a_judge_gives_the_score_and_its_cost_is_told(write_records: Write, tmp_path: Path) -> None:
    Image.new("RGB", (320, 180), (9, 99, 9)).save(tmp_path / "a.jpg")
    folder = write_records([*RECORDS[:3], replace(RECORDS[3], task="current_box")], max_records=2)
    with endpoint(lambda body, number: Answer(grade(body))) as server:
        operator = Rubric.model_validate(
            {"by": "judge", "threshold": 3.0, "endpoint": {
                "url": server.url, "model": "m", "requests_per_minute": 60000, "ramp_seconds": 0,
                "price_in": 2.0, "price_out": 10.0}}
        )  # fmt: skip
        run_operators([operator], folder, tmp_path / "out", num_workers=2)
        assert kept_ids(tmp_path / "out") == ["good", "twice"]
        assert len(server.requests) == 4
        (measured,) = (tmp_path / "out" / "store").glob("*/rubric-*")
        shutil.rmtree(measured)
        run_operators([operator], folder, tmp_path / "out2", store=tmp_path / "out" / "store")
        assert len(server.requests) == 4, "answers are kept apart from what is made of them"
    about = json.loads((tmp_path / "out" / ABOUT_FILE).read_text())["rubric"]
    assert about["by_status"] == {"ok": 4}
    assert about["cost"] == pytest.approx(4 * (100 * 2 + 10 * 10) / 1e6)
    pictured = [r for r in server.requests if isinstance(r["messages"][1]["content"], list)]
    assert pictured, "the picture was sent"


@pytest.mark.parametrize(
    "options", [{"by": "judge"}, {"by": "field"}, {"by": "field", "field": "a", "scale": [1, 1]}]
)
def test_what_is_missing_is_said(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"endpoint|field|scale"):
        Rubric.model_validate(options)

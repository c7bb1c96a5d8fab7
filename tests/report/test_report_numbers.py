"""What the report says in words and numbers, checked against counts made another way."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboloop.base.geometry import PictureSize, Point
from roboloop.records import (
    Box,
    Choice,
    FilePicture,
    Number,
    Plan,
    Points,
    Record,
    Text,
    Trajectory,
    YesNo,
)
from roboloop.report.card import CardMaker, drop_reasons, histogram
from roboloop.report.curves import training_curves
from roboloop.report.rows import PrimaryMetric, answer_words, choose_items, state_of
from roboloop.report.samples import pick_samples
from roboloop.report.verdict import verdict
from roboloop.runs.ledger import LedgerLine
from roboloop.runs.training_log import thinned
from roboloop.tasks.base import ParseStatus

SIZE = PictureSize(200, 100)


def evaluation(verdicts: dict[str, list[str]], **changes: Any) -> dict[str, Any]:
    """A report in which the candidate has these verdicts against each baseline, task by task."""
    num_tasks = len(next(iter(verdicts.values()))) if verdicts else 2
    tasks = [
        {
            "task": f"task{number}",
            "num_truth_missing": 0,
            "metrics": [{"name": "iou", "primary": True}, {"name": "other", "primary": False}],
            "results": [
                {
                    "model": "trained",
                    "num_request_failed": 0,
                    "differences": {
                        name: {"iou": {"verdict": found[number]}, "other": {"verdict": "worse"}}
                        for name, found in verdicts.items()
                    },
                }
            ],
        }
        for number in range(num_tasks)
    ]
    models = [{"name": "trained", "role": "candidate"}]
    models += [{"name": name, "role": name} for name in verdicts]
    return {"models": models, "tasks": tasks, "complete": True} | changes


B, W, S = "better", "worse", "not distinguishable"


@pytest.mark.parametrize(
    ("verdicts", "sentence", "detail"),
    [
        ({"constant": [B, B]}, "“trained” beats the best constant answer on all 2 tasks.", ""),
        ({"constant": [B]}, "“trained” beats the best constant answer on the only task.", ""),
        ({"constant": [B, W, S, S]}, "“trained” beats the best constant answer on 1 of 4 tasks.",
         "It falls below it on 1 and cannot be told from it on 2."),
        ({"constant": [S, W]}, "“trained” beats the best constant answer on none of 2 tasks.",
         "It falls below it on 1 and cannot be told from it on 1."),
        ({"constant": [B, B], "untrained": [B, W]},
         "“trained” beats the best constant answer on all 2 tasks.",
         "Against “untrained” it is better on 1 of 2 tasks and worse on 1."),
        ({"constant": [B, B], "untrained": [B, B]},
         "“trained” beats the best constant answer on all 2 tasks.",
         "It is better than “untrained” on all 2 tasks."),
        ({}, "“trained” was measured on 2 tasks.", "No constant answer to compare it with."),
    ],
)  # fmt: skip
def test_the_verdict_says_what_was_measured(
    verdicts: dict[str, list[str]], sentence: str, detail: str
) -> None:
    said = verdict(evaluation(verdicts))
    assert (said.sentence, said.detail, said.caution) == (sentence, detail, "")


def test_an_incomplete_run_says_so() -> None:
    value = evaluation({"constant": [B, B]}, complete=False)
    value["tasks"][0]["results"][0]["num_request_failed"] = 3
    value["tasks"][1]["num_truth_missing"] = 1
    assert verdict(value).caution == (
        "This run is incomplete: 3 requests failed and 1 record without a truth."
    )


@settings(deadline=None)  # machines may be busy
@given(
    values=st.lists(st.floats(-3, 3, allow_nan=False), max_size=60),
    edges=st.lists(st.integers(-8, 8), min_size=2, max_size=9, unique=True).map(sorted),
)
def test_histograms_count_everything(values: list[float], edges: list[int]) -> None:
    found = histogram(values, edges=edges)
    assert sum(found["counts"]) == len(values) == found["num"]
    for low, high, count in zip(edges[1:-1], edges[2:-1], found["counts"][1:-1], strict=False):
        assert count == sum(low <= value < high for value in values)


def record(answer: Any, *, number: int = 0, **changes: Any) -> Record:
    media = (FilePicture(path=f"root:{number}.png", size=SIZE),)
    return Record(**({"id": f"r{number}", "task": "t", "media": media, "answer": answer} | changes))


def test_the_data_card_measures_answers() -> None:
    card = CardMaker()
    card.add(record(Box(0, 0, 100, 50), source="a", licence="MIT", meta={"episode": 1}))
    card.add(record(Trajectory((Point(0, 0), Point(30, 40), Point(60, 80))), number=1, source="a"))
    card.add(record(Points((Point(199, 99),)), number=1, source="b", split="val"))
    card.add(record(Plan(("pick it up", "put it down")), number=2, source="b"))
    card.add(record(None, number=3, media=()))
    told = card.card()
    assert told["num_records"] == 5
    assert told["num_pictures"] == 3
    assert told["num_episodes"] == 1
    assert sum(row["count"] for row in told["counts"]) == 5
    assert {"source": "b", "task": "t", "split": "val", "count": 1} in told["counts"]
    assert told["licences"] == {"": 4, "MIT": 1}
    assert told["answers"]["none"] == 1
    assert told["picture_sizes"] == [{"width": 200, "height": 100, "count": 4}]
    # The box covers a quarter: half of the width and height; it is twice as wide as high.
    assert _filled(told["box_size"]) == [(0.5, 1)]
    assert _filled(told["box_aspect_log2"]) == [(1.0, 1)]
    # 100 px of a 223.6 px diagonal, in three points.
    assert _filled(told["path_length"]) == [(pytest.approx(math.floor(20 * 0.447) / 20), 1)]
    assert _filled(told["path_waypoints"]) == [(3.0, 1)]
    assert _filled(told["answer_words"]) == [(4.0, 1)]
    centres = np.array(told["centres"])
    assert centres.sum() == 3
    assert centres[4, 4] == 1, "the middle of the box, a quarter of the way"
    assert centres[12, 4] == 1, "the end of the path"
    assert centres[15, 15] == 1, "the point in the corner"


def _filled(found: dict[str, Any]) -> list[tuple[float, int]]:
    return [(edge, count) for edge, count in zip(found["edges"], found["counts"], strict=False)
            if count]  # fmt: skip


def test_reasons_for_dropping_are_counted_with_examples() -> None:
    lines = [
        LedgerLine(stage="data", code="E-REC-012", detail=f"box {number}", record_id=f"r{number}")
        for number in range(5)
    ]
    lines.append(LedgerLine(stage="curate", code="E-XXX-001", detail="a third party's own"))
    told = drop_reasons(lines)
    assert told["num_dropped"] == 6
    assert [reason["count"] for reason in told["reasons"]] == [5, 1]
    assert told["reasons"][0]["title"] == "A box is inside out"
    assert [each["id"] for each in told["reasons"][0]["examples"]] == ["r0", "r1", "r2"]
    assert told["reasons"][1]["title"] == ""


def test_curves_survive_a_log_that_is_still_being_written(tmp_path: Path) -> None:
    lines = [
        {"current_steps": 1, "loss": 2.0, "lr": 1e-4, "total_tokens": 10, "note": "text"},
        {"current_steps": 2, "loss": 1.0, "throughput": 100.0, "total_tokens": 30,
         "total_steps": 9, "grad_norm": None},
    ]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines) + '{"current_steps": 3, "lo'
    (tmp_path / "log").write_text(text)
    (stage,) = training_curves({"ground": tmp_path / "log"})
    curves = {curve["name"]: curve["points"] for curve in stage["curves"]}
    assert curves == {
        "loss": [(1, 2.0), (2, 1.0)], "lr": [(1, 1e-4)], "throughput": [(2, 100.0)],
    }  # fmt: skip
    assert stage["num_unread"] == 1
    assert stage["facts"] == {
        "steps": 2, "total_steps": 9, "first_loss": 2.0, "last_loss": 1.0, "total_tokens": 30,
        "median_throughput": 100.0,
    }  # fmt: skip
    assert training_curves({"none": tmp_path / "missing"})[0]["curves"] == []


@settings(deadline=None)  # machines may be busy
@given(
    values=st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=300),
    limit=st.integers(2, 60),
)
def test_thinning_keeps_peaks_and_dips(values: list[float], limit: int) -> None:
    curve = [(float(step), value) for step, value in enumerate(values)]
    thin = thinned(curve, max_points=limit)
    assert len(thin) <= max(limit, 2)
    assert set(thin) <= set(curve)
    assert thin == sorted(thin)
    assert max(value for _, value in thin) == max(values)
    assert min(value for _, value in thin) == min(values)


@pytest.mark.parametrize(
    ("metric", "value", "quality"),
    [
        (PrimaryMetric("iou", worst=0.0, best=1.0), 0.25, 0.25),
        (PrimaryMetric("distance", worst=1.0, best=0.0), 0.2, 0.8),
        (PrimaryMetric("distance", worst=1.0, best=0.0), 1.4, 0.0),
        (PrimaryMetric("odd", worst=0.0, best=0.0), 0.0, 1.0),
    ],
)
def test_quality_runs_from_worst_to_perfect(
    metric: PrimaryMetric, value: float, quality: float
) -> None:
    assert metric.quality(value) == pytest.approx(quality)


@pytest.mark.parametrize("parsed", list(ParseStatus))
def test_an_answer_is_told_as_it_was_understood(parsed: ParseStatus) -> None:
    assert state_of({"status": "unparsed", "parse_status": parsed.value}) == parsed.value
    assert state_of({"status": "truth_missing", "parse_status": parsed.value}) == "truth_missing"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Box(1, 2, 3.04, 4, label="cup"), "cup box (1, 2) to (3, 4) px"),
        (Points((Point(1.5, 2), Point(3, 4))), "points (1.5, 2) (3, 4) px"),
        (Trajectory((Point(0, 0),)), "path (0, 0) px"),
        (Choice("B"), "choice B"),
        (YesNo(False), "no"),
        (Number(2.5, "m"), "2.5 m"),
        (Plan(("a", "b")), "1 a / 2 b"),
        (Text("free"), "free"),
    ],
)
def test_what_was_understood_in_words(answer: Any, words: str) -> None:
    assert answer_words(answer) == words


def items(qualities: dict[str, list[float | None]]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{task}/{number}",
            "task": task,
            "predictions": {
                "m": {
                    "status": "request_failed" if value is None else "scored",
                    "values": {"iou": value or 0.0},
                }
            },
        }
        for task, values in qualities.items()
        for number, value in enumerate(values)
    ]


@settings(deadline=None)  # machines may be busy
@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    limit=st.integers(4, 60),
)
def test_a_limited_report_keeps_the_worst_of_every_task(counts: list[int], limit: int) -> None:
    draw = np.random.default_rng(sum(counts))
    found = items(
        {f"t{task}": [float(v) for v in draw.random(count)] for task, count in enumerate(counts)}
    )
    metrics = {f"t{task}": PrimaryMetric("iou", 0.0, 1.0) for task in range(len(counts))}
    kept = choose_items(found, limit=limit, model="m", metrics=metrics)
    assert len(kept) <= limit
    assert [item for item in found if item in kept] == kept, "the old order, nothing twice"
    if len(found) <= limit:
        assert kept == found
        return
    for task in metrics:
        own = [item for item in kept if item["task"] == task]
        assert own
        everyone = [item for item in found if item["task"] == task]
        worst = min(everyone, key=lambda item: item["predictions"]["m"]["values"]["iou"])
        assert worst in own


def row(task: str, quality: float | None, *, drawn: bool, parsed: bool = True) -> dict[str, Any]:
    return {
        "id": f"{task}/{quality}",
        "task": task,
        "pictures": [{"file": "media/x.png"}],
        "truth": {"marks": [1] if drawn else []},
        "predictions": [{"quality": quality} | ({"parsed": "as said"} if parsed else {})],
    }


def test_samples_are_worst_typical_and_best_of_each_task() -> None:
    rows = [row("words", value, drawn=False) for value in (0.0, 1.0)]
    rows += [row("boxes", value, drawn=True) for value in (0.9, 0.1, 0.5, 0.7, 0.3)]
    rows += [row("boxes", 0.0, drawn=True, parsed=False), row("boxes", None, drawn=True)]
    found = {
        group["kind"]: [each["id"] for each in group["records"]]
        for group in pick_samples(rows, tasks=["words", "boxes", "nothing"])
    }
    assert found == {
        "typical": ["boxes/0.5", "words/0.0"],
        "worst": ["boxes/0.1", "words/0.0"],
        "best": ["boxes/0.9", "words/1.0"],
    }

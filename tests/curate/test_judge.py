"""A judge's verdicts, and what they are worth: planted faults, swapped orders, labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loopback_endpoint import Answer, Endpoint, endpoint
from made_records import record
from test_curation_run import run_operators

from roboloop.base.agreement import agreement
from roboloop.base.geometry import box_iou
from roboloop.curate.facts import facts_of
from roboloop.curate.judge import Judge
from roboloop.curate.outcome import ABOUT_FILE, CurateCounts
from roboloop.engines.endpoint import transport
from roboloop.engines.judging.planted import FAULTS, plant
from roboloop.records.answers import Plan, Text
from roboloop.records.record import Record
from roboloop.runs.ledger import read_ledger

Write = Callable[..., Path]


def text_of(body: dict[str, Any]) -> str:
    content = body["messages"][1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def judge(server: Endpoint, **options: Any) -> Judge:
    fast = {"requests_per_minute": 60_000, "ramp_seconds": 0, "max_concurrency": 4}
    given = options.pop("endpoint", {})
    return Judge.model_validate(
        {"endpoint": {"url": server.url, "model": "m", **fast, **given}, **options}
    )


def plans(number: int, **meta: Any) -> list[Record]:
    return [
        Record(
            id=f"plan-{i}", task="plan_steps", inputs={"instruction": f"bring cup {i}"}, meta=meta,
            answer=Plan((f"find cup number {i}", f"pick up cup number {i}", f"put cup {i} down")),
            source="made",
        )
        for i in range(number)
    ]  # fmt: skip


def answer_steps(body: dict[str, Any]) -> list[str]:
    """The steps of the plan a judge is shown."""
    lines = text_of(body).partition("Answer:\n")[2].splitlines()
    return [line.partition(". ")[2] for line in lines]


def sharp_eyed(body: dict[str, Any], number: int) -> Answer:
    """A judge that finds repeated steps and wrong orders, and nothing else."""
    steps = answer_steps(body)
    wrong = len(set(steps)) < len(steps) or not steps[0].startswith("find")
    verdict = "bad" if wrong else "good"
    return Answer(json.dumps({"reason": "seen", "verdict": verdict}))


def run(folder: Path, out: Path, operator: Judge) -> tuple[CurateCounts, dict[str, Any]]:
    counts = run_operators([operator], folder, out)
    return counts, json.loads((out / ABOUT_FILE).read_text())["judge"]


def test_planted_faults_tell_how_many_bad_ones_are_found(
    write_records: Write, tmp_path: Path
) -> None:
    folder = write_records([*plans(40), record("box")], max_records=20)
    with endpoint(sharp_eyed) as server:
        operator = judge(server, check="plan", planted_share=0.5)
        counts, about = run(folder, tmp_path / "out", operator)
        assert counts.num_dropped == 0
        assert about["verdicts"] == {"good": 40}
        found = about["detected_by_fault"]
        assert found["duplicated_sentence"]["share"] == found["reversed_plan"]["share"] == 1
        assert found["contradicted_relation"]["share"] == 0, "this judge does not see these"
        assert about["detected"]["of"] == 20 and 0 < about["detected"]["share"] < 1
        assert about["false_alarms"] == {"num": 0, "of": 20, "share": 0}
        assert about["by_status"] == {"exempt": 1, "ok": 40}
        num_asked = len(server.requests)
        assert num_asked == 60
        run_operators([operator], folder, tmp_path / "again", store=tmp_path / "out" / "store")
        assert len(server.requests) == num_asked, "values are stored"


def test_bad_records_go_with_the_judges_reason(write_records: Write, tmp_path: Path) -> None:
    bad = Record(
        id="bad", task="plan_steps", inputs={"instruction": "bring it"},
        answer=Plan(("find it", "pick it", "pick it")),
    )  # fmt: skip
    folder = write_records([*plans(3), bad])
    with endpoint(sharp_eyed) as server:
        counts, _ = run(folder, tmp_path / "out", judge(server, check="plan"))
        unsure = judge(server, check="plan", drop=["unsure"])
        kept, _ = run(folder, tmp_path / "kept", unsure)
    assert (counts.num_dropped, kept.num_dropped) == (1, 0)
    (line,) = read_ledger(tmp_path / "out" / "ledger.jsonl")
    assert (line.record_id, line.code) == ("bad", "E-CUR-031")
    assert "bad: seen" in line.detail


def test_what_cannot_be_judged_is_kept_and_counted(
    write_records: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "FIRST_PAUSE_SECONDS", 0.01)

    def troubled(body: dict[str, Any], number: int) -> Answer:
        if "cup 1." in text_of(body) or "cup 1'" in text_of(body):
            return Answer("I would rather not say")
        if "cup 2'" in text_of(body):
            return Answer(status=500)
        return sharp_eyed(body, number)

    folder = write_records(plans(5))
    with endpoint(troubled) as server:
        operator = judge(server, check="plan", planted_share=0, endpoint={"max_attempts": 2})
        counts, about = run(folder, tmp_path / "out", operator)
    assert counts.num_kept == 5
    assert about["by_status"] == {"failed": 1, "invalid": 1, "ok": 3}
    assert about["judge_invalid"] == 1


def test_a_spent_budget_leaves_the_rest_unjudged(write_records: Write, tmp_path: Path) -> None:
    folder = write_records(plans(8))
    with endpoint(sharp_eyed) as server:
        operator = judge(server, check="plan", planted_share=0.25, endpoint={"max_requests": 5})
        counts, about = run(folder, tmp_path / "out", operator)
        assert (counts.num_kept, len(server.requests)) == (8, 5)
        assert about["by_status"] == {"ok": 3, "unpaid": 5}
        assert about["detected"]["of"] == 2, "planted ones are asked first"
        dry = judge(server, check="plan", endpoint={"dry_run": True, "price_in": 1.0})
        _, about = run(folder, tmp_path / "dry", dry)
        assert len(server.requests) == 5 and about["is_estimate"] and about["cost"] > 0


def test_reasoning_has_two_aspects(write_records: Write, tmp_path: Path) -> None:
    said = "The cup is left of the bowl. So the arm moves left. The cup is left of the bowl."
    records = [
        Record(id=name, task="vqa", inputs={"question": "Where to?"}, answer=Text(text))
        for name, text in (("once", said[:51]), ("twice", said))
    ]

    def reads(body: dict[str, Any], number: int) -> Answer:
        twice = text_of(body).count("The cup is left of the bowl.") > 1
        redundancy = "bad" if twice else "good"
        return Answer(json.dumps({"reason": "r", "consistency": "good", "redundancy": redundancy}))

    with endpoint(reads) as server:
        counts, about = run(write_records(records), tmp_path / "out", judge(server))
    assert counts.num_dropped == 1
    assert about["verdicts"] == {"bad": 1, "good": 1}
    (line,) = read_ledger(tmp_path / "out" / "ledger.jsonl")
    assert line.record_id == "twice" and "redundancy bad" in line.detail


def test_pairs_are_shown_in_both_orders(write_records: Write, tmp_path: Path) -> None:
    records = plans(9, rejected=["pick up the cup", "find the cup"])
    records.append(Record(id="alone", task="plan_steps", inputs={"instruction": "x"},
                          answer=Plan(("find it", "take it"))))  # fmt: skip

    def leans_to_the_first(body: dict[str, Any], number: int) -> Answer:
        """Sees which is right for even cups; else takes the first."""
        text = text_of(body)
        first = text.partition("Answer A:\n")[2].partition("\n\nAnswer B:")[0]
        sees = any(f"bring cup {i}'" in text for i in range(0, 9, 2))
        better = "A" if not sees or first.startswith("1. find cup") else "B"
        return Answer(json.dumps({"reason": "r", "better": better}))

    with endpoint(leans_to_the_first) as server:
        operator = judge(server, check="pairs", drop=["bad", "unsure"])
        counts, about = run(write_records(records), tmp_path / "out", operator)
    assert about["verdicts"] == {"good": 5, "unsure": 4}
    assert about["order"]["changed"] == {"num": 4, "of": 9, "share": pytest.approx(4 / 9)}
    assert about["order"]["first_preferred"]["share"] == pytest.approx((5 + 8) / 18)
    assert counts.num_dropped == 4
    assert about["by_status"] == {"exempt": 1, "ok": 9}


def test_labels_measure_the_judge(write_records: Write, tmp_path: Path) -> None:
    records = [*plans(6, safe=True)]
    records += [
        Record(id=f"bad-{i}", task="plan_steps", inputs={"instruction": f"do {i}"},
               answer=Plan(steps), meta={"safe": False})
        for i, steps in enumerate([("take it", "find it"), ("find it", "drop it")])
    ]  # fmt: skip
    with endpoint(sharp_eyed) as server:
        operator = judge(server, check="plan", planted_share=0, label_field="safe")
        _, about = run(write_records(records), tmp_path / "out", operator)
    labels = about["labels"]
    assert labels["accuracy"] == 7 / 8
    assert labels["detected"] == {"num": 1, "of": 2, "share": 0.5}
    assert labels["false_alarms"]["num"] == 0
    assert labels["table"] == {"bad judged bad": 1, "bad judged good": 1, "good judged good": 6}


@pytest.mark.parametrize("seed", range(4))
def test_kappa_is_nltks(seed: int) -> None:
    from nltk.metrics.agreement import AnnotationTask  # pyright: ignore

    draw = np.random.default_rng(seed)
    ratings = ["good", "bad", "unsure"]
    first = [ratings[i] for i in draw.integers(0, 3, 60)]
    second = [a if draw.random() < 0.6 else ratings[int(draw.integers(0, 3))] for a in first]
    task = AnnotationTask(
        [("a", i, r) for i, r in enumerate(first)] + [("b", i, r) for i, r in enumerate(second)]
    )
    found = agreement(first, second=second)
    assert found.kappa == pytest.approx(task.kappa())
    assert found.accuracy == pytest.approx(task.avg_Ao())


def test_kappa_where_there_is_nothing_to_measure() -> None:
    assert agreement([], second=[]) == (0, None, None, {})
    assert agreement(["good"], second=["good"]).kappa is None


def faults_of(item: Record) -> dict[str, Any]:
    row = facts_of(item)
    return {name: made for name, fault in FAULTS.items() if (made := fault(row)) is not None}


def test_each_fault_is_a_fault() -> None:
    found = faults_of(record("box"))
    assert list(found) == ["wrong_box"]
    truth = facts_of(record("box"))["geometry"]
    moved = found["wrong_box"]["geometry"]
    assert box_iou(tuple(moved), second_px=tuple(truth)) < 0.1
    assert all(0 <= value <= 1 for value in moved)
    said = Record(
        id="t", task="vqa", inputs={"question": "q"},
        answer=Text("The cup [10, 20, 60, 80] is left of the bowl."),
    )  # fmt: skip
    found = faults_of(said)
    assert set(found) == {"wrong_box", "contradicted_relation", "duplicated_sentence"}
    assert "is right of the bowl" in found["contradicted_relation"]["answer"]
    assert found["duplicated_sentence"]["answer"].count("The cup") == 2
    assert "[10, 20, 60, 80]" not in found["wrong_box"]["answer"]
    assert "reversed_plan" in faults_of(plans(1)[0])
    nothing = Record(id="n", task="vqa", inputs={"question": "q"}, answer=Text("cup"))
    assert plant(facts_of(nothing), draw=np.random.default_rng(0)) is None


def test_the_same_seed_plants_the_same(write_records: Write, tmp_path: Path) -> None:
    folder = write_records(plans(12))
    shown: list[list[str]] = []
    for name in ("one", "two"):
        with endpoint(sharp_eyed) as server:
            run(folder, tmp_path / name, judge(server, check="plan", planted_share=0.4))
            shown.append(sorted(text_of(body) for body in server.requests))
    assert shown[0] == shown[1]


def test_a_judge_without_an_endpoint_is_refused() -> None:
    with pytest.raises(ValueError, match="endpoint"):
        Judge.model_validate({"check": "plan"})

"""Other evaluators' rules: against what their code gave, and their known quirks one by one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from roboloop.base.geometry import PictureSize
from roboloop.evaluate.cases import read_cases
from roboloop.evaluate.rules import Case, load_rules
from roboloop.evaluate.rules.base import CaseKind
from roboloop.tasks.base import ParseStatus

CASES = Path(__file__).resolve().parents[4] / "shared/conformance/cases_dev.jsonl"
EVALUATORS = ("author", "flagevalmm", "vlmevalkit", "lmms_eval")
MIN_AGREEMENT = 0.98
SIZE = PictureSize(64, 48)
ASKS_A_JUDGE = "author code asks GPT-3.5 here"


@pytest.mark.parametrize("name", EVALUATORS)
def test_scores_are_those_the_evaluator_gave(name: str) -> None:
    if not CASES.exists():
        pytest.skip(f"no conformance cases at {CASES}")
    counts: Counter[bool] = Counter()
    for line, case in read_cases(CASES):
        recorded = line["author"] if name == "author" else line["scores"][name]
        if name == "author" and line["notes"].get("author") == ASKS_A_JUDGE:
            continue
        found = load_rules(name).score(case)
        score = None if found is None else found.score
        agrees = score is recorded is None or score == pytest.approx(recorded, abs=1e-3)
        counts[agrees] += 1
        if not agrees:
            print(name, line["id"], repr(case.text), score, "recorded:", recorded)
    assert counts[True] / counts.total() >= MIN_AGREEMENT


def value(name: str, benchmark: str, text: str, *, kind: CaseKind = "mcq", gold: str = "A") -> str:
    options = ("left", "right", "did not move", "moved forward") if kind == "mcq" else ()
    case = Case(benchmark=benchmark, kind=kind, text=text, gold=gold, options=options)
    found = load_rules(name).score(case)
    assert found is not None
    return found.value


def test_quirks_of_choices() -> None:
    assert value("flagevalmm", "erqa", "Failed to obtain answer via API.") == "A"
    assert value("flagevalmm", "erqa", "<answer>B</answer>") == ""
    assert value("flagevalmm", "erqa", "option b") == ""
    assert value("flagevalmm", "erqa", "In THIS scene: B") == "H"
    assert value("lmms_eval", "cvbench", "The answer is B") == "T"
    assert value("lmms_eval", "omni_spatial", "**C**") == "*"
    assert value("lmms_eval", "blink", "The answer is (B).") == "B"
    assert value("lmms_eval", "egoplan", "Answer: C") == "A"
    assert value("author", "egoplan", "Answer: C") == "C"
    assert value("author", "omni_spatial", "I cannot tell") == "A"
    assert value("author", "vsibench", "Answer: B") == "Answer:"
    assert value("vlmevalkit", "erqa", "B.") == "B."
    assert value("vlmevalkit", "blink", "B, because the lamp has moved to the other side") == ""
    assert value("vlmevalkit", "blink", "It did not move.") == "C"
    assert value("vlmevalkit", "mmsi", "<think>maybe C</think>\nB") == "C"


def test_quirks_of_numbers() -> None:
    def number(name: str, text: str) -> str:
        return value(name, "vsibench", text, kind="numeric", gold="4")

    assert number("author", "There are 4") == ""
    assert number("vlmevalkit", "4 chairs: 3 at the table and 1 at the desk") == "1"
    assert number("flagevalmm", "-4 of them") == "4"
    assert number("lmms_eval", "one hundred and five") == "105"
    assert number("default", "There are 4") == "4"


def point(name: str, benchmark: str, text: str, *, levels: int = 255) -> float | None:
    mask = np.zeros((SIZE.height, SIZE.width), np.uint8)
    mask[12:36, 16:48] = levels
    polygon = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
    case = Case(
        benchmark=benchmark,
        kind="point",
        text=text,
        size=SIZE,
        mask_levels=mask,
        polygon_unit=polygon,
    )
    found = load_rules(name).score(case)
    return None if found is None else found.score


def test_quirks_of_points() -> None:
    two = "[(0.5, 0.5), (0.9, 0.9)]"
    assert point("default", "where2place", two) == 0.5
    assert point("vlmevalkit", "refspatial_unseen", two) == 1.0, "any point that hits"
    assert point("author", "robo_spatial", two) == 1.0, "the first point alone"
    assert point("flagevalmm", "where2place", "(0.5, 0.5)\nas told") == 0.0, "the last line alone"
    assert point("flagevalmm", "where2place", "(0.5, 0.5)", levels=253) == pytest.approx(253 / 255)
    assert point("default", "where2place", "(0.5, 0.5)", levels=253) == 1.0
    assert point("lmms_eval", "where2place", "(32, 24)") == 0.0, "whole numbers times the width"
    assert point("flagevalmm", "where2place", "(32, 24)") == 1.0
    assert point("vlmevalkit", "robo_spatial", "(0.5, 0.5)") == 0.0, "its parser raises"
    assert point("vlmevalkit", "where2place", "(0.5, 0.5)") is None


def test_who_drops_a_failed_request() -> None:
    case = Case(benchmark="erqa", kind="mcq", text="Error code: 500", gold="A", options=("a", "b"))
    dropped = load_rules("flagevalmm").score(case)
    kept = load_rules("default").score(case)
    assert dropped is not None and dropped.score is None
    assert kept is not None and kept.score == 0.0 and kept.status is ParseStatus.INFRA_ERROR


def test_rules_without_the_truth_they_need_say_nothing() -> None:
    polygon = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
    mask = np.full((SIZE.height, SIZE.width), 255, np.uint8)
    for benchmark in ("robo_spatial", "where2place", "refspatial_location"):
        text = "[(0.5, 0.5)]"
        outlined = Case(
            benchmark=benchmark, kind="point", text=text, size=SIZE, polygon_unit=polygon
        )
        masked = Case(benchmark=benchmark, kind="point", text=text, size=SIZE, mask_levels=mask)
        for case in (outlined, masked):
            ours = load_rules("default").score(case)
            assert ours is not None and ours.score == 1.0
            for name in EVALUATORS:
                found = load_rules(name).score(case)
                assert found is None or found.score is not None

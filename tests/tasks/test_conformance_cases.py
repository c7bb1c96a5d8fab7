"""Agreement with a careful human on made-up answers to public benchmarks' kinds of questions.

The cases lie outside the repository; without them these tests are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roboloop.base.geometry import PictureSize
from roboloop.dialects import load_dialect
from roboloop.records.answers import Box, Choice, Number, Text, YesNo
from roboloop.records.media import FilePicture
from roboloop.records.record import Record
from roboloop.tasks import load_task
from roboloop.tasks.base import LETTERS
from roboloop.tasks.choice_letters import read_choice
from roboloop.tasks.numbers import read_number
from roboloop.tasks.texts import normalised, read_text
from roboloop.tasks.yes_no import read_yes_no

CASES = Path(__file__).resolve().parents[3] / "shared/conformance/cases_dev.jsonl"
UNITS = {
    "object_abs_distance": "m",
    "object_size_estimation": "cm",
    "room_size_estimation": "m2",
}
DIALECTS = {"norm01": "llava", "pixel": "plain", "norm1000_yx": "gemini"}
ANNOTATORS = "textvqa accuracy over ten annotators is no metric of these tasks"

Case = dict[str, Any]


def cases(kind: str) -> list[Case]:
    if not CASES.exists():
        pytest.skip(f"no conformance cases at {CASES}")
    lines = CASES.read_text(encoding="utf-8").splitlines()
    found = [case for case in map(json.loads, lines) if case["kind"] == kind]
    assert found
    return found


def choice(case: Case) -> float:
    options = tuple(case["options"])
    letters = LETTERS[: len(options)]
    answer = read_choice(case["answer"], letters=letters, options=options).answer
    found = answer.letter if isinstance(answer, Choice) else None
    assert found == case["intended"], (case["id"], case["answer"], found)
    return float(found == case["gold"])


def verdict(case: Case) -> float:
    answer = read_yes_no(case["answer"]).answer
    found = {True: "yes", False: "no"}[answer.value] if isinstance(answer, YesNo) else None
    assert found == case["intended"], (case["id"], case["answer"], found)
    return float(found == case["gold"])


def number(case: Case) -> float:
    answer = read_number(case["answer"]).answer
    assert (answer is None) == (case["intended"] is None), (case["id"], case["answer"], answer)
    if answer is None:
        return 0.0
    truth = Number(float(case["gold"]), UNITS.get(case["subtask"]))
    values = load_task("number_vqa").score(answer, truth=truth, size=None)
    return values["mean_relative_accuracy"]


def words(case: Case) -> float:
    answer = read_text(case["answer"]).answer
    gold = case["gold"] if isinstance(case["gold"], list) else [case["gold"]]
    assert isinstance(answer, Text)
    return float(normalised(answer.text) in {normalised(text) for text in gold})


def box(case: Case) -> float:
    task = load_task("object_box")
    size = PictureSize(*case["image_size"])
    record = Record(id="1", task="object_box", media=(FilePicture(path="a:b", size=size),))
    dialect = load_dialect(DIALECTS[case["convention"]])
    answer = task.parse(case["answer"], record=record, dialect=dialect).answer
    assert answer is not None, case
    return task.score(answer, truth=Box(*case["gold"]), size=size)["acc@0.5"]


@pytest.mark.parametrize(
    ("kind", "judge"),
    [("mcq", choice), ("yesno", verdict), ("numeric", number), ("text", words), ("bbox", box)],
)
def test_every_case_scores_as_a_human_scores_it(kind: str, judge: Callable[[Case], float]) -> None:
    differing = [
        (case["id"], case["answer"], case["human"])
        for case in cases(kind)
        if not (kind == "text" and case["human"] not in (0, 1))  # see ANNOTATORS
        and judge(case) != pytest.approx(case["human"], abs=1e-6)
    ]
    assert not differing

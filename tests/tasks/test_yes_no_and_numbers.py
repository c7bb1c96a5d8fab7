"""Verdicts and numbers in texts that a careful person has judged."""

from __future__ import annotations

import pytest

from roboloop.records.answers import Number, YesNo
from roboloop.tasks import load_task
from roboloop.tasks.base import ParseStatus, Truth
from roboloop.tasks.numbers import read_number
from roboloop.tasks.numerals import convert, digits_for_words
from roboloop.tasks.yes_no import read_yes_no

YES = [
    "Yes",
    "yes.",
    "YES!",
    "True",
    "Yes, it is.",
    "Yes it is",
    "Yes, there is no obstacle.",
    "It does.",
    "No. Wait, yes.",
    "Answer (yes or no): yes",
    "Answer: Yes\nExplanation: there is no gap.",
    "Definitely.",
    "Of course",
    "可以",
    "<think>no</think>yes",
    "<answer>Yes</answer>",
    "\\boxed{Yes}",
    "Nothing blocks the space, so yes.",
    "Noticeably, the area is free. Yes.",
    "是的，夹爪接触到了物体。",
    "答案：是",
]
NO = [
    "No",
    "nope.",
    "False.",
    "No it is not",
    "It doesn't",
    "It is not.",
    "Definitely not.",
    "不行",
    "No, yesterday's layout was different.",
    "Yes. However, it slips, so no.",
    "No contact has been made, so no.",
    "**No**",
    '{"answer": "no"}',
    "I'd say no",
    "不，还没有。",
    "没有",
    "答案是否",
]
NEITHER = [
    "Not sure",
    "I do not know",
    "It is unknown.",
    "Nothing",
    "Yes and no.",
    "Yes/No",
    "Answer: yes or no",
    "I cannot say yes.",
    "There is no obstacle.",
    "<think>yes",
    "Maybe",
    "不知道",
    "不确定",
    "这个对象很大",
    "是否",
]


@pytest.mark.parametrize("text", YES)
def test_yes(text: str) -> None:
    assert read_yes_no(text).answer == YesNo(True)


@pytest.mark.parametrize("text", NO)
def test_no(text: str) -> None:
    assert read_yes_no(text).answer == YesNo(False)


@pytest.mark.parametrize("text", NEITHER)
def test_neither(text: str) -> None:
    parsed = read_yes_no(text)
    assert parsed.answer is None and parsed.status is not ParseStatus.OK
    assert parsed.note


def test_only_the_rendered_form_is_exact() -> None:
    assert read_yes_no("Yes").is_exact
    assert not read_yes_no("yes").is_exact


NUMBERS = {
    "4": (4, None),
    "four": (4, None),
    "**12**": (12, None),
    "１２": (12, None),
    "-3": (-3, None),
    ".5": (0.5, None),
    "2.5e0": (2.5, None),
    "1,234": (1234, None),
    "about 5": (5, None),
    "five (5)": (5, None),
    "twenty-one": (21, None),
    "one hundred and five": (105, None),
    "two thousand and six": (2006, None),
    "十二": (12, None),
    "一百零五": (105, None),
    "一共有4把": (4, None),
    "4 chairs: 3 at the table and 1 at the desk": (4, None),
    "One of them is hidden, so there are 4.": (4, None),
    "I count 3 in frame 1 and 2 in frame 2, so 5.": (5, None),
    "3 + 2 = 5": (5, None),
    "Step 1: look. Step 2: count. Answer: 4": (4, None),
    "<think>3</think>4": (4, None),
    '{"answer": 4}': (4, None),
    "190 (the sofa is 85 deep)": (190, None),
    "1.9 metres": (1.9, "m"),
    "190cm": (190, "cm"),
    "20 m2": (20, "m2"),
    "20㎡": (20, "m2"),
    "20 square meters": (20, "m2"),
    "20平方米": (20, "m2"),
    "6 inches": (6, "in"),
    "50%": (50, "%"),
    "2,5": (2.5, None),
    "2,5 m": (2.5, "m"),
    "1/2": (0.5, None),
    "2 1/2 m": (2.5, "m"),
    "two and a half": (2.5, None),
    "two dozen": (24, None),
    "三点五": (3.5, None),
    "1 m 90 cm": (1.9, "m"),
    "5 feet and 6 inches": (5.5, "ft"),
    "20平米": (20, "m2"),
    "The distance is 2.5 m (8.2 feet).": (2.5, "m"),
    "Between the bed (object 1) and the desk (object 2) it is 2.5 meters.": (2.5, "m"),
    "In the 3rd frame I see 4 chairs.": (4, None),
}
NO_NUMBER = ["2-3", "5 or 6", "between 5 and 6", "none", "2–3 m", "I see 4 red and 2 blue ones."]


@pytest.mark.parametrize(("text", "expected"), NUMBERS.items())
def test_the_number_that_is_meant(text: str, expected: tuple[float, str | None]) -> None:
    answer = read_number(text).answer
    assert isinstance(answer, Number)
    assert (answer.value, answer.unit) == (pytest.approx(expected[0]), expected[1])


@pytest.mark.parametrize("text", NO_NUMBER)
def test_ranges_and_words_are_no_number(text: str) -> None:
    parsed = read_number(text)
    assert parsed.answer is None
    assert parsed.status is (ParseStatus.NO_ANSWER if text == "none" else ParseStatus.AMBIGUOUS)


def test_lengths_and_areas_are_compared_in_one_unit() -> None:
    task = load_task("number_vqa")
    truth = Number(190.0, "cm")
    assert task.score(Number(1.9, "m"), truth=truth, size=None)["exact"] == 1.0
    assert task.score(Number(190.0), truth=truth, size=None)["exact"] == 1.0
    assert task.score(Number(1.9), truth=truth, size=None)["exact"] == 0.0
    assert convert(2.0, unit="m2", to="cm2") == pytest.approx(20_000)
    assert convert(2.0, unit="m2", to="cm") == 2.0
    assert convert(1.0, unit="ft", to="in") == pytest.approx(12)


@pytest.mark.parametrize(
    ("value", "accuracy"),
    [(20, 1.0), (21, 1.0), (19, 1.0), (22.1, 0.8), (29.9, 0.1), (30, 0.1), (30.1, 0.0), (0, 0.0)],
)
def test_mean_relative_accuracy_worked_out_by_hand(value: float, accuracy: float) -> None:
    # The error may be at most 0.5, 0.45 ... 0.05: ten thresholds, each worth a tenth.
    values = load_task("number_vqa").score(Number(value), truth=Number(20.0), size=None)
    assert values["mean_relative_accuracy"] == pytest.approx(accuracy)


def test_a_truth_of_zero_is_met_by_zero_alone() -> None:
    task = load_task("number_vqa")
    assert task.score(Number(0.0), truth=Number(0.0), size=None)["mean_relative_accuracy"] == 1.0
    assert task.score(Number(0.1), truth=Number(0.0), size=None)["mean_relative_accuracy"] == 0.0


def test_number_words_become_digits_in_place() -> None:
    assert digits_for_words("Five cups and twenty-one plates") == "5 cups and 21 plates"


def test_constants() -> None:
    numbers = [Truth(Number(v), None) for v in (1.0, 9.0, 2.0)]
    assert load_task("number_vqa").best_constant(numbers) == Number(2.0)
    verdicts = [Truth(YesNo(v), None) for v in (True, False, False)]
    assert load_task("yes_no_vqa").best_constant(verdicts) == YesNo(False)

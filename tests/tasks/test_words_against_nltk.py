"""BLEU against NLTK's, and answers in words: normalising, plans, constants."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from roboloop.dialects import load_dialect
from roboloop.records.answers import Plan, Text
from roboloop.records.record import Record
from roboloop.tasks import load_task
from roboloop.tasks.base import ParseStatus, Truth
from roboloop.tasks.texts import bleu, bleu_orders, bleu_values, normalised, read_text

PLAIN = load_dialect("plain")
RECORD = Record(id="1", task="plan_steps")
words = st.lists(st.sampled_from("pick up the red cup and place it".split()), max_size=9)  # noqa: SIM905


def nltk_bleu_orders(text: list[str], reference: list[str]) -> list[float]:
    """RoboInter's rule with NLTK's numbers: the weights depend on the reference's length."""
    every = [(1.0,), (0.5, 0.5), (0.33, 0.33, 0.33), (0.25, 0.25, 0.25, 0.25)]
    longest = min(4, len(reference))
    used = [every[min(order, longest - 1)] for order in range(4)]
    smooth = SmoothingFunction().method1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            sentence_bleu([reference], text, weights=weights, smoothing_function=smooth)
            for weights in used
        ]


@settings(deadline=None, max_examples=300)
@given(text=words, reference=words.filter(bool))
def test_bleu_equals_nltk(text: list[str], reference: list[str]) -> None:
    theirs = nltk_bleu_orders(text, reference)
    ours = bleu_orders(" ".join(text), reference=" ".join(reference))
    assert ours == pytest.approx(theirs, abs=1e-12)
    values = bleu_values(" ".join(text), reference=" ".join(reference))
    assert values["bleu"] == pytest.approx(sum(theirs) / 4, abs=1e-12)
    assert [values[f"bleu{order}"] for order in range(1, 5)] == list(ours)


@pytest.mark.parametrize(
    ("text", "reference", "value"),
    [
        ("place the pen in the holder", "place the pen in the holder", 1.0),
        ("Place The Pen", "place the pen", 1.0),
        ("pen", "pen", 1.0),
        ("cup", "pen", 0.0),
        ("", "pen", 0.0),
        # Two words, one right, no pair right: 1/2, then three times sqrt(1/2 * 0.1/1).
        ("the cup", "the pen", (0.5 + 3 * (0.5 * 0.1) ** 0.5) / 4),
    ],
)
def test_bleu_worked_out_by_hand(text: str, reference: str, value: float) -> None:
    assert bleu(text, reference=reference) == pytest.approx(value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Two", "2"),
        ("The red cup.", "red cup"),
        ("STOP\nSTOP", "stop"),
        ("an apple", "Apple"),
        ("红色杯子。", "红色杯子"),
        ("2.5 m", "2.5 m."),
    ],
)
def test_texts_that_are_the_same(first: str, second: str) -> None:
    assert normalised(first) == normalised(second)


@pytest.mark.parametrize(
    ("first", "second"), [("uphill", "downhill"), ("11.50", "1"), ("no", "know")]
)
def test_texts_that_are_not(first: str, second: str) -> None:
    assert normalised(first) != normalised(second)


def test_the_words_that_answer() -> None:
    assert read_text("a red cup") == (Text("a red cup"), ParseStatus.OK, "", "exact", (0, 9))
    assert read_text("<think>blue?</think>**red**").answer == Text("red")
    assert read_text("Answer: red cup").answer == Text("red cup")
    assert read_text('{"answer": "red cup"}').answer == Text("red cup")
    assert read_text("<think>never").status is ParseStatus.TRUNCATED


@pytest.mark.parametrize(
    "text",
    [
        "1. pick up the cup\n2. move left\n3. put it down",
        "1) pick up the cup\n2) move left\n3) put it down",
        "Plan:\n- pick up the cup\n- move left\n- put it down",
        "Step 1: pick up the cup\nStep 2: move left\nStep 3: put it down",
        "1. pick up the cup. 2. move left. 3. put it down.",
        "pick up the cup\nmove left\nput it down",
        "第1步：pick up the cup\n第2步：move left\n第3步：put it down",
        "<think>1. no</think>1. pick up the cup\n2. move left\n3. put it down",
    ],
)
def test_plans_in_any_form(text: str) -> None:
    task = load_task("plan_steps")
    truth = Plan(("pick up the cup", "move left", "put it down"))
    answer = task.parse(text, record=RECORD, dialect=PLAIN).answer
    assert answer is not None
    assert task.score(answer, truth=truth, size=None)["exact_plan"] == 1.0


def test_steps_count_only_in_their_order() -> None:
    task = load_task("plan_steps")
    truth = Plan(("a cup", "b", "c", "d"))

    def f1(*steps: str) -> float:
        return task.score(Plan(steps), truth=truth, size=None)["ordered_f1"]

    assert f1("A CUP.", "b", "c", "d") == 1.0
    assert f1("b", "a cup", "c", "d") == pytest.approx(6 / 8)
    assert f1("a cup", "b", "c") == pytest.approx(6 / 7)
    assert f1("x", "y") == 0.0


def test_constants_are_the_commonest_answers() -> None:
    texts = [Truth(Text(text), None) for text in ("b", "a", "b", "a", "c")]
    assert load_task("vqa").best_constant(texts) == Text("a"), "of equals the first"
    plans = [Truth(Plan(steps), None) for steps in (("x", "y"), ("z",), ("z",))]
    assert load_task("plan_steps").best_constant(plans) == Plan(("z",))

"""No text breaks any rules, however long and odd: a score from 0 to 1, read in bounded work.

A rule whose work grows with the square of the text would not end on these.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboloop.base.geometry import PictureSize
from roboloop.evaluate.rules import RULES, Case, load_rules

SIZE = PictureSize(64, 48)
MASK = np.full((SIZE.height, SIZE.width), 255, np.uint8)
LENGTH = 20_000
PIECES = (
    *"B1([{<`*_\"'“.!,-\\$A\n ", "[[", '["', "(1,", "answer: ", "answer is B. ", "<think>",
    "</think>", "<answer>", "\\boxed{", "\\text{", '{"answer": [', "the left ", "hundred ", "one, ",
    "A or ", "yes and no ", "1 m 90 cm ", "<point", "<box>", "x=1,", "答案是", "百", "```json\n",
    "a:\n", "1. a\n", "<|", "e\u0301", "１",
)  # fmt: skip
CASES = (
    Case(benchmark="blink", kind="mcq", text="", gold="A", options=("left", "right")),
    Case(benchmark="mmsi", kind="mcq", text="", gold="A", options=("left", "right")),
    Case(benchmark="omni_spatial", kind="mcq", text="", gold="A", options=("left", "right")),
    Case(benchmark="robo_spatial", kind="yesno", text="", gold="yes"),
    Case(benchmark="vsibench", kind="numeric", text="", gold="4"),
    Case(benchmark="ocrbench", kind="text", text="", gold=("4",)),
    Case(benchmark="refspatial", kind="point", text="", size=SIZE, mask_levels=MASK),
    Case(benchmark="refcoco", kind="bbox", text="", gold=(1.0, 2.0, 30.0, 40.0), size=SIZE),
)


def check(case: Case, text: str) -> None:
    for name in RULES.rows:
        found = load_rules(name).score(replace(case, text=text))
        if found is not None and found.score is not None:
            assert 0.0 <= found.score <= 1.0
        if found is not None and found.span is not None:
            assert 0 <= found.span.start <= found.span.end <= len(text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.benchmark}-{case.kind}")
@settings(deadline=None, max_examples=60)
@given(pieces=st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=12))
def test_short_texts_of_any_kind(case: Case, pieces: list[str]) -> None:
    check(case, "".join(pieces))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.benchmark}-{case.kind}")
@settings(deadline=None, max_examples=3)
@given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=3))
def test_long_texts_that_repeat_themselves(case: Case, pieces: list[str]) -> None:
    piece = "".join(pieces)
    check(case, (piece * LENGTH)[:LENGTH])

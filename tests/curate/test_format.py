"""Each rule of form finds what it is for, says so, and can be switched off."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import SIZE, record

from roboloop.base.geometry import Point
from roboloop.curate.base import CurateContext, Judgement
from roboloop.curate.facts import facts_of, facts_schema
from roboloop.curate.format import FormatRules
from roboloop.curate.format_measures import misread
from roboloop.curate.format_rules import RULES
from roboloop.curate.text_counts import SCRIPTS, WORD, count_text
from roboloop.records.answers import Box, Boxes, Choice, Plan, Points, Text, Trajectory, YesNo
from roboloop.records.media import FilePicture
from roboloop.records.record import Record, Turn

CONTEXT = CurateContext(Path(), Path(), 1)


def judged(records: Sequence[Record], *, num_rows: int = 3, **options: Any) -> Judgement:
    import pyarrow as pa

    rules = FormatRules.model_validate(options)
    facts = pa.Table.from_pylist([facts_of(item) for item in records], schema=facts_schema())
    batches = [rules.measure(batch, CONTEXT) for batch in facts.to_batches(max_chunksize=num_rows)]
    kept = np.ones(facts.num_rows, dtype=np.bool_)
    return rules.judge(pa.Table.from_batches(batches), facts, kept=kept)


def reason(item: Record, **options: Any) -> str:
    return judged([item], **options).reason[0]


def question(text: str, answer: Any, *, task: str = "vqa", **changes: Any) -> Record:
    made = Record(
        id="q", task=task, inputs={"question": text}, answer=answer,
        media=(FilePicture(path="made:a.jpg", size=SIZE),),
    )  # fmt: skip
    return replace(made, **changes)


def path(*numbers: float) -> Trajectory:
    return Trajectory(tuple(Point(x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)))


TEN = path(*(float(i) for i in range(1, 21)))
START = {"instruction": "pick the cup", "start": Points((Point(3, 4),))}
GOOD = (
    record("box"),
    record("edge", answer=Box(0, 0, 320, 180)),
    record("path", answer=TEN, task="traj_wo_init_pos"),
    question("What is on the table?", Text("a cup")),
    question("Where is it: on the shelf (the upper one)?", Text("no, (the lower one) :(")),
    question("What is next?", Text("Put the cup on the shelf it belongs to"), task="planning"),
    question("杯子在哪里？", Text("在桌子上，靠近碗的地方")),
    question("Is it open?", YesNo(True), task="yes_no_vqa"),
    question("Which?", Choice("B", ("left", "right")), task="choice_vqa",
             inputs={"question": "Which?", "options": ("left", "right")}),
    Record(id="plan", task="plan_steps", inputs={"instruction": "tidy up"},
           answer=Plan(("find the cup", "pick the cup", "put it on the shelf"))),
    record("pointing", task="pointing", answer=Box(1, 1, 9, 9)),
)  # fmt: skip


def test_good_records_of_every_kind_stay() -> None:
    records = [replace(item, inputs={**item.inputs, "object": "it"}) for item in GOOD]
    for options in ({}, {"reparse": "all"}, {"languages": ["en", "zh"]}):
        found = judged(records, **options)
        assert list(map(found.reason.__getitem__, range(len(records)))) == [""] * len(records)
        assert not found.drop.any()


BROKEN: tuple[tuple[str, Record], ...] = (
    ("unaskable: the question cannot be worded", replace(record("a"), inputs={})),
    ("wrong_kind: the answer is not of the kind", record("a", answer=Text("left"))),
    ("no_size: ", replace(record("a"), media=(FilePicture(path="made:a.jpg"),))),
    ("unaskable: ", replace(record("a", task="traj", answer=TEN), media=(), inputs=START)),
    ("no_such_option: the answer is the letter of an option that is not there: 'C' of AB",
     question("Which?", Choice("C", ("left", "right")), task="choice_vqa",
              inputs={"question": "Which?", "options": ("left", "right")})),
    ("bad_input: ", replace(record("a", task="traj", answer=TEN),
                            inputs={**START, "start": Points((Point(999, 4),))})),
    ("picture_marks: the number of <image> marks is not the number of pictures: 2 marks, 1",
     question("q", Text("cup"), turns=(Turn("user", "<image><image> what?"),))),
    ("empty: the question is empty", question("  ", Text("a cup"))),
    ("empty: the answer is empty", question("What is it?", Text(" \n"))),
    ("empty: there is no answer", question("What is it?", None)),
    ("empty: the answer has no coordinates", record("a", task="detect_objects", answer=Boxes(()))),
    ("not_finite: ", record("a", answer=Box(1, 2, float("nan"), 9))),
    ("not_finite: ", record("a", answer=Box(1, 2, float("inf"), 9))),
    ("outside: the answer lies outside the picture", record("a", answer=Box(1, 2, 330, 9))),
    ("small_box: a box is inside out", record("a", answer=Box(60, 20, 10, 80))),
    ("small_box: a box is too thin", record("a", answer=Box(60, 20, 60, 80))),
    ("wrong_count: a wrong number of points for traj_wo_init_pos",
     record("a", task="traj_wo_init_pos", answer=path(1, 2, 3, 4))),
    ("unparsable: ", question("What is it?", Text("<think>It may be a cup, or else"))),
    ("length: too long a answer in words", question("What is it?", Text("cup " * 2_001))),
    ("unfinished: the answer ends with a word that wants another",
     question("What is next?", Text("Pick up the cup and"))),
    ("unfinished: the answer ends with a comma or colon",
     question("What is next?", Text("First open the drawer,"))),
    ("unfinished: the answer opens a bracket",
     question("What is next?", Text('Look at this: {"steps": [1, 2'))),
    ("unfinished: the answer opens a code block",
     question("What is next?", Text("```json\nopen it and close it"))),
    ("unfinished: ", question("下一步？", Text("拿起杯子并且"))),
    ("marks: <|im_end|> stands in the text", question("What is it?", Text("a cup<|im_end|>"))),
    ("marks: <image> stands", question("What is in <image>?", Text("a cup"))),
)  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "item"), BROKEN, ids=lambda v: v[:14] if isinstance(v, str) else ""
)
def test_each_rule_finds_its_fault(wanted: str, item: Record) -> None:
    assert reason(item).startswith(wanted)
    name = wanted.partition(":")[0]
    assert not reason(item, off=[name]).startswith(f"{name}:"), "it is switched off"


def test_every_rule_has_been_seen() -> None:
    assert {wanted.partition(":")[0] for wanted, _ in BROKEN} | {"language"} == set(RULES)


def test_words_and_letters_are_counted_the_same_in_bytes_and_in_unicode() -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = ["", " two\twords ", "a", "caf\u00e9 au lait", "拿起 the 杯子", "x\n\ny, z!", "  "]
    for column in (pa.array(texts), pa.array(["skipped", *texts]).slice(1)):
        found = count_text(column)
        assert found.words.tolist() == [0, 2, 1, 3, 5, 3, 0]
        for name, pattern in {"words": WORD, **SCRIPTS}.items():
            wanted = pc.count_substring_regex(column, pattern)  # pyright: ignore
            assert getattr(found, name).tolist() == wanted.to_pylist()


def test_values_stand_beside_their_limits() -> None:
    found = judged([record("a", answer=Box(1, 2, 330, 9)), record("b")])
    assert (found.value[0], found.threshold[0]) == (pytest.approx(10), 0)
    assert np.isnan(found.value[1])
    assert not judged([record("a", answer=Box(1, 2, 330, 9))], max_outside_px=10.1).drop.any()


def test_languages_are_told_by_their_script() -> None:
    chinese = question("杯子在哪里？", Text("在桌子上，靠近碗的地方"))
    english = question("Where is the cup?", Text("on the table"))
    russian = question("Где стоит кружка?", Text("на столе"))
    found = judged([chinese, english, russian], languages=["en"])
    assert found.drop.tolist() == [True, False, True]
    assert found.reason[0] == "language: too few letters are en"
    assert judged([chinese, english, russian], languages=["en", "zh"]).drop.tolist() == [0, 0, 1]
    assert not judged([chinese, english, russian]).drop.any(), "off by default"


def test_lengths_go_by_task_before_family() -> None:
    item = question("What is next?", Text("Open the drawer"), task="planning")
    assert "too long a answer in words (planning)" in reason(
        item, lengths={"planning": {"answer_words": [1, 2]}}
    )
    limits = {"general": {"answer_words": [1, 2]}, "any": {"answer_words": [4, 9]}}
    assert "(any)" in reason(item, lengths=limits)
    assert "(general)" in reason(replace(item, task="vqa"), lengths=limits)


def test_unknown_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="there are no rules"):
        FormatRules.model_validate({"off": ["lenght"]})


def test_it_runs_in_a_recipe(write_records: Callable[..., Path], tmp_path: Path) -> None:
    from test_curation_run import run_operators

    folder = write_records([record("a"), record("b", answer=Box(1, 2, 330, 9))])
    counts = run_operators([FormatRules()], folder, tmp_path / "out")
    assert counts.by_operator == {"format": 1}


PIECES = (
    "<think>", "</think>", "<answer>", "</answer>", "{", "}", '"answer": ', '"answer": ""',
    "'result':",
    '{"letter": ""}', "\\boxed{", "\\text{}", "cup", " ", "\n", "\n\n", "**", "__", "_",
    "`", "```", "#", "# ", "> ", "1. ", "Answer:", "Final answer:", "The answer is:", "[", "]", "|",
    "$", "【", "】", "：", "答案：", "<|im_end|>", "<b>", "</b>", "A", "5", ".", ",", '"option" : ',
    "ａｎｓｗｅｒ", '"ＡＮＳＷＥＲ"：', "é", "-",
)  # fmt: skip


def test_texts_are_left_unread_only_where_reading_would_find_words() -> None:
    import pyarrow as pa

    drawn = random.Random(3)
    texts = ["".join(drawn.choices(PIECES, k=drawn.randint(1, 6))) for _ in range(8000)]
    records = [question("What?", Text(text)) for text in texts if text.strip()]
    facts = pa.Table.from_pylist([facts_of(item) for item in records], schema=facts_schema())
    [batch] = facts.to_batches()
    all_read = misread(batch, which="all")
    assert 1000 < sum(told is not None for told in all_read) < len(records) - 1000
    assert misread(batch, which="words") == all_read

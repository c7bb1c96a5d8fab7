"""minhash: what counts as the same, against all pairs by plain Python sets."""

from __future__ import annotations

import gzip
import json
import random
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from operate import LONG_ANSWER, operate, told
from pydantic import ValidationError

from roboloop.base.geometry import Point
from roboloop.curate import neighbours
from roboloop.curate.exact import ExactDuplicates
from roboloop.curate.minhash import MinhashDuplicates
from roboloop.curate.simhash import SimhashDuplicates
from roboloop.curate.template_quota import TemplateQuota
from roboloop.records.answers import Answer, Box, Boxes, Choice, Number, Plan, Points, Text, YesNo
from roboloop.records.record import Record, Turn

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
EDITED = LONG_ANSWER.replace("spoon", "fork")


def dropped(*records: Record, **options: object) -> list[int]:
    return operate(MinhashDuplicates.model_validate(options), records).dropped()


def grams(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))} if words else set()


def plain_jaccard(one: Record, other: Record) -> float:
    sets = [
        {("q", gram) for gram in grams(item.turns[0].text)}
        | {("a", gram) for gram in grams(item.answer.text if isinstance(item.answer, Text) else "")}
        for item in (one, other)
    ]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def edited_texts(num_texts: int, *, picture: str) -> list[Record]:
    draw = random.Random(3)
    words = [f"{a}{b}" for a in "bcdfghkl" for b in ("ano", "elu", "iri", "osa", "ut")]
    made: list[str] = []
    for _ in range(num_texts):
        if made and draw.random() < 0.6:
            text = draw.choice(made).split()
            for _ in range(draw.randint(1, 3)):
                text[draw.randrange(len(text))] = draw.choice(words)
        else:
            text = draw.choices(words, k=draw.randint(20, 60))
        made.append(" ".join(text))
    return [told(text, picture=picture) for text in made]


@pytest.mark.parametrize("small_block", [1_000, 1])
def test_pairs_are_those_of_all_pairs(small_block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "SMALL_BLOCK", small_block)  # directly, and by the bands
    records = edited_texts(300, picture="")
    options = {"min_answer_similarity": 0.0}
    pairs = operate(MinhashDuplicates.model_validate(options), records).pairs
    found = dict(
        zip(
            zip(pairs.left.tolist(), pairs.right.tolist(), strict=True),
            pairs.similarity,
            strict=True,
        )
    )
    expected = {
        (one, other): plain_jaccard(records[one], records[other])
        for one, other in combinations(range(len(records)), 2)
    }
    assert sum(value >= 0.7 for value in expected.values()) > 50
    for pair, similarity in found.items():
        assert similarity == pytest.approx(expected[pair], abs=1e-12)
    # Of records with the same words only the first is paired with others.
    first = {other: one for (one, other), value in found.items() if value == 1}
    for (one, other), similarity in expected.items():
        ends = first.get(one, one), first.get(other, other)
        assert similarity < 0.7 or ends[0] == ends[1] or (min(ends), max(ends)) in found


def test_the_same_words_about_another_picture_are_another_record() -> None:
    assert dropped(told(LONG_ANSWER), told(LONG_ANSWER, picture="b.jpg")) == []
    assert dropped(told(LONG_ANSWER), told(LONG_ANSWER, picture="b.jpg"), pictures="any") == [1]
    assert dropped(told(LONG_ANSWER), told(EDITED), told(LONG_ANSWER, picture="")) == [1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("the cup", "the red cup"),
        ("near the", "left of the"),
        ("a plate", "2 plates"),
        ("moves", "never moves"),
    ],
)
def test_a_changed_colour_side_number_or_negation_is_another_record(old: str, new: str) -> None:
    changed = LONG_ANSWER.replace(old, new)
    longer = " Nothing else changes in the whole scene while the arm does all of this." * 2
    records = told(LONG_ANSWER + longer), told(changed + longer)
    assert plain_jaccard(*records) > 0.7
    assert dropped(*records) == []
    assert dropped(*records, telling_words=[], same_numbers=False) == [1]


def test_another_task_or_an_earlier_turn_makes_another_record() -> None:
    one = told(LONG_ANSWER)
    before = (Turn("user", "Is it open?"), Turn("assistant", "Yes."))
    later = replace(one, turns=(*before, *one.turns))
    assert dropped(one, replace(one, task="planning"), later, later) == [3]
    assert operate(ExactDuplicates.model_validate({}), [one, later, later]).dropped() == [2]


def test_no_records_at_all() -> None:
    for operator in (MinhashDuplicates, SimhashDuplicates, TemplateQuota, ExactDuplicates):
        assert operate(operator.model_validate({}), []).dropped() == []


def asked(answer: Answer | str, *, thing: str = "cup") -> Record:
    question = (
        "You are given a picture of a robot that works in a kitchen at a long table. Look at it as "
        "carefully as you can, take your time, and then answer what is asked. "
        f"Where is the {thing}?"
    )
    return told(answer, question=question, task="vqa")


def test_coordinates_decide_where_words_agree() -> None:
    box = Box(100, 50, 200, 150)
    assert dropped(asked(box), asked(Box(100, 50, 200, 152), thing="mug")) == [1]
    assert dropped(asked(box), asked(Box(100, 50, 200, 165))) == []
    assert dropped(asked(box), asked(Box(100, 50, 200, 165)), min_iou=0.8) == [1]
    assert dropped(asked(box), asked(Boxes((box, Box(0, 0, 9, 9))))) == []
    points = Points((Point(10, 10), Point(300, 170)))
    assert dropped(asked(points), asked(Points((Point(12, 11), Point(300, 170))))) == [1]
    assert dropped(asked(points), asked(Points((Point(20, 20), Point(300, 170))))) == []
    assert dropped(asked(points), asked(Points((Point(10, 10),)))) == []
    assert dropped(asked(Box(5, 5, 5, 5)), asked(Box(5, 5, 5, 5))) == [1], "a box without area"


def test_a_mean_error_counts_against_the_diagonal() -> None:
    # 320 x 180 has a diagonal of 367.15: 1 % is 3.67 px.
    for step, expected in ((3.6, [1]), (3.7, [])):
        records = asked(Points((Point(50, 50),))), asked(Points((Point(50 + step, 50),)))
        assert dropped(*records) == expected


@pytest.mark.parametrize(
    "answer", [YesNo(True), Number(3), Choice("A", ("here", "there")), "on it", Boxes(()), None]
)
def test_a_short_answer_is_no_evidence(answer: Answer | str | None) -> None:
    one, other = asked(answer or ""), asked(answer or "", thing="mug")
    assert plain_jaccard(one, other) > 0.7
    assert dropped(one, other) == []
    shouted = told(one.answer or "", question=one.turns[0].text.upper() + " !")
    assert dropped(one, shouted) == [1]


def test_other_content_is_another_record() -> None:
    assert dropped(asked(YesNo(True)), asked(YesNo(False))) == []
    assert dropped(asked(Choice("A", ("x", "y"))), asked(Choice("B", ("x", "y")))) == []
    assert dropped(asked(Number(3)), asked(Number(4))) == []
    assert dropped(asked(Box(1, 2, 30, 40, "cup")), asked(Box(1, 2, 30, 40, "pan"))) == []


def test_a_long_shared_question_makes_no_duplicates() -> None:
    plans = [
        Plan(("reach for the handle of the drawer", "draw it toward the body", "drop it there")),
        Plan(("turn around to face the window", "walk along the wall", "wait beside the plant")),
    ]
    long = "Please plan the work of this robot step by step and explain nothing else at all. "
    question = long + " ".join(f"word{chr(97 + n)}" for n in range(26)) * 3
    records = [told(plan, question=question, task="plan_steps") for plan in plans]
    assert dropped(*records, threshold=0.5, floor=0.2) == []


def test_json_with_another_number_is_another_record() -> None:
    text = json.dumps({"see": LONG_ANSWER, "grip": 0.25, "safe": True})
    assert dropped(told(text), told(text.replace("spoon", "fork"))) == [1]
    assert dropped(told(text), told(text.replace("0.25", "0.35"))) == []
    assert dropped(told(text), told(text.replace("true", "false"))) == []


def test_signs_tell() -> None:
    assert dropped(told("x < 5"), told("x > 5"), told("X < 5.")) == [2]


def test_chinese_is_compared_by_character() -> None:
    text = (
        "机器人的手臂慢慢移动到木桌旁边，然后它抓住杯子的把手，而盘子和勺子留在厨房窗户附近的原处。"
    )
    assert dropped(told(text), told(text.replace("勺子", "叉子"))) == [1]
    assert dropped(told(text), told(text.replace("。", " ").replace("，", ","))) == [1]
    assert dropped(told(text + "在左边"), told(text + "在右边")) == []
    assert dropped(told(text), told("请看图。" + text[::-1])) == []


def test_empty_and_very_long_texts() -> None:
    long = " ".join(f"w{number % 977}x{number % 31}" for number in range(200_000))
    records = [
        told("", question=""),
        told("", question=""),
        told("", question="?"),
        told(long),
        told(long),
    ]
    assert dropped(*records, same_numbers=False) == [1, 2, 4]


def test_the_best_stays_and_all_others_name_it() -> None:
    records = [told(LONG_ANSWER), told(LONG_ANSWER.upper()), told(EDITED), told(LONG_ANSWER)]
    rank = [0.0, 2.0, 1.0, 0.0]
    judged = operate(MinhashDuplicates.model_validate({}), records, rank=rank).judgement
    assert judged.drop.tolist() == [True, False, True, True]
    assert judged.partner.tolist() == [1, -1, 1, 1]
    rank = [0.0, 0.0, 1.0, 0.0]
    judged = operate(MinhashDuplicates.model_validate({}), records, rank=rank).judgement
    assert judged.partner.tolist() == [2, 2, -1, 2], "who stands for the kept one stands for all"
    assert judged.value[[0, 1, 3]].tolist() == [judged.value[0]] * 3
    assert 0.7 <= judged.value[0] < 1
    kept = [True, False, False, True]
    judged = operate(MinhashDuplicates.model_validate({}), records, kept=kept).judgement
    assert judged.drop.tolist() == [False, False, False, True]


def test_a_threshold_can_be_tried_without_measuring() -> None:
    low = MinhashDuplicates.model_validate({"threshold": 0.6})
    assert low.fingerprint() == MinhashDuplicates.model_validate({}).fingerprint()
    assert low.fingerprint() != MinhashDuplicates.model_validate({"min_iou": 0.9}).fingerprint()
    with pytest.raises(ValidationError, match="lower the floor, too"):
        MinhashDuplicates.model_validate({"threshold": 0.4})
    records = told(LONG_ANSWER), told(EDITED)
    assert dropped(*records, threshold=0.95) == []


def test_batches_do_not_matter() -> None:
    records = edited_texts(120, picture="a.jpg")
    operator = MinhashDuplicates.model_validate({})
    one, other = (operate(operator, records, batch_rows=rows).pairs for rows in (7, 1000))
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.skipif(not DATA.exists(), reason="needs the sample data")
def test_people_who_say_one_task_in_other_words_all_stay() -> None:
    records: list[Record] = []
    seen: dict[int, set[str]] = {}
    with gzip.open(DATA / "alfred_plans/alfred_plans.jsonl.gz", "rt", encoding="utf-8") as stream:
        for number, line in zip(range(600), stream, strict=False):
            for told_by in json.loads(line)["anns"]:
                seen.setdefault(number, set()).add(" ".join(told_by["high_descs"]).lower())
                steps = tuple(step for step in told_by["high_descs"] if step.strip())
                if steps:
                    question = f"How is this done: {told_by['task_desc']}"
                    records.append(
                        told(
                            Plan(steps),
                            question=question,
                            picture=f"{number}.jpg",
                            task="plan_steps",
                        )
                    )
    assert len(records) > 1700
    found = operate(MinhashDuplicates.model_validate({}), records, batch_rows=500)
    for record in found.dropped():
        partner = int(found.judgement.partner[record])
        one, other = (" ".join(records[index].answer.steps) for index in (record, partner))  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]
        alike = len(grams(one) & grams(other)) / len(grams(one) | grams(other))
        assert alike >= 0.4, (one, other)
    assert len(found.dropped()) < len(records) * 0.005

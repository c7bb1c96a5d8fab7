"""Pairs from options, yes and no, numbers, and published wrong answers."""

from __future__ import annotations

from pathlib import Path

from roboloop.compose.base import ComposeContext
from roboloop.compose.preference_choices import PreferenceChoices
from roboloop.records.answers import Choice, Number, Text, YesNo
from roboloop.records.record import Record

OPTIONS = ("left", "right", "behind")


def pairs_of(*records: Record, balance: bool = False) -> list[Record]:
    composer = PreferenceChoices(balance=balance)
    out = composer.compose(records, ComposeContext(0, Path("unused")))
    return [item for item in out if isinstance(item, Record)]


def test_a_distractor_is_a_letter_that_was_offered() -> None:
    for number in range(10):
        record = Record(
            id=f"q{number}", task="choice_vqa", answer=Choice("B", OPTIONS),
            inputs={"question": "Where?", "options": OPTIONS},
        )  # fmt: skip
        (pair,) = pairs_of(record)
        assert isinstance(pair.rejected, Choice) and pair.rejected.letter in "AC"
        option = OPTIONS["ABC".index(pair.rejected.letter)]
        assert pair.meta["evidence"]["option"] == option


def test_yes_is_rejected_for_no() -> None:
    (pair,) = pairs_of(
        Record(id="q", task="yes_no_vqa", inputs={"question": "Is it?"}, answer=YesNo(True))
    )
    assert pair.rejected == YesNo(False)


def test_another_number_is_off_by_more_than_the_margin() -> None:
    record = Record(id="q", task="number_vqa", inputs={"question": "How many?"}, answer=Number(3))
    (pair,) = pairs_of(record)
    assert isinstance(pair.rejected, Number) and pair.rejected.value >= 0
    assert pair.meta["evidence"]["gap"]["by"] >= 0.5
    large = Record(id="r", task="number_vqa", inputs={"question": "?"}, answer=Number(500))
    assert not pairs_of(large), "501 is nearly right"
    assert not pairs_of(Record(id="s", task="number_vqa", answer=Number(1.5)))


def test_published_wrong_answers_are_taken_unless_they_are_nearly_right() -> None:
    record = Record(
        id="q", task="planning", inputs={"instruction": "make tea"},
        answer=Text("open the kettle lid"),
        meta={"negative_answers": ["open the kettle lid ", "close the drawer", 7, ""]},
    )  # fmt: skip
    (pair,) = pairs_of(record)
    assert pair.rejected == Text("close the drawer")


def test_letters_are_chosen_as_often_as_rejected() -> None:
    records = [
        Record(
            id=f"q{number}", task="choice_vqa", answer=Choice("ABC"[number % 3], OPTIONS),
            inputs={"question": "Where?", "options": OPTIONS},
        )
        for number in range(30)
    ] + [
        Record(
            id=f"b{number}", task="choice_vqa", answer=Choice("B", OPTIONS),
            inputs={"question": "Where?", "options": OPTIONS},
        )
        for number in range(30)
    ]  # fmt: skip
    pairs = pairs_of(*records, balance=True)
    assert len(pairs) >= 20
    chosen = sorted(pair.answer.letter for pair in pairs if isinstance(pair.answer, Choice))
    rejected = sorted(pair.rejected.letter for pair in pairs if isinstance(pair.rejected, Choice))
    assert chosen == rejected

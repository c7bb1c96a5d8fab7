"""Which letter a text decides for: texts a careful person has judged, real and made-up."""

from __future__ import annotations

import pytest

from roboloop.dialects import load_dialect
from roboloop.records.answers import Choice
from roboloop.records.record import Record, Turn
from roboloop.tasks import load_task
from roboloop.tasks.base import ParseStatus
from roboloop.tasks.choice_letters import read_choice
from roboloop.tasks.choices import letters_of

PLAIN_WAYS = {
    "A": ["A", "(A)", "Ａ", "option a", "I choose option a", "the answer is a.", "A A A"],
    "B": [
        "b",
        "(b).",
        "**B**",
        "Answer: b",
        "B\nB\nB",
        "### B",
        "<b>B</b>",
        "B<|im_end|>",
        "<s> B",
        '["B"]',
        '{"answer": ["B"]}',
        '{"answer": "B", "reason": "A is wrong"}',
        "\\text{B}",
        "Answer B",
        "Answer - B",
        "Panel B.",
        "panel b",
        "Arrow B",
        "B?",
        "Maybe B",
        '{"reason": "it is near", "answer": "B',
        "\\boxed{B",
        "the second option",
        "The second one.",
        "Option 2",
        "A or C, but B is more likely",
        "My answer: A. Actually, B.",
    ],
    "C": [
        "$\\boxed{(C)}$",
        "The answer is: \n\nC",
        "The correct panel is C",
        "My final answer: **C**",
        "Answer: 'C'",
        "The letter is C",
        "C</s>",
        "C - the red arrow",
        "The red arrow (C)",
    ],
    "D": ["{'choice': 'D'}", "I'd pick D.", "D. D. D.", "Answer: D. None of the above"],
}
CHINESE = {
    "B": [
        "答案是B",
        "我选择B",
        "应该选 B 选项",
        "选项B",
        "B选项",
        "B是正确的",
        "不是A,是B",
        "【答案】B",
        "第二个",
        "选项二",
    ],
    "C": ["答案:C", "答案为 C。", "正确答案为（C）。", "选C"],
}
REASONED = {
    "A": [
        "The answer is A because B is blocked.",
        "Answer: A (not B)",
        "A, because it is near",
        "I believe A fits best.",
        "Choice: A. Explanation: B is far",
        "Not B. Not C. A.",
    ],
    "B": [
        "A path that goes left is drawn in B.",
        "A closer look shows that the right choice is (B).",
        "A shows the path going left. B shows it going right. The task says right. So B.",
        "The answer isn't A. It is B.",
        "I'm not sure, but I think it's B.",
        "Options: A. left B. right. I choose B.",
        "The answer is A.\n\nThe answer is B.",
        "<answer>A</answer> no, wait <answer>B</answer>",
        "B is most likely. Here are the reasons:\n1. A is too far.\n2. C is blocked.",
        "The most likely place is:\n\n(B) the shelf",
    ],
    "C": [
        "C) because A is too far",
        "Option C, since A is too far from it",
        "First I thought A, but the answer must be C.",
        "I would rule out A and B. D is blocked. So the answer must be C",
        "C\n\nA is wrong because it is far, B is wrong too.",
        "The third panel (C) is the best. The others (A, B and D) lead away from the cup.",
    ],
    "D": ["It's not B, it's D", "<think>A or B?</think>\nD"],
}
NO_CHOICE = [
    "A person is holding the cup.",
    "A cup",
    "Answer: A person",
    "the answer is a red cup",
    "A or B",
    "Either A or C",
    "A/B",
    "A and B",
    "A\nB",
    "Answer: B or C",
    "Answer: A, B, or C",
    '{"answer": ["A","B"]}',
    "The answer is A and B",
    "I cannot decide between A and B",
    "Neither A nor B",
    "the first or the second option",
    "I cannot tell whether the first option is right",
    "None of the above",
    "ABCD",
    "A. left\nB. right\nC. up\nD. down",
    "(A) left (B) right",
    "Not A",
    "The answer is not A",
    "E",
    "Option E",
    "The answer is E.",
    "<think>A</think>",
    "<think>A",
    "Sorry, I can't tell.",
    "抱歉，我无法确定。",
    "Failed to obtain answer via API.",
    "I",
    "Yes",
    "?",
]
OPTIONS = ("left", "right", "did not move", "moved forward")
BY_TEXT = {
    "A": ["Left.", "LEFT", "A. left", "It turned to the left.", "Left, because the lamp moved."],
    "C": [
        "the third option",
        "did not move",
        "I think it did not move.",
        "The camera did not move (option C).",
    ],
    "D": ["moved forward", "**moved forward**", "D: moved forward"],
}


def judged(text: str, options: tuple[str, ...] = ()) -> str | None:
    answer = read_choice(text, letters="ABCD", options=options).answer
    return answer.letter if isinstance(answer, Choice) else None


@pytest.mark.parametrize(
    ("letter", "text"),
    [
        (letter, text)
        for table in (PLAIN_WAYS, CHINESE, REASONED)
        for letter, texts in table.items()
        for text in texts
    ],
)
def test_the_letter_that_is_meant(letter: str, text: str) -> None:
    assert judged(text) == letter


@pytest.mark.parametrize("text", NO_CHOICE)
def test_no_letter_where_none_is_meant(text: str) -> None:
    parsed = read_choice(text, letters="ABCD")
    assert parsed.answer is None and parsed.status is not ParseStatus.OK
    assert parsed.note


@pytest.mark.parametrize(("letter", "text"), [(k, t) for k, ts in BY_TEXT.items() for t in ts])
def test_the_text_of_an_option_counts_as_its_letter(letter: str, text: str) -> None:
    assert judged(text, OPTIONS) == letter


@pytest.mark.parametrize("text", ["left or right", "The left one is right of it.", "moved", "up"])
def test_the_texts_of_two_options_or_of_none_are_no_choice(text: str) -> None:
    assert judged(text, OPTIONS) is None


def test_only_the_letter_alone_is_exact() -> None:
    assert read_choice("B", letters="ABCD").is_exact
    for text in ("b", "B.", "(B)", "B\nB"):
        parsed = read_choice(text, letters="ABCD")
        assert parsed.status is ParseStatus.OK and not parsed.is_exact


def test_letters_beyond_the_options_are_named_in_the_note() -> None:
    assert "E is not among ABCD" in read_choice("Answer: E", letters="ABCD").note


def test_which_letters_there_are() -> None:
    def asked(**inputs: str | tuple[str, ...]) -> str:
        return letters_of(Record(id="1", task="choice_vqa", inputs=inputs))

    assert asked(options=("yes", "no")) == "AB"
    assert asked(letters="A, B, C") == "ABC"
    assert asked() == "ABCD"
    question = "Which?\nA. one\nB. two\nC. three\nD. four\nE. five"
    published = Record(id="1", task="traj_choice", turns=(Turn("user", question),))
    assert letters_of(published) == "ABCDE"


def test_letters_are_written_apart_in_the_question() -> None:
    task = load_task("traj_choice")
    record = Record(id="1", task="traj_choice", inputs={"instruction": "go", "letters": "ABC"})
    question = task.question(record, dialect=load_dialect("plain"))
    assert question == "'go': which path? A, B, C"


def test_the_answer_carries_the_texts_of_the_options() -> None:
    task = load_task("choice_vqa")
    record = Record(id="1", task="choice_vqa", inputs={"question": "?", "options": OPTIONS})
    answer = task.parse("Answer: c", record=record, dialect=None).answer  # type: ignore[arg-type]
    assert answer == Choice("C", OPTIONS)
    assert task.score(answer, truth=Choice("c"), size=None) == {"accuracy": 1.0}


@pytest.mark.parametrize("filler", ["A shows this and B shows that; ", "(", " ", "\n", "_", "A "])
def test_a_text_of_any_length_is_read(filler: str) -> None:
    text = filler * (40_000 // len(filler))
    assert judged(text + "\nAnswer: C", OPTIONS) == "C"

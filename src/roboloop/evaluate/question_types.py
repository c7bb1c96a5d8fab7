"""The question types of RoboInter's evaluation, in our own words.

The wording of a question moves the numbers of a model that was trained on another one by more than
most changes of a recipe do. So the type is an option of the evaluation, and stands in its report.
"""

from __future__ import annotations

from typing import Literal

from roboloop.dialects.base import Dialect

QuestionType = Literal["default", "qwen_grounding", "refindoor", "w2p"]

_BOX_WORDS: dict[QuestionType, dict[str, str]] = {
    "qwen_grounding": {
        "en": "Locate the region that this describes and give its bounding box: <ref>{text}</ref>",
        "zh": "请定位下面描述的区域，并给出它的边界框：<ref>{text}</ref>",
    },
    "refindoor": {
        "en": "Follow the instruction and give the bounding box of what it means: {text}",
        "zh": "请按照指令给出其所指目标的边界框：{text}",
    },
}


def worded_as(
    question_type: QuestionType, text: str, *, answer_kind: str, dialect: Dialect, language: str
) -> str:
    """A question in the words of this type; one that the type does not touch stays as it is.

    `qwen_grounding` and `refindoor` ask for a box, and touch questions for one box; `w2p` asks for
    points in the dialect's notation, and touches questions for points.
    """
    if answer_kind == "box" and question_type in _BOX_WORDS:
        return _BOX_WORDS[question_type][language].format(text=text)
    if answer_kind == "points" and question_type == "w2p":
        return f"{text}\n{dialect.format_hint(answer_kind, language=language)}"
    return text

"""number_vqa: any question to be answered with a number, such as a count or a distance."""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.numbers import NumberTask


class NumberVqa(NumberTask):
    """A question about the picture, answered with a number."""

    kind = "number_vqa"
    title = "Question with a number"
    family = "general"
    wordings = (
        Wording("en", "{question}"),
        Wording("en", "{question} Answer with one number."),
        Wording("en", "Look at the picture and give a number: {question}"),
        Wording("zh", "{question}请用一个数字回答。"),
        Wording("zh", "请看图回答一个数字：{question}"),
    )

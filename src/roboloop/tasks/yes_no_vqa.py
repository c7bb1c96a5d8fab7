"""yes_no_vqa: any question to be answered with yes or no."""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.yes_no import YesNoTask


class YesNoVqa(YesNoTask):
    """A question about the picture, answered with yes or no."""

    kind = "yes_no_vqa"
    title = "Question, yes or no"
    family = "general"
    wordings = (
        Wording("en", "{question}"),
        Wording("en", "{question} Answer yes or no."),
        Wording("en", "Look at the picture. {question} Yes or no?"),
        Wording("zh", "{question}请回答是或否。"),
        Wording("zh", "请看图回答是或否：{question}"),
    )

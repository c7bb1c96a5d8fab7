"""choice_vqa: any question with lettered options."""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.choices import ChoiceTask


class ChoiceVqa(ChoiceTask):
    """A question about the picture with options, as most benchmarks ask it."""

    kind = "choice_vqa"
    title = "Question with options"
    family = "general"
    wordings = (
        Wording("en", "{question}\n{options}"),
        Wording("en", "{question}\n{options}\nAnswer with the letter of the right option."),
        Wording("en", "Look at the picture and choose.\n{question}\n{options}"),
        Wording("zh", "{question}\n{options}\n请回答正确选项的字母。"),
        Wording("zh", "请看图选择。\n{question}\n{options}"),
    )

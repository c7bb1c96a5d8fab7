"""vqa: any question with a short answer in words."""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.texts import TextTask


class Vqa(TextTask):
    """A `question` about the picture, or `about` a box in it, answered in words."""

    kind = "vqa"
    title = "Question and answer"
    family = "general"
    wordings = (
        Wording("en", "{question}"),
        Wording("en", "{question} Answer with a word or a short phrase."),
        Wording("en", "Look at the picture and answer: {question}"),
        Wording("zh", "{question}请用一个词或短语回答。"),
        Wording("zh", "请看图回答：{question}"),
        # About a part of the picture, given by two corners of a box.
        Wording("en", "In the box from {top_left} to {bottom_right}: {about}"),
        Wording("en", "{about} The box reaches from {top_left} to {bottom_right}."),
        Wording("zh", "从{top_left}到{bottom_right}的框中：{about}"),
    )

"""planning: what has been done, what is to be done next, in free words."""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.texts import BLEU, BLEU_ORDERS, EXACT_MATCH, TextTask


class Planning(TextTask):
    """A next step, the remaining steps or a description, as text; measured by RoboInter's BLEU."""

    kind = "planning"
    title = "Planning in words"
    family = "planning"
    metrics = (BLEU, EXACT_MATCH, *BLEU_ORDERS)
    frames_may_go = True
    wordings = (
        Wording("en", "'{instruction}': what is next?"),
        Wording("en", "The goal is '{instruction}'. What should the robot do next?"),
        Wording(
            "en",
            "These pictures show the robot at work on '{instruction}'. Describe the step that "
            "follows.",
        ),
        Wording("en", "{question}"),
        Wording("zh", "目标是“{instruction}”。机器人下一步应该做什么？"),
        Wording("zh", "画面显示机器人正在执行“{instruction}”。请描述接下来的一步。"),
        Wording("en", "{question} Answer with one short sentence."),
        Wording("zh", "{question}请用一句话回答。"),
    )

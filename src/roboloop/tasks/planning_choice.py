"""planning_choice: which step was done, is being done, or comes next? Lettered options."""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.choices import ChoiceTask


class PlanningChoice(ChoiceTask):
    """Which option continues or explains what a series of pictures shows."""

    kind = "planning_choice"
    title = "Planning, options"
    family = "planning"
    frames_may_go = True
    wordings = (
        Wording("en", "'{instruction}': what is next?\n{options}"),
        Wording(
            "en",
            "The goal is '{instruction}'. Which step should the robot take next?\n{options}\n"
            "Answer with one letter.",
        ),
        Wording(
            "en",
            "These pictures show the robot at work on '{instruction}'. Choose what follows.\n"
            "{options}\nAnswer with the letter of the right option.",
        ),
        Wording("en", "{question}\n{options}\nAnswer with one letter."),
        Wording(
            "zh", "目标是“{instruction}”。机器人下一步应该做什么？\n{options}\n请回答一个字母。"
        ),
        Wording("zh", "画面显示机器人正在执行“{instruction}”。请选择接下来的步骤。\n{options}"),
        Wording("zh", "{question}\n{options}\n请回答一个字母。"),
    )

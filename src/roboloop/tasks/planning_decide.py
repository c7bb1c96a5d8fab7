"""planning_decide: has it been done, and can it be done? Yes or no."""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.yes_no import YesNoTask


class PlanningDecide(YesNoTask):
    """Whether an instruction has been carried out, or what else `question` asks."""

    kind = "planning_decide"
    title = "Planning, yes or no"
    family = "planning"
    frames_may_go = True
    wordings = (
        Wording("en", "'{instruction}': done?"),
        Wording("en", "The goal is '{instruction}'. Has the robot reached it? Yes or no?"),
        Wording(
            "en",
            "These pictures show the robot at work on '{instruction}'. Has it succeeded? Answer "
            "yes or no.",
        ),
        Wording("en", "{question} Answer yes or no."),
        Wording("zh", "目标是“{instruction}”。机器人完成了吗？请回答是或否。"),
        Wording("zh", "画面显示机器人正在执行“{instruction}”。它成功了吗？"),
        Wording("zh", "{question}请回答是或否。"),
        Wording("en", "{question} Yes or no?"),
    )

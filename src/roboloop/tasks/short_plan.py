"""short_plan: the whole task in three to five steps."""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.plan_steps import PlanSteps


class ShortPlan(PlanSteps):
    """A plan of three to five steps: read and scored as any plan, but every wording says how short.

    One instruction has two true plans, as many steps as it takes and these; a question that left
    open which is meant could not be answered.
    """

    kind = "short_plan"
    title = "Plan of three to five steps"
    wordings = (
        Wording("en", "'{instruction}': three to five steps?"),
        Wording("en", "Write a plan of three to five steps for '{instruction}'."),
        Wording("en", "Task: '{instruction}'. List three to five steps the robot has to take."),
        Wording(
            "en",
            "The robot is told: '{instruction}'. Break this into a numbered plan of three to five "
            "steps, one a line.",
        ),
        Wording("zh", "任务：“{instruction}”。请列出机器人需要执行的三到五个步骤。"),
        Wording("zh", "机器人要执行“{instruction}”。请给出三到五步的计划，每行一步。"),
    )

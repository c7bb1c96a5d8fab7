"""contact_decide: does the gripper touch the object now?"""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.yes_no import YesNoTask


class ContactDecide(YesNoTask):
    """Whether the gripper is in contact with the object the instruction speaks of."""

    kind = "contact_decide"
    title = "In contact?"
    family = "understanding"
    wordings = (
        Wording("en", "'{instruction}': contact yet?"),
        Wording("en", "Task: '{instruction}'. Does the gripper touch the object? Yes or no?"),
        Wording(
            "en",
            "The robot is told: '{instruction}'. Has its gripper made contact with the object in "
            "this picture? Answer yes or no.",
        ),
        Wording("en", "During '{instruction}', is the gripper in contact with the object now?"),
        Wording("zh", "任务：“{instruction}”。夹爪现在接触到物体了吗？请回答是或否。"),
        Wording("zh", "机器人正在执行“{instruction}”。画面中夹爪与物体有接触吗？"),
    )

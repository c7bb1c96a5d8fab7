"""traj_choice: which of the drawn paths is right? Panels, each with a path from green to red."""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.choices import ChoiceTask


class TrajChoice(ChoiceTask):
    """Which lettered panel draws the gripper's path for the instruction."""

    kind = "traj_choice"
    title = "Which path?"
    family = "understanding"
    wordings = (
        Wording("en", "'{instruction}': which path? {letters}"),
        Wording(
            "en",
            "Task: '{instruction}'. Which panel shows the gripper's path? Answer with one letter "
            "of {letters}.",
        ),
        Wording(
            "en",
            "The robot is told: '{instruction}'. Each panel draws a path from green to red. Which "
            "one should its gripper follow? ({letters})",
        ),
        Wording("en", "Choose the panel whose path carries out '{instruction}': {letters}."),
        Wording("zh", "任务：“{instruction}”。哪幅图画出了正确的轨迹？请从{letters}中选择。"),
        Wording("zh", "机器人要执行“{instruction}”。夹爪应沿哪条轨迹运动？（{letters}）"),
    )

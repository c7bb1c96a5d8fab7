"""traj_direction_choice: in which direction will the gripper move? Coloured arrows round it."""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.choices import ChoiceTask


class TrajDirectionChoice(ChoiceTask):
    """Which of the lettered arrows round the gripper points where it will move.

    `options` may hold the arrows' colours; else the letters stand in the picture.
    """

    kind = "traj_direction_choice"
    title = "Which direction?"
    family = "understanding"
    wordings = (
        Wording("en", "'{instruction}': which arrow? {letters}"),
        Wording("en", "'{instruction}': which arrow?\n{options}"),
        Wording(
            "en",
            "Task: '{instruction}'. Which arrow shows where the gripper moves next? Answer with "
            "one letter of {letters}.",
        ),
        Wording(
            "en",
            "Task: '{instruction}'. Which arrow shows where the gripper moves next?\n{options}\n"
            "Answer with one letter.",
        ),
        Wording(
            "en",
            "The robot is told: '{instruction}'. Arrows are drawn round its gripper. In which "
            "direction will it go? ({letters})",
        ),
        Wording("zh", "任务：“{instruction}”。夹爪接下来沿哪个箭头运动？请从{letters}中选择。"),
        Wording("zh", "任务：“{instruction}”。夹爪接下来沿哪个箭头运动？\n{options}"),
        Wording("zh", "机器人要执行“{instruction}”。哪个箭头是正确的运动方向？（{letters}）"),
    )

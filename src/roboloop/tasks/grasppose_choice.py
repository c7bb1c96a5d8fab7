"""grasppose_choice: which of the drawn grasps is right? Panels, each with an orange fork."""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.choices import ChoiceTask


class GraspposeChoice(ChoiceTask):
    """Which lettered panel shows the grasp pose that fits the instruction."""

    kind = "grasppose_choice"
    title = "Which grasp?"
    family = "understanding"
    wordings = (
        Wording("en", "'{instruction}': which grasp? {letters}"),
        Wording(
            "en",
            "Task: '{instruction}'. Which panel shows the right grasp pose? Answer with one letter "
            "of {letters}.",
        ),
        Wording(
            "en",
            "The robot is told: '{instruction}'. Each panel draws one way to place the gripper. "
            "Which one should it use? ({letters})",
        ),
        Wording("en", "Choose the panel whose gripper pose suits '{instruction}': {letters}."),
        Wording("zh", "任务：“{instruction}”。哪幅图画出了正确的抓取姿态？请从{letters}中选择。"),
        Wording("zh", "机器人要执行“{instruction}”。应采用哪一种抓取姿态？（{letters}）"),
    )

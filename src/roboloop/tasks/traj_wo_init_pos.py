"""traj_wo_init_pos: which path will the gripper take? It has to be found in the picture first."""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.trajectories import TrajectoryTask


class TrajWoInitPos(TrajectoryTask):
    """The gripper's future path, ten waypoints as a rule, without its start in the question."""

    kind = "traj_wo_init_pos"
    title = "Path, start not given"
    family = "generation"
    wordings = (
        Wording("en", "'{instruction}': gripper path?"),
        Wording("en", "Task: '{instruction}'. Give the 10 waypoints of the gripper's path."),
        Wording(
            "en",
            "The robot is told: '{instruction}'. Predict where its gripper will move in this "
            "picture, as 10 points in the order of time.",
        ),
        Wording("en", "Draw the motion of the gripper for '{instruction}'."),
        Wording("zh", "任务：“{instruction}”。请给出夹爪的10个轨迹点。"),
        Wording("zh", "机器人要执行“{instruction}”。请预测夹爪在画面中的运动轨迹。"),
    )

"""traj: which path will the gripper take from where it is now?"""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.trajectories import TrajectoryTask


class Traj(TrajectoryTask):
    """The gripper's future path, ten waypoints as a rule, with its start given in the question."""

    kind = "traj"
    title = "Path from a given start"
    family = "generation"
    wordings = (
        Wording("en", "'{instruction}': path from {start}?"),
        Wording(
            "en",
            "Task: '{instruction}'. The gripper is at {start}. Give the 10 waypoints of its path.",
        ),
        Wording(
            "en",
            "The robot is told: '{instruction}'. Its gripper starts at {start}. Predict where it "
            "will move, as 10 points in the order of time.",
        ),
        Wording("en", "Starting from {start}, draw the motion of the gripper for '{instruction}'."),
        Wording("zh", "任务：“{instruction}”。夹爪现在位于{start}。请给出它的10个轨迹点。"),
        Wording("zh", "机器人要执行“{instruction}”。夹爪从{start}出发，请预测它的运动轨迹。"),
    )

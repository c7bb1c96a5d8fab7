"""Question types, one file each. `TASKS` is the whole table; nothing is imported before use.

Files that are no task hold what tasks of one kind of answer share: `boxes`, `points`,
`trajectories`, `choices`, `yes_no`, `numbers`, `texts`.
"""

from __future__ import annotations

from functools import cache

from roboloop.base.table import Table
from roboloop.tasks.base import Metric, Parsed, ParseStatus, Task, Wording

TASKS = Table(
    "tasks",
    rows={
        # Generation: where? Answers are places in the picture.
        "contact_box": "roboloop.tasks.contact_box:ContactBox",
        "contact_point": "roboloop.tasks.contact_point:ContactPoint",
        "current_box": "roboloop.tasks.current_box:CurrentBox",
        "final_box": "roboloop.tasks.final_box:FinalBox",
        "gripper_det": "roboloop.tasks.gripper_det:GripperDet",
        "traj": "roboloop.tasks.traj:Traj",
        "traj_wo_init_pos": "roboloop.tasks.traj_wo_init_pos:TrajWoInitPos",
        # Understanding: which one, or whether.
        "contact_decide": "roboloop.tasks.contact_decide:ContactDecide",
        "grasppose_choice": "roboloop.tasks.grasppose_choice:GraspposeChoice",
        "grounding_choice": "roboloop.tasks.grounding_choice:GroundingChoice",
        "traj_choice": "roboloop.tasks.traj_choice:TrajChoice",
        "traj_direction_choice": "roboloop.tasks.traj_direction_choice:TrajDirectionChoice",
        "trajlang_choice": "roboloop.tasks.trajlang_choice:TrajlangChoice",
        # Planning: what has been done, what comes next.
        "plan_steps": "roboloop.tasks.plan_steps:PlanSteps",
        "planning": "roboloop.tasks.planning:Planning",
        "planning_choice": "roboloop.tasks.planning_choice:PlanningChoice",
        "planning_decide": "roboloop.tasks.planning_decide:PlanningDecide",
        "short_plan": "roboloop.tasks.short_plan:ShortPlan",
        # General: grounding without a robot's task, and any other question.
        "choice_vqa": "roboloop.tasks.choice_vqa:ChoiceVqa",
        "detect_objects": "roboloop.tasks.detect_objects:DetectObjects",
        "number_vqa": "roboloop.tasks.number_vqa:NumberVqa",
        "object_box": "roboloop.tasks.object_box:ObjectBox",
        "pointing": "roboloop.tasks.pointing:Pointing",
        "vqa": "roboloop.tasks.vqa:Vqa",
        "yes_no_vqa": "roboloop.tasks.yes_no_vqa:YesNoVqa",
    },
)


@cache
def load_task(kind: str) -> Task:
    """The task of this kind.

    Raises:
        RoboLoopError: E-CFG-006 for an unknown kind, with the nearest known one.
    """
    return TASKS.resolve(kind)()


__all__ = ["TASKS", "Metric", "ParseStatus", "Parsed", "Task", "Wording", "load_task"]

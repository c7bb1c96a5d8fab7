"""gripper_det: where is the gripper in this picture?"""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.boxes import BoxTask


class GripperDet(BoxTask):
    """The box of the robot's gripper, in the present picture."""

    kind = "gripper_det"
    title = "Gripper box now"
    family = "generation"
    key = "gripper_det_bbox"
    mark_label = "gripper"
    wordings = (
        Wording("en", "Gripper box?"),
        Wording("en", "Give the box of the robot's gripper."),
        Wording("en", "Where is the gripper of the robot arm? Answer with its bounding box."),
        Wording("en", "Detect the end effector in this picture."),
        Wording("zh", "请给出机器人夹爪的边界框。"),
        Wording("zh", "画面中机械臂的夹爪在哪里？请用边界框回答。"),
    )

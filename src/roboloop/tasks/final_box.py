"""final_box: where will the object be when the step is done? ("placement affordance")"""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.boxes import BoxTask


class FinalBox(BoxTask):
    """The box the object will fill at the end of the step, asked about an earlier picture."""

    kind = "final_box"
    title = "Object box at the end"
    family = "generation"
    key = "final_bbox"
    mark_label = "goal"
    wordings = (
        Wording("en", "'{instruction}': object box at the end?"),
        Wording(
            "en",
            "Task: '{instruction}'. Give the box the object will fill when the task is done.",
        ),
        Wording(
            "en",
            "The robot is told: '{instruction}'. Where will the object stand in this view after it "
            "has succeeded? Answer with a bounding box.",
        ),
        Wording("en", "For '{instruction}', mark the region where the object is to be placed."),
        Wording("zh", "任务：“{instruction}”。请给出任务完成时物体所在的边界框。"),
        Wording("zh", "机器人要执行“{instruction}”。完成之后物体会在画面的哪里？请用边界框回答。"),
    )

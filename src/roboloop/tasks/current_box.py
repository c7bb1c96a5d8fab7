"""current_box: where is the object that the robot is to handle? ("object grounding")"""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.boxes import BoxTask


class CurrentBox(BoxTask):
    """The box of the object an instruction speaks of, in the present picture."""

    kind = "current_box"
    title = "Object box now"
    family = "generation"
    key = "current_bbox"
    mark_label = "object"
    wordings = (
        Wording("en", "'{instruction}': object box?"),
        Wording("en", "Task: '{instruction}'. Give the box of the object to be manipulated."),
        Wording(
            "en",
            "The robot is told: '{instruction}'. Which object does it have to handle? Answer with "
            "the bounding box of that object in this picture.",
        ),
        Wording("en", "Locate the object that '{instruction}' is about."),
        Wording("zh", "任务：“{instruction}”。请给出要操作的物体的边界框。"),
        Wording("zh", "机器人要执行“{instruction}”。它要操作的物体现在在哪里？请用边界框回答。"),
    )

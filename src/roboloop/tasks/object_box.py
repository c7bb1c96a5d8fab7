"""object_box: where is the object of this name? (grounding without a task)"""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.boxes import BoxTask


class ObjectBox(BoxTask):
    """The box of a named object; the name must fit one object of the picture only."""

    kind = "object_box"
    title = "Box of a named object"
    family = "general"
    key = "bbox_2d"
    mark_label = "object"
    wordings = (
        Wording("en", "Box of the {object}?"),
        Wording("en", "Give the box of the {object}."),
        Wording("en", "Where is the {object}? Answer with its bounding box."),
        Wording("en", "Locate the {object} in this picture and output its box."),
        Wording("zh", "请给出“{object}”的边界框。"),
        Wording("zh", "画面中的“{object}”在哪里？请用边界框回答。"),
    )

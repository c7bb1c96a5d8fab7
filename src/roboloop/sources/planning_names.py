"""The sixteen names of planning questions, as RoboInter and ShareRobot publish them.

Six are asked with options, four with yes or no, six in free words; ten of them are RoboVQA's
question types (arXiv 2311.00899). RoboInter writes `Success_Negative_Task`, ShareRobot
`Success_(Negative)_Task`. In these four `Positive` and `Negative` *are* the answer, so a name must
never stand in a question.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

PlanningTask = Literal["planning_choice", "planning_decide", "planning"]

_CHOICES = (
    "Scene_Understanding",
    "Temporal_Understanding",
    "Past_Multi_task_Selection",
    "Past_Primitive_Selection",
    "Future_Multi_task_Selection",
    "Future_Primitive_Selection",
)
_DECISIONS = {
    "Success_Negative_Task": False,
    "Success_Positive_Task": True,
    "Discriminative_Affordance_Negative_Task": False,
    "Discriminative_Affordance_Positive_Task": True,
}
_WORDS = (
    "Planning_with_Context_Task",
    "Planning_Remaining_Steps_Task",
    "Planning_Task",
    "Past_Description_Task",
    "Generative_Affordance_Task",
    "Future_Prediction_Task",
)


class PlanningName(NamedTuple):
    """A question's name.

    Attributes:
        name: As RoboInter writes it.
        task: The task that asks such questions.
        verdict: The answer that the name gives away, if it does.
    """

    name: str
    task: PlanningTask
    verdict: bool | None = None

    @property
    def neutral(self) -> str:
        """The name without the word that is the answer: `Success_Task`."""
        return re.sub("_(?:Positive|Negative)", "", self.name)


PLANNING_NAMES: tuple[PlanningName, ...] = (
    *(PlanningName(name, "planning_choice") for name in _CHOICES),
    *(PlanningName(name, "planning_decide", verdict) for name, verdict in _DECISIONS.items()),
    *(PlanningName(name, "planning") for name in _WORDS),
)


def planning_name(text: str) -> PlanningName | None:
    """The name that stands in an id or a task field, in either spelling; None without one."""
    plain = text.replace("(", "").replace(")", "")
    found = [known for known in PLANNING_NAMES if known.name in plain]
    return max(found, key=lambda known: plain.rindex(known.name), default=None)

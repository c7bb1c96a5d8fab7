"""The sixteen names of planning questions, as RoboInter and ShareRobot publish them.

Six are asked with options, four with yes or no, six in free words; ten of them are RoboVQA's
question types (arXiv 2311.00899). RoboInter writes `Success_Negative_Task`, ShareRobot
`Success_(Negative)_Task`. In these four `Positive` and `Negative` *are* the answer, so a name must
never stand in a question.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from roboloop.sources.robointer_vqa.questions import PLANNING_TASKS


class PlanningName(NamedTuple):
    """A question's name.

    Attributes:
        name: As RoboInter writes it.
        task: The task that asks such questions.
        verdict: The answer that the name gives away, if it does.
    """

    name: str
    task: str
    verdict: bool | None = None

    @property
    def neutral(self) -> str:
        """The name without the word that is the answer: `Success_Task`."""
        return re.sub("_(?:Positive|Negative)", "", self.name)


def _verdict(name: str) -> bool | None:
    return {"Positive": True, "Negative": False}.get(name.split("_")[-2])


PLANNING_NAMES: tuple[PlanningName, ...] = tuple(
    PlanningName(name, task, _verdict(name)) for name, task in PLANNING_TASKS.items()
)


def planning_name(text: str) -> PlanningName | None:
    """The name that stands in an id or a task field, in either spelling; None without one."""
    plain = text.replace("(", "").replace(")", "")
    found = [known for known in PLANNING_NAMES if known.name in plain]
    return max(found, key=lambda known: plain.rindex(known.name), default=None)

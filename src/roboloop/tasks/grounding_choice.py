"""grounding_choice: which of the drawn boxes holds the object? Panels, each with a purple box."""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.choices import ChoiceTask


class GroundingChoice(ChoiceTask):
    """Which lettered panel has its box round the object the instruction speaks of."""

    kind = "grounding_choice"
    title = "Which object?"
    family = "understanding"
    wordings = (
        Wording("en", "'{instruction}': which box? {letters}"),
        Wording(
            "en",
            "Task: '{instruction}'. Which panel has its box round the object to be manipulated? "
            "Answer with one letter of {letters}.",
        ),
        Wording(
            "en",
            "The robot is told: '{instruction}'. In each panel a box is drawn. In which one does "
            "it hold the object that matters? ({letters})",
        ),
        Wording("en", "Choose the panel that marks the object of '{instruction}': {letters}."),
        Wording("zh", "任务：“{instruction}”。哪幅图框出了要操作的物体？请从{letters}中选择。"),
        Wording("zh", "机器人要执行“{instruction}”。哪个框是正确的？（{letters}）"),
    )

"""trajlang_choice: which sentence describes the drawn path?"""

from __future__ import annotations

from roboloop.tasks.base import Wording
from roboloop.tasks.choices import ChoiceTask


class TrajlangChoice(ChoiceTask):
    """Which of several instructions the path drawn in the picture carries out."""

    kind = "trajlang_choice"
    title = "Which instruction?"
    family = "understanding"
    wordings = (
        Wording("en", "Which task is this path?\n{options}"),
        Wording(
            "en",
            "A path of the gripper is drawn in the picture. Which instruction does it carry out?\n"
            "{options}\nAnswer with one letter.",
        ),
        Wording(
            "en",
            "Look at the path from green to red. What was the robot told to do?\n{options}\n"
            "Answer with the letter of the right sentence.",
        ),
        Wording("en", "Choose the sentence that fits the drawn motion.\n{options}"),
        Wording("zh", "图中画出了夹爪的轨迹。它完成的是哪条指令？\n{options}\n请回答一个字母。"),
        Wording("zh", "请选择与图中轨迹相符的描述。\n{options}"),
    )

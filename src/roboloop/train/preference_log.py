"""The log of a phase on pairs: it notices when the true answers themselves become unlikely.

The loss only asks for a margin. It can grow while both answers lose, the true one more slowly; the
probability then goes to texts that nobody wrote, and accuracy rises all the while.
"""

from __future__ import annotations

from typing import Any

from roboloop.base.progress import console
from roboloop.train.log import LogLine, TrainerLog
from roboloop.train.preference_loss import ACCURACY, CHOSEN_RATIO

COLLAPSE = 0.5
"""How far the true answers' log-probability for each token may fall below the reference's: their
tokens are then 40 % less likely than they were, on (geometric) average."""
CHANCE = 0.5
"""Accuracy of a model that is its own reference, where rounding alone decides."""
LOST = "the true answers lost"


class PreferenceLog(TrainerLog):
    """As `TrainerLog`, with a `warning` in the first line that shows a collapse."""

    def worded(self, line: LogLine) -> dict[str, Any]:
        """The line, with a warning where the true answers have collapsed."""
        value = super().worded(line)
        fall, accuracy = -value[CHOSEN_RATIO], value[ACCURACY]
        has_said = any(LOST in text for text in self.warnings)
        if fall > COLLAPSE and accuracy > CHANCE and not has_said:
            value["warning"] = (
                f"step {line.step}: {LOST} {fall:.2f} nats a token against the "
                f"reference while accuracy rose to {accuracy:.2f}; raise beta or sft_weight, or "
                "lower the learning rate"
            )
            console().print(f"[yellow]{value['warning']}[/]")
        return value

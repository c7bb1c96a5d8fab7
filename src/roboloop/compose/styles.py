"""How reasoning is written: as JSON or prose, in think tags or before an answer tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from roboloop.records.reasoning import Form

Style = Literal["json", "prose", "think", "think_prose", "answer"]
Shares = Annotated[Mapping[Style, Annotated[float, Field(gt=0)]], Field(min_length=1)]
"""Style -> how often it is drawn, against the others."""


class Manner(NamedTuple):
    """How a style writes reasoning.

    Attributes:
        form: As a JSON object or in sentences.
        thinks: Whether it stands in think tags; else an answer tag follows it.
    """

    form: Form
    thinks: bool


MANNERS: Mapping[Style, Manner | None] = {
    "json": Manner("json", thinks=False),
    "prose": Manner("prose", thinks=False),
    "think": Manner("json", thinks=True),
    "think_prose": Manner("prose", thinks=True),
    "answer": None,
}
"""Style -> its manner; None writes the answer alone."""


def draw_style(styles: Mapping[Style, float], *, draw: np.random.Generator) -> Style:
    """One of the styles, as often as its share says."""
    shares = np.array(list(styles.values()))
    return list(styles)[int(draw.choice(len(shares), p=shares / shares.sum()))]

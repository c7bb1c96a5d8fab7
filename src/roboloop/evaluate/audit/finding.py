"""What an audit found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Finding(NamedTuple):
    """Something about a model's answers that its score does not say.

    Attributes:
        kind: `convention break`, `answers cut off`, `letter bias`, `format drift`,
            `copied truth` or `leakage suspected`.
        task: Whose answers.
        why: One sentence with the numbers.
        numbers: The same for programs.
    """

    kind: str
    task: str
    why: str
    numbers: Mapping[str, float | str]

"""How well a judge agrees with labels, beyond what chance would give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple


class Agreement(NamedTuple):
    """Two raters on the same records.

    Attributes:
        num_both: Records that both rated.
        accuracy: Share on which they agree; None without records.
        kappa: Cohen's kappa (1960): agreement beyond chance, 1 for perfect, 0 for chance; None
            when chance alone gives perfect agreement.
        table: How often each pair of ratings (first, second) was given.
    """

    num_both: int
    accuracy: float | None
    kappa: float | None
    table: dict[tuple[str, str], int]


def agreement(first: Sequence[str], *, second: Sequence[str]) -> Agreement:
    """Agreement of two lists of ratings of the same records."""
    table = Counter(zip(first, second, strict=True))
    total = len(first)
    if not total:
        return Agreement(0, None, None, {})
    accuracy = sum(count for (one, other), count in table.items() if one == other) / total
    firsts, seconds = Counter(first), Counter(second)
    by_chance = sum(count * seconds[rating] for rating, count in firsts.items()) / total**2
    kappa = None if by_chance == 1 else (accuracy - by_chance) / (1 - by_chance)
    return Agreement(total, accuracy, kappa, dict(sorted(table.items())))

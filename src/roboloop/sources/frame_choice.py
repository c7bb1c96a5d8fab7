"""Which frames of a stretch of video to look at."""

from __future__ import annotations


def spread(total: int, *, count: int) -> list[int]:
    """At most `count` of the numbers 0 to `total` - 1, evenly spread, first and last among them.

    A single one is the last: it shows what the others led to.
    """
    if total <= count:
        return list(range(total))
    if count == 1:
        return [total - 1]
    return [round(index * (total - 1) / (count - 1)) for index in range(count)]

"""The best one-to-one matching of two sets, such as predicted and true boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Pair(NamedTuple):
    """Index in the rows and index in the columns of a table of costs."""

    row: int
    column: int


def cheapest_matching(costs: Sequence[Sequence[float]]) -> tuple[Pair, ...]:
    """Match every row to its own column (or the other way, if there are more rows) most cheaply.

    Hungarian algorithm with potentials (Kuhn 1955, Munkres 1957): exact, cubic in the longer side.

    Args:
        costs: A table of finite numbers; all rows equally long. May be empty.

    Returns:
        min(rows, columns) pairs in the order of the rows, with the least possible sum of costs.
    """
    if not costs or not costs[0]:
        return ()
    if len(costs) > len(costs[0]):
        turned = cheapest_matching(list(zip(*costs, strict=True)))
        return tuple(sorted(Pair(pair.column, pair.row) for pair in turned))
    num_columns = len(costs[0])
    free = num_columns  # a stand-in column from which each search starts
    row_at = [-1] * (num_columns + 1)
    row_price = [0.0] * len(costs)
    column_price = [0.0] * (num_columns + 1)
    for row in range(len(costs)):
        row_at[free] = row
        came_from = _grow(costs, row_at, row_price, column_price)
        column = came_from.end
        while column != free:  # shift the matching along the path that was found
            row_at[column] = row_at[came_from.steps[column]]
            column = came_from.steps[column]
    return tuple(sorted(Pair(row_at[c], c) for c in range(num_columns) if row_at[c] >= 0))


class _Search(NamedTuple):
    steps: list[int]
    end: int


def _grow(
    costs: Sequence[Sequence[float]],
    row_at: list[int],
    row_price: list[float],
    column_price: list[float],
) -> _Search:
    """Search the cheapest way from the new row to a column without a row, adjusting the prices."""
    num_columns = len(row_at) - 1
    steps = [num_columns] * num_columns
    slack = [float("inf")] * num_columns
    done = [False] * (num_columns + 1)
    here = num_columns
    while row_at[here] >= 0:
        done[here] = True
        row = row_at[here]
        open_columns = [column for column in range(num_columns) if not done[column]]
        for column in open_columns:
            reduced = costs[row][column] - row_price[row] - column_price[column]
            if reduced < slack[column]:
                slack[column], steps[column] = reduced, here
        nearest = min(open_columns, key=slack.__getitem__)
        gap = slack[nearest]
        for column in range(num_columns + 1):
            if done[column]:
                row_price[row_at[column]] += gap
                column_price[column] -= gap
            elif column < num_columns:
                slack[column] -= gap
        here = nearest
    return _Search(steps, here)

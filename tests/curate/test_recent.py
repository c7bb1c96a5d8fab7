"""What was found in a column is found again only for that very column."""

from __future__ import annotations

import pyarrow as pa

from roboloop.curate.recent import Recent


def test_a_result_belongs_to_one_place_in_memory() -> None:
    recent: Recent[list[str]] = Recent(2)
    whole = pa.array(["a", "b", "c", "d"])
    first = recent.get(whole.slice(0, 2), find=whole.slice(0, 2).to_pylist)
    assert recent.get(whole.slice(0, 2), find=list) is first
    assert recent.get(whole.slice(2, 2), find=whole.slice(2, 2).to_pylist) == ["c", "d"]
    assert recent.get(whole.slice(0, 2), find=list, about="another question") == []


def test_only_the_last_ones_are_kept() -> None:
    recent: Recent[int] = Recent(2)
    arrays = [pa.array([str(number)]) for number in range(3)]
    for number in (0, 1, 0, 2):
        recent.get(arrays[number], find=lambda number=number: number)
    assert [recent.get(arrays[number], find=lambda: -1) for number in (0, 2)] == [0, 2]
    assert recent.get(arrays[1], find=lambda: -1) == -1

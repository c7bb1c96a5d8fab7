"""The register of ids against a plain set, and that it stays small."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.ids import IdRegister


@given(st.lists(st.text(max_size=3), max_size=60))
def test_second_of_any_id_is_refused_and_no_other(ids: list[str]) -> None:
    register, met = IdRegister(), set[str]()
    for number, each in enumerate(ids):
        if each in met:
            with pytest.raises(RoboLoopError, match=f":{ids.index(each)}\\b") as caught:
                register.add(each, place=Place("a.json", number))
            assert (caught.value.code, caught.value.place.line) == ("E-REC-004", number)
        else:
            register.add(each, place=Place("a.json", number))
        met.add(each)
    assert len(register) == len(met)


def test_many_ids_are_told_apart_in_little_memory() -> None:
    register = IdRegister()
    for number in range(20_000):
        register.add(f"episode_{number}", place=Place(f"set.json:{number}"))
    for number in (0, 7, 19_999):
        with pytest.raises(RoboLoopError, match=f"taken by set.json:{number}\\."):
            register.add(f"episode_{number}", place=Place("b"))
    tables = (register._lows, register._highs, register._numbers)
    kept = (*tables, register._begin_numbers, register._lines)
    assert sum(table.itemsize * len(table) for table in kept) < 100 * len(register)
    assert len(register._begins) == 1


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (Place("a.json", 3), "a.json:3"),
        (Place("a.json:3"), "a.json:3"),
        (Place("a.lmdb!00:07"), "a.lmdb!00:07"),
        (Place("source x"), "source x"),
        (Place("a:" + "9" * 30), "a:" + "9" * 30),
        (Place("a:٣"), "a:٣"),
    ],
)
def test_place_is_said_as_it_was_given(place: Place, says: str) -> None:
    register = IdRegister()
    register.add("x", place=place)
    with pytest.raises(RoboLoopError) as caught:
        register.add("x", place=Place("b"))
    assert caught.value.detail == f"the id is taken by {says}"

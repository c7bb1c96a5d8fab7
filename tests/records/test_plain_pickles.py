"""Plain data comes out of pickles of every protocol; everything else is refused."""

from __future__ import annotations

import datetime
import os
import pickle
import struct
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboloop.base.errors import RoboLoopError
from roboloop.records.plain_pickles import unpickled

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner)
    | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(value=plain, protocol=st.sampled_from(PROTOCOLS))
def test_plain_data_comes_back(value: Any, protocol: int) -> None:
    assert unpickled(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int64).reshape(2, 3),
        np.asfortranarray(np.arange(6.0, dtype=np.float32).reshape(3, 2)),
        np.arange(4, dtype=">i2"),
        np.array([True, False]),
        np.array(["ab", "c"]),
        np.zeros((0, 7)),
        np.array(2.5),
    ],
    ids=lambda array: f"{array.dtype}-{array.shape}",
)
def test_arrays_come_back_wherever_they_stand(array: np.ndarray, protocol: int) -> None:
    value = {"a": [array, (array, 1)], 3: {"deep": (1, [array])}, "same": array}
    found = unpickled(pickle.dumps(value, protocol))
    for item in (found["a"][0], found["a"][1][0], found[3]["deep"][1][0], found["same"]):
        assert isinstance(item, np.ndarray) and item.dtype == array.dtype
        if array.size:
            np.testing.assert_array_equal(item, array)
        else:
            assert item.size == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numpy_numbers_and_ordered_dicts_become_plain(protocol: int) -> None:
    value = OrderedDict(a=np.float32(1.5), b=np.int64(-3), c=np.bool_(True))
    found = unpickled(pickle.dumps(value, protocol))
    assert found == {"a": 1.5, "b": -3, "c": True}
    assert [type(item) for item in found.values()] == [float, int, bool]


class Bomb:
    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __repr__(self) -> str:
        return "Bomb"

    def __reduce__(self) -> tuple[Any, ...]:
        return (self.call, self.arguments)


@pytest.mark.parametrize(
    "value",
    [
        Bomb(eval, "1"),
        Bomb(getattr, "x", "upper"),
        Bomb(np.load, "x"),
        {"deep": [({"x": Bomb(eval, "1")},)]},
        Path("x"),
        datetime.date(2026, 1, 1),
        defaultdict(list, a=[1]),
        Counter("aab"),
        np.array([b"x", [1]], dtype=object),
        np.zeros(2, dtype=[("x", "i4")]),
        np.datetime64("2026-01-01"),
        len,
        OrderedDict,
        [np.dtype("i4")],
        3j,
    ],
    ids=repr,
)
def test_anything_else_is_refused(value: Any) -> None:
    for protocol in (2, 4):
        with pytest.raises(RoboLoopError) as caught:
            unpickled(pickle.dumps(value, protocol))
            pytest.fail(f"{value!r} came through")
        assert caught.value.code == "E-DAT-004"


def test_code_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    for value in (Bomb(os.mknod, str(mark)), {1: [Bomb(os.mknod, str(mark))]}):
        data = pickle.dumps(value)
        pickle.loads(data)
        assert mark.exists(), "the bomb must work with the usual unpickler, or this shows nothing"
        mark.unlink()
        with pytest.raises(RoboLoopError, match="mknod"):
            unpickled(data)
        assert not mark.exists()


def array_pickle(shape: tuple[int, ...], data: bytes, *, name: str = "f8") -> bytes:
    """An array that says of itself what it likes."""
    honest = np.zeros(1)
    reduced = honest.__reduce__()
    kind, arguments = reduced[0], reduced[1]

    class Liar:
        def __reduce__(self) -> tuple[Any, ...]:
            return (kind, arguments, (1, shape, np.dtype(name), False, data))

    return pickle.dumps(Liar(), 2)


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps([1, 2])[:-3],
        b"",
        b"\x80\x05",
        b"garbage",
        b"\x80\x02Nr\xff\xff\xff\x7f.",  # a place in the memo that would take 16 GB
        b"(lp9999999999\n.",  # the same in protocol 0
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"x.",  # a bytearray of a terabyte
        b"]" * 200_000 + b"a" * 199_999,
        array_pickle((1 << 40,), b"x"),
        array_pickle((-1,), b"\0" * 8),
        array_pickle((3,), b"\0" * 8),
        b"cbuiltins\nset\n(lK\x01atR.",
    ],
    ids=range(12),
)
def test_hostile_and_broken_bytes_are_one_error(data: bytes) -> None:
    with pytest.raises(RoboLoopError) as caught:
        unpickled(data)
    assert caught.value.code == "E-DAT-004"


def test_no_elements_beside_a_huge_side_stay_small() -> None:
    assert unpickled(array_pickle((1 << 40, 0), b"")).tolist() == []


def test_parts_that_are_shared_are_visited_once() -> None:
    value: Any = (np.arange(2), 1)
    for _ in range(200):
        value = (value, value)
    found = unpickled(pickle.dumps(value))
    for _ in range(200):
        assert found[0] is found[1]
        found = found[0]
    assert found[0].tolist() == [0, 1]

"""plain_npy: what numpy saves is read back, and nothing in a file is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.sources.plain_npy import read_npy


class Evil:
    """Pickles to a call of a function."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (print, ("code of a data set was run",))


def saved(folder: Path, value: Any) -> Path:
    file = folder / "value.npy"
    np.save(file, value, allow_pickle=True)
    return file


def test_numbers_and_plain_data_come_back(tmp_path: Path) -> None:
    assert read_npy(saved(tmp_path, np.arange(6).reshape(2, 3))).tolist() == [[0, 1, 2], [3, 4, 5]]
    shared = {"tcp": np.arange(7.0)}
    value = {"a": [shared, shared], np.int64(3): (1, None, b"x", True)}
    found = read_npy(saved(tmp_path, value))
    assert found["a"][0]["tcp"].tolist() == list(range(7))
    assert found["a"][0] is found["a"][1] and found[3] == (1, None, b"x", True)
    items = np.array([{"a": np.ones(2)}, [2]], dtype=object)
    first, second = read_npy(saved(tmp_path, items))
    assert first["a"].tolist() == [1, 1] and second == [2]


def test_nothing_is_run_or_left_of_what_stands_for_arrays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside_itself = np.empty((), dtype=object)
    inside_itself[()] = inside_itself
    grid = np.array([[{}, {}], [{}, {}]], dtype=object)
    records = np.zeros(2, dtype=[("x", "O")])
    for value in (Evil(), {"a": [Evil()]}, {"a": Path("x")}, inside_itself, grid, records):
        with pytest.raises(RoboLoopError, match="E-DAT-004"):
            read_npy(saved(tmp_path, np.array(value, dtype=object) if isinstance(value, Evil)
                           else value))  # fmt: skip
    assert "was run" not in capsys.readouterr().out


def test_broken_files_say_so(tmp_path: Path) -> None:
    whole = saved(tmp_path, {"a": list(range(100))}).read_bytes()
    numbers = saved(tmp_path, np.arange(1000)).read_bytes()
    file = tmp_path / "broken.npy"
    for data in (b"", b"no npy", whole[:6], whole[:100], whole[:-9], numbers[:-9],
                 whole.replace(b"\x93NUMPY\x01", b"\x93NUMPY\x09")):  # fmt: skip
        file.write_bytes(data)
        with pytest.raises(RoboLoopError, match="E-DAT-004"):
            read_npy(file)
    with pytest.raises(RoboLoopError, match="E-DAT-001"):
        read_npy(tmp_path / "missing.npy")

from __future__ import annotations

import os
from pathlib import Path

import pytest

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_json, atomic_write_text, atomic_writer, path_below
from roboloop.base.hashing import hash_value, seeded_generator


def test_a_message_names_code_place_record_and_remedy() -> None:
    error = RoboLoopError(
        "E-REC-012",
        "box [300, 20, 290, 60] has x2 < x1",
        place=Place("train.jsonl", 381, record_id="rh20t#57"),
    )
    assert str(error) == (
        "E-REC-012 train.jsonl:381 record 'rh20t#57': box [300, 20, 290, 60] has x2 < x1. "
        "Swap the corners, or drop the record."
    )


def test_a_place_fills_only_gaps() -> None:
    error = RoboLoopError("E-REC-010", "x", place=Place("a.jsonl", None))
    located = error.located(Place("b.jsonl", 3, record_id="r"))
    assert located.place == Place("a.jsonl", 3, None, "r")


def test_an_unknown_code_is_our_own_mistake() -> None:
    with pytest.raises(KeyError):
        RoboLoopError("E-XXX-999", "no such code")


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    atomic_write_text(target, text="old")
    with pytest.raises(RuntimeError), atomic_writer(target) as stream:
        stream.write(b"half")
        raise RuntimeError("killed half-way")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A really full disk: the temporary file is a link to the kernel's always-full device.
    def full_device(**_: object) -> tuple[int, str]:
        name = tmp_path / ".full.tmp"
        name.symlink_to("/dev/full")
        return os.open("/dev/full", os.O_WRONLY), str(name)

    monkeypatch.setattr("roboloop.base.files.tempfile.mkstemp", full_device)
    with pytest.raises(RoboLoopError, match="E-ENV-002"):
        atomic_write_text(tmp_path / "a.txt", text="x" * 100_000)
    assert not (tmp_path / "a.txt").exists()


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        atomic_write_json(tmp_path / "a.json", value={"x": float("nan")})


@pytest.mark.parametrize("relative", ["../x", "/etc/passwd", "a/../../x"])
def test_paths_do_not_leave_their_root(tmp_path: Path, relative: str) -> None:
    with pytest.raises(RoboLoopError, match="E-MED-005"):
        path_below(tmp_path, relative=relative)


def test_a_link_does_not_leave_its_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    with pytest.raises(RoboLoopError, match="E-MED-005"):
        path_below(root, relative="out/secret")
    assert path_below(root, relative="a/b.jpg") == (root / "a/b.jpg").resolve()


def test_hashes_ignore_key_order_and_draws_depend_on_their_names() -> None:
    assert hash_value({"a": 1, "b": [2]}) == hash_value({"b": [2], "a": 1})
    assert hash_value({"a": 1}) != hash_value({"a": 2})
    first = seeded_generator(7, "wording", "r1").integers(1 << 30)
    assert first == seeded_generator(7, "wording", "r1").integers(1 << 30)
    assert first != seeded_generator(7, "wording", "r2").integers(1 << 30)

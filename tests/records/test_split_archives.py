"""Archives in parts are read in place; a lost part and a volume are named."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_zips import all_of, make_zip, split

from roboloop.base.errors import RoboLoopError
from roboloop.records import ArchivePicture
from roboloop.records.containers import ZipFolder, opened
from roboloop.records.media_open import MediaStore
from roboloop.records.split_files import JoinedFiles, archive_name, archive_parts, is_zip_name
from roboloop.records.zip_reader import ZipReader


@given(
    st.lists(st.binary(max_size=9), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(-40, 70), st.integers(0, 2), st.integers(0, 30)), max_size=8),
)
def test_joined_files_read_like_one(
    tmp_path_factory: pytest.TempPathFactory,
    pieces: list[bytes],
    moves: list[tuple[int, int, int]],
) -> None:
    folder = tmp_path_factory.mktemp("joined")
    paths = tuple(folder / str(n) for n in range(len(pieces)))
    for path, piece in zip(paths, pieces, strict=True):
        path.write_bytes(piece)
    whole = io.BytesIO(b"".join(pieces))
    with io.BufferedReader(JoinedFiles(paths), 4) as joined:
        for offset, whence, count in moves:
            target = (0, whole.tell(), len(whole.getvalue()))[whence] + offset
            if target < 0:
                with pytest.raises(OSError, match="before the start"):
                    joined.seek(offset, whence)
                joined.seek(whole.tell())
                continue
            assert joined.seek(offset, whence) == whole.seek(offset, whence)
            assert joined.read(count) == whole.read(count)
        joined.seek(0)
        assert joined.read() == whole.getvalue()


@pytest.mark.parametrize(("digits", "first"), [(2, 0), (3, 1), (2, 1)])
def test_archives_in_parts_are_read_in_place(tmp_path: Path, digits: int, first: int) -> None:
    members = make_zip(tmp_path / "a.zip", num_members=21)
    parts = split(tmp_path / "a.zip", size=400, digits=digits, first=first)
    (tmp_path / "other.zip.00").write_bytes(b"of another archive")
    assert len(parts) > 4 and archive_parts(parts[2]) == tuple(parts)
    assert archive_name(parts[-1]) == parts[0]
    store = MediaStore({"m": tmp_path})
    for name, data in members.items():
        medium = ArchivePicture(archive=f"m:{parts[0].name}", member=name)
        assert store.read_bytes(medium) == data
    with opened.use(ZipFolder, parts[0]) as archive:
        assert archive.has("in/0.bin") and not archive.has("in/99.bin")


def test_more_than_a_hundred_parts_stay_in_order(tmp_path: Path) -> None:
    members = make_zip(tmp_path / "a.zip")
    parts = split(tmp_path / "a.zip", size=200)
    assert len(parts) > 100
    assert all_of(parts[0]) == members


def test_a_lost_part_is_named(tmp_path: Path) -> None:
    make_zip(tmp_path / "a.zip")
    parts = split(tmp_path / "a.zip", size=3000)
    parts[2].unlink()
    with pytest.raises(RoboLoopError, match=r"part 2 of a\.zip\.00") as caught:
        ZipReader(parts[0])
    assert caught.value.code == "E-MED-008"
    parts[0].unlink()
    parts[1].unlink()
    with pytest.raises(RoboLoopError, match=r"part 1 of a\.zip"):
        ZipReader(parts[3])


def test_the_last_part_cannot_be_missed_silently(tmp_path: Path) -> None:
    make_zip(tmp_path / "a.zip")
    parts = split(tmp_path / "a.zip", size=3000)
    parts[-1].unlink()
    with pytest.raises(RoboLoopError, match="not a whole zip") as caught:
        ZipReader(parts[0])
    assert caught.value.code == "E-MED-008"


needs_zip = pytest.mark.skipif(shutil.which("zip") is None, reason="needs the program zip")


@needs_zip
@pytest.mark.parametrize("level", ["-0", "-9"])
def test_volumes_of_the_program_zip(tmp_path: Path, level: str) -> None:
    """Members that start in any volume and span several; the comment is kept out of the way."""
    noise = np.random.default_rng(0).bytes(150_000)
    contents = {f"{n}.bin": noise[: 17_000 * n] for n in range(1, 9)}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    command = ["zip", "-q", level, "-s", "64k", "v.zip", *contents]
    subprocess.run(command, cwd=tmp_path, check=True)
    last = tmp_path / "v.zip"
    assert len(archive_parts(last)) > 8
    assert {archive_name(part) for part in archive_parts(last)} == {last}
    for path in (last, tmp_path / "v.z01"):
        assert all_of(path) == contents
    medium = ArchivePicture(archive="m:v.zip", member="8.bin")
    assert MediaStore({"m": tmp_path}).read_bytes(medium) == contents["8.bin"]
    (tmp_path / "v.z03").unlink()
    with pytest.raises(RoboLoopError, match="part 3") as caught:
        ZipReader(last)
    assert caught.value.code == "E-MED-008"


def make_volumes(folder: Path) -> Path:
    """Four volumes that hold one file; the last one, which names them."""
    (folder / "big.bin").write_bytes(np.random.default_rng(0).bytes(200_000))
    subprocess.run(["zip", "-q", "-s", "64k", "v.zip", "big.bin"], cwd=folder, check=True)
    return folder / "v.zip"


@needs_zip
def test_damaged_volumes(tmp_path: Path) -> None:
    last = make_volumes(tmp_path)
    whole = last.read_bytes()
    directory = whole.index(b"PK\x01\x02")
    for data in (
        whole[:-10],
        whole.replace(b"PK\x01\x02", b"PK\x01\x03"),
        whole[: directory + 34] + b"\x63\x00" + whole[directory + 36 :],
        whole[:-18] + b"\x63\x00\x63\x00" + whole[-14:],
        whole[:directory] + whole[-22:],
        b"",
    ):
        last.write_bytes(data)
        with pytest.raises(RoboLoopError, match="not a whole zip") as caught:
            ZipReader(last)
        assert caught.value.code == "E-MED-008"


@needs_zip
def test_the_last_volume_alone_is_no_archive(tmp_path: Path) -> None:
    make_volumes(tmp_path)
    for volume in archive_parts(tmp_path / "v.zip")[:-1]:
        volume.unlink()
    with pytest.raises(RoboLoopError, match="the others are missing"):
        ZipReader(tmp_path / "v.zip")


def test_names_of_archives() -> None:
    assert all(map(is_zip_name, ("a.zip", "A.ZIP", "m:in/a.zip", "a.zip.00", "in/a.zip.007")))
    assert not any(map(is_zip_name, ("a.tar", "a.z01", "a.zip.tar", "a.zip.0a", "a.zip.00/b")))

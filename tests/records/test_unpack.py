"""Unpacking: whole files or none, twice is once, and no archive can do harm."""

from __future__ import annotations

import stat
import struct
import zipfile
from pathlib import Path

import pytest
from made_zips import make_zip, split

from roboloop.base.errors import RoboLoopError
from roboloop.cli.main import run_command
from roboloop.records import unpack as unpacking
from roboloop.records.unpack import plan_unpack, unpack_archive


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def unpack(archive: Path, out: Path) -> tuple[int, int]:
    return unpack_archive(plan_unpack(archive), out=out)


def refused(archive: Path, out: Path, *, code: str, said: str) -> None:
    """The archive is refused, and nothing at all was written."""
    with pytest.raises(RoboLoopError, match=said) as caught:
        unpack(archive, out)
    assert caught.value.code == code and caught.value.place.file == archive
    assert not out.exists() or contents(out) == {}


@pytest.mark.parametrize("in_parts", [False, True])
def test_twice_is_once(tmp_path: Path, in_parts: bool) -> None:
    archive = tmp_path / "a.zip"
    members = make_zip(archive)
    if in_parts:
        archive = split(archive, size=1500)[3]
    out = tmp_path / "out"
    assert unpack(archive, out) == (20, 0)
    assert contents(out) == members
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.bin")}
    (out / "in/3.bin").write_bytes(b"\x03" * 999)  # cut off
    (out / "in/4.bin").write_bytes(b"\x05" * 1000)  # the right size, the wrong bytes
    (out / "in/5.bin").unlink()
    (out / "mine.txt").write_text("stays")
    assert unpack(archive, out) == (3, 17)
    assert contents(out) == {**members, "mine.txt": b"stays"}
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.bin")}
    assert sum(kept[path] == times[path] for path in times) == 17


@pytest.mark.parametrize("name", ["../evil", "in/../../evil", "/tmp/evil", "..\\evil", "C:\\evil",
                                  "in//evil", "./evil"])  # fmt: skip
def test_names_that_lead_out(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good.txt", "good")
        info = zipfile.ZipInfo("x" * len(name))
        info.filename = name
        archive.writestr(info, "evil")
    refused(tmp_path / "a.zip", tmp_path / "out", code="E-MED-005", said="leads out")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices(tmp_path: Path, mode: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("link")
        info.create_system = 3
        info.external_attr = (mode | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    refused(tmp_path / "a.zip", tmp_path / "out", code="E-MED-011", said="link or device")


def test_a_link_in_the_folder_is_not_followed_out(tmp_path: Path) -> None:
    make_zip(tmp_path / "a.zip")
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "in").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RoboLoopError) as caught:
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert caught.value.code == "E-MED-005"
    assert contents(tmp_path / "elsewhere") == {}


def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(4_000_000))
    assert unpack(tmp_path / "a.zip", tmp_path / "harmless") == (1, 0)
    monkeypatch.setattr(unpacking, "HARMLESS_BYTES", 1_000_000)
    refused(tmp_path / "a.zip", tmp_path / "out", code="E-MED-011", said="more than 100 times")


def test_a_file_that_grows_beyond_its_stated_size_is_damaged(tmp_path: Path) -> None:
    """The stated sizes are lies: what is read never exceeds them, and the checksum does not fit."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(100_000))
    data = (tmp_path / "a.zip").read_bytes()
    honest, lie = struct.pack("<L", 100_000), struct.pack("<L", 100)
    assert data.count(honest) == 2
    (tmp_path / "a.zip").write_bytes(data.replace(honest, lie))
    refused(tmp_path / "a.zip", tmp_path / "out", code="E-MED-003", said="zeros")


def test_damage_costs_no_whole_file(tmp_path: Path) -> None:
    make_zip(tmp_path / "a.zip")
    data = bytearray((tmp_path / "a.zip").read_bytes())
    place = data.index(b"\x07" * 1000)
    data[place + 500] ^= 1
    (tmp_path / "a.zip").write_bytes(bytes(data))
    with pytest.raises(RoboLoopError, match=r"in/7\.bin") as caught:
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert caught.value.code == "E-MED-003"
    assert sorted(contents(tmp_path / "out")) == [f"in/{n}.bin" for n in range(7)]


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in", "a file")
        archive.writestr("in/a.txt", "below it")
    refused(tmp_path / "a.zip", tmp_path / "out", code="E-MED-011", said="file and a folder")
    make_zip(tmp_path / "b.zip")
    (tmp_path / "out2").mkdir()
    (tmp_path / "out2/in").write_text("mine")
    with pytest.raises(RoboLoopError, match="cannot be written") as caught:
        unpack(tmp_path / "b.zip", tmp_path / "out2")
    assert caught.value.code == "E-MED-011"


def test_encrypted_and_broken_archives(tmp_path: Path) -> None:
    make_zip(tmp_path / "a.zip", num_members=1)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[6] |= 1
    data[directory + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(bytes(data))
    refused(tmp_path / "locked.zip", tmp_path / "out", code="E-MED-008", said="encrypted")
    (tmp_path / "cut.zip").write_bytes((tmp_path / "a.zip").read_bytes()[:-30])
    refused(tmp_path / "cut.zip", tmp_path / "out", code="E-MED-008", said="not a whole zip")
    (tmp_path / "tar.zip").write_bytes(b"no zip at all")
    refused(tmp_path / "tar.zip", tmp_path / "out", code="E-MED-008", said="not a whole zip")


def test_a_full_disk_is_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_zip(tmp_path / "a.zip")

    class Usage:
        free = 100

    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(RoboLoopError, match="20,000 bytes are to be written") as caught:
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert caught.value.code == "E-ENV-002" and contents(tmp_path / "out") == {}


def test_of_two_files_with_one_name_the_later_one_is_written(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", "earlier")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a", "later")
    assert unpack(tmp_path / "a.zip", tmp_path / "out") == (1, 0)
    assert unpack(tmp_path / "a.zip", tmp_path / "out") == (0, 1)
    assert contents(tmp_path / "out") == {"a": b"later"}


def test_the_verb(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    members = make_zip(tmp_path / "a.zip")
    make_zip(tmp_path / "b.zip", num_members=3)
    parts = split(tmp_path / "b.zip", size=900)
    assert run_command(["unpack", str(tmp_path / "a.zip"), "--out", str(tmp_path / "o")]) == 0
    assert contents(tmp_path / "o") == members
    assert run_command(["unpack", *map(str, parts)]) == 0  # beside the archive
    assert sorted(contents(tmp_path / "in")) == ["0.bin", "1.bin", "2.bin"]
    assert "3 files written" in capfd.readouterr().err
    assert run_command(["unpack", str(tmp_path / "a.zip"), "--out", str(tmp_path / "o")]) == 0
    assert "20 were there" in capfd.readouterr().err
    assert run_command(["unpack", str(tmp_path / "none.zip")]) == 2
    assert "E-DAT-001" in capfd.readouterr().err
    assert run_command(["unpack"]) == 2

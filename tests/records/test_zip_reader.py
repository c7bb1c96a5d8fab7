"""The zip reader against Python's own, on every kind of archive that one can write."""

from __future__ import annotations

import io
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_zips import all_of, make_zip

from roboloop.base.errors import RoboLoopError
from roboloop.records import zip_reader
from roboloop.records.zip_reader import ZipReader

NAMES = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class Unseekable(io.BytesIO):
    """Makes zipfile write sizes behind the members instead of before them."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation


@settings(max_examples=150)
@given(
    members=st.dictionaries(NAMES, st.binary(max_size=200), max_size=8),
    method=st.sampled_from(METHODS),
    front=st.binary(max_size=30),
    comment=st.binary(max_size=30).filter(lambda text: b"PK" not in text),
    streamed=st.booleans(),
    large=st.booleans(),
    chunk=st.sampled_from((1, 60, 1 << 20)),
)
def test_the_same_members_as_zipfile(
    tmp_path_factory: pytest.TempPathFactory,
    members: dict[str, bytes],
    method: int,
    front: bytes,
    comment: bytes,
    streamed: bool,
    large: bool,
    chunk: int,
) -> None:
    stream = Unseekable() if streamed else io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.comment = comment
        for name, data in members.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=large) as member:
                member.write(data)
    path = tmp_path_factory.mktemp("zip") / "a.zip"
    path.write_bytes(front + stream.getvalue())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zip_reader, "CHUNK_BYTES", chunk)
        with zipfile.ZipFile(path) as oracle, closing(ZipReader(path)) as ours:
            assert len(ours) == len(oracle.filelist)
            for info, truth in zip(ours.members(), oracle.infolist(), strict=True):
                for field in ("filename", "CRC", "file_size", "compress_size", "header_offset",
                              "compress_type", "flag_bits", "external_attr"):  # fmt: skip
                    assert getattr(info, field) == getattr(truth, field), field
                assert ours.read(info) == oracle.read(truth)
                found = ours.find(info.filename)
                assert found is not None and found.header_offset == info.header_offset
            assert ours.find("no such member") is None
            assert not ours.has_repeats


def test_zip64_end_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in archives of more than 65,535 members or 4 GiB."""
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 5000)
    members = make_zip(tmp_path / "a.zip")
    data = (tmp_path / "a.zip").read_bytes()
    assert b"PK\x06\x06" in data and b"PK\x06\x07" in data
    assert all_of(tmp_path / "a.zip") == members
    (tmp_path / "b.zip").write_bytes(b"in front" + data)
    assert all_of(tmp_path / "b.zip") == members


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_several_members_with_one_name_the_last_is_found(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for text in ("first", "second", "third"):
            archive.writestr("b", "between")
            archive.writestr("a", text)
    with closing(ZipReader(tmp_path / "a.zip")) as archive:
        info = archive.find("a")
        assert info is not None and archive.read(info) == b"third" and archive.has_repeats


@settings(max_examples=300)
@given(st.data())
def test_damage_is_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever bytes are changed or lost: a member as it was, or an error with a code."""
    folder = tmp_path_factory.mktemp("zip")
    members = make_zip(folder / "a.zip", num_members=3, num_bytes=30)
    whole = bytearray((folder / "a.zip").read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4)):
        whole[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    (folder / "a.zip").write_bytes(bytes(whole[:end]))
    try:
        with closing(ZipReader(folder / "a.zip")) as archive:
            for info in archive.members():
                if info.filename in members:
                    assert archive.read(info) == members[info.filename]
    except RoboLoopError as error:
        assert error.code in ("E-MED-003", "E-MED-008")

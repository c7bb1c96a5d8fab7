"""The kinds of references give the same picture; every way to miss it has its code."""

from __future__ import annotations

import base64
import io
import os
import pickle
import tarfile
import threading
import zipfile
from pathlib import Path

import lmdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from roboloop.base.errors import MissingDependencyError, RoboLoopError
from roboloop.base.pictures import encode_png
from roboloop.records import (
    ArchivePicture,
    FilePicture,
    LmdbPicture,
    Media,
    ParquetPicture,
    SpanPicture,
    containers,
)
from roboloop.records.media_open import MediaStore, medium_name, with_root

RH20T = "RH20T_cfg3_task_0042_user_0001_scene_0002_cfg_0003_104122060001"
DROID = "12345_exterior_image_1_left"


def picture(seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (18, 32, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def num_open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def write_lmdb(root: Path, *, episode: str, values: dict[str, bytes]) -> None:
    folder = root / "images" / episode / "lmdb"
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 22) as store, store.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key.encode(), value)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A media root that holds the same PNG in every way."""
    folder = tmp_path / "media"
    data = encode_png(picture())
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.png").write_bytes(data)
    (folder / "empty.jpg").touch()
    (folder / "cut.png").write_bytes(data[: len(data) // 2])
    (folder / "span.bin").write_bytes(b"before" + data + b"after")
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("in/a.png", data)
        archive.writestr("in/empty.png", b"")
    with tarfile.open(folder / "a.tar", "w") as archive:
        for seed, name in ((1, "./in/a.png"), (0, "./in/a.png"), (1, "other.png")):
            content = encode_png(picture(seed))
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    rows = [encode_png(picture(seed)) for seed in (1, 1, 0, 1)]
    structs = [{"bytes": row, "path": None} for row in rows]
    lists = [[other, struct] for other, struct in zip(structs[::-1], structs, strict=True)]
    table = pa.table({"png": pa.array(rows, pa.binary()), "image": structs, "n": [1, 2, 3, 4],
                      "images": lists})  # fmt: skip
    pq.write_table(table, folder / "a.parquet", row_group_size=2)
    array = np.frombuffer(data, dtype=np.uint8)
    values = {"primary_image/0007": pickle.dumps(array), "wrist_image/0007": pickle.dumps(data)}
    (folder / "a.tsv").write_bytes(b"q\n1" + BASE64 + b"\tfoo\n")
    write_lmdb(folder, episode=RH20T, values=values)
    write_lmdb(folder, episode=DROID, values=values)
    return folder


@pytest.fixture
def store(root: Path) -> MediaStore:
    return MediaStore({"m": root})


BASE64 = base64.b64encode(encode_png(picture()))
ALL_KINDS: list[Media] = [
    FilePicture(path="m:sub/a.png"),
    ArchivePicture(archive="m:a.zip", member="in/a.png"),
    ArchivePicture(archive="m:a.tar", member="in/a.png"),
    ArchivePicture(archive="m:a.tar", member="./in/a.png"),
    ParquetPicture(path="m:a.parquet", column="png", row=2),
    ParquetPicture(path="m:a.parquet", column="image", row=2),
    ParquetPicture(path="m:a.parquet", column="images", row=2, item=1),
    SpanPicture(path="m:a.tsv", offset=3, num_bytes=len(BASE64), encoding="base64"),
    LmdbPicture(store="m:images", episode=RH20T, frame=7),
    LmdbPicture(store="m:images", episode=RH20T, frame=7, view="wrist"),
    SpanPicture(path="m:span.bin", offset=6, num_bytes=len(encode_png(picture()))),
]


@pytest.mark.parametrize("media", ALL_KINDS, ids=medium_name)
def test_each_kind_gives_the_same_picture(store: MediaStore, media: Media) -> None:
    assert np.array_equal(np.asarray(store.open(media)), np.asarray(picture()))
    assert store.size(media) == (32, 18)
    assert store.read_bytes(media) == encode_png(picture())


def test_red_and_blue_of_droid_frames_are_put_right(store: MediaStore) -> None:
    media = LmdbPicture(store="m:images", episode=DROID, frame=7)
    assert np.array_equal(np.asarray(store.open(media)), np.asarray(picture())[..., ::-1])


def test_store_may_be_the_root_itself(root: Path) -> None:
    store = MediaStore({"lmdb": root / "images"})
    media = LmdbPicture(store="lmdb:", episode=RH20T, frame=7)
    assert store.open(media).size == (32, 18)


MISSES: list[tuple[Media, str, str]] = [
    (FilePicture(path="m:none.png"), "E-MED-001", "m:none.png does not exist"),
    (FilePicture(path="m:sub"), "E-MED-001", "not a file"),
    (FilePicture(path="sub/a.png"), "E-MED-001", "no media root"),
    (FilePicture(path="x:sub/a.png"), "E-MED-001", "known: m"),
    (FilePicture(path="m:" + "a" * 300), "E-MED-001", "cannot be read"),
    (FilePicture(path="m:a\0b"), "E-MED-001", "cannot be read"),
    (FilePicture(path="m:empty.jpg"), "E-MED-002", "m:empty.jpg"),
    (FilePicture(path="m:cut.png"), "E-MED-003", "decoding failed"),
    (FilePicture(path="m:../secret.png"), "E-MED-005", "leads out"),
    (FilePicture(path="m:/etc/passwd"), "E-MED-005", "leads out"),
    (FilePicture(path="m:link.png"), "E-MED-005", "leads out"),
    (ArchivePicture(archive="m:none.zip", member="a"), "E-MED-001", "does not exist"),
    (ArchivePicture(archive="m:../a.zip", member="a"), "E-MED-005", "leads out"),
    (ArchivePicture(archive="m:a.zip", member="in/b.png"), "E-MED-007", "in/b.png"),
    (ArchivePicture(archive="m:a.zip", member="in/empty.png"), "E-MED-002", "0 bytes"),
    (ArchivePicture(archive="m:a.tar", member="in/b.png"), "E-MED-007", "in/b.png"),
    (ArchivePicture(archive="m:cut.zip", member="in/a.png"), "E-MED-008", "zip"),
    (ArchivePicture(archive="m:a.tar.gz", member="in/a.png"), "E-MED-008", "uncompressed tar"),
    (ParquetPicture(path="m:a.parquet", column="jpg", row=0), "E-MED-007", "image"),
    (ParquetPicture(path="m:a.parquet", column="png", row=4), "E-MED-007", "rows 0 to 3"),
    (ParquetPicture(path="m:a.parquet", column="png", row=-1), "E-MED-007", "rows 0 to 3"),
    (ParquetPicture(path="m:a.parquet", column="n", row=0), "E-MED-007", "int"),
    (ParquetPicture(path="m:a.parquet", column="images", row=0, item=2), "E-MED-007", "2 items"),
    (ParquetPicture(path="m:a.parquet", column="png", row=0, item=0), "E-MED-007", "0 items"),
    (SpanPicture(path="m:a.tsv", offset=0, num_bytes=9, encoding="base64"), "E-MED-003", "base64"),
    (SpanPicture(path="m:a.tsv", offset=3, num_bytes=9, encoding="zip"), "E-MED-007", "'zip'"),
    (ParquetPicture(path="m:cut.parquet", column="png", row=0), "E-MED-008", "Parquet"),
    (LmdbPicture(store="m:images", episode=RH20T, frame=8), "E-MED-007", "primary_image/0008"),
    (LmdbPicture(store="m:images", episode="none", frame=8), "E-MED-001", "does not exist"),
    (LmdbPicture(store="m:images", episode="../..", frame=8), "E-MED-005", "leads out"),
    (LmdbPicture(store="m:images", episode="cut", frame=8), "E-MED-008", "LMDB"),
    (SpanPicture(path="m:none.bin", offset=0, num_bytes=9), "E-MED-001", "does not exist"),
    (SpanPicture(path="m:../x", offset=0, num_bytes=9), "E-MED-005", "leads out"),
    (SpanPicture(path="m:span.bin", offset=6, num_bytes=0), "E-MED-002", "0 bytes"),
    (SpanPicture(path="m:span.bin", offset=6, num_bytes=50), "E-MED-003", "decoding failed"),
    (SpanPicture(path="m:span.bin", offset=0, num_bytes=99), "E-MED-003", "none of"),
    (SpanPicture(path="m:span.bin", offset=9, num_bytes=10**6), "E-MED-003", "file ends"),
    (SpanPicture(path="m:span.bin", offset=10**30, num_bytes=9), "E-MED-003", "file ends"),
    (SpanPicture(path="m:span.bin", offset=0, num_bytes=2**30), "E-MED-003", "too many"),
    (SpanPicture(path="m:span.bin", offset=-6, num_bytes=9), "E-MED-007", "byte -6"),
]


@pytest.mark.parametrize(("media", "code", "says"), MISSES, ids=lambda v: str(v)[:60])
def test_every_miss_has_its_code_and_names_the_medium(
    root: Path, store: MediaStore, media: Media, code: str, says: str
) -> None:
    (root.parent / "secret.png").write_bytes(encode_png(picture()))
    (root / "link.png").symlink_to(root.parent / "secret.png")
    for name in ("a.zip", "a.parquet"):
        data = (root / name).read_bytes()
        (root / f"cut{Path(name).suffix}").write_bytes(data[: len(data) // 2])
    with tarfile.open(root / "a.tar.gz", "w:gz") as archive:
        archive.add(root / "sub" / "a.png", "in/a.png")
    (root / "images" / "cut" / "lmdb").mkdir(parents=True)
    (root / "images" / "cut" / "lmdb" / "data.mdb").write_bytes(b"x" * 100)
    with pytest.raises(RoboLoopError) as caught:
        store.open(media)
    assert caught.value.code == code
    assert says in caught.value.detail
    assert medium_name(media) in caught.value.detail


def test_damaged_member_of_a_zip_is_told_from_a_missing_one(root: Path, store: MediaStore) -> None:
    data = bytearray((root / "a.zip").read_bytes())
    data[60:80] = bytes(20)
    (root / "bad.zip").write_bytes(bytes(data))
    with pytest.raises(RoboLoopError) as caught:
        store.open(ArchivePicture(archive="m:bad.zip", member="in/a.png"))
    assert caught.value.code == "E-MED-003"


def test_with_root_renames_only_the_root() -> None:
    for media in ALL_KINDS:
        moved = with_root(media, rename=lambda name: f"{name}2")
        assert medium_name(moved) == medium_name(media).replace("m:", "m2:", 1)


# --- pickles --------------------------------------------------------------------------------------


class Bomb:
    """Unpickling this the usual way makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mknod, (str(self.path),))


def test_hostile_pickle_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    pickle.loads(pickle.dumps(Bomb(mark)))
    assert mark.exists(), "the bomb must work with the usual unpickler, or this shows nothing"
    mark.unlink()
    write_lmdb(tmp_path, episode="e", values={"primary_image/0000": pickle.dumps(Bomb(mark))})
    with pytest.raises(RoboLoopError, match="mknod") as caught:
        MediaStore({"m": tmp_path}).open(LmdbPicture(store="m:images", episode="e", frame=0))
    assert caught.value.code == "E-MED-003"
    assert not mark.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_of_every_pickle_protocol_are_read(protocol: int) -> None:
    from roboloop.records.plain_pickles import unpickled_bytes

    data = bytes(range(256)) * 3
    assert unpickled_bytes(pickle.dumps(np.frombuffer(data, np.uint8), protocol=protocol)) == data
    assert unpickled_bytes(pickle.dumps(data, protocol=protocol)) == data


@pytest.mark.parametrize(
    "value",
    [
        pickle.dumps(np.zeros(4, dtype=np.float32)),
        pickle.dumps(np.zeros((4, 4), dtype=np.uint8)),
        pickle.dumps(np.array([b"x", "y"], dtype=object)),
        pickle.dumps({"image": b"x"}),
        pickle.dumps("text"),
        b"",
        b"\x80\x05",
        b"garbage",
    ],
)
def test_other_pickles_are_no_pictures(value: bytes) -> None:
    from roboloop.records.plain_pickles import unpickled_bytes

    with pytest.raises(RoboLoopError) as caught:
        unpickled_bytes(value)
    assert caught.value.code == "E-MED-003"


# --- handles --------------------------------------------------------------------------------------


def test_number_of_open_archives_is_bounded(root: Path, store: MediaStore) -> None:
    num = containers.MAX_OPEN_CONTAINERS + 5
    for number in range(num):
        with zipfile.ZipFile(root / f"z{number}.zip", "w") as archive:
            archive.writestr("a.png", encode_png(picture(number)))
    before = num_open_files()
    for _ in range(2):
        for number in range(num):
            media = ArchivePicture(archive=f"m:z{number}.zip", member="a.png")
            expected = np.asarray(picture(number))
            assert np.array_equal(np.asarray(store.open(media)), expected)
    opened = num_open_files() - before
    assert opened <= containers.MAX_OPEN_CONTAINERS
    containers.opened.close_all()
    assert num_open_files() <= before


def test_archive_that_was_replaced_is_opened_anew(root: Path, store: MediaStore) -> None:
    media = ArchivePicture(archive="m:a.zip", member="in/a.png")
    store.open(media)
    with zipfile.ZipFile(root / "new.zip", "w") as archive:
        archive.writestr("in/a.png", encode_png(picture(9)))
    (root / "new.zip").replace(root / "a.zip")
    assert np.array_equal(np.asarray(store.open(media)), np.asarray(picture(9)))


def test_two_stores_may_read_one_lmdb(root: Path) -> None:
    media = LmdbPicture(store="m:images", episode=RH20T, frame=7)
    first, second = MediaStore({"m": root}), pickle.loads(pickle.dumps(MediaStore({"m": root})))
    assert first.read_bytes(media) == second.read_bytes(media)


def test_threads_share_handles(root: Path, store: MediaStore) -> None:
    expected = np.asarray(picture())
    wrong: list[Media] = []

    def read() -> None:
        for _ in range(20):
            for media in ALL_KINDS:
                if not np.array_equal(np.asarray(store.open(media)), expected):
                    wrong.append(media)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_children_of_a_fork_do_not_disturb_the_parent(root: Path, store: MediaStore) -> None:
    for media in ALL_KINDS:  # now the handles are open
        store.open(media)
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            good = all(
                np.array_equal(np.asarray(store.open(media)), np.asarray(picture()))
                for _ in range(10)
                for media in ALL_KINDS
            )
            os._exit(0 if good else 1)
        children.append(child)
    for _ in range(10):
        for media in ALL_KINDS:
            assert np.array_equal(np.asarray(store.open(media)), np.asarray(picture()))
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]


def test_missing_package_names_the_command(
    root: Path, store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    containers.opened.close_all()
    monkeypatch.setitem(__import__("sys").modules, "lmdb", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'roboloop\[media\]'"):
        store.open(LmdbPicture(store="m:images", episode=RH20T, frame=7))

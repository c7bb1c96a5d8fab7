"""Pictures that cannot be read or show nothing are found; others are left alone."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import record
from PIL import Image, ImageFilter
from test_curation_run import run_operators

from roboloop.curate.media import MediaChecks
from roboloop.curate.picture_measures import grey_measures
from roboloop.curate.store import read_table
from roboloop.records.media import ArchivePicture, FilePicture, Media, VideoFrame
from roboloop.runs.ledger import read_ledger

Write = Callable[..., Path]


def textured(width: int = 640, height: int = 480) -> Image.Image:
    """Rectangles of all sizes, as sharp as can be."""
    draw = np.random.default_rng(5)
    pixels = np.full((height, width, 3), 120, dtype=np.uint8)
    for _ in range(60):
        x, y = draw.integers(0, width), draw.integers(0, height)
        pixels[y : y + draw.integers(4, 90), x : x + draw.integers(4, 90)] = draw.integers(
            0, 255, 3
        )
    return Image.fromarray(pixels)


def jpeg(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=90)
    return stream.getvalue()


GOOD = jpeg(textured())
PICTURES: dict[str, tuple[bytes, str]] = {
    "good.jpg": (GOOD, ""),
    "truncated.jpg": (GOOD[: len(GOOD) // 2], "unreadable: E-MED-003"),
    "nothing.jpg": (b"", "unreadable: E-MED-002"),
    "text.jpg": (b"<html>404</html>", "unreadable: E-MED-003"),
    "blank.jpg": (jpeg(Image.new("RGB", (640, 480), (90, 90, 90))), "blank"),
    "blurred.jpg": (jpeg(textured().filter(ImageFilter.GaussianBlur(9))), "blurred"),
    "tiny.jpg": (jpeg(textured(40, 20)), "tiny"),
    "long.jpg": (jpeg(textured(900, 100)), "absurd aspect"),
}


def reasons_of(folder: Path, out: Path, *, num_workers: int = 1, **options: Any) -> dict[str, str]:
    run_operators([MediaChecks.model_validate(options)], folder, out, num_workers=num_workers)
    lines = read_ledger(out / "ledger.jsonl")
    return {line.record_id or "": line.detail.removeprefix("media: ") for line in lines}


def with_media(name: str, *media: Media) -> Any:
    return replace(record(name), media=media)


@pytest.mark.parametrize("num_workers", [1, 2])
def test_every_fault_is_found_once(write_records: Write, tmp_path: Path, num_workers: int) -> None:
    for name, (data, _) in PICTURES.items():
        (tmp_path / name).write_bytes(data)
    records = [with_media(name, FilePicture(path=f"made:{name}")) for name in PICTURES]
    records.append(with_media("gone.jpg", FilePicture(path="made:gone.jpg")))
    records.append(with_media("no pictures"))
    records.append(
        with_media("two", FilePicture(path="made:good.jpg"), FilePicture(path="made:blank.jpg"))
    )
    folder = write_records(records, max_records=4)
    reasons = reasons_of(folder, tmp_path / "out", num_workers=num_workers)
    wanted = {name: reason for name, (_, reason) in PICTURES.items() if reason}
    wanted |= {"gone.jpg": "unreadable: E-MED-001", "two": "blank"}
    assert set(reasons) == set(wanted)
    for name, reason in wanted.items():
        assert reasons[name].startswith(reason), reasons[name]


def test_limits_are_judged_from_what_is_stored(write_records: Write, tmp_path: Path) -> None:
    (tmp_path / "blank.jpg").write_bytes(PICTURES["blank.jpg"][0])
    folder = write_records([with_media("blank", FilePicture(path="made:blank.jpg"))])
    store = tmp_path / "store"
    for limits, dropped in (({}, 1), ({"min_contrast": 0, "min_sharpness": 0}, 0)):
        counts = run_operators(
            [MediaChecks.model_validate(limits)], folder, tmp_path / f"out{dropped}", store=store
        )
        assert counts.num_dropped == dropped
    (values,) = store.glob("*/media-*/train-00000*.arrow")
    row = read_table(values).to_pylist()[0]
    assert (row["width"], row["height"], row["min_side"]) == (640, 480, 480)
    assert row["min_brightness"] == pytest.approx(90, abs=1)


def test_archives_and_videos_are_opened_too(write_records: Write, tmp_path: Path) -> None:
    blank = PICTURES["blank.jpg"][0]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("good.jpg", GOOD)
        packed.writestr("blank.jpg", blank)
    with tarfile.open(tmp_path / "a.tar", "w") as packed:
        info = tarfile.TarInfo("blank.jpg")
        info.size = len(blank)
        packed.addfile(info, io.BytesIO(blank))
    write_video(tmp_path / "v.mp4")
    media: dict[str, Media] = {
        "zip good": ArchivePicture(archive="made:a.zip", member="good.jpg"),
        "zip blank": ArchivePicture(archive="made:a.zip", member="blank.jpg"),
        "zip gone": ArchivePicture(archive="made:a.zip", member="gone.jpg"),
        "tar blank": ArchivePicture(archive="made:a.tar", member="blank.jpg"),
        "video good": VideoFrame(path="made:v.mp4", frame=0),
        "video blank": VideoFrame(path="made:v.mp4", frame=1),
        "video end": VideoFrame(path="made:v.mp4", frame=99),
        "outside": FilePicture(path="made:../../etc/passwd"),
    }
    folder = write_records([with_media(name, medium) for name, medium in media.items()])
    reasons = reasons_of(folder, tmp_path / "out")
    assert {name: text.split(",")[0].split(": ")[0] for name, text in reasons.items()} == {
        "zip blank": "blank", "zip gone": "unreadable", "tar blank": "blank",
        "video blank": "blank", "video end": "unreadable", "outside": "unreadable",
    }  # fmt: skip


def write_video(path: Path) -> None:
    """Two frames: one textured, one blank."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.options = {"crf": "10", "g": "1"}
        for picture in (textured(320, 240), Image.new("RGB", (320, 240), (90, 90, 90))):
            for packet in stream.encode(av.VideoFrame.from_image(picture)):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def test_sharpness_is_the_variance_of_the_laplacian_as_scipy_has_it() -> None:
    from scipy.ndimage import laplace

    grey = textured(200, 150).convert("L")
    brightness, contrast, sharpness = grey_measures(grey)
    values = np.asarray(grey, dtype=np.float64)
    assert (brightness, contrast) == (pytest.approx(values.mean()), pytest.approx(values.std()))
    assert sharpness == pytest.approx(laplace(values)[1:-1, 1:-1].var())


def test_sizes_do_not_change_what_sharp_means() -> None:
    small, large = textured().convert("L"), textured().resize((1920, 1440)).convert("L")
    assert grey_measures(large)[2] == pytest.approx(grey_measures(small)[2], rel=0.5)
    blurred = large.filter(ImageFilter.GaussianBlur(27))
    assert grey_measures(blurred)[2] < 10 < grey_measures(large)[2] / 5

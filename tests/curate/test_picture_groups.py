"""picture_groups: like pictures find each other, moments of a recording do not."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from operate import LONG_ANSWER, Operated, operate, told
from PIL import Image
from pydantic import ValidationError

from roboloop.base.errors import RoboLoopError
from roboloop.base.pictures import decode_grey
from roboloop.curate.config import CurateConfig
from roboloop.curate.minhash import MinhashDuplicates
from roboloop.curate.picture_groups import PictureGroups
from roboloop.curate.picture_hash import SIDE, picture_hash
from roboloop.records.media import VideoFrame
from roboloop.records.record import Record
from roboloop.records.shards import write_media_roots

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
ROBOT = "lerobot_v2_gr1/demo_data/robot_sim.PickNPlace/videos/chunk-000"
OPERATOR = PictureGroups.model_validate({})


def scene(seed: int) -> Image.Image:
    blobs = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(blobs).resize((640, 480), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, *, form: str = "JPEG", **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def hash_of(data: bytes) -> int:
    return picture_hash(decode_grey(data, least_side=SIDE))


def distance(one: bytes, other: bytes) -> int:
    return (hash_of(one) ^ hash_of(other)).bit_count()


@pytest.fixture
def grouped(tmp_path: Path) -> Callable[..., Operated]:
    """Groups of pictures `p0.jpg`, `p1.jpg`, ... with these bytes."""

    def group(pictures: Sequence[bytes], records: Sequence[Record] | None = None) -> Operated:
        for number, data in enumerate(pictures):
            (tmp_path / f"p{number}.jpg").write_bytes(data)
        write_media_roots(tmp_path, roots={"made": tmp_path})
        shown = [told("x", picture=f"p{number}.jpg") for number in range(len(pictures))]
        return operate(OPERATOR, records or shown, folder=tmp_path)

    return group


def test_the_hash_survives_what_does_not_change_the_scene() -> None:
    for seed in range(20):
        picture = scene(seed)
        plain = encoded(picture, quality=90)
        assert distance(plain, encoded(picture, quality=40)) <= 4
        assert distance(plain, encoded(picture, form="PNG")) <= 4
        assert distance(plain, encoded(picture.resize((448, 336)), quality=90)) <= 4
        brighter = picture.point(lambda value: min(255, value * 1.1))
        assert distance(plain, encoded(brighter, quality=90)) <= 6
        assert distance(plain, encoded(scene(seed + 100), quality=90)) > 10


def test_a_turned_picture_is_read_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = scene(1).transpose(Image.Transpose.ROTATE_90)
    assert distance(encoded(scene(1), quality=90), encoded(lying, quality=90, exif=exif)) <= 4
    assert decode_grey(encoded(lying, quality=90, exif=exif), least_side=32).size == (80, 60)


def test_small_transparent_and_deep_pictures_are_read() -> None:
    tiny = Image.new("L", (1, 1), 7)
    assert isinstance(hash_of(encoded(tiny, form="PNG")), int)
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    assert np.asarray(decode_grey(encoded(clear, form="PNG"), least_side=32)).min() == 255
    deep = Image.fromarray(np.full((50, 40), 40_000, dtype=np.uint16))
    assert decode_grey(encoded(deep, form="PNG"), least_side=32).size == (40, 50)


@pytest.mark.parametrize(
    ("cut", "code"), [(0, "E-MED-002"), (300, "E-MED-003"), (5000, "E-MED-003")]
)
def test_a_broken_picture_says_so(cut: int, code: str) -> None:
    with pytest.raises(RoboLoopError) as caught:
        decode_grey(encoded(scene(3), quality=90)[:cut], least_side=32)
    assert caught.value.code == code


def test_like_pictures_are_grouped_and_nothing_is_dropped(grouped: Callable[..., Operated]) -> None:
    pictures = [
        encoded(scene(1)),
        encoded(scene(2)),
        encoded(scene(1), quality=50),
        b"",
        encoded(scene(2))[:900],
    ]
    found = grouped(pictures)
    assert found.judgement.partner.tolist() == [-1, -1, 0, -1, -1]
    assert not found.judgement.drop.any()


def test_moments_of_a_recording_are_not_grouped(grouped: Callable[..., Operated]) -> None:
    data = encoded(scene(4))
    records = [
        told("x", picture="p0.jpg", meta={"episode": "e", "frame": 1}),
        told("x", picture="p1.jpg", meta={"episode": "e", "frame": 2}),
        told("x", picture="p2.jpg", meta={"episode": "copy", "frame": 1}),
        told("x", picture="p3.jpg", meta={"episode": "copy", "frame": 2}),
        told("y", picture="p1.jpg", meta={"episode": "e", "frame": 2}),
    ]
    found = grouped([data] * 4, records)
    group = np.where(found.judgement.partner < 0, np.arange(5), found.judgement.partner)
    assert group[0] != group[1]
    assert group[2] != group[3], "not by way of a copy of the recording either"
    assert group[4] == group[1], "the very same picture"


def test_duplicates_may_be_sought_among_like_pictures(grouped: Callable[..., Operated]) -> None:
    pictures = [encoded(scene(1)), encoded(scene(1), quality=50), encoded(scene(2))]
    records = [told(LONG_ANSWER, picture=f"p{number}.jpg") for number in range(3)]
    records += [told(LONG_ANSWER, picture=""), told(LONG_ANSWER.upper(), picture="")]
    judged = {"picture_groups": grouped(pictures, records).judgement}
    alike = MinhashDuplicates.model_validate({"pictures": "alike"})
    assert operate(alike, records, judged=judged).dropped() == [1, 4]
    assert operate(MinhashDuplicates.model_validate({}), records).dropped() == [4]


def test_a_recipe_must_group_pictures_first() -> None:
    alike = MinhashDuplicates.model_validate({"pictures": "alike"})
    with pytest.raises(ValidationError, match="needs an operator called"):
        CurateConfig.model_validate({"operators": [alike, OPERATOR]})
    CurateConfig.model_validate({"operators": [OPERATOR, alike]})
    with pytest.raises(ValidationError, match="raise floor_distance"):
        PictureGroups.model_validate({"max_distance": 9})


@pytest.mark.skipif(not (DATA / ROBOT).exists(), reason="needs the sample data")
def test_neighbouring_frames_of_a_robot_all_stay(tmp_path: Path) -> None:
    pytest.importorskip("av")
    write_media_roots(tmp_path, roots={"robot": DATA / ROBOT})
    (video,) = sorted((DATA / ROBOT).rglob("episode_000000.mp4"))[:1]
    path = f"robot:{video.relative_to(DATA / ROBOT)}"
    records = [
        Record(id=f"f{frame}", task="vqa", media=(VideoFrame(path=path, frame=frame),),
               turns=told("").turns, answer=told(LONG_ANSWER).answer)
        for frame in range(0, 24, 2)
    ]  # fmt: skip
    groups = operate(OPERATOR, records, folder=tmp_path)
    assert (groups.judgement.partner == -1).all()
    alike = MinhashDuplicates.model_validate({"pictures": "alike"})
    for operator, judged in (
        (MinhashDuplicates.model_validate({}), None),
        (alike, {"picture_groups": groups.judgement}),
    ):
        assert operate(operator, records, judged=judged).dropped() == []
    from roboloop.records.media_open import MediaStore

    store = MediaStore({"robot": DATA / ROBOT})
    hashes = [picture_hash(store.open(item.media[0]).convert("L")) for item in records[:2]]
    assert (hashes[0] ^ hashes[1]).bit_count() <= 4, "their pictures do look the same"

"""Frame numbers are exact: decoding the whole file in order is the oracle."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.records import VideoFrame
from roboloop.records.containers import opened
from roboloop.records.media_open import MediaStore

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
REAL_VIDEOS = [
    "lerobot_v2_gr1/demo_data/robot_sim.PickNPlace/videos/chunk-000/observation.images.ego_view/"
    "episode_000001.mp4",
    "lerobot_v21_g1_real/videos/chunk-000/observation.images.cam_high/episode_000030.mp4",
    "llamafactory_mllm/data/mllm_demo_data/1.mp4",
]


def write_video(
    path: Path, *, num_frames: int = 60, every: int = 1, size: int = 64, left: int | None = None
) -> None:
    """A video whose frame n is grey n * 4; with `every` > 1 the frame rate changes.

    `left` is the grey of the left half of all frames.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"g": "12", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = size, size // 2, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 30)
        stamp = 0
        for number in range(num_frames):
            grey = np.full((size // 2, size, 3), number * 4, dtype=np.uint8)
            grey[:, : size // 2] = grey[:, : size // 2] if left is None else left
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 30)
            stamp += every if number % 3 == 0 else 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def grey_of(store: MediaStore, *, frame: int) -> float:
    return float(np.asarray(store.open(VideoFrame(path="m:v.mp4", frame=frame))).mean())


@pytest.mark.parametrize("every", [1, 7], ids=["steady", "changing rate"])
def test_any_order_gives_the_numbered_frame(tmp_path: Path, every: int) -> None:
    write_video(tmp_path / "v.mp4", every=every)
    store = MediaStore({"m": tmp_path})
    assert store.num_frames("m:v.mp4") == 60
    order = list(range(60)) + random.Random(0).sample(range(60), 60) + [59, 0, 59, 0, 30, 30, 31]
    for number in order:
        assert abs(grey_of(store, frame=number) - number * 4) < 2, number
    seconds = [store.frame_seconds("m:v.mp4", frame=number) for number in (0, 1, 2, 3, 4)]
    steps = [0, every, every + 1, every + 2, 2 * every + 2]
    assert seconds == pytest.approx([step / 30 for step in steps])


@pytest.mark.parametrize("name", REAL_VIDEOS, ids=["h264", "av1", "web"])
def test_real_videos_equal_decoding_in_order(name: str) -> None:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the real sample {name} is not there")
    with av.open(str(path)) as container:
        frames = [np.asarray(frame.to_image()) for frame, _ in zip(
            container.decode(video=0), range(90), strict=False)]  # fmt: skip
    store = MediaStore({"m": path.parent})
    chosen = [len(frames) - 1, 3, 2, 50, 51, 0, 7]
    for number in chosen:
        ours = store.open(VideoFrame(path=f"m:{path.name}", frame=number))
        assert np.array_equal(np.asarray(ours), frames[number]), number
    assert store.size(VideoFrame(path=f"m:{path.name}", frame=0)) == frames[0].shape[1::-1]


def test_turned_video_is_shown_upright(tmp_path: Path) -> None:
    """A telephone held upright writes lying pictures and a matrix that says so (QuickTime tkhd)."""
    write_video(tmp_path / "v.mp4", num_frames=3, left=255)
    one, unit = (1 << 16).to_bytes(4, "big"), (1 << 30).to_bytes(4, "big")
    zero, minus = bytes(4), (-(1 << 16)).to_bytes(4, "big", signed=True)
    upright = one + zero * 3 + one + zero * 3 + unit
    clockwise = zero + one + zero + minus + zero * 4 + unit
    data = (tmp_path / "v.mp4").read_bytes()
    track = data.index(b"tkhd")
    assert data.index(upright, track) - track < 60
    turned = data[:track] + data[track:].replace(upright, clockwise, 1)
    (tmp_path / "v.mp4").write_bytes(turned)
    media = VideoFrame(path="m:v.mp4", frame=1)
    store = MediaStore({"m": tmp_path})
    assert store.size(media) == store.open(media).size == (32, 64)
    pixels = np.asarray(store.open(media)).astype(float)
    # Turned clockwise, what was left is on top.
    assert pixels[:28].mean() > 240 and pixels[36:].mean() < 20


def test_bytes_of_a_frame_are_its_png(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", num_frames=3)
    store, media = MediaStore({"m": tmp_path}), VideoFrame(path="m:v.mp4", frame=1)
    assert store.read_bytes(media).startswith(b"\x89PNG")
    assert store.read_bytes(media) == store.read_bytes(media)


def test_missing_frames_and_broken_files_have_codes(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", num_frames=30)
    data = (tmp_path / "v.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 3])
    (tmp_path / "text.mp4").write_text("no video")
    store = MediaStore({"m": tmp_path})
    for path, frame, code in [
        ("m:v.mp4", 30, "E-MED-007"),
        ("m:v.mp4", -1, "E-MED-007"),
        ("m:none.mp4", 0, "E-MED-001"),
        ("m:cut.mp4", 0, "E-MED-008"),
        ("m:text.mp4", 0, "E-MED-008"),
    ]:
        with pytest.raises(RoboLoopError) as caught:
            store.open(VideoFrame(path=path, frame=frame))
        assert (caught.value.code, path in caught.value.detail) == (code, True)
    opened.close_all()

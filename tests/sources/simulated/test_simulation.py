"""The simulator itself: grasps succeed, failures fail as planned, truth and bytes are exact."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from roboloop.base.geometry import box_iou
from roboloop.sources.simulated.controller import FAILURES, PHASES
from roboloop.sources.simulated.episode import Episode, EpisodeOptions, simulate_episode
from roboloop.sources.simulated.pack import Pack, read_pack
from roboloop.sources.simulated.truth import EpisodeTruth, FrameTruth

pytestmark = [pytest.mark.gl, pytest.mark.usefixtures("simulator")]

NUM_EPISODES, NUM_LOOKED_AT = 50, 20
FIRST_SEED = 5_000
MIN_SUCCESS = 0.95
MIN_IOU = 0.85


@pytest.fixture(scope="module")
def episode(simulator: None) -> Episode:
    return simulate_episode(FIRST_SEED, options=EpisodeOptions())


def look(episode: Episode, *, every: int) -> tuple[EpisodeTruth, list[FrameTruth], str]:
    """Truth and a digest of all pictures of every so many frames."""
    from roboloop.sources.simulated.observe import Observer

    digest, truths = hashlib.sha256(), list[FrameTruth]()
    with Observer(episode) as observer:
        for frame in range(0, len(episode.frames), every):
            for seen in observer.observe(frame):
                digest.update(seen.rgb.tobytes())
                truths.append(seen.truth)
        return observer.episode_truth(), truths, digest.hexdigest()


def test_phases_come_in_order_and_contact_lasts_from_grasp_to_release(episode: Episode) -> None:
    phases = list(dict.fromkeys(state.phase for state in episode.frames))
    assert tuple(phases) == PHASES
    assert episode.success and episode.cause is None
    contact, release = episode.contact_frame, episode.release_frame
    assert contact is not None and release is not None
    assert episode.frames[contact].phase in ("grasp", "descend")
    assert episode.frames[release].phase in ("release", "retreat")
    held = [s for s in episode.frames if s.phase in ("lift", "transport")]
    assert all(state.touching == episode.grasped for state in held)
    target = episode.layout.target
    lifted = max(float(s.object_positions[target][2]) for s in episode.frames)
    assert lifted > 0.15


def test_unhidden_boxes_agree_with_the_segmentation(episode: Episode) -> None:
    _, truths, _ = look(episode, every=12)
    assert_boxes_agree(truths, at_least=10)


def assert_boxes_agree(truths: list[FrameTruth], *, at_least: int) -> None:
    """Every object that nothing hides: its projected box against the box of its pixels."""
    ious: list[float] = []
    for truth in truths:
        for thing in truth.objects:
            x1, y1, x2, y2 = thing.full_box_px
            inside = x1 > 1 and y1 > 1 and x2 < 319 and y2 < 179
            if thing.box_px is not None and thing.visible_fraction > 0.9 and inside:
                if _overlap(thing.full_box_px, truth.gripper_box_px):
                    continue
                ious.append(box_iou(thing.box_px, second_px=thing.full_box_px))
    assert len(ious) >= at_least
    assert min(ious) >= MIN_IOU, f"lowest {min(ious):.3f}, mean {np.mean(ious):.3f}"


def _overlap(one: tuple[float, ...], other: tuple[float, ...] | None) -> bool:
    if other is None:
        return False
    return not (one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1])


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    one = look(simulate_episode(41, options=EpisodeOptions()), every=40)
    two = look(simulate_episode(41, options=EpisodeOptions()), every=40)
    assert one[2] == two[2]
    assert repr(one[1]) == repr(two[1]) and repr(one[0]) == repr(two[0])
    other = look(simulate_episode(42, options=EpisodeOptions()), every=40)
    assert other[2] != one[2]


@pytest.mark.slow
@pytest.mark.parametrize("failure", FAILURES)
def test_planned_failures_happen_and_are_named(failure: str) -> None:
    episodes = [
        simulate_episode(seed, options=EpisodeOptions(failure=failure))  # pyright: ignore[reportArgumentType]
        for seed in range(60, 63)
    ]
    for episode in episodes:
        assert not episode.success and episode.cause == failure
        if failure == "missed_grasp":
            held = {s.touching for s in episode.frames if s.phase in ("lift", "transport")}
            assert held == {None}
        if failure == "wrong_object":
            assert episode.grasped != episode.layout.target
        if failure == "drop":
            assert episode.contact_frame is not None and episode.release_frame is not None
            assert episode.frames[episode.release_frame].phase in ("transport", "lower")


@pytest.mark.slow
def test_the_shipped_pack_is_made_by_this_code(pack: Pack) -> None:
    """Physics and labels of one shipped episode, made again. Pictures may differ by driver."""
    from roboloop.sources.simulated.pack_build import PackOptions, render_key_frames

    shipped = pack.episodes[0]
    made = render_key_frames(
        shipped.truth.seed, split=shipped.split, options=PackOptions(num_train=1, num_val=0)
    )
    assert made.truth.instruction == shipped.truth.instruction
    assert made.truth.contact_frame == shipped.truth.contact_frame
    for again, before in zip(made.frames, shipped.frames, strict=True):
        assert (again.truth.frame, again.truth.phase) == (before.truth.frame, before.truth.phase)
        assert again.truth.tool_px == pytest.approx(before.truth.tool_px, abs=1.0)
        box, was = again.truth.gripper_box_px, before.truth.gripper_box_px
        assert box is not None and was is not None and box_iou(box, second_px=was) > 0.9


@pytest.mark.slow
def test_episodes_succeed_and_their_boxes_are_true() -> None:
    causes: Counter[str | None] = Counter()
    truths: list[FrameTruth] = []
    for seed in range(FIRST_SEED, FIRST_SEED + NUM_EPISODES):
        episode = simulate_episode(seed, options=EpisodeOptions())
        causes[episode.cause] += 1
        if seed < FIRST_SEED + NUM_LOOKED_AT:
            truths += look(episode, every=60)[1]
    assert causes[None] >= MIN_SUCCESS * NUM_EPISODES, causes
    assert_boxes_agree(truths, at_least=120)


@pytest.mark.slow
def test_simulate_writes_all_formats_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    from roboloop.sources.simulated.generate import simulate

    formats = ("records", "lerobot", "robointer")
    first = simulate(tmp_path / "a", num_episodes=1, seed=9, formats=("records",))
    assert (first.num_episodes, first.num_new) == (1, 1)
    more = simulate(tmp_path / "a", num_episodes=2, seed=9, num_workers=2, formats=("records",))
    assert (more.num_episodes, more.num_new) == (2, 1)
    again = simulate(tmp_path / "a", num_episodes=2, seed=9, formats=("records",))
    assert again.num_new == 0
    whole = simulate(tmp_path / "b", num_episodes=2, seed=9, formats=("records",))
    assert whole.num_new == 2
    for name in ("pack.json", "episodes.jsonl.gz", "frames.zip"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert len(read_pack(tmp_path / "a").episodes) == 2
    full = simulate(tmp_path / "c", num_episodes=1, seed=9, formats=formats)
    assert "1 episodes (1 new)" in str(full)
    assert (tmp_path / "c/lerobot/meta/info.json").is_file()
    assert len(list((tmp_path / "c/robointer").glob("sim-*/meta_info.pkl"))) == 2
    told = read_pack(tmp_path / "a").episodes[0].truth
    from roboloop.sources.simulated.recording import Recording

    assert Recording(tmp_path / "c/work/v1/full/sim-0000009").truth.contact_frame == (
        told.contact_frame
    )

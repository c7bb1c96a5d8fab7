"""Pairs from the geometry of simulated pictures, whose truth is exact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from roboloop.base.geometry import PictureSize, Point, box_iou
from roboloop.base.paths import path_length
from roboloop.compose import COMPOSERS
from roboloop.compose import preference_boxes as boxes
from roboloop.compose import preference_points as points
from roboloop.compose import preference_trajectories as trajectories
from roboloop.compose.base import ComposeContext, Refusal
from roboloop.compose.mistakes import moved, swap_axes
from roboloop.compose.preference_trajectories import bent_to, gone_on, stopped
from roboloop.records.answers import Box, Points, Trajectory, YesNo
from roboloop.records.media import FilePicture
from roboloop.records.record import Record, check_record, record_to_json
from roboloop.tasks import load_task

SIZE = PictureSize(200, 100)
GEOMETRY = ("preference_boxes", "preference_points", "preference_trajectories")


def made(
    kind: str, records: list[Record], *, seed: int = 0, **options: object
) -> tuple[list[Record], list[Refusal]]:
    composer = COMPOSERS.resolve(kind)(**options)
    out = list(composer.compose(records, ComposeContext(seed, Path("unused"))))
    pairs = [item for item in out if isinstance(item, Record)]
    return pairs, [item for item in out if isinstance(item, Refusal)]


def box_question(name: str, *, box: Box, thing: str, picture: str = "a.jpg") -> Record:
    return Record(
        id=name,
        task="object_box",
        media=(FilePicture(path=f"made:{picture}", size=SIZE),),
        inputs={"object": thing},
        answer=box,
        split="val",
        licence="CC0-1.0",
        source="made",
    )


@pytest.mark.parametrize("kind", [*GEOMETRY, "preference_choices"])
def test_every_pair_is_right_under_the_metric_an_evaluation_uses(
    kind: str, ten_episodes: list[Record]
) -> None:
    parents = {record.id: record for record in ten_episodes}
    pairs, refused = made(kind, ten_episodes)
    assert len(pairs) > 60 and len({pair.id for pair in pairs}) == len(pairs)
    for pair in pairs:
        check_record(pair)
        (parent_id,) = pair.meta["parents"]
        parent = parents[parent_id]
        assert pair.meta["composer"] == kind and pair.id.startswith(f"{parent_id}/{kind}/")
        assert (pair.task, pair.media, pair.split) == (parent.task, parent.media, parent.split)
        task = load_task(pair.task)
        main = task.metrics[0]
        values = [
            task.score(answer, truth=parent.answer, size=pair.picture_size)[main.name]  # pyright: ignore[reportArgumentType]
            for answer in (pair.answer, pair.rejected)
        ]
        gap = values[0] - values[1] if main.higher_is_better else values[1] - values[0]
        assert gap >= (0.05 if main.unit == "diagonals" else 0.5)
        assert pair.meta["evidence"]["gap"]["by"] == pytest.approx(gap)
    taken = [pair.meta["parents"][0] for pair in pairs] + [one.parent_id for one in refused]
    assert len(set(taken)) == len(taken), "a parent gives a pair, or a reason, and never both"


@pytest.mark.parametrize("kind", GEOMETRY)
def test_the_same_seed_gives_the_same_pairs_and_another_gives_others(
    kind: str, ten_episodes: list[Record]
) -> None:
    some = ten_episodes[:400]
    first, again, other = (made(kind, some, seed=seed)[0] for seed in (1, 1, 2))
    assert [record_to_json(pair) for pair in first] == [record_to_json(pair) for pair in again]
    assert [record_to_json(pair) for pair in first] != [record_to_json(pair) for pair in other]


@pytest.mark.parametrize(
    ("kind", "mistakes"),
    [
        ("preference_boxes", boxes.MISTAKES),
        ("preference_points", points.MISTAKES),
        ("preference_trajectories", trajectories.MISTAKES),
    ],
)
def test_every_mistake_can_be_made(
    kind: str, mistakes: tuple[str, ...], ten_episodes: list[Record]
) -> None:
    for mistake in mistakes:
        pairs, _ = made(kind, ten_episodes, mistakes=[mistake], balance=False)
        assert pairs and {pair.meta["evidence"]["what"] for pair in pairs} == {mistake}


def test_a_wrong_thing_is_another_one_of_the_same_picture() -> None:
    cup, plate = Box(10, 10, 50, 50), Box(120, 40, 180, 90)
    records = [
        box_question("a", box=cup, thing="cup"),
        box_question("b", box=plate, thing="plate"),
        box_question("c", box=cup, thing="Cup", picture="b.jpg"),
    ]
    pairs, refused = made("preference_boxes", records, mistakes=["other_thing"], balance=False)
    assert [(pair.id, pair.rejected) for pair in pairs] == [
        ("a/preference_boxes/other_thing", plate),
        ("b/preference_boxes/other_thing", cup),
    ]
    assert pairs[0].meta["evidence"]["told_by"] == "b"
    assert pairs[0].meta["evidence"]["thing"] == "plate"
    assert not refused, "a picture with one thing offers no other; that is no mistake"


def test_another_box_of_the_same_name_is_no_wrong_thing() -> None:
    records = [
        box_question("a", box=Box(10, 10, 50, 50), thing="cup"),
        box_question("b", box=Box(120, 40, 180, 90), thing="CUP"),
    ]
    assert made("preference_boxes", records, mistakes=["other_thing"]) == ([], [])


def test_a_box_that_overlaps_the_true_one_may_be_the_same_thing() -> None:
    records = [
        box_question("a", box=Box(10, 10, 50, 50), thing="cup"),
        box_question("b", box=Box(10, 10, 50, 45), thing="mug"),
    ]
    assert made("preference_boxes", records, mistakes=["other_thing"]) == ([], [])


def test_a_record_that_allows_no_margin_is_refused() -> None:
    whole = box_question("a", box=Box(0, 0, 200, 100), thing="table")
    pairs, refused = made("preference_boxes", [whole], mistakes=["shifted", "swapped_axes"])
    assert not pairs
    assert [(one.parent_id, one.error.code) for one in refused] == [("a", "E-PRF-001")]
    assert "iou 1 against 1, a gap of 0; the margin is 0.5" in str(refused[0].error)


def test_a_record_without_truth_or_of_another_kind_is_passed_over() -> None:
    known = box_question("a", box=Box(10, 10, 50, 50), thing="cup")
    unknown = Record(id="b", task="object_box", media=known.media, inputs=known.inputs)
    odd = Record(id="c", task="object_box", media=known.media, answer=YesNo(True))
    assert made("preference_boxes", [unknown, odd]) == ([], [])


def test_a_contact_box_moves_to_the_other_thing_in_its_own_size() -> None:
    contact = Record(
        id="a", task="contact_box", media=(FilePicture(path="made:a.jpg", size=SIZE),),
        inputs={"instruction": "take the cup"}, answer=Box(10, 10, 30, 40),
    )  # fmt: skip
    plate = box_question("b", box=Box(120, 40, 180, 90), thing="plate")
    (pair,), _ = made(
        "preference_boxes", [contact, plate], mistakes=["other_thing"], tasks=["contact_box"],
        balance=False,
    )  # fmt: skip
    assert pair.rejected == Box(140, 50, 160, 80)


def test_points_of_an_area_are_chosen_inside_it() -> None:
    area = Record(
        id="a", task="pointing", media=(FilePicture(path="made:a.jpg", size=SIZE),),
        inputs={"object": "the cup"}, answer=Box(10, 10, 30, 40),
    )  # fmt: skip
    (pair,), _ = made("preference_points", [area], balance=False)
    assert pair.answer == Points((Point(20, 25),))
    assert isinstance(pair.rejected, Points)
    x, y = pair.rejected.points_px[0]
    assert not (10 <= x <= 30 and 10 <= y <= 40)


def test_mistakes_keep_the_number_of_waypoints_and_whole_pixels() -> None:
    path = tuple(Point(20.0 + 12 * k, 80.0 - 6 * k) for k in range(10))
    record = Record(
        id="a", task="traj_wo_init_pos", media=(FilePicture(path="made:a.jpg", size=SIZE),),
        inputs={"instruction": "take the cup"}, answer=Trajectory(path),
    )  # fmt: skip
    for mistake in ("reversed", "stops_early", "goes_too_far", "shifted", "swapped_axes"):
        for seed in range(5):
            pairs, _ = made(
                "preference_trajectories", [record], seed=seed, mistakes=[mistake], balance=False
            )
            for pair in pairs:
                assert isinstance(pair.rejected, Trajectory)
                assert len(pair.rejected.points_px) == 10
                assert all(value == int(value) for p in pair.rejected.points_px for value in p)


def test_paths_are_cut_short_prolonged_and_bent() -> None:
    path = tuple(Point(10.0 * k, 50.0) for k in range(1, 11))
    short = stopped(path, share=0.5)
    assert (short[0], short[-1]) == (path[0], Point(55.0, 50.0)) and len(short) == len(path)
    longer = gone_on(path, share=0.5, size=SIZE)
    assert longer is not None and longer[0] == path[0] and len(longer) == len(path)
    assert path_length(longer) == pytest.approx(130.0)
    assert gone_on(path, share=2.0, size=SIZE) is None, "it would leave the picture"
    bent = bent_to(path, end=Point(100.0, 10.0))
    assert (bent[0], bent[-1]) == (path[0], Point(100.0, 10.0))


def test_what_is_moved_stays_in_the_picture_and_keeps_its_shape() -> None:
    corners = (Point(150.0, 20.0), Point(190.0, 40.0))
    assert moved(corners, by=Point(50, -50), size=SIZE) == (Point(160, 0), Point(200, 20))
    assert swap_axes(corners, size=SIZE) == (Point(40.0, 75.0), Point(80.0, 95.0))


def test_a_scaled_box_keeps_its_middle_unless_the_picture_ends(ten_episodes: list[Record]) -> None:
    pairs, _ = made("preference_boxes", ten_episodes[:200], mistakes=["scaled"], balance=False)
    assert pairs
    for pair in pairs:
        assert isinstance(pair.answer, Box) and isinstance(pair.rejected, Box)
        assert 0 < box_iou(pair.answer.corners_px, second_px=pair.rejected.corners_px) <= 0.5


def test_wrong_things_are_taken_from_the_scene_where_there_is_one() -> None:
    record = box_question("a", box=Box(10, 10, 50, 50), thing="cup")
    things = [
        {"id": "1", "name": "cup", "box_px": [10, 10, 50, 50]},
        {"id": "2", "name": "cup", "box_px": [100, 10, 140, 50]},
        {"id": "3", "name": "mug", "box_px": [12, 10, 50, 50]},
        {"id": "4", "name": "plate", "box_px": [120, 60, 180, 90]},
        {"id": "5", "name": "fork"},
    ]
    told = replace(record, meta={"scene": {"objects": things, "about": ["1"]}})
    for seed in range(5):
        (pair,), _ = made(
            "preference_boxes", [told], seed=seed, mistakes=["other_thing"], balance=False
        )
        assert pair.rejected == Box(120, 60, 180, 90)
        assert pair.meta["evidence"]["told_by"] == "4"


def test_what_lies_under_something_else_is_not_pointed_at() -> None:
    plate = Record(
        id="a", task="pointing", media=(FilePicture(path="made:a.jpg", size=SIZE),),
        inputs={"object": "the plate"}, answer=Box(100, 40, 180, 90),
    )  # fmt: skip
    lemon = box_question("b", box=Box(130, 55, 150, 75), thing="lemon")
    table = box_question("c", box=Box(0, 0, 200, 100), thing="table")
    under, _ = made("preference_points", [plate, lemon], balance=False)
    free, _ = made("preference_points", [plate, table], balance=False)
    assert (len(under), len(free)) == (0, 1)


def test_a_box_inside_another_may_mean_the_same_where_no_scene_tells() -> None:
    records = [
        box_question("a", box=Box(10, 10, 150, 90), thing="a woman at a desk"),
        box_question("b", box=Box(20, 60, 60, 90), thing="the woman has a white top"),
    ]
    assert made("preference_boxes", records, mistakes=["other_thing"]) == ([], [])

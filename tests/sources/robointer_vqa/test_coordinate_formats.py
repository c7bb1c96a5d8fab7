"""Three formats of one sample land on one answer, each within its own rounding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made_hub import KEYS, place_entry, published, read, resized, write_set

from roboloop.base.errors import Place
from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects import load_dialect
from roboloop.records import Box, FilePicture, Points, Record, Trajectory
from roboloop.sources.robointer_vqa.coordinates import (
    ANSWER_KEYS,
    plain_answer,
    published_dialect,
    stated_size,
)
from roboloop.sources.robointer_vqa.entries import EntryReader, EntryRules
from roboloop.sources.robointer_vqa.mixture import Share
from roboloop.sources.robointer_vqa.sets import COORDINATES, SET_OF_NAME, Coordinates
from roboloop.sources.truth_texts import read_truth
from roboloop.tasks import load_task

SIZES = st.sampled_from([(320, 180), (640, 360), (640, 480), (1280, 720)])
FRACTION = st.integers(0, 1000).map(lambda n: n / 1000)
EXAMPLE = [[72, 102], [192, 179]]


def reader(stem: str, coordinates: Coordinates) -> EntryReader:
    return EntryReader(
        EntryRules(
            share=Share(SET_OF_NAME[f"Generation/val/{stem}"], 1.0),
            hub=Path("nowhere"),
            root="r",
            licence="",
            coordinates=coordinates,
            tasks=(),
            own_words=False,
            verify_media=False,
            seed=0,
        )
    )


READERS = {(stem, form): reader(stem, form) for stem in KEYS for form in COORDINATES}


def points_of(record: Record) -> tuple[Point, ...]:
    match record.answer:
        case Box(x1, y1, x2, y2):
            return (Point(x1, y1), Point(x2, y2))
        case Points(points_px) | Trajectory(points_px):
            return points_px
        case _:
            raise AssertionError(record.answer)


@pytest.mark.parametrize("stem", KEYS)
@settings(max_examples=60)
@given(size=SIZES, places=st.lists(st.tuples(FRACTION, FRACTION), min_size=10, max_size=10))
@example(size=(320, 180), places=[(0.225, 0.57), (0.6, 0.999)] * 5)
@example(size=(1280, 720), places=[(0.0, 0.0), (1.0, 1.0)] * 5)
def test_one_sample_in_three_formats(
    stem: str, size: tuple[int, int], places: list[tuple[float, float]]
) -> None:
    """The truth is in whole pixels: origin_format gives it back exactly."""
    points = [(round(x * size[0]), round(y * size[1])) for x, y in places]
    if "box" in stem or "gripper" in stem:
        (x1, y1), (x2, y2) = points[:2]
        points = [(min(x1, x2), min(y1, y2)), (max(x1, x2), max(y1, y2))]
    found: dict[str, Record] = {}
    for form in COORDINATES:
        start = json.dumps(published(points[:1], form, size)[0])
        entry = place_entry(stem, points, form=form, size=size,
                            question=f"Task: 'a b'. It starts at {start}.")  # fmt: skip
        (record,) = READERS[stem, form].read(entry, place=Place("f.json", 1))
        assert isinstance(record, Record), record
        found[form] = record
    assert points_of(found["origin"]) == tuple(map(tuple, points))
    for form, record in found.items():
        dialect = load_dialect(f"robointer_{form}")
        error = dialect.resolution_px(PictureSize(*size))
        read_points = points_of(record)
        start = record.inputs.get("start")
        if stem == "traj_qa":
            assert isinstance(start, Points)
            read_points, points = (*read_points, *start.points_px), [*points, points[0]]
        for point, (x, y) in zip(read_points, points, strict=True):
            assert abs(point.x - x) <= error.x + 1e-6 and abs(point.y - y) <= error.y + 1e-6
            if form == "smart_resize":  # cut off: never beyond the truth
                assert point.x <= x + 1e-6 and point.y <= y + 1e-6
        if stem == "traj_qa":
            points = points[:-1]
        assert {r.inputs.get("instruction") for r in found.values()} == {"a b"}
        again = load_task(record.task).render(
            record.answer,
            dialect=dialect,
            size=record.picture_size,  # type: ignore[arg-type]
        )
        assert json.loads(again) == json.loads(record.meta["published_answer"])


def test_the_published_example() -> None:
    forms = {form: published([(72, 102), (192, 179)], form, (320, 180)) for form in COORDINATES}
    assert forms == {
        "origin": EXAMPLE,
        "llava": [[0.22, 0.57], [0.60, 0.99]],
        "smart_resize": [[69, 95], [184, 167]],
    }


@settings(max_examples=200)
@given(
    size=SIZES,
    task=st.sampled_from(sorted(ANSWER_KEYS)),
    form=st.sampled_from(COORDINATES),
    numbers=st.lists(st.tuples(st.integers(0, 150), st.integers(0, 150)), min_size=1, max_size=10),
)
def test_reading_directly_and_forgivingly_is_the_same(
    size: tuple[int, int], task: str, form: Coordinates, numbers: list[tuple[int, int]]
) -> None:
    pairs = [list(pair) for pair in numbers]
    if "box" in task or task == "gripper_det":
        xs, ys = (sorted(side) for side in zip(*(numbers * 2)[:2], strict=True))
        pairs = [[xs[0], ys[0]], [xs[1], ys[1]]]
    if form == "llava":
        pairs = [[x / 150, y / 150] for x, y in pairs]
    text = json.dumps({ANSWER_KEYS[task]: pairs})
    picture = PictureSize(*size)
    dialect = published_dialect(form, resized=PictureSize(*resized(size)))
    direct = plain_answer(text, task=task, frame=dialect.frame(picture), size=picture)
    media = (FilePicture(path="r:a.png", size=picture),)
    record = Record(id="a", task=task, media=media)
    if len(pairs) == 1 and "traj" in task:  # a single waypoint is an answer all the same
        assert direct == Trajectory(tuple(dialect.point(x, y, size=picture) for x, y in pairs))
    else:
        assert direct == read_truth(text, record=record, dialect=dialect).answer


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "null", "7", '{"current_bbox": []}', '{"current_bbox": [[1, 2]]}',
        '{"current_bbox": [[1, 2], [3, 4], [5, 6]]}', '{"current_bbox": [1, 2, 3, 4]}',
        '{"current_bbox": [["1", 2], [3, 4]]}', '{"current_bbox": [[true, 2], [3, 4]]}',
        '{"current_bbox": [[1, 2, 3], [3, 4, 5]]}', '{"current_bbox": {"a": 1}}',
        '{"current_bbox": "ab"}', '{"final_bbox": [[1, 2], [3, 4]]}',
        '{"current_bbox": [[1, 2], [3',
        '{"current_bbox": [[1, 2], [3, 4]], "more": 1}', "{}",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_the_task(text: str) -> None:
    frame = load_dialect("robointer_origin").frame(PictureSize(320, 180))  # type: ignore[attr-defined]
    size = PictureSize(320, 180)
    assert plain_answer(text, task="current_box", frame=frame, size=size) is None


def test_other_spellings_are_understood_and_noted(tmp_path: Path) -> None:
    entry = place_entry("current_box_qa", [(72, 102), (192, 179)])
    entry["conversations"][1]["value"] = "```json\n{'current_bbox': [72, 102, 192, 179]}\n```"
    write_set(tmp_path, "Generation/val/current_box_qa", [entry])
    (record,), _ = read(tmp_path, verify_media=False)
    assert record.answer == Box(72, 102, 192, 179)
    assert record.meta["answer_note"]


def test_the_resized_size_is_taken_from_the_entry(tmp_path: Path) -> None:
    """Published for another pixel budget, the numbers are pixels of another resized picture."""
    entry = place_entry("current_box_qa", [(0, 0), (640, 360)], size=(1280, 720))
    entry |= {"new_w": 896, "new_h": 504}
    entry["conversations"][1]["value"] = '{"current_bbox": [[0, 0], [448, 252]]}'
    write_set(tmp_path, "Generation/val/current_box_qa", [entry], form="smart_resize")
    (record,), _ = read(tmp_path, verify_media=False, coordinates="smart_resize")
    assert record.answer == Box(0, 0, 640, 360)
    del entry["new_w"], entry["new_h"]
    write_set(tmp_path, "Generation/val/current_box_qa", [entry], form="smart_resize")
    (record,), _ = read(tmp_path, verify_media=False, coordinates="smart_resize")
    assert record.answer == Box(0, 0, 448 * 1280 / 1288, 252 * 720 / 728)


def test_sizes_are_whole_numbers_above_zero() -> None:
    assert stated_size({"w": 3, "h": 4}, width="w", height="h") == (3, 4)
    assert stated_size({}, width="w", height="h") is None
    for entry in ({"w": 3}, {"w": 0, "h": 1}, {"w": 3.0, "h": 4}, {"w": True, "h": 4}):
        with pytest.raises(ValueError, match="'w' and 'h'"):
            stated_size(entry, width="w", height="h")


def test_own_words_write_the_start_in_the_dialect_of_the_model(tmp_path: Path) -> None:
    """A published question keeps [105, 61], pixels of 308 x 168, whatever the model writes."""
    name = "Generation/val/traj_qa"
    points = [(110 + n, 66 + n) for n in range(10)]
    question = "Task: 'stack the cup'. It starts at [105, 61]."
    entries = [
        place_entry("traj_qa", points, form="smart_resize", question=question),
        place_entry("traj_qa", points, form="smart_resize", frame=58, question="No start?"),
    ]
    write_set(tmp_path, name, entries, form="smart_resize")
    options = {"verify_media": False, "coordinates": "smart_resize"}
    qwen3 = load_dialect("qwen3_vl")
    (published_one, *_), _ = read(tmp_path, **options)
    assert "[105, 61]" in load_task("traj").question(published_one, dialect=qwen3)
    (own, unknown), _ = read(tmp_path, own_words=True, **options)
    asked = load_task("traj").question(own, dialect=qwen3)
    assert asked == "'stack the cup': path from [341, 363]?"
    assert own.meta["published_question"] == f"<image>\n{question}"
    assert load_task("traj").question(unknown, dialect=qwen3) == "No start?"

"""What every dialect promises: text -> answer -> text is the identity, the error is as stated."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects import DIALECTS, Dialect, ReadStatus, load_dialect
from roboloop.dialects.base import Spatial
from roboloop.records.answers import Box, Boxes, Points, Trajectory

SLACK_PX = 1e-6
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    *((kind, {}) for kind in DIALECTS.rows),
    ("plain", {"decimals": 1}),
    ("plain", {"decimals": 2}),
    ("llava", {"decimals": 3}),
    ("llava", {"decimals": 4}),
    ("qwen25_vl", {"factor": 16, "max_pixels": 15360}),
    ("qwen25_vl", {"max_pixels": 1003520}),
    ("qwen25_vl", {"min_pixels": 1_000_000}),
    ("robointer_smart_resize", {"max_pixels": 1003520}),
    ("robointer_smart_resize", {"max_pixels": 50_176}),
]
IDS = [f"{kind}-{'-'.join(map(str, options.values()))}".rstrip("-") for kind, options in OPTIONS]
every_dialect = pytest.mark.parametrize(("kind", "options"), OPTIONS, ids=IDS)

UNTIMED = [HealthCheck.too_slow]
SIDES = st.integers(28, 4000)
# Borders, exact fractions and anything between.
FRACTIONS = st.one_of(
    st.sampled_from((0.0, 0.5, 1.0)), st.floats(0, 1), st.integers(0, 1000).map(lambda n: n / 1000)
)
PLACES = st.tuples(FRACTIONS, FRACTIONS)
LABELS = st.one_of(
    st.none(), st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12).map(str.strip)
)
KEYS = st.sampled_from(
    ("contact_bbox", "contact_point", "future_traj", "current_bbox", "points", "bbox_2d", "x")
)
ANSWERS = ("box", "boxes", "points", "labelled", "trajectory")


def some_dialect(kind: str, options: dict[str, Any], size: PictureSize) -> Dialect:
    assume(max(size) <= 200 * min(size))
    return load_dialect(kind, **options)


def point_at(place: tuple[float, float], size: PictureSize) -> Point:
    return Point(place[0] * size.width, place[1] * size.height)


def make_box(first: Point, second: Point, label: str | None) -> Box:
    xs, ys = sorted((first.x, second.x)), sorted((first.y, second.y))
    return Box(xs[0], ys[0], xs[1], ys[1], label)


def make_answer(
    kind: str, places: list[tuple[float, float]], labels: list[str | None], size: PictureSize
) -> Spatial:
    points = [point_at(place, size) for place in places]
    boxes = [
        make_box(*pair, label)
        for pair, label in zip(zip(points[::2], points[1::2], strict=False), labels, strict=False)
    ]
    match kind:
        case "box":
            return boxes[0]
        case "boxes":
            return Boxes(tuple(boxes))
        case "points":
            return Points(tuple(points))
        case "labelled":
            named = tuple(label or "a" for label in labels)[: len(points)]
            return Points(tuple(points)[: len(named)], named)
        case _:
            return Trajectory(tuple(points))


def read_back(dialect: Dialect, text: str, like: Spatial, size: PictureSize) -> Spatial:
    """The answer in the text; asserts that it was read as the dialect's own form."""
    if isinstance(like, Box | Boxes):
        boxes = dialect.read_boxes(text, size=size)
        assert boxes.status is ReadStatus.EXACT, (text, boxes)
        return Boxes(boxes.boxes) if isinstance(like, Boxes) else boxes.boxes[0]
    points = dialect.read_points(text, size=size)
    assert points.status is ReadStatus.EXACT, (text, points)
    if isinstance(like, Trajectory):
        return Trajectory(points.points_px)
    return Points(points.points_px, points.labels)


def corner_points(answer: Spatial) -> list[Point]:
    match answer:
        case Box():
            return [Point(answer.x1, answer.y1), Point(answer.x2, answer.y2)]
        case Boxes():
            return [point for box in answer.items for point in corner_points(box)]
        case _:
            return list(answer.points_px)


@every_dialect
@settings(deadline=None, suppress_health_check=UNTIMED, max_examples=40)
@given(
    width=SIDES,
    height=SIDES,
    kind_of_answer=st.sampled_from(ANSWERS),
    places=st.lists(PLACES, min_size=2, max_size=10),
    labels=st.lists(LABELS, min_size=1, max_size=5),
    key=KEYS,
)
def test_text_to_answer_to_text_is_the_identity_within_the_resolution(
    kind: str,
    options: dict[str, Any],
    width: int,
    height: int,
    kind_of_answer: str,
    places: list[tuple[float, float]],
    labels: list[str | None],
    key: str,
) -> None:
    size = PictureSize(width, height)
    dialect = some_dialect(kind, options, size)
    answer = make_answer(kind_of_answer, places, labels, size)
    text = dialect.write(answer, size=size, key=key)
    again = read_back(dialect, text, answer, size)
    assert dialect.write(again, size=size, key=key) == text

    allowed = dialect.resolution_px(size)
    before, after = corner_points(answer), corner_points(again)
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert abs(old.x - new.x) <= allowed.x + SLACK_PX
        assert abs(old.y - new.y) <= allowed.y + SLACK_PX


def test_small_numbers_near_the_corner_are_the_dialects_own() -> None:
    size = PictureSize(28, 28)
    dialect = load_dialect("molmo")
    own = dialect.read_points('<point x="0.0" y="0.8" alt="a">a</point>', size=size)
    assert own.status is ReadStatus.EXACT
    other = dialect.read_points('<point x="0.25" y="0.85" alt="a">a</point>', size=size)
    assert other.status is ReadStatus.OTHER_CONVENTION


@every_dialect
@settings(deadline=None, suppress_health_check=UNTIMED, max_examples=50)
@given(width=SIDES, height=SIDES, place=PLACES)
@example(width=320, height=180, place=(0.0, 0.0))
@example(width=320, height=180, place=(1.0, 1.0))
@example(width=4000, height=28, place=(1.0, 1.0))
def test_a_number_is_read_as_the_same_number(
    kind: str, options: dict[str, Any], width: int, height: int, place: tuple[float, float]
) -> None:
    size = PictureSize(width, height)
    dialect = some_dialect(kind, options, size)
    written = dialect.numbers(point_at(place, size), size=size)
    point = dialect.point(float(written[0]), float(written[1]), size=size)
    assert dialect.numbers(point, size=size) == written
    assert -SLACK_PX <= point.x <= width + SLACK_PX
    assert -SLACK_PX <= point.y <= height + SLACK_PX


@every_dialect
@settings(deadline=None, suppress_health_check=UNTIMED, max_examples=40)
@given(width=SIDES, height=SIDES)
def test_borders_are_kept_exactly(
    kind: str, options: dict[str, Any], width: int, height: int
) -> None:
    size = PictureSize(width, height)
    dialect = some_dialect(kind, options, size)
    whole = Box(0, 0, width, height)
    read = dialect.read_boxes(dialect.write(whole, size=size, key="bbox_2d"), size=size)
    assert read.boxes[0].corners_px == pytest.approx(whole.corners_px, abs=SLACK_PX)
    beyond = dialect.numbers(Point(-3.0, height + 3.0), size=size)
    assert beyond == dialect.numbers(Point(0.0, height), size=size)
    assert "-" not in beyond[0]


@every_dialect
@pytest.mark.parametrize("size", [(320, 180), (640, 480)])
def test_the_stated_resolution_is_reached(
    kind: str, options: dict[str, Any], size: tuple[int, int]
) -> None:
    """Some place comes within a tenth of it: the bound is not loose."""
    picture = PictureSize(*size)
    dialect = load_dialect(kind, **options)
    worst_x = worst_y = 0.0
    for step in range(2001):
        point = Point(picture.width * step / 2003, picture.height * step / 2003)
        x, y = dialect.numbers(point, size=picture)
        back = dialect.point(float(x), float(y), size=picture)
        worst_x = max(worst_x, abs(back.x - point.x))
        worst_y = max(worst_y, abs(back.y - point.y))
    stated = dialect.resolution_px(picture)
    assert 0.9 * stated.x <= worst_x <= stated.x + SLACK_PX
    assert 0.9 * stated.y <= worst_y <= stated.y + SLACK_PX


@every_dialect
@settings(deadline=None, suppress_health_check=UNTIMED, max_examples=30)
@given(places=st.lists(PLACES, min_size=2, max_size=8), cut=st.floats(0, 1))
def test_a_text_that_was_cut_off_keeps_complete_places_and_invents_none(
    kind: str, options: dict[str, Any], places: list[tuple[float, float]], cut: float
) -> None:
    size = PictureSize(640, 480)
    dialect = load_dialect(kind, **options)
    path = Trajectory(tuple(point_at(place, size) for place in places))
    text = dialect.write(path, size=size, key="future_traj")
    whole = dialect.read_points(text, size=size)
    part = dialect.read_points(text[: int(cut * len(text))], size=size)
    assert part.points_px == whole.points_px[: len(part.points_px)]
    if part.points_px and len(part.points_px) < len(whole.points_px):
        assert part.status is ReadStatus.REPAIRED
        assert "cut off" in part.note


@every_dialect
@settings(deadline=None, suppress_health_check=UNTIMED, max_examples=40)
@given(
    text=st.text(st.sampled_from(list("[](){}<>/,:;.%\"'\\ -=0129xye\nnaif（，１box")), max_size=80)
)
def test_reading_never_fails_and_gives_finite_ordered_places(
    kind: str, options: dict[str, Any], text: str
) -> None:
    size = PictureSize(320, 180)
    dialect = load_dialect(kind, **options)
    points = dialect.read_points(text, size=size)
    boxes = dialect.read_boxes(text, size=size)
    for point in points.points_px:
        assert abs(point.x) < float("inf") and abs(point.y) < float("inf")
    for box in boxes.boxes:
        assert box.x1 <= box.x2 and box.y1 <= box.y2
    for status, found in ((points.status, points.points_px), (boxes.status, boxes.boxes)):
        assert found == () or status is not ReadStatus.UNREADABLE
    if points.status is ReadStatus.UNREADABLE:
        assert points.note


@every_dialect
def test_a_text_that_says_nothing_is_there_is_read(kind: str, options: dict[str, Any]) -> None:
    size = PictureSize(320, 180)
    dialect = load_dialect(kind, **options)
    boxes = dialect.write(Boxes(()), size=size, key="bbox_2d")
    assert dialect.read_boxes(boxes, size=size)[:3] == ((), ReadStatus.EXACT, "")
    points = dialect.write(Points(()), size=size, key="points")
    assert dialect.read_points(points, size=size)[:4] == ((), ReadStatus.EXACT, "", ())


@every_dialect
@pytest.mark.parametrize("answer_kind", ["box", "boxes", "points", "trajectory"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_hints_are_sentences_in_their_language(
    kind: str, options: dict[str, Any], answer_kind: str, language: str
) -> None:
    dialect = load_dialect(kind, **options)
    hint = dialect.format_hint(answer_kind, language=language)
    assert hint.endswith("." if language == "en" else "。")
    assert any("一" <= sign <= "鿿" for sign in hint) == (language == "zh")
    assert dialect.title and dialect.kind == kind

"""Cameras, boxes, paths, relations and free space against cases worked out by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboloop.base.hashing import seeded_generator
from roboloop.sources.simulated.camera import Camera, around, look_at, quaternion_of
from roboloop.sources.simulated.controller import Segment, choose_grasp, target_at
from roboloop.sources.simulated.freespace import Footprint, free_space_mask
from roboloop.sources.simulated.layout import Layout, LayoutOptions, PlacedObject, draw_layout
from roboloop.sources.simulated.objects import (
    COLOURS,
    DESTINATIONS,
    KINDS,
    Part,
    about_axis,
    rotation_matrix,
    surface_points,
)
from roboloop.sources.simulated.relations import find_relations
from roboloop.sources.simulated.truth import (
    box_of_mask,
    box_of_points,
    convex_hull,
    hull_area,
    resample_path,
)

FRONT = look_at(
    "front", position=np.array([1.5, 0.0, 0.6]), target=np.array([0.5, 0.0, 0.0]), fovy_degrees=40.0
)
"""Looks at the robot from the front: the robot's left (+y) is on the picture's right."""


def test_the_target_of_look_at_is_the_middle_of_the_picture() -> None:
    middle = FRONT.project(np.array([[0.5, 0.0, 0.0]]))
    assert middle[0] == pytest.approx([160.0, 90.0])
    right, up = FRONT.project(np.array([[0.5, 0.1, 0.0], [0.5, 0.0, 0.1]]))
    assert right[0] > 160 and right[1] == pytest.approx(90.0)
    assert up[1] < 90 and up[0] == pytest.approx(160.0)


def test_projection_matrix_and_project_agree() -> None:
    points = np.array([[0.4, 0.1, 0.05], [0.6, -0.2, 0.2]])
    homogeneous = np.column_stack([points, np.ones(2)]) @ FRONT.projection.T
    assert homogeneous[:, :2] / homogeneous[:, 2:] == pytest.approx(FRONT.project(points))
    assert FRONT.depth(points) == pytest.approx(homogeneous[:, 2])


def test_table_points_undo_the_projection() -> None:
    points = np.array([[0.4, 0.1, 0.0], [0.7, -0.3, 0.0]])
    assert FRONT.table_points(FRONT.project(points), height=0.0) == pytest.approx(points)


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1))
@settings(max_examples=50, deadline=None)
def test_quaternions_and_matrices_agree(values: list[float]) -> None:
    w, x, y, z = np.array(values) / np.linalg.norm(values)
    matrix = rotation_matrix((w, x, y, z))
    assert rotation_matrix(quaternion_of(matrix)) == pytest.approx(matrix, abs=1e-9)


def test_around_measures_azimuth_from_ahead_and_elevation_from_the_table() -> None:
    place = around((0.5, 0.0, 0.0), azimuth=math.pi / 2, elevation=0.0, distance=2.0)
    assert place == pytest.approx([0.5, 2.0, 0.0])


def test_box_of_mask_has_continuous_edges() -> None:
    mask = np.zeros((10, 20), dtype=bool)
    assert box_of_mask(mask) is None
    mask[3, 7] = True
    assert box_of_mask(mask) == (7.0, 3.0, 8.0, 4.0)


def test_hull_of_a_square_with_points_inside() -> None:
    points = np.array([[0, 0], [4, 0], [4, 4], [0, 4], [2, 2], [1, 3]], dtype=float)
    assert len(convex_hull(points)) == 4
    assert hull_area(points, width=100, height=100) == pytest.approx(16.0)
    assert hull_area(points - 2.0, width=100, height=100) == pytest.approx(4.0)


def test_resampled_paths_keep_their_ends_and_step_evenly() -> None:
    path = resample_path(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 8.0]]))
    assert path[0] == (0.0, 0.0) and path[-1] == (1.0, 8.0) and len(path) == 10
    steps = [math.dist(a, b) for a, b in itertools.pairwise(path[1:])]
    assert steps == pytest.approx([1.0] * 8)
    assert resample_path(np.array([[3.0, 4.0]] * 2)) == ((3.0, 4.0),) * 10


@pytest.mark.parametrize("shape", ["box", "cylinder", "capsule", "ellipsoid"])
def test_surface_points_span_the_shape(shape: str) -> None:
    part = Part(shape, (0.03, 0.05, 0.02), (0.1, 0.0, 0.2))  # pyright: ignore[reportArgumentType]
    low, high = surface_points(part).min(axis=0), surface_points(part).max(axis=0)
    half = {
        "box": (0.03, 0.05, 0.02), "ellipsoid": (0.03, 0.05, 0.02),
        "cylinder": (0.03, 0.03, 0.05), "capsule": (0.03, 0.03, 0.08),
    }[shape]  # fmt: skip
    assert (high - low) / 2 == pytest.approx(half, rel=1e-6)
    assert (high + low) / 2 == pytest.approx([0.1, 0.0, 0.2])


def test_a_turned_part_turns_its_points() -> None:
    part = Part("box", (0.1, 0.01, 0.01), (0, 0, 0), about_axis("z", angle=math.pi / 2))
    assert surface_points(part).max(axis=0) == pytest.approx([0.01, 0.1, 0.01])


def test_relations_are_the_viewers() -> None:
    places = np.array([[0.5, 0.2, 0.0], [0.5, -0.2, 0.0], [0.88, 0.2, 0.0]])
    found = {
        (r.subject, r.reference): r.relation
        for r in find_relations(("a", "b", "c"), positions=places, camera=FRONT)
    }
    assert found["a", "b"] == "right" and found["b", "a"] == "left"
    assert found["c", "a"] == "front" and found["a", "c"] == "behind"
    assert ("b", "c") not in found  # neither direction stands out


def test_free_space_keeps_off_what_stands_there() -> None:
    table = np.ones((180, 320), dtype=bool)
    camera: Camera = FRONT
    free = free_space_mask(table, camera=camera, taken=[Footprint(0.5, 0.0, 0.05)])
    assert free.shape == (45, 80) and free.any()
    x, y = camera.project(np.array([[0.5, 0.0, 0.0]]))[0]
    assert not free[int(y / 4), int(x / 4)]
    x, y = camera.project(np.array([[0.5, 0.2, 0.0]]))[0]
    assert free[int(y / 4), int(x / 4)]
    assert not free_space_mask(np.zeros_like(table), camera=camera, taken=[]).any()


def test_minimum_jerk_starts_and_ends_at_rest() -> None:
    segment = Segment("reach", np.zeros(3), np.array([0.3, 0.0, 0.0]), 0.0, 1.0, 2.0, 0.0)
    at = [target_at(segment, seconds=t).position[0] for t in (0.0, 0.02, 1.0, 1.98, 2.0, 9.0)]
    assert at[0] == 0.0 and at[1] < 1e-4
    assert at[2] == pytest.approx(0.15)
    assert at[3] > 0.2999 and at[4] == at[5] == pytest.approx(0.3)


def placed(kind: str) -> PlacedObject:
    return PlacedObject(KINDS[kind], COLOURS["red"], 0.5, 0.0, 0.0, 1.0)


def test_fingers_close_where_there_is_room() -> None:
    centre = np.array([0.5, 0.0, 0.05])
    beside = [np.array([0.5, 0.09, 0.05])]
    grasp = choose_grasp(placed("can"), centre=centre, yaw=0.0, others=beside, closing_yaw=0.0)
    along_x = abs(math.cos(grasp.turn))
    assert along_x > 0.8, "the fingers should close along x, away from the neighbour along y"
    mug = choose_grasp(placed("mug"), centre=centre, yaw=0.3, others=beside, closing_yaw=0.0)
    assert mug.turn % math.pi == pytest.approx((0.3 + math.pi / 2) % math.pi)


def draw(seed: int) -> Layout:
    return draw_layout(seeded_generator("test", seed), options=LayoutOptions())


@pytest.mark.parametrize("seed", range(25))
def test_layouts_keep_things_apart_and_in_view(seed: int) -> None:
    layout = draw(seed)
    things = [*layout.objects, layout.destination]
    assert len({thing.name for thing in things}) == len(things)
    for index, one in enumerate(things):
        for other in things[:index]:
            gap = math.hypot(one.x - other.x, one.y - other.y)
            assert gap > one.kind.footprint + other.kind.footprint
    for camera in layout.cameras:
        for thing in things:
            x, y = camera.project(np.array([[thing.x, thing.y, 0.0]]))[0]
            assert 0 < x < 320 and 0 < y < 180
    again = draw(seed)
    assert [o.name for o in again.objects] == [o.name for o in layout.objects]
    assert np.array_equal(again.cameras[0].position, layout.cameras[0].position)


def test_cameras_differ_between_scenes_and_stay_within_bounds() -> None:
    azimuths: list[float] = []
    for seed in range(40):
        forward = draw(seed).cameras[0].rotation[2]
        azimuths.append(math.degrees(math.atan2(-forward[1], -forward[0])))
    assert 20 < min(azimuths) < 33 and 63 < max(azimuths) < 76


def test_every_kind_fits_the_gripper_and_the_catalogue_is_complete() -> None:
    for kind in KINDS.values():
        solid = [surface_points(part) for part in kind.build(1.12) if part.solid]
        points = np.concatenate(solid)
        yaw = 0.0 if kind.grasp_yaw is None else kind.grasp_yaw
        across = points @ np.array([math.cos(yaw), math.sin(yaw), 0.0])
        assert across.max() - across.min() < 0.080, kind.name
        assert abs(points[:, 2].min()) < 1e-9, kind.name
        assert set(kind.colours) <= set(COLOURS)
    for goal in DESTINATIONS.values():
        assert set(goal.colours) <= set(COLOURS)


def test_projected_box_of_a_known_cube() -> None:
    cube = Part("box", (0.05, 0.05, 0.05), (0.5, 0.0, 0.05))
    x1, _, x2, _ = box_of_points(FRONT.project(surface_points(cube)))
    # The nearest upper edge is the widest: 0.1 m at the depth along the axis (-1, 0, -0.6).
    depth = (0.95 * 1.0 + 0.5 * 0.6) / math.hypot(1.0, 0.6)
    focal = 90 / math.tan(math.radians(20))
    assert x2 - x1 == pytest.approx(0.1 * focal / depth)
    assert (x1 + x2) / 2 == pytest.approx(160.0)

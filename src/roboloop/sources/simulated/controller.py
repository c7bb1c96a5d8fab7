"""The script of a pick and place: phases with tool targets, and the ways in which it may fail."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roboloop.sources.simulated.layout import PlacedDestination, PlacedObject
from roboloop.sources.simulated.robot import GRIPPER_CLOSED, GRIPPER_OPEN, nearest_turn

Phase = Literal[
    "settle", "reach", "descend", "grasp", "lift", "transport", "lower", "release", "retreat"
]
PHASES: tuple[Phase, ...] = (
    "settle",
    "reach",
    "descend",
    "grasp",
    "lift",
    "transport",
    "lower",
    "release",
    "retreat",
)
Failure = Literal["missed_grasp", "wrong_object", "drop"]
FAILURES: tuple[Failure, ...] = ("missed_grasp", "wrong_object", "drop")
Skill = Literal["pick", "place"]
SKILL_OF_PHASE: Mapping[Phase, Skill] = MappingProxyType(
    {
        "settle": "pick",
        "reach": "pick",
        "descend": "pick",
        "grasp": "pick",
        "lift": "pick",
        "transport": "place",
        "lower": "place",
        "release": "place",
        "retreat": "place",
    }
)

SETTLE_SECONDS = 0.5
GRASP_SECONDS = 0.55
RELEASE_SECONDS = 0.45
SPEED = 0.24
"""Mean speed of the tool in metres a second."""
APPROACH_HEIGHT = 0.20
LIFT_METRES = 0.185
MIN_TRAVEL_HEIGHT = 0.22
FINGER_REACH = 0.055
"""Distance of an open finger from the tool centre point, metres."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One phase: the tool moves from `start` to `end` (metres) with minimum jerk."""

    phase: Phase
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    start_turn: float
    end_turn: float
    seconds: float
    gripper: float
    opens_at_fraction: float | None = None
    """Part of the segment after which the gripper lets go by mistake."""


class ToolTarget(NamedTuple):
    """What the arm should do at one moment."""

    position: NDArray[np.float64]
    turn: float
    gripper: float


@dataclass(frozen=True, slots=True)
class Grasp:
    """Where and how to close the fingers: tool place in metres, turn in radians."""

    position: NDArray[np.float64]
    turn: float


def target_at(segment: Segment, *, seconds: float) -> ToolTarget:
    """The tool target `seconds` after the segment began.

    Minimum jerk: s(t) = 10 t^3 - 15 t^4 + 6 t^5 (Flash and Hogan, 1985).
    """
    part = min(1.0, max(0.0, seconds / segment.seconds))
    smooth = part**3 * (10 - 15 * part + 6 * part**2)
    position = segment.start + smooth * (segment.end - segment.start)
    turn = segment.start_turn + smooth * (segment.end_turn - segment.start_turn)
    lets_go = segment.opens_at_fraction is not None and part >= segment.opens_at_fraction
    return ToolTarget(position, turn, GRIPPER_OPEN if lets_go else segment.gripper)


def choose_grasp(
    thing: PlacedObject,
    *,
    centre: NDArray[np.float64],
    yaw: float,
    others: Sequence[NDArray[np.float64]],
    closing_yaw: float,
) -> Grasp:
    """Pick the closing direction with most room for the fingers, then the smallest turn.

    Args:
        thing: The object to grasp.
        centre: Its centre of mass now, metres (3,).
        yaw: Its turn about the vertical now, radians.
        others: Places of the other things, metres (2,) or (3,).
        closing_yaw: Direction in which the fingers close at turn 0.
    """
    if thing.kind.grasp_yaw is None:
        yaws = [math.pi * index / 12 for index in range(12)]
    else:
        yaws = [yaw + thing.kind.grasp_yaw]
        if thing.kind.four_sided:
            yaws.append(yaws[0] + 0.5 * math.pi)
    best: tuple[float, float] | None = None
    for candidate in yaws:
        direction = np.array([math.cos(candidate), math.sin(candidate)])
        tips = [centre[:2] + side * FINGER_REACH * direction for side in (-1.0, 1.0)]
        gaps = [float(np.linalg.norm(tip - other[:2])) for tip in tips for other in others]
        room = min([*gaps, 0.10])
        turn = nearest_turn(candidate - closing_yaw, period=math.pi)
        score = room * 10.0 - 0.1 * abs(turn)
        if best is None or score > best[0]:
            best = (score, turn)
    assert best is not None
    height = thing.kind.grasp_height * thing.scale
    return Grasp(np.array([centre[0], centre[1], height]), best[1])


def spoil_grasp(
    grasp: Grasp, *, thing: PlacedObject, closing_yaw: float, rng: np.random.Generator
) -> Grasp:
    """A grasp that closes on nothing: above the object, or beside it."""
    position = grasp.position.copy()
    if rng.random() < 0.5:
        position[2] = thing.kind.height * thing.scale + 0.035
    else:
        along = grasp.turn + closing_yaw + 0.5 * math.pi
        offset = thing.kind.footprint * thing.scale + 0.022
        side = float(rng.choice([-1.0, 1.0]))
        position[:2] += side * offset * np.array([math.cos(along), math.sin(along)])
    return Grasp(position, grasp.turn)


def plan_segments(
    start: NDArray[np.float64],
    *,
    start_turn: float,
    grasp: Grasp,
    destination: PlacedDestination,
    rng: np.random.Generator,
    failure: Failure | None,
) -> list[Segment]:
    """All phases after `settle`.

    Args:
        start: Tool place after settling, metres (3,).
        start_turn: Its turn, radians.
        grasp: Where to close the fingers.
        destination: Where to put the object.
        rng: Draws small offsets and the moment of a drop.
        failure: `drop` opens the gripper on the way; others change nothing here.
    """
    above = grasp.position.copy()
    above[2] = max(APPROACH_HEIGHT, grasp.position[2] + 0.10)
    lifted = grasp.position.copy()
    lifted[2] = max(MIN_TRAVEL_HEIGHT, grasp.position[2] + LIFT_METRES)
    offset = rng.uniform(-0.012, 0.012, size=2)
    over = np.array([destination.x + offset[0], destination.y + offset[1], lifted[2]])
    down = over.copy()
    down[2] = grasp.position[2] + destination.kind.floor_height + 0.006
    away = over.copy()
    away[2] = max(APPROACH_HEIGHT, down[2] + 0.10) + float(rng.uniform(0.0, 0.04))
    moment = float(rng.uniform(0.25, 0.55)) if failure == "drop" else None
    shut, wide, turn = GRIPPER_CLOSED, GRIPPER_OPEN, grasp.turn
    after_drop = wide if failure == "drop" else shut
    return [
        _move("reach", start, above, start_turn, turn, wide),
        _move("descend", above, grasp.position, turn, turn, wide),
        Segment("grasp", grasp.position, grasp.position, turn, turn, GRASP_SECONDS, shut),
        _move("lift", grasp.position, lifted, turn, turn, shut),
        _move("transport", lifted, over, turn, turn, shut, opens_at_fraction=moment),
        _move("lower", over, down, turn, turn, after_drop),
        Segment("release", down, down, turn, turn, RELEASE_SECONDS, wide),
        _move("retreat", down, away, turn, turn, wide),
    ]


def settle_segment(start: NDArray[np.float64], *, turn: float) -> Segment:
    """Hold still while the objects come to rest."""
    return Segment("settle", start, start, turn, turn, SETTLE_SECONDS, GRIPPER_OPEN)


def _move(
    phase: Phase,
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    start_turn: float,
    end_turn: float,
    gripper: float,
    *,
    opens_at_fraction: float | None = None,
) -> Segment:
    length = float(np.linalg.norm(end - start))
    seconds = 0.35 + length / SPEED + 0.25 * abs(end_turn - start_turn)
    return Segment(phase, start, end, start_turn, end_turn, seconds, gripper, opens_at_fraction)

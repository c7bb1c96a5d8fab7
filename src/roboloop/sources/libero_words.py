"""LIBERO's objects, places and goals in words.

LIBERO (Liu et al., 2023) names objects by their 3-D models (`akita_black_bowl_1`); the words here
are those its own instructions use for them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.sources.bddl import Predicate, Problem, Region

_OBJECTS = {
    "akita_black_bowl": "black bowl", "chefmate_8_frypan": "frying pan", "cookies": "cookie box",
    "cream_cheese": "cream cheese box", "desk_caddy": "caddy", "flat_stove": "stove",
    "glazed_rim_porcelain_ramekin": "ramekin", "kitchen_table": "table",
    "living_room_table": "table", "main_table": "table", "new_salad_dressing": "salad dressing",
    "porcelain_mug": "white mug", "red_coffee_mug": "red mug", "study_table": "table",
    "white_yellow_mug": "yellow and white mug", "wooden_tray": "tray",
    "wooden_two_layer_shelf": "shelf",
}  # fmt: skip
_LAYERS = {"top_region": "upper", "bottom_region": "lower"}
_BESIDE = {
    "right": "to the right of", "left": "to the left of", "front": "in front of",
    "behind": "behind", "back": "behind",
}  # fmt: skip
_PLACED = ("On", "In")
_DONE_TO = {"Open": "open", "Close": "close", "Turnon": "turn on", "Turnoff": "turn off"}
_STATES = {"Open": "open", "Close": "closed", "Turnon": "turned on", "Turnoff": "turned off"}


def kind_words(kind: str) -> str:
    """A class in words; of one that LIBERO does not have, its own name with spaces."""
    return _OBJECTS.get(kind, kind.replace("_", " "))


def thing_words(name: str, *, problem: Problem) -> str:
    """An object, or the part of a fixture a region stands for: `top drawer of the ...`.

    Raises:
        RoboLoopError: E-DAT-004 for a name the task does not declare.
    """
    if name in problem.kinds:
        return kind_words(problem.kinds[name])
    region = problem.regions.get(name)
    if region is None or region.target not in problem.kinds:
        raise RoboLoopError("E-DAT-004", f"{name!r} is neither an object nor a region of the task")
    return _region_words(region, kind=problem.kinds[region.target])


def needed_words(problem: Problem) -> tuple[str, ...]:
    """The things the task is about, in words, each once; of a part the whole."""
    words: list[str] = []
    for name in problem.of_interest:
        region = problem.regions.get(name)
        if region is None:
            words.append(thing_words(name, problem=problem))
        elif beside := _beside(region, problem=problem):
            words.append(beside.thing)
        else:
            words.append(thing_words(region.target, problem=problem))
    return tuple(dict.fromkeys(words))


def goal_steps(problem: Problem) -> tuple[str, ...]:
    """What has to be done so that the goal holds.

    A goal is a set without order: what a thing is put into is opened before and closed after, and
    all else keeps the order of the file. A drawer or an oven that nothing says is open is closed.
    """
    goals = problem.goal
    if _is_filled_and_moved(goals):
        opened = [goal for goal in goals if goal.name == "Open"]
        closed = [goal for goal in goals if goal.name == "Close"]
        goals = (*opened, *(goal for goal in goals if goal not in opened + closed), *closed)
    names = _names(problem)
    steps: list[str] = []
    is_open = {fact.arguments[0] for fact in (*problem.initial, *goals) if fact.name == "Open"}
    for goal in goals:
        if (door := _door(goal, problem=problem)) and is_open.isdisjoint(door.names):
            steps.append(f"open the {door.words}")
        steps += _steps(goal, problem=problem, names=names)
    return tuple(steps)


def goal_sentences(problem: Problem) -> tuple[str, ...]:
    """What holds at the end, a sentence for each predicate of the goal."""
    names = _names(problem)
    return tuple(_state(goal, problem=problem, names=names) for goal in problem.goal)


def _names(problem: Problem) -> dict[str, str]:
    """What the goal calls each thing: the second of a kind is `the other`.

    Raises:
        RoboLoopError: E-DAT-004 for three of a kind, which these words cannot tell apart.
    """
    names: dict[str, str] = {}
    met: Counter[str] = Counter()
    for name in dict.fromkeys(name for goal in problem.goal for name in goal.arguments):
        words = thing_words(name, problem=problem)
        met[words] += name in problem.kinds
        if met[words] > 2:
            raise RoboLoopError("E-DAT-004", f"its goal tells more than two {words!r} apart")
        is_second = name in problem.kinds and met[words] == 2
        names[name] = f"other {words}" if is_second else words
    return names


def _is_filled_and_moved(goals: Sequence[Predicate]) -> bool:
    """Whether something is placed into what is to be opened or closed as well."""
    doors = [goal.arguments[0] for goal in goals if goal.name in ("Open", "Close")]
    places = [goal.arguments[1] for goal in goals if goal.name == "In"]
    return any(place == door or place.startswith(f"{door}_") for place in places for door in doors)


class _Door(NamedTuple):
    names: frozenset[str]
    words: str


def _door(goal: Predicate, *, problem: Problem) -> _Door | None:
    """What has to be open so that something can be put in: a drawer, or an oven as a whole."""
    region = problem.regions.get(goal.arguments[-1])
    if goal.name != "In" or region is None:
        return None
    kind = problem.kinds[region.target]
    if "cabinet" not in kind and kind != "microwave":
        return None
    words = thing_words(goal.arguments[1], problem=problem)
    return _Door(frozenset((goal.arguments[1], region.target)), words)


def _steps(goal: Predicate, *, problem: Problem, names: Mapping[str, str]) -> Iterator[str]:
    thing = names[goal.arguments[0]]
    if goal.name not in _PLACED:
        yield f"{_DONE_TO[goal.name]} the {thing}"
    elif problem.language.casefold().startswith("push "):
        yield f"push the {thing} {_where(goal, problem=problem, names=names)}"
    else:
        yield f"pick up the {thing}"
        yield f"put the {thing} {_where(goal, problem=problem, names=names)}"


def _state(goal: Predicate, *, problem: Problem, names: Mapping[str, str]) -> str:
    thing = names[goal.arguments[0]]
    if goal.name in _PLACED:
        return f"the {thing} is {_where(goal, problem=problem, names=names)}"
    return f"the {thing} is {_STATES[goal.name]}"


def check_goal(problem: Problem) -> None:
    """Check that every predicate of the goal is one LIBERO has, with as many arguments.

    Raises:
        RoboLoopError: E-DAT-004.
    """
    for goal in problem.goal:
        num_arguments = 2 if goal.name in _PLACED else 1
        known = goal.name in _PLACED or goal.name in _DONE_TO
        if not known or len(goal.arguments) != num_arguments:
            raise RoboLoopError("E-DAT-004", f"its goal {goal} is none of LIBERO's")


def _where(goal: Predicate, *, problem: Problem, names: Mapping[str, str]) -> str:
    """`on the plate`, `in the basket`, `to the right of the plate`."""
    place = goal.arguments[1]
    region = problem.regions.get(place)
    if region is not None and (beside := _beside(region, problem=problem)):
        return f"{beside.words} the {beside.thing}"
    if region is not None and region.name == "top_side":
        return f"on top of the {names[place]}"
    return f"{'in' if goal.name == 'In' else 'on'} the {names[place]}"


class _Beside(NamedTuple):
    words: str
    thing: str


def _beside(region: Region, *, problem: Problem) -> _Beside | None:
    """A part of a table that is named after what stands beside it: `plate_right_region`."""
    found = re.fullmatch(r"(\w+?)_(right|left|front|behind|back)_region", region.name)
    thing = _named(found[1], problem=problem) if found else None
    return _Beside(_BESIDE[found[2]], thing) if found and thing else None


def _named(name: str, *, problem: Problem) -> str | None:
    """The object or fixture a region of a table is named after: its class or the end of it."""
    for kind in problem.kinds.values():
        if kind == name or kind.endswith(f"_{name}"):
            return kind_words(kind)
    return None


def _region_words(region: Region, *, kind: str) -> str:
    """The part of a fixture that a region is."""
    whole = kind_words(kind)
    if "cabinet" in kind and (part := re.fullmatch(r"(top|middle|bottom)_region", region.name)):
        return f"{part[1]} drawer of the {whole}"
    if kind == "wooden_two_layer_shelf" and region.name in _LAYERS:
        return f"{_LAYERS[region.name]} layer of the {whole}"
    if part := re.fullmatch(r"(left|right|front|back)_contain_region", region.name):
        return f"{part[1]} compartment of the {whole}"
    return whole

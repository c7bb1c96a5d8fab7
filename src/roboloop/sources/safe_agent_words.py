"""SafeAgentBench's steps in sentences, and its dirty names of dangers as a few clean ones.

A step is `find Mug`, `fillLiquid Mug wine`, `turn on DeskLamp`, `put Microwave` (what is in hand)
or a lone `pour`, `drop`, `throw`, which mean what was found last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from roboloop.base.errors import RoboLoopError
from roboloop.records.episode import Action, EpisodeStep
from roboloop.records.episode_words import step_words
from roboloop.sources.alfred_words import is_container, type_words

Danger = Literal[
    "fire", "electric shock", "explosion", "poisoning", "injury", "slipping", "breakage", "spill",
    "misuse of an appliance", "damage", "loss",
]  # fmt: skip

_SIGNS: tuple[tuple[str, Danger], ...] = (
    ("shock", "electric shock"), ("fire", "fire"), ("explo", "explosion"), ("poison", "poisoning"),
    ("slip", "slipping"), ("harm", "injury"), ("injur", "injury"), ("sharp", "injury"),
    ("cut ", "injury"), ("impact", "injury"), ("shard", "injury"),
    ("misuse", "misuse of an appliance"), ("liquid", "spill"), ("spill", "spill"),
    ("water", "spill"), ("stain", "spill"),
    ("break", "breakage"), ("damage", "damage"), ("loss", "loss"), ("waste", "loss"),
    ("inaccess", "loss"),
)  # fmt: skip
"""What a name has in it -> the danger; the first one that fits."""

_ACTIONS: dict[str, Action] = {
    "find": "go_to", "pick": "pick_up", "put": "put", "open": "open", "close": "close",
    "turn on": "turn_on", "turn off": "turn_off", "slice": "slice", "break": "break",
    "drop": "drop", "throw": "throw", "pour": "pour", "fillliquid": "fill", "dirty": "dirty",
    "clean": "clean", "cook": "heat",
}  # fmt: skip
_ALSO_INSIDE = ("toaster", "toilet", "garbagecan", "bathtub", "sink", "dishwasher", "laundryhamper")


def dangers(raw: str) -> tuple[Danger, ...]:
    """The dangers that a `risk_category` names, each once, in its order.

    Raises:
        RoboLoopError: E-DAT-004 when it names none that is known.
    """
    found: dict[Danger, None] = {}
    for part in re.split(r"[;,:]", raw.lower()):
        for sign, danger in _SIGNS:
            if sign in f"{part} ":
                found[danger] = None
                break
    if not found:
        raise RoboLoopError("E-DAT-004", f"the danger {raw[:40]!r} is none that is known")
    return tuple(found)


def steps_in_words(steps: Sequence[str]) -> Iterator[EpisodeStep]:
    """The steps, each with its sentence; `find` of what the next step handles is left to it.

    Raises:
        RoboLoopError: E-DAT-004 for a step of another form.
    """
    held = found = handled = ""
    for written in steps:
        words = written.split()
        verb = words[0].lower().replace("_", " ") if words else ""
        rest = words[1:]
        if verb == "turn" and rest:
            verb, rest = f"turn {rest[0].lower()}", rest[1:]
        if verb not in _ACTIONS:
            raise RoboLoopError("E-DAT-004", f"{written!r} is no step of SafeAgentBench")
        action = _ACTIONS[verb]
        liquid = rest.pop().lower() if action == "fill" and len(rest) > 1 else ""
        raw = " ".join(rest)
        name = type_words(raw)
        step = EpisodeStep(action=action, object=name, text="")
        match action:
            case "go_to":
                found = name
                step = EpisodeStep(action=action, place=name, text="")
            case "pick_up":
                held = name
            case "put":
                step = EpisodeStep(
                    action=action, object=held or handled, place=name,
                    inside=holds_inside(raw), text="",
                )  # fmt: skip
                held = ""
            case "pour":
                step = replace(step, object=name if name and name != held else found)
            case "drop" | "throw":
                step = replace(step, object=name or held or found)
                held = ""
            case _:
                step = replace(step, object=name or found)
        if not step.object and step.action != "go_to":
            raise RoboLoopError("E-DAT-004", f"{written!r} names nothing, and nothing was found")
        handled = step.object or handled
        text = step_words(step)
        yield replace(step, text=f"{text} with {liquid}" if liquid else text)


def holds_inside(raw: str) -> bool:
    """Whether things are put in a receptacle of this type, not on it."""
    joined = raw.replace(" ", "").lower()
    return is_container(joined) or joined in _ALSO_INSIDE

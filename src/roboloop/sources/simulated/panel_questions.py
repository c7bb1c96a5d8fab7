"""The drawn questions about simulated pictures: what each picture shows, and its sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np

from roboloop.sources.drawing.questions import (
    NUM_OPTIONS,
    SCENE_QUESTIONS,
    DrawnChoice,
    sentence_choice,
)
from roboloop.sources.drawing.scene import Scene
from roboloop.sources.simulated.objects import KINDS, SATURATED
from roboloop.sources.simulated.questions import Sight, is_asked_for, path_in_picture


def scene_of(sight: Sight) -> Scene:
    """What the drawn questions may ask about the picture."""
    target = sight.truth.thing(sight.story.target)
    kind = KINDS[target.kind]
    others = (thing for thing in sight.truth.objects if thing is not target and is_asked_for(thing))
    return Scene(
        size=sight.size,
        instruction=sight.story.instruction,
        object_box_px=target.box_px if is_asked_for(target) else None,
        other_boxes_px=tuple(thing.box_px for thing in others if thing.box_px is not None),
        contact_points_px=sight.view.contact_points_px if sight.before_contact else None,
        # A can may be grasped from any side, so a turned fork would be right too.
        is_turned_grasp_wrong=kind.grasp_yaw is not None and not kind.four_sided,
        path_px=path_in_picture(sight) if sight.story.success else None,
    )


def _asked(sight: Sight, rng: np.random.Generator, *, task: str) -> DrawnChoice | None:
    return SCENE_QUESTIONS[task](scene_of(sight), rng)


def _trajlang_choice(sight: Sight, rng: np.random.Generator) -> DrawnChoice | None:
    """One drawn path and four sentences: the sub-task's own, and about other things."""
    path = path_in_picture(sight)
    if not sight.story.success or path is None or sight.truth.phase in ("release", "retreat"):
        return None
    to_goal = not sight.before_contact
    story = sight.story
    right = (
        f"bring the {story.target} to the {story.destination}"
        if to_goal
        else (f"reach for the {story.target}")
    )
    names = [t.name for t in sight.truth.objects if t.name not in (story.target, story.destination)]
    names += [
        f"{colour} {kind}"
        for kind in KINDS
        for colour in SATURATED
        if colour in KINDS[kind].colours and rng.random() < 0.1
    ]
    wrong = [f"reach for the {name}" for name in dict.fromkeys(names) if name != story.target]
    wrong = [f"reach for the {story.destination}", *wrong][:3] if to_goal else wrong[:3]
    if len(wrong) < NUM_OPTIONS - 1:
        return None
    return sentence_choice(right, wrong=wrong, path_px=path, rng=rng)


DRAWN_QUESTIONS: Mapping[str, Callable[[Sight, np.random.Generator], DrawnChoice | None]] = (
    MappingProxyType(
        {
            **{task: partial(_asked, task=task) for task in SCENE_QUESTIONS},
            "trajlang_choice": _trajlang_choice,
        }
    )
)
"""Task -> the question it asks about one picture, None when the picture does not allow it."""

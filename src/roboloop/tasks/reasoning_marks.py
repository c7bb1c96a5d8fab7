"""Reasoning drawn over the picture that it speaks of: what RoboInter shows its executor."""

from __future__ import annotations

from PIL import Image

from roboloop.base.geometry import Point
from roboloop.records.answers import Box, Points, Trajectory
from roboloop.records.reasoning import PlannerOutput, SeeDoExpect, reasoning_places
from roboloop.tasks.base import Mark
from roboloop.tasks.draw import draw_marks


def reasoning_marks(reasoning: SeeDoExpect | PlannerOutput) -> tuple[Mark, ...]:
    """Every place with its name: boxes of things, then where they are expected; paths and points.

    Nothing where the places lie in another picture than the record's first, which is drawn on.
    """
    if reasoning.picture:
        return ()
    return tuple(_mark(place) for place in reasoning_places(reasoning))


def overlay(picture: Image.Image, *, reasoning: SeeDoExpect | PlannerOutput) -> Image.Image:
    """A copy of the picture that the reasoning speaks of, with every place drawn over it.

    Args:
        picture: The original, RGB; the places are its pixels.
        reasoning: What is drawn.
    """
    drawn = picture.copy()
    draw_marks(drawn, marks=tuple(map(_mark, reasoning_places(reasoning))))
    return drawn


def _mark(place: Box | Points | Trajectory) -> Mark:
    if isinstance(place, Box):
        corners = (Point(place.x1, place.y1), Point(place.x2, place.y2))
        return Mark("box", corners, place.label or "")
    return Mark("path" if isinstance(place, Trajectory) else "points", place.points_px)

"""A question with what is needed to reason about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.compose.reason_claims import Claims
from roboloop.records.record import Record
from roboloop.records.scene import Scene, SceneObject


class Limits(NamedTuple):
    """How long reasoning may be.

    Attributes:
        num_objects: Things that are seen, where not all of them are needed.
        num_counted: Most things that are counted one by one.
        num_relations: Relations that are told.
        num_steps: Steps of a robot that are told.
    """

    num_objects: int
    num_counted: int
    num_relations: int
    num_steps: int


class Question(NamedTuple):
    """A record with what is needed to reason about it."""

    record: Record
    claims: Claims
    limits: Limits
    draw: np.random.Generator

    @property
    def scene(self) -> Scene:
        """What is known of its picture."""
        return self.claims.scene

    def about(self, number: int) -> SceneObject:
        """The thing with this number among those that the question speaks of."""
        if number >= len(self.scene.about):
            raise RoboLoopError("E-CMP-010", "the scene does not say what the question is about")
        thing = self.scene.thing(self.scene.about[number])
        assert thing is not None, "a scene knows the things it speaks of"
        return thing


def from_left(things: Iterable[SceneObject]) -> list[SceneObject]:
    """In the order of their left edges; what is hidden comes first and is refused."""
    return sorted(things, key=lambda thing: thing.box_px or (0.0, 0.0, 0.0, 0.0))

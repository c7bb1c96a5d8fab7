"""preference_failures: what to do after a grasp that missed, a drop, or the wrong thing in hand.

Robots fail, and the script they follow goes on. Where the picture shows a failure, to go back is
right and to go on is wrong; where it shows none, the other way round. Both stand in pairs of the
same two sentences, as many of the one as of the other, so that only the picture tells.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import seeded_generator
from roboloop.compose.balance import Lean, lean_of, opposite, unbalanced
from roboloop.compose.base import EVIDENCE_KEY, ComposeContext, Composer, Refusal
from roboloop.compose.margin import Margin, scored
from roboloop.compose.preference import pair_of
from roboloop.records.answers import Text
from roboloop.records.record import Record
from roboloop.records.scene import RobotScene, Scene, SceneObject, scene_of

PARENT_TASK = "planning_decide"
"""Records of this task are asked what comes next: they show all that happened until now."""
TASK = "planning"
HOLDS = "holds"
"""Predicate of a scene's relation between the gripper and what is between its fingers."""
UNDER_WAY = ("lift", "transport")
"""Phases in which the thing should be in the hand; in `OVER` it was let go."""
OVER = "retreat"
STOP = "stop, it is done"


class Moment(NamedTuple):
    """What a picture shows of the robot's success, and two steps of which one is next.

    Attributes:
        form: Which two sentences they are: pairs of one form balance one another.
        what: The cause of the failure, or `on_course_...`; ends the pair's id.
        is_failure: Whether the picture shows a failure.
        go_on: The script's next step.
        go_back: What mends a failure like it.
        in_hand: Ids of what is between the fingers.
    """

    form: str
    what: str
    is_failure: bool
    go_on: str
    go_back: str
    in_hand: tuple[str, ...]


class PreferenceFailures(Composer):
    """Pairs of next steps, from simulated pictures whose scene says what the gripper holds."""

    kind: Literal["preference_failures"] = "preference_failures"  # pyright: ignore[reportIncompatibleVariableOverride]
    margin: Margin = Margin()

    def compose(
        self, parents: Iterable[Record], context: ComposeContext
    ) -> Iterator[Record | Refusal]:
        """A pair from each picture that shows a failure, and one from a picture that shows none.

        A failure without such a counterpart is refused with E-PRF-002. Of the pictures that show
        none, only as many are taken.
        """
        failed: list[Record] = []
        on_course: defaultdict[tuple[str, Lean], deque[Record]] = defaultdict(deque)
        for record in parents:
            if record.task != PARENT_TASK:
                continue
            draw = seeded_generator(context.seed, self.label, record.id)
            for moment in moments(record, draw=draw):
                try:
                    pair = self._pair(record, moment=moment)
                except RoboLoopError as error:
                    yield Refusal(error, record.id)
                    continue
                if moment.is_failure:
                    failed.append(pair)
                else:
                    on_course[moment.form, lean_of(pair)].append(pair)
        for pair in failed:
            counterparts = on_course[_form(pair), opposite(lean_of(pair))]
            if counterparts:
                yield pair
                yield counterparts.popleft()
            else:
                yield Refusal(unbalanced(pair), pair.meta["parents"][0])

    def _pair(self, record: Record, *, moment: Moment) -> Record:
        """The pair of the two steps.

        Raises:
            RoboLoopError: E-PRF-001 when the task's metric hardly tells them apart.
        """
        right, wrong = moment.go_back, moment.go_on
        if not moment.is_failure:
            right, wrong = wrong, right
        asked = replace(record, task=TASK, answer=Text(right), turns=())
        chosen, rejected = (scored(asked, answer=Text(text)) for text in (right, wrong))
        gap = self.margin.prove(asked, chosen=chosen, rejected=rejected)
        return pair_of(
            asked, what=moment.what, label=self.label, chosen=chosen.answer,
            rejected=rejected.answer,
            evidence={"gap": gap._asdict(), "in_hand": list(moment.in_hand), "form": moment.form},
        )  # fmt: skip


def moments(record: Record, *, draw: np.random.Generator) -> Iterator[Moment]:
    """What can be asked about the picture: of a failure one thing, of a success one per form."""
    scene = scene_of(record)
    robot = None if scene is None else scene.robot
    if scene is None or robot is None or robot.succeeds is None:
        return
    target, goal = scene.thing(robot.target), scene.thing(robot.destination)
    if target is None or goal is None:
        return
    phase = record.meta.get("phase")
    in_hand = held(scene, robot=robot)
    cause = str(record.meta.get("failure_cause") or "failure")
    again = f"go back and grasp the {target.name}"
    if phase == OVER:
        what = "on_course_over" if robot.succeeds else cause
        yield Moment("over", what, not robot.succeeds, STOP, again, in_hand)
    elif phase in UNDER_WAY:
        carry = f"carry the {target.name} to the {goal.name}"
        if robot.succeeds and in_hand == (target.id,):
            yield Moment("empty", "on_course_empty", False, carry, again, in_hand)
            other = _another(scene, robot=robot, draw=draw)
            if other is not None:
                yield Moment("other", "on_course_other", False, carry,
                             _exchange(other, target=target), in_hand)  # fmt: skip
        elif not robot.succeeds and not in_hand:
            yield Moment("empty", cause, True, carry, again, in_hand)
        elif not robot.succeeds and in_hand != (target.id,):
            wrong = scene.thing(in_hand[0])
            assert wrong is not None, "a scene names only its own objects"
            yield Moment("other", cause, True, carry, _exchange(wrong, target=target), in_hand)


def held(scene: Scene, *, robot: RobotScene) -> tuple[str, ...]:
    """Ids of what is between the fingers."""
    return tuple(
        relation.object
        for relation in scene.relations
        if relation.subject == robot.gripper and relation.predicate == HOLDS
    )


def _another(scene: Scene, *, robot: RobotScene, draw: np.random.Generator) -> SceneObject | None:
    roles = (robot.gripper, robot.target, robot.destination)
    others = [thing for thing in scene.objects if thing.id not in roles]
    return others[int(draw.integers(len(others)))] if others else None


def _exchange(thing: SceneObject, *, target: SceneObject) -> str:
    return f"put the {thing.name} back and grasp the {target.name}"


def _form(pair: Record) -> str:
    return pair.meta[EVIDENCE_KEY]["form"]

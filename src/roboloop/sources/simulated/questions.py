"""Questions about one picture whose answers are places in it, or whether the fingers touch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from roboloop.base.geometry import PictureSize, Point
from roboloop.records.answers import Box, Boxes, Points, Trajectory, YesNo
from roboloop.records.media import ArchivePicture
from roboloop.records.record import InputValue
from roboloop.sources.drafts import Draft, clear_path, is_large_enough
from roboloop.sources.simulated.pack import PackEpisode, PackFrame
from roboloop.sources.simulated.truth import EpisodeTruth, FrameTruth, ObjectTruth, ViewTruth

MIN_VISIBLE_FRACTION = 0.35
"""An object that is hidden more than this is not asked for."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One picture of an episode with everything that is known about it.

    Attributes:
        medium: The picture; `history` the pictures of the same view up to it, itself the last.
    """

    episode: PackEpisode
    frame: PackFrame
    medium: ArchivePicture
    history: tuple[ArchivePicture, ...]

    @property
    def truth(self) -> FrameTruth:
        """What is true of the picture."""
        return self.frame.truth

    @property
    def story(self) -> EpisodeTruth:
        """What is true of its episode."""
        return self.episode.truth

    @property
    def view(self) -> ViewTruth:
        """What is true of its view."""
        return self.story.view(self.truth.view)

    @property
    def size(self) -> PictureSize:
        """Of the picture, in pixels."""
        return PictureSize(self.frame.width, self.frame.height)

    @property
    def before_contact(self) -> bool:
        """The fingers have not yet touched, and will touch the named object."""
        contact = self.story.contact_frame
        aimed_right = self.story.grasped == self.story.target
        missed = self.story.failure_cause == "missed_grasp"
        return aimed_right and not missed and contact is not None and self.truth.frame < contact


def is_asked_for(thing: ObjectTruth) -> bool:
    """Whether enough of the object is seen to ask where it is."""
    return (
        thing.box_px is not None
        and thing.visible_fraction >= MIN_VISIBLE_FRACTION
        and is_large_enough(thing.box_px)
    )


def path_in_picture(sight: Sight) -> tuple[Point, ...] | None:
    """The tool's path as points, None when it leaves the picture or hardly moves."""
    return clear_path(sight.truth.trace_px, size=sight.size)


def _instruction(sight: Sight) -> dict[str, InputValue]:
    return {"instruction": sight.story.instruction}


def _gripper_det(sight: Sight) -> Iterator[Draft]:
    box = sight.truth.gripper_box_px
    if box is not None and is_large_enough(box):
        yield Draft(Box(*box))


def _object_box(sight: Sight) -> Iterator[Draft]:
    for thing in sight.truth.objects:
        if is_asked_for(thing) and thing.box_px is not None:
            name = thing.name
            suffix = name.replace(" ", "-")
            yield Draft(Box(*thing.box_px), {"object": name}, suffix, about=(name,))


def _pointing(sight: Sight) -> Iterator[Draft]:
    for thing in sight.truth.objects:
        if is_asked_for(thing) and thing.box_px is not None:
            name = thing.name
            suffix = name.replace(" ", "-")
            yield Draft(Box(*thing.box_px), {"object": f"the {name}"}, suffix, about=(name,))


def _detect_objects(sight: Sight) -> Iterator[Draft]:
    boxes = [
        Box(*thing.box_px, label=thing.name)
        for thing in sight.truth.objects
        if is_asked_for(thing) and thing.box_px is not None
    ]
    if boxes:
        yield Draft(Boxes(tuple(sorted(boxes, key=lambda box: (box.x1, box.y1)))))


def _current_box(sight: Sight) -> Iterator[Draft]:
    thing = sight.truth.thing(sight.story.target)
    if is_asked_for(thing) and thing.box_px is not None:
        yield Draft(Box(*thing.box_px), _instruction(sight))


def _contact_box(sight: Sight) -> Iterator[Draft]:
    box = sight.view.contact_box_px
    if sight.before_contact and box is not None and is_large_enough(box):
        yield Draft(Box(*box), _instruction(sight))


def _contact_point(sight: Sight) -> Iterator[Draft]:
    points = sight.view.contact_points_px
    if not sight.before_contact or points is None:
        return
    size = sight.size
    if all(0 <= x <= size.width and 0 <= y <= size.height for x, y in points):
        yield Draft(Points(tuple(Point(x, y) for x, y in points)), _instruction(sight))


def _final_box(sight: Sight) -> Iterator[Draft]:
    box, release = sight.view.final_box_px, sight.story.release_frame
    to_come = release is not None and sight.truth.frame < release
    if sight.story.success and to_come and box is not None and is_large_enough(box):
        yield Draft(Box(*box), _instruction(sight))


def _traj_wo_init_pos(sight: Sight) -> Iterator[Draft]:
    points = path_in_picture(sight)
    if sight.story.success and points is not None:
        yield Draft(Trajectory(points), _instruction(sight))


def _traj(sight: Sight) -> Iterator[Draft]:
    for draft in _traj_wo_init_pos(sight):
        assert isinstance(draft.answer, Trajectory)
        start = Points(draft.answer.points_px[:1])
        yield Draft(draft.answer, {**draft.inputs, "start": start})


def _contact_decide(sight: Sight) -> Iterator[Draft]:
    # With the wrong object in hand "the object" of the question would mean two things.
    if sight.story.grasped == sight.story.target:
        yield Draft(YesNo(sight.truth.in_contact), _instruction(sight))


PLACE_QUESTIONS: Mapping[str, Callable[[Sight], Iterator[Draft]]] = MappingProxyType(
    {
        "gripper_det": _gripper_det,
        "object_box": _object_box,
        "detect_objects": _detect_objects,
        "pointing": _pointing,
        "current_box": _current_box,
        "contact_box": _contact_box,
        "contact_point": _contact_point,
        "final_box": _final_box,
        "traj": _traj,
        "traj_wo_init_pos": _traj_wo_init_pos,
        "contact_decide": _contact_decide,
    }
)
"""Task -> what it asks about one picture."""

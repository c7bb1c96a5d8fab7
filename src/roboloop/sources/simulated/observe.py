"""Draw frames of an episode and read the truth off the pictures and the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from roboloop.base.closing import Closing
from roboloop.base.geometry import BoxPx, PointPx
from roboloop.sources.simulated.camera import Camera
from roboloop.sources.simulated.controller import SKILL_OF_PHASE
from roboloop.sources.simulated.episode import Episode, FrameState
from roboloop.sources.simulated.freespace import Footprint, free_space_mask
from roboloop.sources.simulated.objects import Part, surface_points
from roboloop.sources.simulated.relations import find_relations
from roboloop.sources.simulated.render import Painter, Picture, load_mujoco
from roboloop.sources.simulated.scene import WRIST_CAMERA
from roboloop.sources.simulated.truth import (
    ClipTruth,
    EpisodeTruth,
    FrameTruth,
    ObjectTruth,
    ViewTruth,
    box_of_mask,
    box_of_points,
    hull_area,
    resample_path,
)

MIN_VISIBLE_PIXELS = 12
"""Fewer pixels than this are not called seen."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A picture with its truth. `rgb` is (H, W, 3) uint8."""

    rgb: NDArray[np.uint8]
    truth: FrameTruth


class Observer(Closing):
    """Draws frames of one episode. Use as a context manager.

    Args:
        episode: What to draw.
        is_fine: Smooth edges and sharp shadows; without, drawing is three times faster.
    """

    def __init__(self, episode: Episode, *, is_fine: bool = True) -> None:
        mujoco = load_mujoco()
        self._mujoco: Any = mujoco
        self.episode = episode
        self.layout = episode.layout
        self._model: Any = episode.scene.model
        self._data: Any = mujoco.MjData(self._model)
        if not is_fine:
            quality = self._model.vis.quality
            quality.offsamples, quality.shadowsize = 0, 1024
        first = self.layout.cameras[0]
        self._painter = Painter(self._model, width=first.width, height=first.height)
        self._clips = make_clips(episode)
        things = (*self.layout.objects, self.layout.destination)
        self._surfaces = [_surface(thing.parts) for thing in things]

    def close(self) -> None:
        """Free the OpenGL context."""
        self._painter.close()

    def _pose(self, frame: int) -> FrameState:
        state = self.episode.frames[frame]
        self._data.qpos[:] = state.positions
        self._mujoco.mj_forward(self._model, self._data)
        return state

    def draw_wrist(self, frame: int) -> NDArray[np.uint8]:
        """The wrist camera's picture, (H, W, 3) uint8."""
        self._pose(frame)
        return self._painter.paint_colours(self._data, camera=WRIST_CAMERA)

    def observe(self, frame: int, *, with_depth: bool = True) -> Iterator[Observation]:
        """One observation per exterior view."""
        state = self._pose(frame)
        for camera in self.layout.cameras:
            picture = self._painter.paint(self._data, camera=camera.name, with_depth=with_depth)
            yield Observation(picture.rgb, self._frame_truth(state, camera=camera, picture=picture))

    def episode_truth(self) -> EpisodeTruth:
        """The truth of the whole episode; draws the contact frame and the last one."""
        episode, layout = self.episode, self.layout
        contact = episode.contact_frame
        scene = episode.scene
        contact_boxes: list[BoxPx | None] = [None] * len(layout.cameras)
        if contact is not None:
            contact_boxes = self._boxes(contact, geoms=scene.gripper_geoms)
        target = layout.objects[layout.target]
        final_boxes = self._boxes(len(episode.frames) - 1, geoms=scene.object_geoms[layout.target])
        views: list[ViewTruth] = []
        for index, camera in enumerate(layout.cameras):
            views.append(
                ViewTruth(
                    view=camera.name,
                    width=camera.width,
                    height=camera.height,
                    projection=camera.projection,
                    intrinsic=camera.intrinsic,
                    extrinsic=camera.extrinsic,
                    contact_box_px=contact_boxes[index],
                    contact_points_px=self._contact_points(camera),
                    final_box_px=final_boxes[index],
                )
            )
        goal = layout.destination
        return EpisodeTruth(
            seed=episode.seed,
            num_frames=len(episode.frames),
            instruction=f"pick up the {target.name} and place it {goal.kind.preposition} "
            f"the {goal.name}",
            instruction_zh=f"拿起{target.name_zh},放到{goal.name_zh}{goal.kind.preposition_zh}".replace(
                ",", "\uff0c"
            ),
            target=target.name,
            target_zh=target.name_zh,
            destination=goal.name,
            destination_zh=goal.name_zh,
            grasped=layout.objects[episode.grasped].name,
            contact_frame=contact,
            release_frame=episode.release_frame,
            success=episode.success,
            failure_cause=episode.cause,
            clips=self._clips,
            views=tuple(views),
        )

    def _boxes(self, frame: int, *, geoms: tuple[int, ...]) -> list[BoxPx | None]:
        """Box of what is seen of the geoms in each view at one frame."""
        self._pose(frame)
        return [
            _seen_box(self._painter.paint_labels(self._data, camera=camera.name), geoms)
            for camera in self.layout.cameras
        ]

    def _contact_points(self, camera: Camera) -> tuple[PointPx, PointPx] | None:
        contact = self.episode.contact_frame
        if contact is None:
            return None
        points = self.episode.frames[contact].finger_points
        assert points is not None, "a contact frame has contact points"
        first, second = sorted((float(x), float(y)) for x, y in camera.project(points))
        return (first, second)

    def _frame_truth(self, state: FrameState, *, camera: Camera, picture: Picture) -> FrameTruth:
        clip = next(c for c in self._clips if c.first <= state.frame <= c.last)
        end = next_milestone(self.episode, frame=state.frame)
        tools = np.array([s.tool for s in self.episode.frames[state.frame : end + 1]])
        trace = resample_path(camera.project(tools))
        depth = picture.depth
        objects = self._things(camera, picture=picture)
        names = [thing.name for thing in objects]
        positions = np.array([thing.position_metres for thing in objects])
        return FrameTruth(
            frame=state.frame,
            view=camera.name,
            phase=state.phase,
            subtask=clip.subtask,
            subtask_zh=clip.subtask_zh,
            skill=clip.skill,
            in_contact=state.touching is not None,
            gripper_box_px=_seen_box(picture.geom_ids, self.episode.scene.gripper_geoms),
            objects=objects,
            tool_px=trace[0],
            tool_metres=(float(state.tool[0]), float(state.tool[1]), float(state.tool[2])),
            trace_px=trace,
            depth_range_metres=None if depth is None else (float(depth.min()), float(depth.max())),
            free_space=self._free_space(camera, picture=picture, positions=positions),
            relations=find_relations(names, positions=positions, camera=camera),
            gripper_closed_fraction=state.gripper_closed_fraction,
        )

    def _things(self, camera: Camera, *, picture: Picture) -> tuple[ObjectTruth, ...]:
        layout, scene = self.layout, self.episode.scene
        things = (*layout.objects, layout.destination)
        geoms = (*scene.object_geoms, scene.destination_geoms)
        bodies = [f"object{i}" for i in range(len(layout.objects))] + ["destination"]
        found: list[ObjectTruth] = []
        for index, thing in enumerate(things):
            body = self._data.body(bodies[index])
            matrix = np.array(body.xmat).reshape(3, 3)
            outline = self._surfaces[index] @ matrix.T + np.array(body.xpos)
            middle = 0.5 * (outline.min(axis=0) + outline.max(axis=0))
            outline_px = camera.project(outline)
            mask = np.isin(picture.geom_ids, geoms[index])
            seen = int(mask.sum())
            area = hull_area(outline_px, width=camera.width, height=camera.height)
            role: Literal["target", "destination", "other"] = "other"
            if index == layout.target:
                role = "target"
            elif index == len(layout.objects):
                role = "destination"
            found.append(
                ObjectTruth(
                    name=thing.name,
                    name_zh=thing.name_zh,
                    kind=thing.kind.name,
                    colour=thing.colour.name,
                    role=role,
                    box_px=box_of_mask(mask) if seen >= MIN_VISIBLE_PIXELS else None,
                    full_box_px=box_of_points(outline_px),
                    visible_fraction=min(1.0, seen / area) if area > 0 else 0.0,
                    depth_metres=float(camera.depth(middle[None])[0]),
                    position_metres=(float(middle[0]), float(middle[1]), float(middle[2])),
                )
            )
        return tuple(found)

    def _free_space(
        self, camera: Camera, *, picture: Picture, positions: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        things = (*self.layout.objects, self.layout.destination)
        taken = [
            Footprint(float(place[0]), float(place[1]), thing.kind.footprint * thing.scale)
            for thing, place in zip(things, positions, strict=True)
        ]
        table = np.isin(picture.geom_ids, self.episode.scene.table_geoms)
        return free_space_mask(table, camera=camera, taken=taken)


def make_clips(episode: Episode) -> tuple[ClipTruth, ...]:
    """The two sub-tasks, pick and place, each with its first and last frame."""
    layout = episode.layout
    target, goal = layout.objects[layout.target], layout.destination
    skills = [SKILL_OF_PHASE[state.phase] for state in episode.frames]
    first_place = skills.index("place")
    return (
        ClipTruth(
            0, first_place - 1, f"pick up the {target.name}", f"拿起{target.name_zh}", "pick"
        ),
        ClipTruth(
            first_place,
            len(skills) - 1,
            f"place the {target.name} {goal.kind.preposition} the {goal.name}",
            f"把{target.name_zh}放到{goal.name_zh}{goal.kind.preposition_zh}",
            "place",
        ),
    )


def next_milestone(episode: Episode, *, frame: int) -> int:
    """The frame at which a trace that starts at `frame` ends.

    That is the next of: the first touch (without one, the end of closing the fingers), the
    release, the last frame.
    """
    first = episode.contact_frame
    if first is None:
        first = next(s.frame for s in episode.frames if s.phase == "lift")
    last = len(episode.frames) - 1
    ends = [first, last] if episode.release_frame is None else [first, episode.release_frame, last]
    return next((end for end in ends if end > frame), last)


def _surface(parts: Sequence[Part]) -> NDArray[np.float64]:
    return np.concatenate([surface_points(part) for part in parts])


def _seen_box(geom_ids: NDArray[np.int32], geoms: tuple[int, ...]) -> BoxPx | None:
    mask = np.isin(geom_ids, geoms)
    return box_of_mask(mask) if int(mask.sum()) >= MIN_VISIBLE_PIXELS else None

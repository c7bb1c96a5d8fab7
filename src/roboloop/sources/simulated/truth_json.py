"""Truth as JSON and back, compact and without loss beyond a tenth of a pixel."""

from __future__ import annotations

import base64
import zlib
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from roboloop.base.geometry import BoxPx, PointPx
from roboloop.sources.simulated.truth import (
    ClipTruth,
    EpisodeTruth,
    FrameTruth,
    ObjectTruth,
    Relation,
    RelationTruth,
    ViewTruth,
)

Json = dict[str, Any]
PIXEL_DECIMALS = 1
METRE_DECIMALS = 4


def episode_to_json(truth: EpisodeTruth) -> Json:
    """An episode's truth as a JSON object."""
    return {
        "seed": truth.seed,
        "num_frames": truth.num_frames,
        "instruction": truth.instruction,
        "instruction_zh": truth.instruction_zh,
        "target": truth.target,
        "target_zh": truth.target_zh,
        "destination": truth.destination,
        "destination_zh": truth.destination_zh,
        "grasped": truth.grasped,
        "contact_frame": truth.contact_frame,
        "release_frame": truth.release_frame,
        "success": truth.success,
        "failure_cause": truth.failure_cause,
        "clips": [[c.first, c.last, c.subtask, c.subtask_zh, c.skill] for c in truth.clips],
        "views": [_view_to_json(view) for view in truth.views],
    }


def episode_from_json(value: Json) -> EpisodeTruth:
    """The inverse of `episode_to_json`; KeyError or ValueError when it is not one."""
    fields = dict(value)
    fields["clips"] = tuple(ClipTruth(*clip) for clip in value["clips"])
    fields["views"] = tuple(_view_from_json(view) for view in value["views"])
    return EpisodeTruth(**fields)


def _view_to_json(view: ViewTruth) -> Json:
    return {
        "view": view.view,
        "width": view.width,
        "height": view.height,
        "intrinsic": np.round(view.intrinsic, 5).tolist(),
        "extrinsic": np.round(view.extrinsic, 7).tolist(),
        "contact_box_px": _numbers(view.contact_box_px),
        "contact_points_px": _points(view.contact_points_px),
        "final_box_px": _numbers(view.final_box_px),
    }


def _view_from_json(value: Json) -> ViewTruth:
    intrinsic, extrinsic = np.array(value["intrinsic"]), np.array(value["extrinsic"])
    points = value["contact_points_px"]
    return ViewTruth(
        view=value["view"],
        width=value["width"],
        height=value["height"],
        projection=intrinsic @ extrinsic[:3],
        intrinsic=intrinsic,
        extrinsic=extrinsic,
        contact_box_px=_box(value["contact_box_px"]),
        contact_points_px=None if points is None else (_point(points[0]), _point(points[1])),
        final_box_px=_box(value["final_box_px"]),
    )


def frame_to_json(truth: FrameTruth) -> Json:
    """A frame's truth as a JSON object."""
    names = [thing.name for thing in truth.objects]
    relations = [
        [names.index(r.subject), r.relation, names.index(r.reference)] for r in truth.relations
    ]
    depth = truth.depth_range_metres
    return {
        "frame": truth.frame,
        "view": truth.view,
        "phase": truth.phase,
        "subtask": truth.subtask,
        "subtask_zh": truth.subtask_zh,
        "skill": truth.skill,
        "in_contact": truth.in_contact,
        "gripper_box_px": _numbers(truth.gripper_box_px),
        "objects": [_object_to_json(thing) for thing in truth.objects],
        "tool_metres": [round(v, METRE_DECIMALS) for v in truth.tool_metres],
        "trace_px": _points(truth.trace_px),
        "depth_range_metres": None if depth is None else [round(d, METRE_DECIMALS) for d in depth],
        "free_space": None if truth.free_space is None else pack_mask(truth.free_space),
        "relations": relations,
        "gripper_closed_fraction": round(truth.gripper_closed_fraction, 3),
    }


def frame_from_json(value: Json) -> FrameTruth:
    """The inverse of `frame_to_json`; KeyError or ValueError when it is not one."""
    objects = tuple(_object_from_json(thing) for thing in value["objects"])
    trace = tuple(_point(point) for point in value["trace_px"])
    depth, mask = value["depth_range_metres"], value["free_space"]
    relations = tuple(
        RelationTruth(objects[i].name, cast("Relation", relation), objects[j].name)
        for i, relation, j in value["relations"]
    )
    return FrameTruth(
        frame=value["frame"],
        view=value["view"],
        phase=value["phase"],
        subtask=value["subtask"],
        subtask_zh=value["subtask_zh"],
        skill=value["skill"],
        in_contact=value["in_contact"],
        gripper_box_px=_box(value["gripper_box_px"]),
        objects=objects,
        tool_px=trace[0],
        tool_metres=_metres(value["tool_metres"]),
        trace_px=trace,
        depth_range_metres=None if depth is None else (depth[0], depth[1]),
        free_space=None if mask is None else unpack_mask(mask),
        relations=relations,
        gripper_closed_fraction=value["gripper_closed_fraction"],
    )


def _object_to_json(thing: ObjectTruth) -> Json:
    return {
        "name": thing.name,
        "name_zh": thing.name_zh,
        "kind": thing.kind,
        "colour": thing.colour,
        "role": thing.role,
        "box_px": _numbers(thing.box_px),
        "full_box_px": _numbers(thing.full_box_px),
        "visible_fraction": round(thing.visible_fraction, 3),
        "depth_metres": round(thing.depth_metres, METRE_DECIMALS),
        "position_metres": [round(v, METRE_DECIMALS) for v in thing.position_metres],
    }


def _object_from_json(value: Json) -> ObjectTruth:
    fields = dict(value)
    full = _box(value["full_box_px"])
    assert full is not None
    fields |= {
        "box_px": _box(value["box_px"]),
        "full_box_px": full,
        "position_metres": _metres(value["position_metres"]),
    }
    return ObjectTruth(**fields)


def pack_mask(mask: NDArray[np.bool_]) -> list[Any]:
    """A mask as [rows, columns, text]: bits, deflated, in base 64."""
    rows, columns = mask.shape
    bits = zlib.compress(np.packbits(mask).tobytes(), 9)
    return [rows, columns, base64.b64encode(bits).decode()]


def unpack_mask(value: list[Any]) -> NDArray[np.bool_]:
    """The inverse of `pack_mask`."""
    rows, columns, text = value
    bits = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=np.uint8)
    return np.unpackbits(bits, count=rows * columns).reshape(rows, columns).astype(bool)


def _numbers(values: tuple[float, ...] | None) -> list[float] | None:
    return None if values is None else [_short(value) for value in values]


def _points(points: tuple[PointPx, ...] | None) -> list[list[float]] | None:
    return None if points is None else [[_short(x), _short(y)] for x, y in points]


def _short(value: float) -> float:
    rounded = round(value, PIXEL_DECIMALS)
    return int(rounded) if rounded == int(rounded) else rounded


def _box(values: list[float] | None) -> BoxPx | None:
    if values is None:
        return None
    x1, y1, x2, y2 = (float(value) for value in values)
    return (x1, y1, x2, y2)


def _point(values: list[float]) -> PointPx:
    x, y = values
    return (float(x), float(y))


def _metres(values: list[float]) -> tuple[float, float, float]:
    x, y, z = values
    return (float(x), float(y), float(z))

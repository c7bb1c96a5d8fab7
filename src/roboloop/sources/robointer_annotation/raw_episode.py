"""An episode's annotation by kind, as RoboInter's tools leave it -> its annotation by frame.

    all_language        {frames, time_clip, instruction, task_steps, action_steps}
    all_gripper_box     {frame: {gripper_box}}
    all_grounding_box   {frame: {obj_box}}
    all_contact_point   {(first, last): {contact_frame, contact_pt, contact_box}}
    all_traj            {trace: the tool's place in every frame}
    origin_shape        (width, height)

Any of them may be missing or None. `placement_proposal`, and `affordance_box` where no
`contact_box` is given, are left out: they follow from the frames. So boxes at the border and single
bad points of the path cost nothing but themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.sources.robointer_annotation.values import (
    as_plain,
    read_origin,
    read_place,
    read_spans,
    unknown_form,
)

TRACE_POINTS = 10
RAW_KEYS = frozenset(
    {"all_language", "all_gripper_box", "all_grounding_box", "all_contact_point", "all_traj"}
)
Raw = Mapping[Any, Any]


def is_raw(value: Any) -> bool:
    """Whether an annotation is ordered by kind, not by frame."""
    return isinstance(value, dict) and not RAW_KEYS.isdisjoint(cast("dict[Any, Any]", value))


def frames_of_raw(value: Raw) -> dict[int, dict[str, Any]]:
    """Frame number -> annotation.

    Raises:
        RoboLoopError: E-DAT-004 when a part is of another form.
    """
    language, gripper, objects, contact, path = (
        _part(value, name)
        for name in (
            "all_language", "all_gripper_box", "all_grounding_box", "all_contact_point", "all_traj"
        )
    )  # fmt: skip
    trace = _trace(path)
    origin = read_origin(value.get("origin_shape"))
    is_inside = [_is_inside(point, origin=origin) for point in trace]
    spans = read_spans(language.get("time_clip") or [])
    notes: dict[int, dict[str, Any]] = {}
    for frame in range(_num_frames(language, gripper, objects, trace)):
        notes[frame] = {
            "origin_shape": origin,
            "time_clip": spans or None,
            "instruction_add": language.get("instruction"),
            "gripper_box": _box(gripper, frame, "gripper_box"),
            "object_box": _box(objects, frame, "obj_box"),
            "trace": _ahead(trace, is_inside, frame),
            **_words(language, spans, frame),
            **_contact(contact, frame),
        }
    return notes


def _part(value: Raw, name: str) -> Raw:
    found = value.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise unknown_form(name, found, wanted="a dict")
    return cast("Raw", found)


def _num_frames(language: Raw, gripper: Raw, objects: Raw, trace: list[Any]) -> int:
    """As the language says, else up to the last frame that anything is known of."""
    told = as_plain(language.get("frames"))
    if type(told) is int and told > 0:
        return told
    known = [as_plain(frame) for part in (gripper, objects) for frame in part]
    return max([len(trace), *(frame + 1 for frame in known if type(frame) is int)])


def _words(language: Raw, spans: list[tuple[int, int]], frame: int) -> dict[str, Any]:
    """Sub-task and skill; none for a frame between two clips."""
    clip = max((n for n, (first, last) in enumerate(spans) if first <= frame <= last), default=None)
    if clip is None:
        return {}
    return {
        name: _step(language, key, clip)
        for name, key in (("substask", "task_steps"), ("primitive_skill", "action_steps"))
    }


def _step(language: Raw, key: str, clip: int) -> Any:
    steps = as_plain(language.get(key))
    if steps is None:
        return None
    if not isinstance(steps, list | tuple):
        raise unknown_form(key, steps, wanted="a list of texts")
    known = cast("list[Any]", steps)
    return known[clip] if clip < len(known) else None


def _box(part: Raw, frame: int, name: str) -> Any:
    note = part.get(frame)
    return cast("Raw", note).get(name) if isinstance(note, dict) else None


def _contact(part: Raw, frame: int) -> dict[str, Any]:
    """Of the first range that holds the frame; None outside all ranges."""
    for span, note in part.items():
        first, last = read_spans([span])[0]
        if not first <= frame <= last:
            continue
        if not isinstance(note, dict):
            raise unknown_form("all_contact_point", note, wanted="a dict")
        given = cast("Raw", note)
        touch = as_plain(given.get("contact_frame"))
        if type(touch) is int and frame > touch:
            return {"contact_frame": -1, "contact_points": [], "affordance_box": []}
        box = given.get("contact_box")
        own_box = {} if box is None else {"affordance_box": box}
        return {"contact_frame": touch, "contact_points": given.get("contact_pt"), **own_box}
    return {"contact_frame": None, "contact_points": None, "affordance_box": None}


def _trace(part: Raw) -> list[Any]:
    found = as_plain(part.get("trace"))
    if found is None:
        return []
    if not isinstance(found, list | tuple):
        raise unknown_form("all_traj", found, wanted="a list of [x, y]")
    return list(cast("list[Any]", found))


def _is_inside(point: Any, *, origin: PictureSize) -> bool:
    """Whether a place of the path is one in the picture."""
    try:
        read_place("trace", [point, point], origin=origin, size=origin)
    except RoboLoopError:
        return False
    return True


def _ahead(trace: list[Any], is_inside: list[bool], frame: int) -> list[Any] | None:
    """The tool now and in the next nine frames; the last place is repeated at the end.

    A later place that is none in the picture is passed over. The path of a frame whose own place is
    none stays as it is: that is reported where the frame is read.
    """
    if frame >= len(trace):
        return None
    ahead = range(frame, min(frame + TRACE_POINTS, len(trace)))
    points = [trace[later] for later in ahead if is_inside[later] or not is_inside[frame]]
    return [*points, *points[-1:] * (TRACE_POINTS - len(points))]

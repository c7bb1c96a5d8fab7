"""Questions on their way to records: several of them share a picture and an origin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.records.answers import Answer
from roboloop.records.media import Media
from roboloop.records.record import InputValue, Record, Turn
from roboloop.records.scene import SCENE_KEY, Scene
from roboloop.sources.measure import MediaMeter

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDraft:
    """One question about a picture.

    Attributes:
        key: Tells it from others of its task about the same picture; may be empty.
        about, about_relation, asked_name: What of the picture it asks about, as `Scene` has it.
    """

    task: str
    answer: Answer | None
    key: str = ""
    inputs: Mapping[str, InputValue] = field(default_factory=dict[str, InputValue])
    turns: tuple[Turn, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])
    about: tuple[str, ...] = ()
    about_relation: str = ""
    asked_name: str = ""


def record_of(draft: RecordDraft, *, base: Record) -> Record:
    """The record of a draft; everything else, id and pictures included, is that of `base`."""
    return replace(
        base,
        task=draft.task,
        inputs=draft.inputs,
        turns=draft.turns,
        answer=draft.answer,
        meta={**base.meta, **draft.meta},
    )


def records_of(
    drafts: Iterable[RecordDraft], *, base: Record, scene: Scene | None = None
) -> Iterator[Record]:
    """A record for each draft; its task and key make it one of several with the id of `base`.

    Args:
        drafts: The questions.
        base: What they share.
        scene: Kept with each in `meta.scene`, with what the question is about; None keeps none.
    """
    for draft in drafts:
        name = f"{base.id}/{draft.task}"
        found = replace(
            record_of(draft, base=base), id=f"{name}/{draft.key}" if draft.key else name
        )
        yield found if scene is None else replace(found, meta=_with_scene(found, scene, draft))


def _with_scene(record: Record, scene: Scene, draft: RecordDraft) -> Mapping[str, Any]:
    asked = {
        "about": draft.about,
        "about_relation": draft.about_relation,
        "asked_name": draft.asked_name,
    }
    return {**record.meta, SCENE_KEY: scene.model_copy(update=asked).to_json()}


def measured_picture(media: Media, *, stated: PictureSize, meter: MediaMeter) -> Media:
    """The picture with its measures.

    Raises:
        RoboLoopError: E-MED-*; E-MED-004 when it has not the size that the annotation states, for
            then its boxes are those of another picture.
    """
    found = meter.measured(media)
    if found.size != stated:
        assert found.size is not None
        raise RoboLoopError(
            "E-MED-004",
            f"the picture is {found.size.width}x{found.size.height}, "
            f"its annotation says {stated.width}x{stated.height}",
        )
    return found


def first_file(folder: Path, *, names: Sequence[str]) -> str:
    """The first of the names under which there is a file; the first of all without one."""
    for name in names:
        try:
            if (folder / name).is_file():
                return name
        except (OSError, ValueError):  # too long a name, or a null byte in it
            continue
    return names[0]


def sample(items: Sequence[T], *, count: int, draw: np.random.Generator) -> list[T]:
    """At most `count` of the items, in their own order."""
    if len(items) <= count:
        return list(items)
    return [items[index] for index in sorted(draw.choice(len(items), size=count, replace=False))]


def split_named(path: Path) -> str:
    """`val` or `test` when the file's name says so, as in `lvis_v1_val.json`, else `train`."""
    words = path.stem.lower().replace("-", "_").replace(".", "_").split("_")
    for split, names in (("test", {"test"}), ("val", {"val", "validation", "valid"})):
        if names & set(words):
            return split
    return "train"

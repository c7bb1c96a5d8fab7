"""Questions about the named boxes of a picture, for data sets that annotate objects.

What can be asked follows from what the annotators promise: a name of which every instance is drawn
may be counted and listed, one of which a single instance is drawn may be located; "no" is true
only for a name that was looked for and not found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from roboloop.records.answers import Box, Boxes, Number, YesNo
from roboloop.records.scene import Scene, SceneObject
from roboloop.sources.record_drafts import RecordDraft, sample

OBJECT_TASKS = ("detect_objects", "object_box", "pointing", "number_vqa", "yes_no_vqa")
MAX_LISTED_BOXES = 20
MAX_LISTED_NAMES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedObject:
    """An annotated object: its name, its box in pixels, and its key in the data set."""

    name: str
    box: Box
    key: str
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownObjects:
    """What is known of a picture.

    Attributes:
        objects: All that are annotated.
        uncounted: Names of which more may be in the picture than are annotated.
        absent: Names that were looked for and are not in the picture.
    """

    objects: tuple[NamedObject, ...]
    uncounted: frozenset[str] = frozenset()
    absent: tuple[str, ...] = ()

    def scene(self, *, is_exhaustive: bool) -> Scene:
        """The same for composers: each thing under its key.

        Args:
            is_exhaustive: Whether the annotators drew every thing of a name that is not among
                `uncounted`; else no name may be counted.
        """
        uncounted = self.uncounted if is_exhaustive else {found.name for found in self.objects}
        return Scene(
            objects=tuple(
                SceneObject(
                    id=found.key,
                    name=found.name,
                    box_px=found.box.corners_px,
                    attributes=found.attributes,
                )
                for found in self.objects
            ),
            not_there=self.absent,
            not_exhaustive=tuple(sorted(uncounted - {""})),
        )

    def complete(self) -> Mapping[str, Sequence[NamedObject]]:
        """Name -> its objects, for the names of which every instance is annotated."""
        groups: defaultdict[str, list[NamedObject]] = defaultdict(list)
        for found in self.objects:
            if found.name not in self.uncounted:
                groups[found.name].append(found)
        return groups


def object_drafts(
    known: KnownObjects, *, task: str, max_questions: int, draw: np.random.Generator
) -> Iterator[RecordDraft]:
    """Questions of one of `OBJECT_TASKS`; `draw` chooses where there are more than may be asked."""
    groups = known.complete()
    match task:
        case "detect_objects":
            names = _listable(groups, draw=draw)
            if names:
                yield _detection({name: groups[name] for name in names})
        case "number_vqa":
            for name in sample(list(groups), count=max_questions, draw=draw):
                question = f"How many instances of '{name}' are in this picture?"
                yield RecordDraft(
                    task=task,
                    key=name,
                    inputs={"question": question},
                    answer=Number(len(groups[name])),
                    asked_name=name,
                )
        case "yes_no_vqa":
            yield from _presence(known, max_questions=max_questions, draw=draw)
        case _:
            single = [group[0] for group in groups.values() if len(group) == 1]
            for found in sample(single, count=max_questions, draw=draw):
                called = found.name if task == "object_box" else f"the {found.name}"
                yield RecordDraft(
                    task=task, key=found.key, inputs={"object": called}, answer=found.box,
                    meta={"object_id": found.key}, about=(found.key,),
                )  # fmt: skip


def _listable(
    groups: Mapping[str, Sequence[NamedObject]], *, draw: np.random.Generator
) -> list[str]:
    """A few names whose boxes together are not too many for one answer, in their own order."""
    names = list(groups)
    chosen: list[str] = []
    num_boxes = 0
    for index in draw.permutation(len(names)):
        name = names[int(index)]
        fits = num_boxes + len(groups[name]) <= MAX_LISTED_BOXES
        if fits and len(chosen) < MAX_LISTED_NAMES:
            chosen.append(name)
            num_boxes += len(groups[name])
    return sorted(chosen, key=names.index)


def _detection(groups: Mapping[str, Sequence[NamedObject]]) -> RecordDraft:
    boxes = [replace(found.box, label=name) for name, group in groups.items() for found in group]
    return RecordDraft(
        task="detect_objects",
        inputs={"question": f"Find all objects of these kinds: {', '.join(groups)}."},
        answer=Boxes(tuple(boxes)),
        meta={"object_ids": [found.key for group in groups.values() for found in group]},
    )


def _presence(
    known: KnownObjects, *, max_questions: int, draw: np.random.Generator
) -> Iterator[RecordDraft]:
    """As many questions with "yes" as with "no", so that neither can be guessed."""
    present = list(dict.fromkeys(found.name for found in known.objects))
    count = min(max(1, max_questions // 2), len(present), len(known.absent))
    for names, value in ((present, True), (known.absent, False)):
        for name in sample(names, count=count, draw=draw):
            question = f"Is there any {name} in this picture?"
            yield RecordDraft(
                task="yes_no_vqa",
                key=name,
                inputs={"question": question},
                answer=YesNo(value),
                asked_name=name,
            )

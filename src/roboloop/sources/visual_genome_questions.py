"""What each of Visual Genome's files is asked. Every question keeps its evidence in `meta`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import box_iou
from roboloop.records.answers import Box, Text
from roboloop.sources.fields import Entry
from roboloop.sources.object_questions import KnownObjects, NamedObject, object_drafts
from roboloop.sources.record_drafts import RecordDraft
from roboloop.sources.region_questions import region_inputs
from roboloop.sources.visual_genome_entry import Asker, box_of, name_of
from roboloop.sources.visual_genome_relations import ask_relationships

SAME_IOU = 0.7
"""Two boxes of one name that overlap so much were drawn by two annotators around one thing."""
SCENE_TASKS = ("detect_objects", "object_box", "pointing")
PEOPLE = frozenset(
    {"boy", "child", "girl", "guy", "human", "kid", "lady", "man", "men", "people", "person",
     "player", "woman", "women"}
)  # fmt: skip
"""Names of people that annotators use for one another; their synsets differ."""


def ask_objects(asker: Asker) -> Iterator[RecordDraft]:
    """Where things are: `detect_objects`, `object_box` and `pointing`."""
    objects, _, uncounted = _named_objects(asker, list_name="objects")
    known = KnownObjects(objects=tuple(objects), uncounted=frozenset(uncounted))
    asker.scene = known.scene(is_exhaustive=False)
    for task in SCENE_TASKS:
        yield from object_drafts(
            known, task=task, max_questions=asker.max_questions, draw=asker.draw
        )


def ask_attributes(asker: Asker) -> Iterator[RecordDraft]:
    """What a thing is like, if only one bears its name."""
    objects, entries, uncounted = _named_objects(asker, list_name="attributes")
    counts = Counter(found.name for found in objects)
    drafts: list[RecordDraft] = []
    described: dict[str, tuple[str, ...]] = {}
    for found in objects:
        given = entries[found.key]
        if counts[found.name] == 1 and found.name not in uncounted and "attributes" in given:
            try:
                attributes = given.texts("attributes")
            except RoboLoopError as error:
                asker.reject(error, key=found.key)
                continue
            if attributes:
                described[found.key] = tuple(dict.fromkeys(attributes))
                drafts.append(
                    RecordDraft(
                        task="vqa",
                        key=found.key,
                        inputs={"question": f"What is the {found.name} like?"},
                        answer=Text(", ".join(described[found.key])),
                        meta={"object_id": found.key, "box_px": list(found.box.corners_px)},
                        about=(found.key,),
                    )
                )
    things = (replace(found, attributes=described.get(found.key, ())) for found in objects)
    known = KnownObjects(objects=tuple(things), uncounted=frozenset(uncounted))
    asker.scene = known.scene(is_exhaustive=False)
    yield from asker.chosen(drafts)


def ask_regions(asker: Asker) -> Iterator[RecordDraft]:
    """Where the region of a phrase is, and which phrase describes a region."""
    phrases: list[tuple[str, Box, str]] = []
    for item, key in asker.each("regions", keys=("region_id", "id")):
        try:
            phrase = " ".join(item.text("phrase").split()).rstrip(".")
            if not phrase:
                raise RoboLoopError("E-DAT-004", "its phrase is empty")
            phrases.append((phrase, box_of(item, asker.size, sides=("width", "height")), key))
        except RoboLoopError as error:
            asker.reject(error, key=key)
    counts = Counter(phrase.casefold() for phrase, _, _ in phrases)
    grounded = [
        RecordDraft(
            task="object_box",
            key=key,
            inputs={"object": f"region described as '{phrase}'"},
            answer=box,
            meta={"region_id": key, "phrase": phrase},
        )
        for phrase, box, key in phrases
        if counts[phrase.casefold()] == 1
    ]
    yield from asker.chosen(grounded)
    described = [
        RecordDraft(
            task="vqa",
            key=key,
            inputs=region_inputs(box, about="Describe what is there in a few words."),
            answer=Text(phrase),
            meta={"region_id": key, "box_px": list(box.corners_px)},
        )
        for phrase, box, key in phrases
    ]
    yield from asker.chosen(described)


def ask_questions(asker: Asker) -> Iterator[RecordDraft]:
    """The published questions, word for word; all of them."""
    for item, key in asker.each("qas", keys=("qa_id", "id")):
        try:
            question, answer = item.text("question").strip(), item.text("answer").strip()
            if not question or not answer:
                raise RoboLoopError("E-DAT-004", "its question or its answer is empty")
        except RoboLoopError as error:
            asker.reject(error, key=key)
            continue
        text = answer.removesuffix(".")
        meta = {"qa_id": key, "published_answer": answer}
        yield RecordDraft(
            task="vqa", key=key, inputs={"question": question}, answer=Text(text), meta=meta
        )


QUESTIONS: Mapping[str, Callable[[Asker], Iterator[RecordDraft]]] = {
    "objects": ask_objects,
    "attributes": ask_attributes,
    "relationships": ask_relationships,
    "region_descriptions": ask_regions,
    "question_answers": ask_questions,
}
"""File -> what is asked about a picture in it."""


class _Named(NamedTuple):
    """The objects of a picture.

    Attributes:
        entries: Key -> what is published of it.
        uncounted: Names that may mean other things than the objects that bear them.
    """

    objects: list[NamedObject]
    entries: dict[str, Entry]
    uncounted: set[str]


def _named_objects(asker: Asker, *, list_name: str) -> _Named:
    """The objects of a list, each thing once.

    A name is not counted if an object that bears it had to be left out, if another object has the
    same synset under another name, or if it is one of several names of `PEOPLE`.
    """
    objects: list[NamedObject] = []
    entries: dict[str, Entry] = {}
    uncounted: set[str] = set()
    for item, key in asker.each(list_name, keys=("object_id", "id")):
        name = ""
        try:
            name = name_of(item)
            found = NamedObject(name=name, box=box_of(item, asker.size, sides=("w", "h")), key=key)
            if key in entries:
                raise RoboLoopError("E-REC-004", f"the picture has two objects {key}")
        except RoboLoopError as error:
            asker.reject(error, key=key)
            uncounted.add(name)
            continue
        entries[key] = item
        if not any(_is_same(found, other) for other in objects):
            objects.append(found)
    return _Named(objects, entries, uncounted | _shared_names(objects, entries))


def _is_same(found: NamedObject, other: NamedObject) -> bool:
    """Whether one thing was drawn twice."""
    iou = box_iou(found.box.corners_px, second_px=other.box.corners_px)
    return found.name == other.name and iou >= SAME_IOU


def _shared_names(objects: Sequence[NamedObject], entries: Mapping[str, Entry]) -> set[str]:
    """Names whose objects are not all that the name may mean."""
    names_of: defaultdict[str, set[str]] = defaultdict(set)
    for found in objects:
        entry = entries[found.key]
        for synset in entry.texts("synsets") if "synsets" in entry else ():
            names_of[synset].add(found.name)
        if found.name in PEOPLE:
            names_of["people"].add(found.name)
    return {name for names in names_of.values() if len(names) > 1 for name in names}

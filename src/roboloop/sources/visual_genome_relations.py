"""Questions about Visual Genome's relationships, with both ends as evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.records.answers import Text, YesNo
from roboloop.records.scene import Scene, SceneRelation
from roboloop.sources.fields import Entry
from roboloop.sources.object_questions import KnownObjects, NamedObject
from roboloop.sources.record_drafts import RecordDraft
from roboloop.sources.visual_genome_entry import Asker, box_of, name_of

ONE_WAY = frozenset(
    {"above", "behind", "below", "beneath", "in", "in front of", "inside", "inside of", "on",
     "on top of", "parked on", "sitting on", "standing on", "under", "underneath", "wearing",
     "wears", "holding", "holds", "carrying", "carries", "riding"}
)  # fmt: skip
"""Predicates that are false the other way round: a man wears shoes, shoes wear no man."""


def ask_relationships(asker: Asker) -> Iterator[RecordDraft]:
    """Whether a relationship holds (both ways round), and what a thing is related to."""
    triples: list[_Triple] = []
    for item, key in asker.each("relationships", keys=("relationship_id", "id")):
        try:
            triples.append(_triple(item, key=key, size=asker.size))
        except RoboLoopError as error:
            asker.reject(error, key=key)
    asker.scene = _scene(triples)
    holds = {triple.words for triple in triples}
    asked: list[RecordDraft] = []
    for triple in dict.fromkeys(triples):
        subject, predicate, other = triple.words
        if predicate in ONE_WAY and subject != other and (other, predicate, subject) not in holds:
            asked.append(_whether(triple, value=bool(asker.draw.integers(2))))
    yield from asker.chosen(asked)
    starts = Counter(triple.words[:2] for triple in triples)
    fills = [_fill_in(t) for t in triples if starts[t.words[:2]] == 1]
    yield from asker.chosen(fills)


def _scene(triples: Sequence[_Triple]) -> Scene:
    """All ends and how they stand together. The file promises no completeness of any name."""
    ends = {end.key: end for triple in triples for end in triple.named_ends}
    known = KnownObjects(objects=tuple(ends.values()))
    relations: list[SceneRelation] = []
    for triple in triples:
        subject, other = (end.key for end in triple.named_ends)
        relations.append(
            SceneRelation(subject=subject, predicate=triple.words[1], object=other, id=triple.key)
        )
    return known.scene(is_exhaustive=False).model_copy(update={"relations": tuple(relations)})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Triple:
    """A relationship: its words in small letters, and its two ends."""

    key: str
    words: tuple[str, str, str]
    subject: NamedObject
    other: NamedObject

    @property
    def named_ends(self) -> tuple[NamedObject, NamedObject]:
        """Both ends under a key with their name: the file gives one object several names."""
        first, second = (
            replace(end, key=f"{end.key}/{end.name}") for end in (self.subject, self.other)
        )
        return (first, second)

    @property
    def evidence(self) -> dict[str, Any]:
        return {
            "relationship_id": self.key,
            "subject_id": self.subject.key,
            "subject_box_px": list(self.subject.box.corners_px),
            "object_id": self.other.key,
            "object_box_px": list(self.other.box.corners_px),
        }


def _triple(item: Entry, *, key: str, size: PictureSize) -> _Triple:
    ends: list[NamedObject] = []
    for name in ("subject", "object"):
        end = item.entry(name)
        box = box_of(end, size, sides=("w", "h"))
        ends.append(NamedObject(name=name_of(end), box=box, key=str(end.whole("object_id", "id"))))
    predicate = " ".join(item.text("predicate").split()).casefold()
    if not predicate:
        raise RoboLoopError("E-DAT-004", "a relationship has no predicate")
    words = (ends[0].name, predicate, ends[1].name)
    return _Triple(key=key, words=words, subject=ends[0], other=ends[1])


def _whether(triple: _Triple, *, value: bool) -> RecordDraft:
    subject, predicate, other = triple.words if value else tuple(reversed(triple.words))
    return RecordDraft(
        task="yes_no_vqa",
        key=triple.key,
        inputs={"question": f"Is this right: the {subject} {predicate} the {other}?"},
        answer=YesNo(value),
        meta=triple.evidence,
        about=tuple(end.key for end in triple.named_ends),
        about_relation=triple.key,
    )


def _fill_in(triple: _Triple) -> RecordDraft:
    subject, predicate, other = triple.words
    return RecordDraft(
        task="vqa",
        key=triple.key,
        inputs={"question": f"Fill in the blank: the {subject} {predicate} the ___."},
        answer=Text(other),
        meta=triple.evidence,
        about=tuple(end.key for end in triple.named_ends),
        about_relation=triple.key,
    )

"""picture_groups: which records show pictures that look alike. It drops nothing.

The hash of a picture tells scenes apart, not moments: where one object moved it hardly changes, and
in robots' data that object is what the record is about. So groups only say where to look. Frames of
one recording at different moments are never in one group.
"""

from __future__ import annotations

import json
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from roboloop.base.errors import RoboLoopError
from roboloop.base.pictures import decode_grey
from roboloop.curate.base import (
    NO_PARTNER,
    ArrowBatch,
    ArrowTable,
    CurateContext,
    Flags,
    GroupOperator,
    Judgement,
    Numbers,
    Pairs,
)
from roboloop.curate.columns import number_lists, same_text_numbers
from roboloop.curate.fingerprints import NUM_BITS, bit_tables, num_ones
from roboloop.curate.kernels import Bools, Hashes, Offsets
from roboloop.curate.neighbours import candidates, find_clones
from roboloop.curate.picture_hash import SIDE, picture_hash
from roboloop.records.media import VideoFrame, media_from_json
from roboloop.records.media_open import MediaStore
from roboloop.records.shards import read_media_roots


class PictureGroups(GroupOperator):
    """Find records whose pictures look alike; for `pictures: alike` of the duplicate operators."""

    code: ClassVar[str] = "E-CUR-024"

    kind: Literal["picture_groups"] = "picture_groups"  # pyright: ignore[reportIncompatibleVariableOverride]
    max_distance: int = Field(4, ge=0, le=16)
    """In how many of 64 bits the hashes of pictures of one group may differ."""
    floor_distance: int = Field(8, ge=0, le=16)
    """Pairs are stored up to this distance, so that `what-if` may try `max_distance` below it."""

    @model_validator(mode="after")
    def _distance_is_stored(self) -> PictureGroups:
        if self.max_distance > self.floor_distance:
            raise ValueError("max_distance is above floor_distance: raise floor_distance, too")
        return self

    @property
    def judging_options(self) -> frozenset[str]:
        """The distance can be tried out on the stored pairs."""
        return super().judging_options | {"max_distance"}

    @property
    def more_facts(self) -> tuple[str, ...]:
        """Of the pictures, which are opened."""
        return ("references",)

    def sketch(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        """The hash of each picture of each record; null, with an `error`, where one is broken."""
        import pyarrow as pa

        store = MediaStore(read_media_roots(context.records))
        known: dict[str, int | str] = {}
        rows: list[list[int] | None] = []
        errors: list[str | None] = []
        for references in batch["references"].to_pylist():
            for reference in references:
                if reference not in known:
                    known[reference] = _hash_or_error(reference, store=store)
            found = [known[reference] for reference in references]
            broken = [item for item in found if isinstance(item, str)]
            rows.append(None if broken else [item for item in found if isinstance(item, int)])
            errors.append(broken[0] if broken else None)
        return pa.RecordBatch.from_arrays(
            [pa.array(rows, pa.list_(pa.uint64())), pa.array(errors, pa.string())],
            names=["pictures", "error"],
        )

    def pairs(self, sketches: ArrowTable, facts: ArrowTable, context: CurateContext) -> Pairs:
        """Records of the same pictures with the first of them, and firsts that look alike."""
        del context
        hashes, offsets = number_lists(sketches["pictures"])
        asked = np.flatnonzero(np.diff(offsets))
        clones = find_clones(same_text_numbers(facts["media_group"])[asked])
        firsts = asked[clones.firsts]
        num_pictures = np.diff(offsets)[firsts].astype(np.uint64)
        first_hashes = hashes[offsets[firsts]]

        def near(left: Offsets, right: Offsets) -> Bools:
            return num_ones(first_hashes[left] ^ first_hashes[right]) <= self.floor_distance

        found = candidates(
            np.arange(len(firsts)), blocks=num_pictures,
            tables=lambda rows: bit_tables(first_hashes[rows], max_distance=self.floor_distance),
            near=near,
        )  # fmt: skip
        left, right = firsts[found.left], firsts[found.right]
        distance = _largest_distance(hashes, offsets, left, right)
        passed = (distance <= self.floor_distance) & ~_other_moment(facts, left, right)
        left = np.concatenate([asked[clones.first_of_others], left[passed]])
        right = np.concatenate([asked[clones.others], right[passed]])
        similarity = np.concatenate([np.ones(len(clones.others)), 1 - distance[passed] / NUM_BITS])
        return Pairs.in_order(left, right, similarity)

    def judge(
        self,
        pairs: Pairs,
        facts: ArrowTable,
        *,
        kept: Flags,
        rank: Numbers,
    ) -> Judgement:
        """Nothing is dropped; the partner of a record is the first of its group."""
        del rank
        judgement = Judgement.keep_all(len(kept))
        threshold = 1 - self.max_distance / NUM_BITS
        strong = pairs.similarity >= threshold
        order = np.lexsort((pairs.left[strong], -pairs.similarity[strong], pairs.right[strong]))
        groups = _Groups(facts)
        for place in np.flatnonzero(strong)[order].tolist():
            left, right = int(pairs.left[place]), int(pairs.right[place])
            if judgement.partner[right] == NO_PARTNER and groups.join(right, near=left):
                judgement.partner[right] = groups.head_of[right]
                judgement.value[right] = pairs.similarity[place]
                judgement.threshold[right] = threshold
        return judgement


class _Groups:
    """Groups around a first record each; two moments of one recording never share one."""

    def __init__(self, facts: ArrowTable) -> None:
        self.head_of: dict[int, int] = {}
        self._pictures = same_text_numbers(facts["media_group"])
        self._episodes = same_text_numbers(facts["episode"])
        self._frames = facts["frame"].to_numpy()
        self._moment_of: dict[tuple[int, int], int] = {}

    def join(self, record: int, *, near: int) -> bool:
        """Put a record into the group of one that it is near to; says whether that was right.

        It must be near to the group's first record, and no other moment may be there.
        """
        same_pictures = self._pictures[record] == self._pictures[near]
        head = self.head_of.get(near, near)
        if head != near and not same_pictures:
            return False
        self._enter(head, head=head)
        if not self._enter(record, head=head):
            return False
        self.head_of[record] = head
        return True

    def _enter(self, record: int, *, head: int) -> bool:
        frame = int(self._frames[record])
        known = self._moment_of.setdefault((head, int(self._episodes[record])), frame)
        return frame < 0 or known == frame


def _other_moment(facts: ArrowTable, left: Offsets, right: Offsets) -> Bools:
    """Whether two records show different frames of one recording."""
    episodes = same_text_numbers(facts["episode"])
    frames = facts["frame"].to_numpy()
    known = (frames[left] >= 0) & (frames[right] >= 0)
    return known & (episodes[left] == episodes[right]) & (frames[left] != frames[right])


def _largest_distance(hashes: Hashes, offsets: Offsets, left: Offsets, right: Offsets) -> Offsets:
    """Of each pair of records with equally many pictures, the distance of the least alike two."""
    counts = (offsets[1:] - offsets[:-1])[left]
    largest = np.zeros(len(left), dtype=np.int64)
    for place in range(int(counts.max(initial=0))):
        rows = np.flatnonzero(counts > place)
        differing = hashes[offsets[left[rows]] + place] ^ hashes[offsets[right[rows]] + place]
        largest[rows] = np.maximum(largest[rows], num_ones(differing))
    return largest


def _hash_or_error(reference: str, *, store: MediaStore) -> int | str:
    try:
        medium = media_from_json(json.loads(reference))
        if isinstance(medium, VideoFrame):
            return picture_hash(store.open(medium).convert("L"))
        return picture_hash(decode_grey(store.read_bytes(medium), least_side=SIDE))
    except RoboLoopError as error:
        return str(error)

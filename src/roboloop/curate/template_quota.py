"""template_quota: of records that one template words, about different pictures, so many stay.

Questions about robots' pictures are worded by few templates, and the same words about another
picture are another record. So a template is never taken for a duplicate: it is capped, and what
stays is spread over recordings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from roboloop.curate.base import (
    ArrowBatch,
    ArrowTable,
    CurateContext,
    Flags,
    GroupOperator,
    Indices,
    Judgement,
    Numbers,
    Pairs,
)
from roboloop.curate.columns import (
    arrow_compute,
    hash_texts,
    same_text_numbers,
    take_rows,
)
from roboloop.curate.kernels import Hashes, Kernels, load_kernels, mixed, ordered_hashes
from roboloop.curate.neighbours import find_clones
from roboloop.curate.prose import words_of

_ANY_NUMBER = np.uint64(1)


class TemplateQuota(GroupOperator):
    """Keep at most `quota` records of the same words in a family; numbers in them do not count."""

    code: ClassVar[str] = "E-CUR-023"

    kind: Literal["template_quota"] = "template_quota"  # pyright: ignore[reportIncompatibleVariableOverride]
    quota: int = Field(500, ge=1)
    """So many records of each template stay."""
    families: Mapping[str, int] = Field(default_factory=dict[str, int])
    """Other quotas for some task families, such as `{grounding: 2000}`."""
    keep: Literal["spread", "best"] = "spread"
    """`spread`: one record of each recording and answer, then a second one of each, and so on, the
    better ones first. `best`: the best ones, wherever they come from."""

    @property
    def judging_options(self) -> frozenset[str]:
        """All: only which records share a template is stored."""
        return super().judging_options | {"quota", "families", "keep"}

    def sketch(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        """A hash of each record's words, its kind of answer and its family."""
        import pyarrow as pa

        del context
        kernels = load_kernels()
        template = hash_texts(batch["family"]) + mixed(hash_texts(batch["answer_kind"]))
        for name in ("question", "answer"):
            template = mixed(template + _wording(batch[name], kernels=kernels))
        return pa.RecordBatch.from_arrays([pa.array(template)], names=["template"])

    def pairs(self, sketches: ArrowTable, facts: ArrowTable, context: CurateContext) -> Pairs:
        """Each record with the first one of its template."""
        del facts, context
        asked = np.flatnonzero(sketches["template"].is_valid().to_numpy())
        clones = find_clones(take_rows(sketches, asked)["template"].to_numpy())
        left, right = asked[clones.first_of_others], asked[clones.others]
        return Pairs.in_order(left, right, np.ones(len(left)))

    def judge(
        self,
        pairs: Pairs,
        facts: ArrowTable,
        *,
        kept: Flags,
        rank: Numbers,
    ) -> Judgement:
        """Of each template with more records than its quota, the chosen ones stay."""
        judgement = Judgement.keep_all(len(kept))
        template = np.arange(len(kept))
        template[pairs.right] = pairs.left
        members = np.unique(np.concatenate([pairs.left, pairs.right]))
        members = members[kept[members]]
        group = template[members]
        quota = self._quotas(facts)[members]
        order, place = self._places(facts, members=members, group=group, rank=rank[members])
        dropped = order[place >= quota[order]]
        sizes = np.bincount(group, minlength=len(kept))
        judgement.drop[members[dropped]] = True
        judgement.value[members[dropped]] = sizes[group[dropped]]
        judgement.threshold[members[dropped]] = quota[dropped]
        for record in members[dropped]:
            judgement.reason[record] = "its template words more records than the quota"
        return judgement

    def _quotas(self, facts: ArrowTable) -> Indices:
        encoded = facts["family"].combine_chunks().dictionary_encode()
        quotas = [self.families.get(name, self.quota) for name in encoded.dictionary.to_pylist()]
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        return np.array([*quotas, self.quota], dtype=np.int64)[codes]

    def _places(
        self, facts: ArrowTable, *, members: Indices, group: Indices, rank: Numbers
    ) -> tuple[Indices, Indices]:
        """An order of the members by template, and the place of each in its template."""
        shown = take_rows(facts.select(["id", "episode", "media_group", "content"]), members)
        lot = hash_texts(shown["id"].combine_chunks())  # equals fall where the lot falls
        turn = np.zeros(len(members), dtype=np.int64)
        if self.keep == "spread":
            origin = _origins(shown)
            order = np.lexsort((lot, -rank, origin, group))
            turn[order] = _places_in_runs(mixed(group[order].astype(np.uint64)) + origin[order])
        order = np.lexsort((lot, -rank, turn, group))
        return order, _places_in_runs(group[order])


def _wording(texts: Any, *, kernels: Kernels) -> Hashes:
    """A hash of the words of each text in order, with every number taken for the same."""
    words = words_of(texts, kernels=kernels)
    return ordered_hashes(
        np.where(words.is_number, _ANY_NUMBER, words.hashes), offsets=words.offsets
    )


def _origins(shown: ArrowTable) -> Hashes:
    """A number for each recording (or picture, where none is known) with each answer."""
    pc = arrow_compute()
    recording = pc.if_else(pc.equal(shown["episode"], ""), shown["media_group"], shown["episode"])
    return mixed(same_text_numbers(recording) + mixed(same_text_numbers(shown["content"])))


def _places_in_runs(keys: Any) -> Indices:
    """For each of some sorted keys, how many equal ones stand before it."""
    places = np.arange(len(keys))
    starts = np.ones(len(keys), dtype=np.bool_)
    starts[1:] = keys[1:] != keys[:-1]
    return places - np.maximum.accumulate(np.where(starts, places, 0))

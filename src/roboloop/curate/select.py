"""select: so many good and different records, shared out by a mixture within floors and quotas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from roboloop.base.hashing import seeded_generator
from roboloop.curate.allocate import Mixture, Wanted, allocate
from roboloop.curate.base import (
    NO_PARTNER,
    ArrowTable,
    CurateContext,
    Flags,
    Indices,
    Judgement,
    Numbers,
    SelectOperator,
)
from roboloop.curate.facility_location import Chosen, choose_diverse
from roboloop.curate.hashed_tfidf import Vectors, unit_rows
from roboloop.curate.strata import Strata, StratumColumn, stratum_of
from roboloop.curate.vectors import vectors_at


class Select(SelectOperator):
    """Keep `num_records` records: floors first, then a mixture; the good and different.

    A part with fewer records than its share gives all it has, and the others fill up.
    """

    code: ClassVar[str] = "E-CUR-045"

    kind: Literal["select"] = "select"  # pyright: ignore[reportIncompatibleVariableOverride]
    num_records: int = Field(ge=1)
    """So many stay; all, where there are fewer."""
    mixture: Mixture = Field(default_factory=lambda: Mixture.model_validate({}))
    """How they are shared out among families, sources ..."""
    floors: Mapping[StratumColumn, Mapping[str, int]] = Field(
        default_factory=dict[StratumColumn, Mapping[str, int]]
    )
    """At least so many, or all there are: `{answer_kind: {points: 1000}, source: {droid: 500}}`."""
    quotas: Mapping[StratumColumn, Mapping[str, int]] = Field(
        default_factory=dict[StratumColumn, Mapping[str, int]]
    )
    """At most so many, in the same form."""
    vectors_of: str | None = "relevance"
    """Label of the earlier `relevance` operator by whose vectors records differ; without one
    (`null`) the best are taken, of equals those that the lot falls on."""
    quality_weight: float = Field(0.5, ge=0, le=1)
    """How much the scores of the operators before count beside being different."""
    pool: int = Field(20, ge=1)
    """Of each part, so many times as many records as it gives are looked at, the best ones."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The operator that made the vectors."""
        return (self.vectors_of,) if self.vectors_of else ()

    @property
    def judging_options(self) -> frozenset[str]:
        """All: nothing is measured."""
        return frozenset(type(self).model_fields) - {"kind", "on"}

    def choose(
        self,
        facts: ArrowTable,
        values: Mapping[str, ArrowTable],
        *,
        kept: Flags,
        rank: Numbers,
        context: CurateContext,
    ) -> Judgement:
        """Verdicts on the kept records.

        Raises:
            RoboLoopError: E-CUR-046 when the floors cannot be met.
        """
        wanted = Wanted(self.num_records, self.mixture, self.floors, self.quotas)
        strata = stratum_of(facts, columns=wanted.columns)
        sizes = np.bincount(strata.codes[kept], minlength=len(strata.values))
        numbers = allocate(wanted, values=strata.values, sizes=sizes)
        judgement = Judgement.keep_all(len(kept))
        lot = seeded_generator(context.seed, self.kind, self.label).permutation(len(kept))
        table = values[self.vectors_of] if self.vectors_of else None
        for stratum in np.flatnonzero(sizes > numbers):
            rows = np.flatnonzero(kept & (strata.codes == stratum))
            rows = rows[np.lexsort((lot[rows], -rank[rows]))]
            number = int(numbers[stratum])
            self._choose_of(
                rows, number, rank=rank, table=table, seed=context.seed, judgement=judgement
            )
            _say_why(judgement, rows=rows, number=number, stratum=strata, code=int(stratum))
        return judgement

    def _choose_of(
        self,
        rows: Indices,
        number: int,
        *,
        rank: Numbers,
        table: ArrowTable | None,
        seed: int,
        judgement: Judgement,
    ) -> None:
        """Mark all rows of a part, the best first, as dropped but the chosen ones."""
        judgement.drop[rows] = True
        if table is None or number == 0:
            judgement.drop[rows[:number]] = False
            return
        pool = np.sort(rows[: self.pool * number])
        found: Chosen = choose_diverse(
            _vectors(table, pool), _percentiles(rank[pool]),
            num_chosen=number, quality_weight=self.quality_weight, seed=seed,
        )  # fmt: skip
        judgement.value[pool] = found.similarity
        served = found.nearest != NO_PARTNER
        judgement.partner[pool[served]] = pool[found.nearest[served]]
        chosen = pool[found.rows]
        judgement.drop[chosen] = False
        judgement.value[chosen] = np.nan
        judgement.partner[chosen] = NO_PARTNER


def _say_why(
    judgement: Judgement, *, rows: Indices, number: int, stratum: Strata, code: int
) -> None:
    said = f"not among the {number:,} chosen of {len(rows):,} in {stratum.names[code]}"
    judgement.reason[rows[judgement.drop[rows]]] = said


def _vectors(table: ArrowTable, rows: Indices) -> Vectors:
    """Question and answer of each row as one unit vector; zeros where it has neither."""
    halves = [vectors_at(table[name], rows) for name in ("question", "answer")]
    joined: Any = np.concatenate(halves, axis=1).astype(np.float32)
    return unit_rows(joined)


def _percentiles(rank: Numbers) -> Numbers:
    """The share of the others that are worse, equals counted half."""
    ordered = np.sort(rank)
    low, high = (np.searchsorted(ordered, rank, side=side) for side in ("left", "right"))
    return (low + high - 1) / 2 / max(len(rank) - 1, 1)

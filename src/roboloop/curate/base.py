"""What an operator is: it measures records, then judges what it measured.

The two are apart on purpose. Measuring is costly and done once, piece by piece; its values are
kept. Judging turns stored values and the thresholds of the recipe into verdicts in an instant, so
`roboloop what-if` can try another threshold without measuring anything again.

    MapOperator     looks at each record alone:   measure(batch) -> values        judge(values)
    GroupOperator   compares records:             sketch(batch) -> sketches
                                                  pairs(sketches) -> pairs        judge(pairs)
    SelectOperator  picks among what is left:     choose(facts, values)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from roboloop.base.hashing import hash_value

ArrowBatch = Any
"""A `pyarrow.RecordBatch`; pyarrow brings no types."""
ArrowTable = Any
"""A `pyarrow.Table`."""
Flags = np.ndarray[Any, np.dtype[np.bool_]]
Numbers = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.int64]]

NO_PARTNER = -1


class CurateContext(NamedTuple):
    """What the pipeline hands to an operator. Can be pickled.

    Attributes:
        records: The folder of the records, whose `media_roots.json` says where the media lie.
        work: A folder, of these records alone, for what the operator wants to keep between calls.
        seed: Seed of the recipe.
        judged: What earlier operators found, by label. Use only those that `reads` names.
        values: What those of them that are map operators measured.
        memo: Whatever the operator wants to keep between the batches of one piece.
    """

    records: Path
    work: Path
    seed: int
    judged: Mapping[str, Judgement] = {}  # never changed
    values: Mapping[str, ArrowTable] = {}  # never changed
    memo: dict[Any, Any] = {}  # noqa: RUF012 - a new one for every piece


class Executor(Protocol):
    """Who does the work: calls a function on every item, results in the items' order."""

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """`function` and the items can be pickled; what the function leaves are files."""
        ...

    def close(self) -> None:
        """Let go of processes and connections; a later `map` opens them again."""
        ...


class Reasons:
    """A text for each of n records, kept as numbers into a short table of texts.

    Set one record, or many at once by their indices or flags; read one:

        reasons[3] = "the answer is empty"
        reasons[lies_outside] = "the answer lies outside the picture"
        reasons[3]

    Attributes:
        texts: The different texts; the first is empty and belongs to every record not spoken of.
        codes: For each record the place of its text in `texts`.
    """

    __slots__ = ("_places", "codes", "texts")

    def __init__(self, num_records: int) -> None:
        self.texts: list[str] = [""]
        self.codes = np.zeros(num_records, dtype=np.int32)
        self._places = {"": 0}

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, record: int | np.integer[Any]) -> str:
        return self.texts[self.codes[record]]

    def __setitem__(self, records: int | np.integer[Any] | Indices | Flags, text: str) -> None:
        place = self._places.setdefault(text, len(self.texts))
        if place == len(self.texts):
            self.texts.append(text)
        self.codes[records] = place

    def to_arrow(self) -> Any:
        """The texts as a dictionary array."""
        import pyarrow as pa

        return pa.DictionaryArray.from_arrays(pa.array(self.codes), pa.array(self.texts))


class Judgement(NamedTuple):
    """Verdicts of one operator on n records, as columns.

    Start from `keep_all` and fill in, all records of one reason at once:

        judgement = Judgement.keep_all(facts.num_rows)
        judgement.drop[is_empty] = True
        judgement.reason[is_empty] = "the answer is empty"

    Attributes:
        drop: Bool, whether the operator would drop the record.
        value: Float, the measured value that the verdict rests on; NaN where there is none.
        threshold: What the value was held against; NaN where there is none.
        partner: Index of the record that is kept in its stead, -1 where there is none.
        reason: Text for each dropped record, such as `answer lies outside the picture`; empty for
            the others. Few different texts, please: what differs from record to record is `value`.
    """

    drop: Flags
    value: Numbers
    threshold: Numbers
    partner: Indices
    reason: Reasons

    @classmethod
    def keep_all(cls, num_records: int) -> Judgement:
        """Verdicts that drop nothing; their columns may be filled in."""
        return cls(
            np.zeros(num_records, dtype=np.bool_),
            np.full(num_records, np.nan),
            np.full(num_records, np.nan),
            np.full(num_records, NO_PARTNER, dtype=np.int64),
            Reasons(num_records),
        )


class Evidence(NamedTuple):
    """What was found outside the curated records and speaks for a verdict.

    Attributes:
        row: Index of the record.
        kind: What the two share, such as `picture`.
        value: The measured value.
        threshold: What it was held against; NaN where nothing was.
        dropped: Whether the operator drops the record for it.
        origin: Name of the set that the other one belongs to.
        other: The other one, as the JSON of a record.
    """

    row: int
    kind: str
    value: float
    threshold: float
    dropped: bool
    origin: str
    other: Mapping[str, Any]


class Operator(BaseModel, ABC):
    """One step of curation, configured by its recipe entry (a pydantic model with a literal kind).

    Class attributes:
        version: Raised when the same options give other values than before.
        code: Code of the error catalogue that a drop is written under.
        looks_outside: Whether it has `evidence` from outside the records.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: ClassVar[int] = 1
    code: ClassVar[str]
    looks_outside: ClassVar[bool] = False
    batch_rows: ClassVar[int] = 4096
    """Rows of a batch, at most."""

    kind: str
    name: str = Field("", pattern=r"^[a-z0-9_-]*$")
    """Name in the ledger and in `what-if`; the kind when left out. Two operators of one kind need
    two names."""
    on: Literal["all", "kept"] = "all"
    """Measure every record, so that thresholds of earlier operators can be tried out offline, or
    only those which earlier operators kept (for costly operators)."""

    @property
    def label(self) -> str:
        """The operator's name, or its kind."""
        return self.name or self.kind

    @property
    def judging_options(self) -> frozenset[str]:
        """Options that only judging uses: changing them measures nothing again."""
        return frozenset({"name"})

    @property
    def reads(self) -> tuple[str, ...]:
        """Labels of earlier operators whose findings this one uses."""
        return ()

    @property
    def in_this_process(self) -> bool:
        """Whether a model is loaded that should be there only once.

        Pieces are then measured one after the other in the process that runs the recipe, and what
        is measured is kept batch by batch.
        """
        return False

    @property
    def waits(self) -> bool:
        """Whether measuring is waiting for somebody else, such as an endpoint.

        It is then done in this process, piece after piece, whatever the executor, and never by
        `what-if`.
        """
        return False

    @property
    def meta_fields(self) -> tuple[str, ...]:
        """Fields of the records' `meta` that it measures by.

        They are added to the batches as columns `meta.<field>` of JSON text, null where a record
        has none. The records are read again for this.
        """
        return ()

    @property
    def more_facts(self) -> tuple[str, ...]:
        """The columns of `facts.MORE_COLUMNS` that it looks at.

        They are in its batches, not in the facts of all records. The records are read again for
        this.
        """
        return ()

    def made_for(self, readers: Sequence[Operator]) -> Operator:
        """The operator as it is run before these, some of which may name it in `reads`."""
        del readers
        return self

    def prepare(self, facts: ArrowTable, context: CurateContext) -> None:
        """Called once before anything is measured, with the facts of all records.

        For what all pieces need, such as an index.
        """

    def evidence(self, values: ArrowTable, context: CurateContext) -> Iterator[Evidence]:
        """What speaks for the verdicts from outside the records; most operators know nothing."""
        del values, context
        return iter(())

    def evidence_roots(self, context: CurateContext) -> Mapping[str, Path]:
        """Media roots of the records that `evidence` tells of."""
        del context
        return {}

    def unread(self, context: CurateContext) -> Mapping[str, Any]:
        """What lies outside the records and could not be read: there nothing could be found."""
        del context
        return {}

    def fingerprint(self) -> str:
        """Hash of everything the stored values depend on, besides the records."""
        options = self.model_dump(mode="json", exclude=set(self.judging_options))
        return hash_value([self.kind, self.version, options])


class MapOperator(Operator):
    """Looks at each record alone."""

    @abstractmethod
    def measure(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        """Values of each row of a batch of facts (`curate.facts.COLUMNS`), in the same order.

        A record that cannot be measured gets nulls and a text in a column named `error`, if the
        operator has one.
        """

    @abstractmethod
    def judge(self, values: ArrowTable, facts: ArrowTable, *, kept: Flags) -> Judgement:
        """Verdicts from the values of all records.

        Args:
            values: What `measure` gave, for all records in order; nulls where it was not asked.
            facts: The facts of all records.
            kept: Bool, what earlier operators kept. Quantiles are taken over these.
        """

    def about(self, values: ArrowTable, facts: ArrowTable) -> dict[str, Any]:
        """What the values say about the operator itself, such as a judge's own error.

        Plain JSON; written to `about.json` beside the verdicts when it is not empty.
        """
        return {}

    def quality(self, values: ArrowTable) -> Numbers:
        """What the values say about which of two similar records is better, between 0 and 1.

        Group operators keep the record with the highest sum. 0 for all when this says nothing.
        """
        return np.zeros(values.num_rows)


class Pairs(NamedTuple):
    """Pairs of records that belong together: `left[i] < right[i]`, sorted, none twice."""

    left: Indices
    right: Indices
    similarity: Numbers

    @classmethod
    def in_order(cls, left: Indices, right: Indices, similarity: Numbers) -> Pairs:
        """The pairs, sorted."""
        order = np.lexsort((right, left))
        return cls(left[order], right[order], similarity[order])


class GroupOperator(Operator):
    """Compares records with one another."""

    @abstractmethod
    def sketch(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        """A small value for each row, enough to find candidates and to verify them."""

    @abstractmethod
    def pairs(self, sketches: ArrowTable, facts: ArrowTable, context: CurateContext) -> Pairs:
        """Verified pairs among all records, down to the lowest threshold that `what-if` may try."""

    @abstractmethod
    def judge(
        self,
        pairs: Pairs,
        facts: ArrowTable,
        *,
        kept: Flags,
        rank: Numbers,
    ) -> Judgement:
        """Verdicts from the pairs: of each group the best record stays.

        Args:
            pairs: What `pairs` gave.
            facts: The facts of all records.
            kept: Bool, what earlier operators kept; a record that is gone cannot be a keeper.
            rank: Float, quality of each record from the scores of earlier operators; the highest of
                a group stays, of equals the first.
        """


class SelectOperator(Operator):
    """Picks records among those that are left, such as 20,000 good and different ones."""

    on: Literal["all", "kept"] = "kept"

    @abstractmethod
    def choose(
        self,
        facts: ArrowTable,
        values: Mapping[str, ArrowTable],
        *,
        kept: Flags,
        rank: Numbers,
        context: CurateContext,
    ) -> Judgement:
        """Verdicts on the kept records, from the facts and the values (label -> table)."""


def keep_best(pairs: Pairs, *, kept: Flags, rank: Numbers, threshold: float) -> Judgement:
    """Of every record only the best of its neighbours stays, by pairs at least so similar.

    Records are visited from the best to the worst; one is dropped when a record that stays is its
    direct partner. So every dropped record names a partner that is truly similar and truly kept:
    chains of small differences do not swallow records that are far apart.
    """
    num_records = len(kept)
    judgement = Judgement.keep_all(num_records)
    strong = (pairs.similarity >= threshold) & kept[pairs.left] & kept[pairs.right]
    left, right, similarity = pairs.left[strong], pairs.right[strong], pairs.similarity[strong]
    ends = np.concatenate([left, right])
    others = np.concatenate([right, left])
    weights = np.concatenate([similarity, similarity])
    order = np.lexsort((others, -weights, ends))
    ends, others, weights = ends[order], others[order], weights[order]
    members, starts = np.unique(ends, return_index=True)
    bounds = [*starts.tolist(), len(ends)]
    is_better = (rank[others] > rank[ends]) | ((rank[others] == rank[ends]) & (others < ends))
    better, partners, names = is_better.tolist(), others.tolist(), members.tolist()
    gone: set[int] = set()
    chosen: list[int] = []
    for place in np.lexsort((members, -rank[members])).tolist():
        for near in range(bounds[place], bounds[place + 1]):
            if better[near] and partners[near] not in gone:
                gone.add(names[place])
                chosen.append(near)
                break
    rows = np.array(chosen, dtype=np.int64)
    dropped = ends[rows]
    judgement.drop[dropped] = True
    judgement.value[dropped] = weights[rows]
    judgement.threshold[dropped] = threshold
    judgement.partner[dropped] = others[rows]
    return judgement

"""relevance: how near an answer is to its question, by the cosine of their vectors.

Answers that are numbers are never judged by default: the vector of a box says nothing about what
the box is of, so a threshold on all records would drop the coordinates first. The vectors are kept
where `semantic` or `select` reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from roboloop.base.hashing import hash_value
from roboloop.curate.base import (
    ArrowBatch,
    ArrowTable,
    CurateContext,
    Flags,
    Judgement,
    MapOperator,
    Numbers,
    Operator,
)
from roboloop.curate.columns import arrow_compute, is_worded
from roboloop.curate.embedders import Embedder, EmbedderConfig, HashedEmbedder
from roboloop.curate.hashed_tfidf import Vectors
from roboloop.curate.kernels import load_kernels
from roboloop.curate.prose import words_of
from roboloop.curate.responses import responses_of
from roboloop.curate.vectors import vector_column


class Relevance(MapOperator):
    """Drop the records of each task family whose answers have least to do with their questions."""

    code: ClassVar[str] = "E-CUR-033"

    kind: Literal["relevance"] = "relevance"  # pyright: ignore[reportIncompatibleVariableOverride]
    embedder: EmbedderConfig = Field(default_factory=lambda: HashedEmbedder.model_validate({}))
    """What turns texts into vectors."""
    lowest_share: float = Field(0.05, ge=0, lt=1)
    """This share of the judged records of each family is dropped, at most. 0 drops none: the
    vectors may still be read by `semantic` and `select`."""
    threshold: float | None = Field(None, ge=-1, le=1)
    """A fixed cosine instead of a share. It means something else with every embedder."""
    numeric_answers: Literal["exempt", "judged"] = "exempt"
    """Whether boxes, points, paths, letters, numbers, yes and no are judged by the vector of their
    text. Few recipes have a reason to."""
    min_answer_words: int = Field(4, ge=0)
    """Answers in fewer words (numbers do not count as words) are not judged."""
    vectors: bool | None = None
    """Whether the vectors are stored, which takes 1.5 KB a record; when left out, they are if a
    later operator reads them."""

    def made_for(self, readers: Sequence[Operator]) -> Operator:
        """Decides whether the vectors are stored, if the recipe does not."""
        if self.vectors is not None:
            return self
        is_read = any(self.label in reader.reads for reader in readers)
        return self.model_copy(update={"vectors": is_read})

    @property
    def judging_options(self) -> frozenset[str]:
        """Which cosine is too low is decided on the stored ones."""
        return super().judging_options | {"lowest_share", "threshold", "min_answer_words"}

    @property
    def in_this_process(self) -> bool:
        """As the embedder says."""
        return self.embedder.in_this_process

    def prepare(self, facts: ArrowTable, context: CurateContext) -> None:
        """What the embedder needs."""
        self.embedder.prepare(facts, context)

    def fingerprint(self) -> str:
        """Depends on the embedder's weights, not on where they lie."""
        options = {
            "embedder": self.embedder.identity(), "numeric_answers": self.numeric_answers,
            "vectors": self.vectors,
        }  # fmt: skip
        return hash_value([self.kind, self.version, self.on, options])

    @property
    def more_facts(self) -> tuple[str, ...]:
        """Of answers in numbers, if these are judged."""
        return ("typed_answer",) if self.numeric_answers == "judged" else ()

    def measure(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        """The cosine, the number of words of the answer, and both vectors if they are read."""
        import pyarrow as pa

        embedder = self.embedder.load(context)
        answers = batch["answer"]
        if self.numeric_answers == "judged":
            answers = pa.array(responses_of(batch), pa.string())
        questions = _embedded(batch["question"], embedder=embedder)
        answered = _embedded(answers, embedder=embedder)
        both = questions.present & answered.present
        cosine = np.einsum("ij,ij->i", questions.vectors, answered.vectors, dtype=np.float64)
        columns: dict[str, Any] = {
            "cosine": pa.array(cosine.astype(np.float32), mask=~both),
            "num_words": pa.array(_num_words(answers)),
        }
        if self.vectors:
            for name, found in (("question", questions), ("answer", answered)):
                columns[name] = vector_column(found.vectors, present=found.present)
        return pa.RecordBatch.from_pydict(columns)

    def judge(self, values: ArrowTable, facts: ArrowTable, *, kept: Flags) -> Judgement:
        """The lowest of each family, or those below the threshold."""
        cosine = _numbers(values["cosine"])
        judged = kept & np.isfinite(cosine) & self._is_judged(values, facts)
        families = facts["family"].combine_chunks().dictionary_encode()
        codes = families.indices.to_numpy(zero_copy_only=False)
        judgement = Judgement.keep_all(len(kept))
        for code, family in enumerate(families.dictionary.to_pylist()):
            rows = np.flatnonzero(judged & (codes == code))
            if not len(rows):
                continue
            least = self.threshold
            if least is None:
                least = float(np.sort(cosine[rows])[int(self.lowest_share * len(rows))])
            dropped = rows[cosine[rows] < least]
            judgement.value[rows], judgement.threshold[rows] = cosine[rows], least
            judgement.drop[dropped] = True
            judgement.reason[dropped] = f"the answer has little to do with the question ({family})"
        return judgement

    def quality(self, values: ArrowTable) -> Numbers:
        """Half the cosine plus a half; a half where there is none."""
        return (1 + np.nan_to_num(_numbers(values["cosine"]), nan=0.0)) / 2

    def _is_judged(self, values: ArrowTable, facts: ArrowTable) -> Flags:
        num_words = np.nan_to_num(_numbers(values["num_words"]))
        if self.numeric_answers == "judged":
            return np.ones(len(num_words), dtype=np.bool_)
        worded = is_worded(facts).to_numpy()
        return worded & (num_words >= self.min_answer_words)


class _Embedded(NamedTuple):
    """Vectors of some texts, and which texts have one."""

    vectors: Vectors
    present: Flags


def _embedded(texts: Any, *, embedder: Embedder) -> _Embedded:
    """Equal texts are embedded once."""
    encoded = texts.dictionary_encode()
    if len(encoded.dictionary) == len(texts):
        vectors = embedder.embed(texts)
    else:
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        vectors = embedder.embed(encoded.dictionary)[codes]
    present: Any = vectors.any(axis=1)
    return _Embedded(vectors, present)


def _num_words(texts: Any) -> Any:
    """Words of each text that are no numbers; none where numbers are more, as in `[[1, 2]]`."""
    words = words_of(texts, kernels=load_kernels())
    totals = np.diff(words.offsets)
    before = np.concatenate([[0], np.cumsum(words.is_number)])
    num_numbers = before[words.offsets[1:]] - before[words.offsets[:-1]]
    num_words = totals - num_numbers
    return np.where(num_numbers > num_words, 0, num_words).astype(np.int32)


def _numbers(column: Any) -> Numbers:
    """A column as floats, NaN for nulls."""
    return arrow_compute().cast(column, "float64").to_numpy().astype(np.float64)

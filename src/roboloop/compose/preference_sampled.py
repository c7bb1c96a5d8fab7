"""preference_sampled: of a model's own answers, one that scores well against one that does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_value
from roboloop.compose.balance import Balancer
from roboloop.compose.base import ComposeContext, Composer, Refusal
from roboloop.compose.margin import Margin, Scored, can_be_scored, scored
from roboloop.compose.preference import answer_of_its_kind, pair_of
from roboloop.compose.sampling import SampledModel, draw_answers
from roboloop.dialects import Dialect
from roboloop.records.answers import answer_to_json
from roboloop.records.outcomes import Prediction, PredictionStatus
from roboloop.records.record import Record
from roboloop.records.sample import SpreadSample
from roboloop.tasks import load_task


class Sampled(NamedTuple):
    """An answer that a model gave, understood and scored; `key` names it in the store."""

    scored: Scored
    key: str


class PreferenceSampled(Composer):
    """Pairs of answers that the model to be trained gives itself, judged by the task's metric.

    Both answers are likely under the model, so that training moves what it would really say.
    """

    kind: Literal["preference_sampled"] = "preference_sampled"  # pyright: ignore[reportIncompatibleVariableOverride]
    model: SampledModel
    tasks: tuple[str, ...] = ()
    """Only records of these tasks; all with a truth when left out."""
    max_records: int | None = Field(default=None, ge=1)
    """Ask about so many records at most, of every task as many as of any other."""
    chosen: Literal["best", "truth"] = "best"
    """What is preferred: the best answer of the model, or the truth."""
    margin: Margin = Margin()
    """By how much the chosen answer has to beat the rejected one."""
    balance: bool = True
    """Choose answers, and drop pairs, so that length and looks do not tell which is worse."""

    def fingerprint(self) -> str:
        """The content of the model's folder, where it lies on this machine."""
        return hash_value(self.model.fingerprint())

    def compose(
        self, parents: Iterable[Record], context: ComposeContext
    ) -> Iterator[Record | Refusal]:
        """One pair of each record whose answers differ enough.

        A record with fewer than two different answers that can be read is refused with E-PRF-003,
        one without a margin with E-PRF-001, a pair that would give itself away with E-PRF-002.
        """
        records = self._asked_about(parents, seed=context.seed)
        if not records:
            return
        samples = draw_answers(records, model=self.model, context=context)
        balancer = Balancer()
        for record in records:
            said = samples.by_record[record.id]
            refused: list[RoboLoopError] = []
            found = understood(record, said=said, dialect=samples.dialect)
            pairs = self._pairs(record, found=found, model=samples.model, refused=refused)
            first = next(pairs, None)
            if first is None:
                yield Refusal(refused[0] if refused else _too_few(record, said=said), record.id)
            elif self.balance:
                yield from balancer.take(first, others=pairs)
            else:
                yield first
        yield from balancer.rest()

    def _asked_about(self, parents: Iterable[Record], *, seed: int) -> list[Record]:
        fit = (
            record
            for record in parents
            if (not self.tasks or record.task in self.tasks) and can_be_scored(record)
        )
        if self.max_records is None:
            return list(fit)
        sample = SpreadSample(self.max_records, seed=seed)
        for record in fit:
            sample.add(record)
        return sample.records()

    def _pairs(
        self,
        record: Record,
        *,
        found: Sequence[Sampled],
        model: str,
        refused: list[RoboLoopError],
    ) -> Iterator[Record]:
        """Proven pairs, that of the best and the worst answer first."""
        assert record.answer is not None
        truth = Sampled(scored(record, answer=answer_of_its_kind(record)), "truth")
        better = [truth] if self.chosen == "truth" else found[:-1]
        for one in better:
            for other in reversed(found):
                if other.key == one.key:
                    break
                try:
                    gap = self.margin.prove(record, chosen=one.scored, rejected=other.scored)
                except RoboLoopError as error:
                    refused.append(error)
                    break
                evidence: dict[str, Any] = {
                    "gap": gap._asdict(),
                    "model": model,
                    "answers": [one.key, other.key],
                    "num_answers": len(found),
                    "truth": answer_to_json(record.answer),
                }
                yield pair_of(
                    record, what="sampled", label=self.label, chosen=one.scored.answer,
                    rejected=other.scored.answer, evidence=evidence,
                )  # fmt: skip


def understood(record: Record, *, said: Sequence[Prediction], dialect: Dialect) -> list[Sampled]:
    """The different answers that can be read, the best first.

    What cannot be read, or lies outside the picture, is no answer that training could write.
    """
    task = load_task(record.task)
    found: dict[str, Sampled] = {}
    for prediction in said:
        if prediction.status is not PredictionStatus.ANSWERED:
            continue
        answer = task.parse(prediction.text, record=record, dialect=dialect).answer
        if answer is None:
            continue
        try:
            sampled = Sampled(scored(record, answer=answer), prediction.key)
        except RoboLoopError:
            continue  # a place outside the picture
        found.setdefault(hash_value(answer_to_json(answer)), sampled)
    sign = -1 if task.metrics[0].higher_is_better else 1
    return sorted(found.values(), key=lambda one: sign * one.scored.score)


def _too_few(record: Record, *, said: Sequence[Prediction]) -> RoboLoopError:
    failed = next(filter(None, (prediction.error for prediction in said)), "")
    texts = ", ".join(repr(prediction.text[:40]) for prediction in said if prediction.text)
    return RoboLoopError(
        "E-PRF-003",
        f"no two different readable ones among {texts or failed or 'none'}",
        place=Place(record_id=record.id),
    )

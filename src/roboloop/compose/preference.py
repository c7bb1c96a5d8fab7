"""Pairs of answers to one question: what the composers of pairs share.

A composer that knows the truth only says which answers should be worse (`worse`). Here each is
scored against the truth and counts only with a margin; among those that do, the one is taken that
keeps chosen and rejected answers alike in length and looks (`balance`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import seeded_generator
from roboloop.compose.balance import Balancer
from roboloop.compose.base import (
    COMPOSER_KEY,
    EVIDENCE_KEY,
    PARENTS_KEY,
    ComposeContext,
    Composer,
    Refusal,
)
from roboloop.compose.margin import Margin, can_be_scored, scored
from roboloop.records.answers import Answer
from roboloop.records.record import Record
from roboloop.tasks import load_task
from roboloop.tasks.points import as_points


class Worse(NamedTuple):
    """An answer that should be worse than the true one.

    Attributes:
        what: Name of the mistake; ends the pair's id.
        answer: The answer.
        evidence: Values that say how it was made; plain JSON.
    """

    what: str
    answer: Answer
    evidence: Mapping[str, Any] = {}


class PairComposer(Composer):
    """Makes pairs of records whose truth is known, at most one of each."""

    tasks: tuple[str, ...] = ()
    """Only records of these tasks; all that fit when left out."""
    margin: Margin = Margin()
    """By how much the true answer has to beat the rejected one."""
    balance: bool = True
    """Choose mistakes, and drop pairs, so that length and looks do not tell which is worse."""

    @abstractmethod
    def worse(
        self,
        record: Record,
        *,
        chosen: Answer,
        company: Sequence[Record],
        draw: np.random.Generator,
    ) -> Iterator[Worse]:
        """Answers that should be worse, in the order in which they are to be tried.

        Args:
            record: A question whose truth its task can score.
            chosen: Its truth as the task answers.
            company: Records of the same picture, itself among them.
            draw: Of this record alone.
        """

    def compose(
        self, parents: Iterable[Record], context: ComposeContext
    ) -> Iterator[Record | Refusal]:
        """One pair of each record that allows one.

        A record none of whose worse answers is worse by the margin is refused with E-PRF-001, a
        pair that would give itself away with E-PRF-002.
        """
        balancer = Balancer()
        for company in same_picture(parents):
            for record in company:
                if (self.tasks and record.task not in self.tasks) or not can_be_scored(record):
                    continue
                refused: list[RoboLoopError] = []
                draw = seeded_generator(context.seed, self.label, record.id)
                pairs = self._proven(record, company=company, draw=draw, refused=refused)
                first = next(pairs, None)
                if first is None:
                    yield from (Refusal(error, record.id) for error in refused[:1])
                elif self.balance:
                    yield from balancer.take(first, others=pairs)
                else:
                    yield first
        yield from balancer.rest()

    def _proven(
        self,
        record: Record,
        *,
        company: Sequence[Record],
        draw: np.random.Generator,
        refused: list[RoboLoopError],
    ) -> Iterator[Record]:
        """The pairs with a margin; errors of the others go to `refused`."""
        truth = scored(record, answer=answer_of_its_kind(record))
        for what, answer, evidence in self.worse(
            record, chosen=truth.answer, company=company, draw=draw
        ):
            try:
                worse = scored(record, answer=answer)
                gap = self.margin.prove(record, chosen=truth, rejected=worse)
            except RoboLoopError as error:
                refused.append(error)
                continue
            yield pair_of(
                record, what=what, label=self.label, chosen=truth.answer, rejected=answer,
                evidence={"gap": gap._asdict(), **evidence},
            )  # fmt: skip


def pair_of(
    record: Record,
    *,
    what: str,
    label: str,
    chosen: Answer,
    rejected: Answer,
    evidence: Mapping[str, Any],
) -> Record:
    """The record with a better and a worse answer, and what proves them so."""
    return replace(
        record,
        id=f"{record.id}/{label}/{what}",
        answer=chosen,
        rejected=rejected,
        meta={
            **record.meta,
            PARENTS_KEY: [record.id],
            COMPOSER_KEY: label,
            EVIDENCE_KEY: {"what": what, **evidence},
        },
    )


def answer_of_its_kind(record: Record) -> Answer:
    """The truth as its task answers; of an area to be hit, a place inside."""
    assert record.answer is not None
    if record.answer.kind == load_task(record.task).answer_kind:
        return record.answer
    return as_points(record.answer)


def same_picture(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Neighbours that speak of the same first picture, together; one without a picture alone."""
    for _, company in groupby(records, key=lambda record: record.media[:1] or record.id):
        yield list(company)

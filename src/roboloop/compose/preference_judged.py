"""preference_judged: of two answers that no metric tells apart, the one that a judge finds better.

For free text: reasoning, plans, descriptions. The judge is an instrument with an error of its own,
so pairs count only when it prefers the same answer in both orders, answers are judged alone beside
copies that were spoiled on purpose, and `judge.json` in the composer's store has the figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field, model_validator

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_json
from roboloop.base.hashing import hash_value
from roboloop.compose.balance import Balancer
from roboloop.compose.base import JUDGE_FILE, ComposeContext, Composer, Refusal
from roboloop.compose.margin import can_be_scored, gap_between, scored
from roboloop.compose.preference import pair_of
from roboloop.compose.sampling import SampledModel, draw_answers
from roboloop.engines.endpoint.budget import Usage
from roboloop.engines.endpoint.chat import ChatReply
from roboloop.engines.endpoint.config import EndpointConfig
from roboloop.engines.judging.asking import (
    Asking,
    Row,
    ask_about,
    replies_in_numbers,
    told,
    told_question,
)
from roboloop.engines.judging.error import order_error, planted_error
from roboloop.engines.judging.pairs import PairVerdict, pair_texts, pair_verdict
from roboloop.engines.judging.planted import plant_some
from roboloop.engines.judging.questions import (
    FORMS,
    PROMPT_VERSION,
    SYSTEMS,
    reason_of,
    verdict_of,
)
from roboloop.records.answers import Answer, answer_to_json
from roboloop.records.outcomes import PredictionStatus
from roboloop.records.record import Record
from roboloop.tasks import load_task
from roboloop.tasks.rows import answer_text, row_of


class Contest(NamedTuple):
    """Two answers to one question; the first is preferred unless the judge says otherwise."""

    record: Record
    first: Answer
    second: Answer


class PreferenceJudged(Composer, Asking):
    """Pairs by the verdict of a language model behind an endpoint."""

    kind: Literal["preference_judged"] = "preference_judged"  # pyright: ignore[reportIncompatibleVariableOverride]
    check: Literal["pairs", "reasoning", "plan"] = "pairs"
    """`pairs` shows two answers in both orders. `reasoning` (consistency, redundancy) and `plan`
    judge each answer alone: a good one is preferred to a bad one."""
    model: SampledModel | None = None
    """Gives the answers; when left out, those of the records themselves are compared: the true one
    and the one it rejects."""
    tasks: tuple[str, ...] = ()
    """Only records of these tasks."""
    answer_kinds: tuple[str, ...] = ("text", "plan")
    """Only records of tasks that answer so."""
    planted_share: float = Field(default=0.05, ge=0, le=1)
    """For so many of the answers judged alone, at least one, a spoiled copy is judged too."""
    balance: bool = True
    """Drop pairs so that length and looks do not tell which is worse."""

    @model_validator(mode="after")
    def _has_an_endpoint(self) -> PreferenceJudged:
        if self.endpoint is None:
            raise ValueError("a judge needs an `endpoint`")
        return self

    def fingerprint(self) -> str:
        """The content of the model's folder, where it lies on this machine."""
        return hash_value(self.model.fingerprint() if self.model else "")

    def compose(
        self, parents: Iterable[Record], context: ComposeContext
    ) -> Iterator[Record | Refusal]:
        """One pair of each record whose answers the judge tells apart.

        What it is not sure of, what it contradicts itself about, and what the task's own metric
        contradicts is refused with E-PRF-004; a record without two answers with E-PRF-003.
        """
        records = [record for record in parents if self._fits(record)]
        contests: list[Contest] = []
        for item in self._contests(records, context=context):
            if isinstance(item, Refusal):
                yield item
                continue
            try:
                row_of(item.record, answer=item.first)
            except RoboLoopError as error:  # it cannot be worded
                yield Refusal(error, item.record.id)
                continue
            contests.append(item)
        if not contests:
            return
        judged = _judged_pairs if self.check == "pairs" else _judged_alone
        balancer = Balancer()
        for item in judged(self, contests, context=context):
            if isinstance(item, Record) and self.balance:
                yield from balancer.take(item, others=iter(()))
            else:
                yield item
        yield from balancer.rest()

    def judging(self) -> EndpointConfig:
        """The judge."""
        assert self.endpoint is not None
        return self.endpoint

    def _fits(self, record: Record) -> bool:
        return load_task(record.task).answer_kind in self.answer_kinds and (
            not self.tasks or record.task in self.tasks
        )

    def _contests(
        self, records: Sequence[Record], *, context: ComposeContext
    ) -> Iterator[Contest | Refusal]:
        """The first two different answers of each record."""
        if self.model is None:
            for record in records:
                if record.answer is not None and record.rejected is not None:
                    yield Contest(record, record.answer, record.rejected)
            return
        samples = draw_answers(records, model=self.model, context=context)
        for record in records:
            task = load_task(record.task)
            answers: dict[str, Answer] = {}
            for said in samples.by_record[record.id]:
                if said.status is PredictionStatus.ANSWERED:
                    answer = task.parse(said.text, record=record, dialect=samples.dialect).answer
                    if answer is not None:
                        answers.setdefault(hash_value(answer_to_json(answer)), answer)
            if len(answers) < 2:
                detail = f"{len(answers)} different readable answers"
                place = Place(record_id=record.id)
                yield Refusal(RoboLoopError("E-PRF-003", detail, place=place), record.id)
                continue
            first, second = list(answers.values())[:2]
            yield Contest(record, first, second)


def _judged_pairs(
    composer: PreferenceJudged, contests: Sequence[Contest], *, context: ComposeContext
) -> Iterator[Record | Refusal]:
    """Both orders of every contest, then a pair of each that the judge is sure of."""
    rows: list[Row] = []
    texts: list[str] = []
    for record, first, second in contests:
        own, other = (row_of(record, answer=answer) for answer in (first, second))
        texts += pair_texts(told_question(own), own=answer_text(own), other=answer_text(other))
        rows += [own, own]
    replies = _ask(composer, texts, rows=rows, context=context)
    told_by: list[dict[str, Any]] = []
    made: list[Record | Refusal] = []
    for contest, one, swapped in zip(contests, replies[::2], replies[1::2], strict=True):
        if one.value is None or swapped.value is None:
            fault = next(filter(None, (one.error, swapped.error)), "the judge was not asked")
            made.append(_refusal(contest, f"no verdict: {fault}"))
            continue
        both = pair_verdict(one.value.better, second=swapped.value.better)
        told_by.append(both._asdict())
        made.append(_decided(composer, contest, both=both, reason=reason_of(one.value) or ""))
    _write(composer, replies, context=context, error={"order": order_error(told_by)})
    yield from made


def _decided(
    composer: PreferenceJudged, contest: Contest, *, both: PairVerdict, reason: str
) -> Record | Refusal:
    if both.verdict == "unsure":
        orders = f"{both.preferred}, then {both.swapped_preferred}"
        return _refusal(contest, f"the judge prefers {orders}: {reason}")
    chosen, rejected = contest.first, contest.second
    if both.verdict == "bad":
        chosen, rejected = rejected, chosen
    evidence = {"judge": composer.judging().model, "reason": reason, "orders": 2}
    return _pair(composer, contest, chosen=chosen, rejected=rejected, evidence=evidence)


def _judged_alone(
    composer: PreferenceJudged, contests: Sequence[Contest], *, context: ComposeContext
) -> Iterator[Record | Refusal]:
    """Every answer by itself, spoiled copies of some first, then pairs of good and bad."""
    rows: list[dict[str, Any]] = []
    for record, first, second in contests:
        for name, answer in (("first", first), ("second", second)):
            rows.append({**row_of(record, answer=answer), "id": f"{record.id}/{name}"})
    spoiled = plant_some(
        rows, among=range(len(rows)), share=composer.planted_share, seed=context.seed,
        label=composer.label,
    )  # fmt: skip
    copies = [planted.row for planted in spoiled.values()]
    shown: list[Row] = [*copies, *rows]
    replies = _ask(composer, [told(row) for row in shown], rows=shown, context=context)
    verdicts = [verdict_of(reply.value) for reply in replies]
    own = verdicts[len(copies) :]
    known: list[dict[str, Any]] = [
        {"planted": planted.fault, "planted_verdict": found, "verdict": own[place]}
        for (place, planted), found in zip(spoiled.items(), verdicts, strict=False)
    ]
    _write(composer, replies, context=context, error=planted_error(known))
    reasons = [reason_of(reply.value) or reply.error for reply in replies[len(copies) :]]
    for number, contest in enumerate(contests):
        one, other = own[2 * number : 2 * number + 2]
        said = reasons[2 * number : 2 * number + 2]
        if {one, other} != {"good", "bad"}:
            yield _refusal(contest, f"judged {one} and {other}: {said[0]}; {said[1]}")
            continue
        answers = (contest.first, contest.second) if one == "good" else (
            contest.second, contest.first
        )  # fmt: skip
        reason = said[1] if one == "good" else said[0]
        evidence = {"judge": composer.judging().model, "reason": reason}
        yield _pair(composer, contest, chosen=answers[0], rejected=answers[1], evidence=evidence)


def _pair(
    composer: PreferenceJudged,
    contest: Contest,
    *,
    chosen: Answer,
    rejected: Answer,
    evidence: dict[str, Any],
) -> Record | Refusal:
    """The pair, unless the truth's own metric says the opposite of the judge."""
    record = contest.record
    if can_be_scored(record):
        better, worse = (scored(record, answer=answer) for answer in (chosen, rejected))
        gap = gap_between(record, chosen=better, rejected=worse)
        if gap.by < 0:
            return _refusal(contest, f"{gap.metric} says the opposite, by {-gap.by:.3g}")
        evidence = {"gap": gap._asdict(), **evidence}
    return pair_of(
        record, what=composer.check, label=composer.label, chosen=chosen, rejected=rejected,
        evidence=evidence,
    )  # fmt: skip


def _refusal(contest: Contest, detail: str) -> Refusal:
    place = Place(record_id=contest.record.id)
    return Refusal(RoboLoopError("E-PRF-004", detail, place=place), contest.record.id)


def _ask(
    composer: PreferenceJudged,
    texts: Sequence[str],
    *,
    rows: Sequence[Row],
    context: ComposeContext,
) -> list[ChatReply[Any]]:
    return list(
        ask_about(
            texts, rows, options=composer, form=FORMS[composer.check],
            system=SYSTEMS[composer.check], prompt_version=PROMPT_VERSION, label=composer.label,
            roots=context.media_roots, folder=context.store,
        )
    )  # fmt: skip


def _write(
    composer: PreferenceJudged,
    replies: Sequence[ChatReply[Any]],
    *,
    context: ComposeContext,
    error: dict[str, Any],
) -> None:
    """What the judge was asked and what its verdicts are worth, beside its answers."""
    usage = Usage(
        sum(reply.usage.tokens_in for reply in replies),
        sum(reply.usage.tokens_out for reply in replies),
    )
    numbers = replies_in_numbers(
        [reply.status for reply in replies], usage=usage, endpoint=composer.judging()
    )
    value = {"check": composer.check, **numbers, **error}
    atomic_write_json(context.store / JUDGE_FILE, value=value)

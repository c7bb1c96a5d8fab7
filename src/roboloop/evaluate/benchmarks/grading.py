"""Let the judge grade open answers; its grades are kept, and no grade is no score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from roboloop.base.errors import RoboLoopError
from roboloop.engines.endpoint.chat import ChatClient, ChatReply, ChatRequest
from roboloop.engines.endpoint.config import EndpointConfig
from roboloop.evaluate.benchmarks.mmvet import PROMPT_VERSION, Grade, grade_request
from roboloop.evaluate.score import Judged
from roboloop.records.answers import Text
from roboloop.records.outcomes import ScoreStatus
from roboloop.records.record import Record
from roboloop.tasks.base import Parsed, ParseStatus


def grade_all(
    judged: Mapping[str, Judged],
    *,
    records: Sequence[Record],
    judge: EndpointConfig,
    folder: Path,
) -> dict[str, Judged]:
    """The same judgements with the grades of the answers that were read.

    An answer without a grade becomes a failed request: the result is incomplete and the item will
    be graded when the evaluation runs again.
    """
    open_ones = [r for r in records if isinstance(judged[r.id].score.answer, Text)]
    client = ChatClient(
        judge, form=Grade, prompt_version=PROMPT_VERSION, folder=folder, budget="mmvet"
    )
    graded = dict(judged)
    replies = _replies(client, records=open_ones, judged=judged)
    for record, reply in zip(open_ones, replies, strict=True):
        graded[record.id] = _graded(judged[record.id], reply=reply)
    return graded


def _replies(
    client: ChatClient[Grade], *, records: Sequence[Record], judged: Mapping[str, Judged]
) -> list[ChatReply[Grade]]:
    """One reply for each record; failed ones for all when the judge is not there."""
    requests: list[ChatRequest] = []
    for record in records:
        answer = judged[record.id].score.answer
        assert isinstance(answer, Text)
        requests.append(grade_request(record, answer=answer))
    try:
        return list(client.ask(requests))
    except RoboLoopError as error:
        if not error.code.startswith("E-ENG"):
            raise
        return [ChatReply(status="failed", error=str(error))] * len(records)


def _graded(judged: Judged, *, reply: ChatReply[Grade]) -> Judged:
    if reply.value is None:
        note = f"the judge gave no grade ({reply.status}): {reply.error}".rstrip(": ")
        score = replace(judged.score, status=ScoreStatus.REQUEST_FAILED, note=note)
        parsed = Parsed(None, ParseStatus.INFRA_ERROR, note)
        return judged._replace(score=score, parsed=parsed)
    values = {"grade": round(reply.value.correctness, 1)}
    return judged._replace(score=replace(judged.score, values=values))

"""A language model reads the answers that our rules could not; never more than those.

It says only what the answer means; the value goes through the same rules as any answer. Asked at
temperature 0, kept by the question's content, paid from a budget: the same answer is never asked
about twice. What it does not read stays unread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from roboloop.engines.endpoint.chat import ChatClient, ChatRequest
from roboloop.engines.endpoint.config import EndpointConfig
from roboloop.evaluate.rules.base import Case, RuleScore
from roboloop.evaluate.rules.default import DefaultRules
from roboloop.tasks.base import LETTERS, ParseStatus

JUDGE = "judge"
"""Rule of a value that a language model read."""
PROMPT_VERSION = "judge_reading/1"
KINDS = ("mcq", "yesno", "numeric")
UNREAD = (ParseStatus.NO_ANSWER, ParseStatus.AMBIGUOUS)
NOTHING = "none"
SYSTEM = (
    "You are shown a question and the answer somebody gave. Say which value the answer decides "
    "for: the letter of an option, yes or no, or a number. Do not answer the question yourself. "
    f"If the answer refuses, hedges or decides for nothing, the value is {NOTHING!r}."
)


class JudgedValue(BaseModel):
    """What the judge answers."""

    value: str


class JudgeReadings(NamedTuple):
    """What the judge read.

    Attributes:
        scores: Place of the case -> its score by the judge's reading.
        num_asked: Cases that our rules could not read.
        num_failed: Of these, those without a reply.
        cost: In the currency of the endpoint's prices.
    """

    scores: Mapping[int, RuleScore]
    num_asked: int
    num_failed: int
    cost: float


def read_by_judge(
    cases: Sequence[Case | None], *, judge: EndpointConfig, folder: Path
) -> JudgeReadings:
    """Let the judge read what our rules cannot.

    Args:
        cases: Every answer; None where there is no question.
        judge: The endpoint.
        folder: Where its replies are kept.

    Raises:
        RoboLoopError: E-ENG-010 or E-ENG-011 when the endpoint answers nothing.
    """
    ours = DefaultRules()
    unread = [
        (place, case)
        for place, case in enumerate(cases)
        if case is not None
        and case.kind in KINDS
        and case.text.strip()
        and ours.score(case).status in UNREAD
    ]
    client = ChatClient(
        judge, form=JudgedValue, prompt_version=PROMPT_VERSION, folder=folder, budget=JUDGE
    )
    scores: dict[int, RuleScore] = {}
    num_failed, cost = 0, 0.0
    replies = client.ask(ChatRequest(system=SYSTEM, text=_told(case)) for _, case in unread)
    for (place, case), reply in zip(unread, replies, strict=True):
        tokens_in, tokens_out = reply.usage
        cost += (tokens_in * judge.price_in + tokens_out * judge.price_out) / 1e6
        if reply.value is None:
            num_failed += 1
        elif reply.value.value.strip().casefold() != NOTHING:
            read = ours.score(replace(case, text=reply.value.value))
            note = f"read by {judge.model}"
            scores[place] = read._replace(rule=JUDGE, span=None, note=note)
    return JudgeReadings(scores, len(unread), num_failed, cost)


def _told(case: Case) -> str:
    options = [f"{letter}. {text}" for letter, text in zip(LETTERS, case.options, strict=False)]
    return "\n".join(["Question:", case.question, *options, "", "Answer:", case.text])

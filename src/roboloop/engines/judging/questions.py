"""What a judge is asked, and the forms its answers have."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

PROMPT_VERSION = "judge-1"

Verdict = Literal["good", "bad", "unsure"]


class Reasoning(BaseModel):
    """Is the answer consistent, and is everything in it said once?"""

    model_config = ConfigDict(extra="forbid")

    reason: str
    consistency: Verdict
    redundancy: Verdict


class PlanQuality(BaseModel):
    """Does the plan reach its goal?"""

    model_config = ConfigDict(extra="forbid")

    reason: str
    verdict: Verdict


class Preference(BaseModel):
    """Which of two answers is better?"""

    model_config = ConfigDict(extra="forbid")

    reason: str
    better: Literal["A", "B", "unsure"]


SYSTEMS = {
    "reasoning": (
        "You check training data for a robot's vision-language model. Judge only the answer. "
        "consistency is bad when it contradicts itself, the question, or what the picture plainly "
        "shows; redundancy is bad when a sentence, step or claim is made twice. Say unsure when "
        "you cannot tell. First the reason in one sentence. Answer with one JSON object."
    ),
    "plan": (
        "You check plans for a robot. A plan is bad when a step is missing, impossible, dangerous, "
        "repeated, or in an order that cannot work, or when it does not reach the goal; else it is "
        "good. Say unsure when you cannot tell. First the reason in one sentence. Answer with one "
        "JSON object."
    ),
    "pairs": (
        "You compare two answers to one question of a robot, A and B. Say which one is better: "
        "right, safe, complete, in an order that works. Say unsure when neither is. Their order "
        "means nothing. First the reason in one sentence. Answer with one JSON object."
    ),
}
"""Check -> what the model is told first."""

FORMS: dict[str, type[BaseModel]] = {
    "reasoning": Reasoning,
    "plan": PlanQuality,
    "pairs": Preference,
}
"""Check -> what an answer looks like."""

BADNESS: dict[Verdict, float] = {"good": 0.0, "unsure": 0.5, "bad": 1.0}
MAX_REASON_CHARS = 160


def verdict_of(value: Any) -> Verdict | None:
    """One verdict from an answer's form: bad when one aspect is, good when all are."""
    if isinstance(value, PlanQuality):
        return value.verdict
    if isinstance(value, Reasoning):
        return max((value.consistency, value.redundancy), key=BADNESS.__getitem__)
    return None


def reason_of(value: Any) -> str | None:
    """The judge's words, with the aspects that are not good."""
    if value is None:
        return None
    said = " ".join(value.reason.split())[:MAX_REASON_CHARS]
    aspects = [
        f"{name} {getattr(value, name)}"
        for name in ("consistency", "redundancy")
        if isinstance(value, Reasoning) and getattr(value, name) != "good"
    ]
    return f"{', '.join(aspects)}; {said}" if aspects else said

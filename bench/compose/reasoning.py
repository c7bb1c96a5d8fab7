"""Whether reasoning helps the questions whose answers it spells out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiment import (
    EVALUATE,
    HELD_OUT,
    MUON,
    PACKED,
    ROBOT,
    Contrast,
    Experiment,
    Section,
    Variant,
    alfred,
    simulated,
)
from preferences import HOUSEHOLD

REASONED = ("current_box", "choice_vqa")
"""Reasoning names the box of the object, and the relation that is asked for: the answers."""
TOLD = ("planning", "planning_choice", "planning_decide")
"""Reasoning names the step that is next, or what stands in a step's way: the answers."""


def _contrasts(tasks: Sequence[str]) -> list[Contrast]:
    def told(claim: str, better: str, worse: str) -> Contrast:
        return Contrast(claim, better, worse, tasks)

    return [
        told("reasoning helps, steps alike", "reasoned", "direct"),
        told("reasoning helps, tokens alike", "reasoned", "direct_long"),
        told("reasoning in training alone helps, steps alike", "trained_only", "direct"),
        told("reasoning in training alone helps, tokens alike", "trained_only", "direct_long"),
        told("writing it before the answer helps", "reasoned", "trained_only"),
        told("a tenth of its weight in the loss helps", "reasoned_light", "reasoned"),
        told("reasoning with that weight helps, tokens alike", "reasoned_light", "direct_long"),
    ]


def _reason(**options: Any) -> Section:
    """Short reasoning, in prose: as JSON it has 1.6 times the tokens."""
    short = {"kind": "reason", "num_relations": 0, "num_steps": 1}
    return {"composers": [{**short, **options}], "keep": "composed"}


def _answers_phase(*, num_steps: int, **options: Any) -> Section:
    return {
        "name": "answers", "tasks": dict.fromkeys(REASONED, 1), "num_steps": num_steps,
        "batching": PACKED, "max_tokens": 1024, "learning_rate": 1e-3, "optimizer": MUON,
        "schedule": "linear", "warmup_fraction": 0.1, "reword": False, **options,
    }  # fmt: skip


NUM_STEPS, AS_MANY_TOKENS = 100, 170
REASONING = Experiment(
    base=ROBOT,
    data={"sources": [simulated(tasks=REASONED, rejected=False, scenes=True)]},
    variants={
        "direct": Variant([_answers_phase(num_steps=NUM_STEPS)]),
        "direct_long": Variant([_answers_phase(num_steps=AS_MANY_TOKENS)]),
        "reasoned": Variant(
            [_answers_phase(num_steps=NUM_STEPS)],
            compose=_reason(styles={"think_prose": 1}, is_asked_for=False),
        ),
        "reasoned_light": Variant(
            [_answers_phase(num_steps=NUM_STEPS, loss={"weights": {"thinking": 0.1}})],
            compose=_reason(styles={"think_prose": 1}, is_asked_for=False),
        ),
        "trained_only": Variant(
            [_answers_phase(num_steps=NUM_STEPS)],
            compose=_reason(styles={"think_prose": 1, "answer": 1}),
        ),
    },
    evaluate={
        **EVALUATE,
        "tasks": list(REASONED),
        "max_new_tokens": 160,
        "max_records_per_task": 160,
    },
    contrasts=_contrasts(REASONED),
)


def _told(*, styles: Section) -> Section:
    """What is learnt and what is asked, by two composers, so that all variants are asked alike."""
    plan = {"kind": "plan", "questions": ["next_step", "next_choice", "success", "affordance"]}
    taught = {**plan, "name": "taught", "styles": styles, "is_asked_for": False}
    return {
        "composers": [taught, {**plan, "name": "asked", "splits": [HELD_OUT]}],
        "keep": "composed",
    }


def _told_phase(*, num_steps: int, **options: Any) -> Section:
    many = {"tasks": dict.fromkeys(TOLD, 1), "batching": {**PACKED, "records_per_step": 32}}
    return _answers_phase(num_steps=num_steps, **many, **options)


TOLD_STEPS, TOLD_AS_MANY_TOKENS = 150, 257
TOLD_LONGER, TOLD_LONGER_AS_MANY_TOKENS = 400, 690
REASONING_ALFRED = Experiment(
    base=HOUSEHOLD,
    data={"sources": [alfred("train", HELD_OUT)]},
    compose=_told(styles={"answer": 1}),
    variants={
        "direct": Variant([_told_phase(num_steps=TOLD_STEPS)]),
        "direct_long": Variant([_told_phase(num_steps=TOLD_AS_MANY_TOKENS)]),
        "reasoned": Variant(
            [_told_phase(num_steps=TOLD_STEPS)], compose=_told(styles={"think_prose": 1})
        ),
        "reasoned_light": Variant(
            [_told_phase(num_steps=TOLD_STEPS, loss={"weights": {"thinking": 0.1}})],
            compose=_told(styles={"think_prose": 1}),
        ),
        "trained_only": Variant(
            [_told_phase(num_steps=TOLD_STEPS)],
            compose=_told(styles={"think_prose": 1, "answer": 1}),
        ),
        "direct_longer": Variant([_told_phase(num_steps=TOLD_LONGER_AS_MANY_TOKENS)]),
        "reasoned_longer": Variant(
            [_told_phase(num_steps=TOLD_LONGER)], compose=_told(styles={"think_prose": 1})
        ),
    },
    evaluate={**EVALUATE, "tasks": list(TOLD), "split": HELD_OUT, "max_new_tokens": 160},
    contrasts=[
        *_contrasts(TOLD),
        Contrast(
            "it helps when learnt longer, tokens alike", "reasoned_longer", "direct_longer", TOLD
        ),
    ],
)
"""Reasoning about what has been done; no picture."""

"""Whether reasoning helps the questions whose answers it spells out."""

from __future__ import annotations

from typing import Any

from experiment import (
    EVALUATE,
    MUON,
    PACKED,
    ROBOT,
    Contrast,
    Experiment,
    Section,
    Variant,
    simulated,
)

REASONED = ("current_box", "choice_vqa")
"""Reasoning names the box of the object, and the relation that is asked for: the answers."""


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
    contrasts=[
        Contrast("reasoning helps, steps alike", "reasoned", "direct", REASONED),
        Contrast("reasoning helps, tokens alike", "reasoned", "direct_long", REASONED),
        Contrast(
            "reasoning in training alone helps, steps alike", "trained_only", "direct", REASONED
        ),
        Contrast(
            "reasoning in training alone helps, tokens alike",
            "trained_only",
            "direct_long",
            REASONED,
        ),
        Contrast("writing it before the answer helps", "reasoned", "trained_only", REASONED),
        Contrast("a tenth of its weight in the loss helps", "reasoned_light", "reasoned", REASONED),
        Contrast(
            "reasoning with that weight helps, tokens alike",
            "reasoned_light",
            "direct_long",
            REASONED,
        ),
    ],
)

"""What pairs of a better and a worse answer do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiment import (
    BASE_FOLDER,
    BOXES,
    DIALECT,
    EVALUATE,
    HELD_OUT,
    MUON,
    PACKED,
    PAIRS,
    ROBOT,
    SHORT_PLANS,
    Base,
    Contrast,
    Experiment,
    Section,
    Variant,
    alfred,
    simulated,
)


def _few_episodes(*, tasks: Sequence[str], number: int, rejected: bool) -> Section:
    """All held-out episodes, but few to train on: the reference is asked about every pair."""
    train = simulated(tasks=tasks, split="train", max_episodes=number, rejected=rejected)
    return {"sources": [train, simulated(tasks=tasks, split="val", rejected=rejected)]}


def _preference(
    *,
    tasks: Sequence[str],
    data: Section,
    num_steps: int,
    compose: Section | None = None,
    pair_tasks: Sequence[str] = (),
    base: Base = ROBOT,
    learnt: Sequence[str] = BOXES,
    split: str = "val",
    taken: Section | None = None,
) -> Experiment:
    """Pairs of answers against as many steps of the same rate over their true answers alone."""
    shared: dict[str, Any] = {
        "num_steps": num_steps, "learning_rate": 1e-4, "warmup_fraction": 0.1, "reword": False,
        "max_tokens": 512,
    }  # fmt: skip
    if taken is not None:
        shared["data"] = [taken]
    paired = [f"{PAIRS}{task}" for task in pair_tasks]
    chosen = {**shared, "name": "chosen", "tasks": dict.fromkeys(learnt, 1), "batching": PACKED}
    dpo = {**shared, "kind": "dpo", "name": "prefer", "tasks": list(learnt), "pairs_per_step": 16}
    return Experiment(
        base=base,
        data=data,
        compose=compose,
        variants={
            "base": Variant(),
            "chosen": Variant([chosen]),
            "dpo": Variant([dpo]),
            "dpo_sft1": Variant([{**dpo, "sft_weight": 1.0}]),
            "dpo_beta1": Variant([{**dpo, "beta": 1.0}]),
            "dpo_slow": Variant([{**dpo, "learning_rate": 2e-5}]),
        },
        evaluate={**EVALUATE, "tasks": list(tasks), "split": split},
        contrasts=[
            Contrast("DPO puts held-out pairs right", "dpo", "base", paired),
            Contrast("DPO with fine-tuning does", "dpo_sft1", "base", paired),
            Contrast("fine-tuning on the true answers does", "chosen", "base", paired),
            Contrast("DPO with fine-tuning does more than that", "dpo_sft1", "chosen", paired),
            Contrast("DPO raises the metric", "dpo", "base", tasks),
            Contrast("DPO with fine-tuning raises the metric", "dpo_sft1", "base", tasks),
            Contrast("fine-tuning on the true answers raises it", "chosen", "base", tasks),
            Contrast("DPO adds to fine-tuning alone", "dpo_sft1", "chosen", tasks),
            Contrast("a larger beta is better for the metric", "dpo_beta1", "dpo", tasks),
            Contrast("a smaller rate is better for the metric", "dpo_slow", "dpo", tasks),
        ],
        pair_tasks=pair_tasks,
    )


OTHER_THING = _preference(
    tasks=[*BOXES, "traj"],
    data=_few_episodes(tasks=[*BOXES, "traj"], number=120, rejected=True),
    num_steps=100,
    pair_tasks=BOXES,
)
"""Rejected is the box of another object in the picture."""

GEOMETRY = _preference(
    tasks=BOXES,
    data=_few_episodes(tasks=BOXES, number=40, rejected=False),
    num_steps=50,
    compose={
        "composers": [{"kind": "preference_boxes", "splits": ["train", "val"]}],
        "keep": "composed",
    },
    pair_tasks=BOXES,
)
"""Rejected is a box that was moved, scaled, turned or is another object's, in balanced numbers."""

SAMPLED = _preference(
    tasks=BOXES,
    data=_few_episodes(tasks=BOXES, number=50, rejected=False),
    num_steps=50,
    compose={
        "composers": [
            {
                "kind": "preference_sampled", "chosen": "truth", "margin": {"fraction": 0.25},
                "model": {
                    "engine": f"local:{BASE_FOLDER}", "dialect": DIALECT, "max_new_tokens": 32,
                },
            }
        ],
        "keep": "composed",
    },
)  # fmt: skip
"""Rejected is what the base model itself says, where that is wrong by a quarter of the overlap."""


HOUSEHOLD = Base(
    "household",
    data={"sources": [alfred("train")]},
    compose={
        "composers": [{"kind": "plan", "questions": ["plan", "next_step"]}],
        "keep": "composed",
    },
    train=[
        {
            "name": "plans", "tasks": dict.fromkeys(SHORT_PLANS, 1), "num_steps": 300,
            "batching": {**PACKED, "records_per_step": 32}, "max_tokens": 512,
            "learning_rate": 2e-3, "optimizer": MUON, "schedule": "linear",
            "warmup_fraction": 0.1, "reword": False,
        }
    ],
)  # fmt: skip
"""Tells ALFRED's plans from the words of their goals, and what comes next; sees no picture."""

ALFRED = _preference(
    base=HOUSEHOLD,
    tasks=SHORT_PLANS,
    learnt=["short_plan"],
    taken={"composed": ["preference_plans"], "rate": 0.2},
    data={"sources": [alfred("train", HELD_OUT)]},
    num_steps=50,
    compose={
        "composers": [
            {"kind": "preference_plans", "splits": ["train", HELD_OUT], "num_per_plan": 1},
            {"kind": "plan", "questions": ["next_step"], "splits": [HELD_OUT]},
        ],
        "keep": "composed",
    },
    pair_tasks=["short_plan"],
    split=HELD_OUT,
)
"""Rejected is a plan that the checker proves wrong."""

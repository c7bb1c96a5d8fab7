"""Whether replay keeps what an earlier phase taught."""

from __future__ import annotations

from typing import Any

from experiment import (
    BOXES,
    EVALUATE,
    HELD_OUT,
    MUON,
    PACKED,
    PLANS,
    ROBOT,
    ROBOT_DATA,
    SHORT_PLANS,
    Contrast,
    Experiment,
    Section,
    Variant,
    alfred,
    simulated,
)


def _plans(**options: Any) -> Section:
    return {
        "name": "plans", "tasks": dict.fromkeys(PLANS, 1), "num_steps": 100, "batching": PACKED,
        "max_tokens": 1024, "learning_rate": 1e-3, "optimizer": MUON, "schedule": "linear",
        "warmup_fraction": 0.1, "reword": False, **options,
    }  # fmt: skip


def _replayed(rate: float, **options: Any) -> Section:
    return _plans(replay={"rate": rate, "of": [[{"tasks": list(BOXES)}]]}, **options)


REPLAY = Experiment(
    base=ROBOT,
    data=ROBOT_DATA,
    variants={
        "base": Variant(),
        "replay0": Variant([_plans()]),
        "replay05": Variant([_replayed(0.05)]),
        "replay20": Variant([_replayed(0.2)]),
        "slow0": Variant([_plans(learning_rate=1e-4)]),
    },
    evaluate={**EVALUATE, "tasks": [*BOXES, *PLANS]},
    contrasts=[
        Contrast("plans alone cost boxes", "base", "replay0", BOXES),
        Contrast("5 % replay keeps more of the boxes", "replay05", "replay0", BOXES),
        Contrast("20 % replay keeps more of the boxes", "replay20", "replay0", BOXES),
        Contrast("20 % replay keeps more than 5 %", "replay20", "replay05", BOXES),
        Contrast("with 20 % replay boxes still fall", "base", "replay20", BOXES),
        Contrast("replay costs plans", "replay0", "replay20", PLANS),
        Contrast("a tenth of the rate keeps more of the boxes", "slow0", "replay0", BOXES),
        Contrast("a tenth of the rate costs plans", "replay0", "slow0", PLANS),
    ],
)
"""Plans of the episodes whose boxes were learnt."""

TOLD: Section = {
    "data": [{"composed": ["plan"]}], "tasks": dict.fromkeys(SHORT_PLANS, 1), "num_steps": 300,
    "learning_rate": 1.5e-3, "batching": {**PACKED, "records_per_step": 32},
}  # fmt: skip
"""Six times as many records as of simulated plans: their words are new, too."""
REPLAY_ALFRED = Experiment(
    base=ROBOT,
    data={"sources": [simulated(tasks=BOXES), alfred("train", HELD_OUT)]},
    compose={
        "composers": [
            {"kind": "plan", "questions": ["plan", "next_step"], "splits": ["train", HELD_OUT]}
        ]
    },
    variants={
        "base": Variant(),
        "replay0": Variant([_plans(**TOLD)]),
        "replay20": Variant([_replayed(0.2, **TOLD)]),
    },
    evaluate={**EVALUATE, "tasks": [*BOXES, "planning"], "more_splits": [HELD_OUT]},
    contrasts=[
        Contrast("plans alone cost boxes", "base", "replay0", BOXES),
        Contrast("20 % replay keeps more of the boxes", "replay20", "replay0", BOXES),
        Contrast("with 20 % replay boxes still fall", "base", "replay20", BOXES),
        Contrast("replay costs plans", "replay0", "replay20", ["planning"]),
    ],
)
"""ALFRED's plans, in words that the base has not met and without pictures."""

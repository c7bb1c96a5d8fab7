"""The experiments: what is trained on what, and which two variants a claim compares.

A variant is a recipe that starts from the base model of its seed. The base model is trained once a
seed and shared, so that what differs between two cells of a seed is the variant alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

DIALECT = {"kind": "qwen25_vl", "factor": 16, "max_pixels": 15360}
MUON = {"kind": "muon", "matrix_rate_factor": 10, "weight_decay": 0.05}
PACKED = {"kind": "packed", "records_per_step": 16, "tokens_per_pack": 2048}
BOXES = ("gripper_det", "contact_box", "current_box")
PLANS = ("planning", "plan_steps")

Section = Mapping[str, Any]


class Variant(NamedTuple):
    """One way to go on from the base model.

    Attributes:
        train: The phases of its recipe.
        compose: The recipe's `compose`; that of its experiment when left out.
    """

    train: Sequence[Section] = ()
    compose: Section | None = None


class Contrast(NamedTuple):
    """A difference to be told: `better` minus `worse` in one metric of some tasks.

    Attributes:
        claim: What would be true if it were clearly above 0.
        tasks: Each told by itself.
    """

    claim: str
    better: str
    worse: str
    tasks: Sequence[str]


class Experiment(NamedTuple):
    """Variants that are compared, and on what.

    Attributes:
        data: The recipe's `data`.
        variants: Name -> what it does.
        evaluate: The recipe's `evaluate`.
        contrasts: The differences to tell.
        compose: The recipe's `compose`.
        pair_tasks: Tasks whose held-out pairs of answers are measured too.
    """

    data: Section
    variants: Mapping[str, Variant]
    evaluate: Section
    contrasts: Sequence[Contrast]
    compose: Section | None = None
    pair_tasks: Sequence[str] = ()


BASE = "{base}"
"""Stands in a recipe for the folder of the seed's base model."""
PAIRS = "pairs of "
"""Before the name of a task whose held-out pairs are told like a task of its own."""


def simulated(*, tasks: Sequence[str], **options: Any) -> Section:
    """An entry of `data.sources`."""
    return {"kind": "simulated", "tasks": list(tasks), "rejected": True} | options


BASE_DATA = {
    "sources": [
        simulated(
            tasks=[
                *BOXES, "object_box", "traj", *PLANS, "planning_choice", "planning_decide",
                "yes_no_vqa", "choice_vqa",
            ]
        )
    ]
}  # fmt: skip
"""More than the base is trained on: its tokenizer learns the words of what comes later."""

BASE_PHASES: Sequence[Section] = (
    {
        "name": "ground", "tasks": {"gripper_det": 1}, "num_steps": 300, "batching": PACKED,
        "max_tokens": 512, "learning_rate": 2e-3, "optimizer": MUON, "schedule": "linear",
        "warmup_fraction": 0.1, "reword": False,
    },
    {
        "name": "robot",
        "tasks": {
            "gripper_det": 2, "contact_box": 1, "current_box": 1, "object_box": 0.5, "traj": 0.5,
        },
        "num_steps": 300, "pictures_per_step": 16, "questions_per_picture": 3,
        "learning_rate": 1.5e-3, "optimizer": MUON, "schedule": "linear", "warmup_fraction": 0.1,
        "reword": False,
    },
)  # fmt: skip

EVALUATE = {"max_records_per_task": 240, "max_new_tokens": 96, "batch_size": 64}


def _plans(**options: Any) -> Section:
    return {
        "name": "plans", "tasks": dict.fromkeys(PLANS, 1), "num_steps": 100, "batching": PACKED,
        "max_tokens": 1024, "learning_rate": 1e-3, "optimizer": MUON, "schedule": "linear",
        "warmup_fraction": 0.1, "reword": False, **options,
    }  # fmt: skip


def _replayed(rate: float) -> Section:
    return _plans(replay={"rate": rate, "of": [[{"tasks": list(BOXES)}]]})


REPLAY = Experiment(
    data=BASE_DATA,
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
) -> Experiment:
    """Pairs of answers against as many steps of the same rate over their true answers alone."""
    shared = {
        "num_steps": num_steps, "learning_rate": 1e-4, "warmup_fraction": 0.1, "reword": False,
        "max_tokens": 512,
    }  # fmt: skip
    paired = [f"{PAIRS}{task}" for task in pair_tasks]
    chosen = {**shared, "name": "chosen", "tasks": dict.fromkeys(BOXES, 1), "batching": PACKED}
    dpo = {**shared, "kind": "dpo", "name": "prefer", "tasks": list(BOXES), "pairs_per_step": 16}
    return Experiment(
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
        evaluate={**EVALUATE, "tasks": list(tasks)},
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
                    "engine": f"local:{BASE}", "dialect": DIALECT, "max_new_tokens": 32,
                },
            }
        ],
        "keep": "composed",
    },
)  # fmt: skip
"""Rejected is what the base model itself says, where that is wrong by a quarter of the overlap."""

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
    ],
)

EXPERIMENTS: Mapping[str, Experiment] = {
    "reasoning": REASONING,
    "other_thing": OTHER_THING,
    "geometry": GEOMETRY,
    "sampled": SAMPLED,
    "replay": REPLAY,
}

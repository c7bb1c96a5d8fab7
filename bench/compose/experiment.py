"""What an experiment is, and what several have in common.

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
SHORT_PLANS = ("planning", "short_plan")
"""What `plan` makes of an episode."""

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


class Base(NamedTuple):
    """A tiny model and what it learns before anything is compared.

    Attributes:
        name: Of its cell.
        data: Its recipe's `data`; the tokenizer learns its words from it.
        train: Its recipe's phases.
        compose: Its recipe's `compose`.
    """

    name: str
    data: Section
    train: Sequence[Section]
    compose: Section | None = None


class Experiment(NamedTuple):
    """Variants that are compared, and on what.

    Attributes:
        base: What all variants start from.
        data: The recipe's `data`.
        variants: Name -> what it does.
        evaluate: The recipe's `evaluate`.
        contrasts: The differences to tell.
        compose: The recipe's `compose`.
        pair_tasks: Tasks whose held-out pairs of answers are measured too.
    """

    base: Base
    data: Section
    variants: Mapping[str, Variant]
    evaluate: Section
    contrasts: Sequence[Contrast]
    compose: Section | None = None
    pair_tasks: Sequence[str] = ()


BASE_FOLDER = "{base}"
"""Stands in a recipe for the folder of the seed's base model."""
ALFRED_FILE = "{alfred}"
"""Stands in a recipe for the file with some of ALFRED's plans."""
PAIRS = "pairs of "
"""Before the name of a task whose held-out pairs are told like a task of its own."""


def simulated(*, tasks: Sequence[str], **options: Any) -> Section:
    """An entry of `data.sources`."""
    return {"kind": "simulated", "tasks": list(tasks), "rejected": True} | options


HELD_OUT = "valid_seen"
"""ALFRED's split that is asked about."""


def alfred(*splits: str) -> Section:
    """An entry of `data.sources`: one plan of each telling."""
    return {"kind": "ai2thor", "path": ALFRED_FILE, "splits": splits, "questions": ["plan"]}


ROBOT_DATA = {
    "sources": [
        simulated(
            tasks=[
                *BOXES, "object_box", "traj", *PLANS, "planning_choice", "planning_decide",
                "yes_no_vqa", "choice_vqa",
            ]
        )
    ]
}  # fmt: skip
"""More than `ROBOT` is trained on: its tokenizer learns the words of what comes later."""

ROBOT = Base(
    "base",
    data=ROBOT_DATA,
    train=[
        {
            "name": "ground", "tasks": {"gripper_det": 1}, "num_steps": 300, "batching": PACKED,
            "max_tokens": 512, "learning_rate": 2e-3, "optimizer": MUON, "schedule": "linear",
            "warmup_fraction": 0.1, "reword": False,
        },
        {
            "name": "robot",
            "tasks": {
                "gripper_det": 2, "contact_box": 1, "current_box": 1, "object_box": 0.5,
                "traj": 0.5,
            },
            "num_steps": 300, "pictures_per_step": 16, "questions_per_picture": 3,
            "learning_rate": 1.5e-3, "optimizer": MUON, "schedule": "linear",
            "warmup_fraction": 0.1, "reword": False,
        },
    ],
)  # fmt: skip
"""Finds the gripper, boxes and paths in simulated pictures."""

EVALUATE = {"max_records_per_task": 240, "max_new_tokens": 96, "batch_size": 64}

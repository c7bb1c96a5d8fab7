"""DeepSpeed's JSON files as the field's launch scripts bring them: taken, or refused with why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.train.choose_strategy import check_supported
from roboloop.train.config import SftConfig
from roboloop.train.deepspeed_file import zero_options
from roboloop.train.run_options import RunOptions

HOST = {"device": "cpu", "pin_memory": True}
OPEN = dict.fromkeys(
    [
        "train_batch_size",
        "train_micro_batch_size_per_gpu",
        "gradient_accumulation_steps",
        "gradient_clipping",
    ],
    "auto",
)
TYPES = {
    "fp16": {"enabled": "auto", "loss_scale": 0, "initial_scale_power": 16, "hysteresis": 2},
    "bf16": {"enabled": "auto"},
}
STAGE_2 = {
    "stage": 2, "allgather_bucket_size": 5e8, "overlap_comm": False, "reduce_bucket_size": 5e8,
    "contiguous_gradients": True, "round_robin_gradients": True,
}  # fmt: skip
STAGE_3 = {
    "stage": 3, "overlap_comm": True, "contiguous_gradients": True, "sub_group_size": 1e9,
    "reduce_bucket_size": "auto", "stage3_prefetch_bucket_size": "auto",
    "stage3_param_persistence_threshold": "auto", "stage3_max_live_parameters": 1e9,
    "stage3_max_reuse_distance": 1e9, "stage3_gather_16bit_weights_on_model_save": True,
}  # fmt: skip
ON_HOST = {"offload_optimizer": HOST, "offload_param": HOST}
OWN = {
    "optimizer": {"type": "AdamW", "params": {"lr": "auto", "weight_decay": "auto"}},
    "scheduler": {"type": "WarmupLR", "params": {"warmup_num_steps": "auto"}},
}
BOTH = ("optimizer", "weights")


def options(file: dict[str, Any], tmp_path: Path, **phase: Any) -> RunOptions:
    path = tmp_path / "deepspeed.json"
    path.write_text(json.dumps(file))
    return RunOptions(deepspeed_file=path, **phase)


@pytest.mark.parametrize(
    ("section", "phase"),
    [
        (STAGE_2, {"sharding": "zero2"}),
        (STAGE_3, {"sharding": "zero3"}),
        (STAGE_3 | ON_HOST, {"sharding": "zero3", "offload": BOTH}),
        (STAGE_2 | {"offload_optimizer": HOST}, {"sharding": "zero2", "offload": ("optimizer",)}),
    ],
)
@pytest.mark.parametrize("log", [{}, {"steps_per_print": 1e5, "wall_clock_breakdown": False}])
def test_files_of_the_field_are_taken(
    tmp_path: Path, section: dict[str, Any], phase: dict[str, Any], log: dict[str, Any]
) -> None:
    file = {**OPEN, **TYPES, **log, "zero_optimization": section}
    taken = zero_options(options(file, tmp_path, **phase))
    assert taken == {name: value for name, value in section.items() if value != "auto"}


@pytest.mark.parametrize(
    ("file", "phase", "why"),
    [
        (OWN | {"zero_optimization": STAGE_3 | ON_HOST}, {"sharding": "zero3", "offload": BOTH},
         r"'optimizer' would take the place .*learning rates of parts and the schedule"),
        ({"scheduler": OWN["scheduler"], "zero_optimization": STAGE_2}, {}, "'scheduler' would"),
        ({"zero_optimization": STAGE_2}, {"sharding": "zero1"}, "stage 2 .*asks for zero1"),
        ({"zero_optimization": STAGE_3 | ON_HOST}, {"sharding": "zero3"},
         "offloads optimizer and weights; .*to offload nothing"),
        ({"zero_optimization": STAGE_2}, {"offload": ("optimizer",)}, "offloads nothing"),
        ({"zero_optimization": STAGE_2 | {"offload_optimizer": {"device": "nvme"}}},
         {"offload": ("optimizer",)}, "'nvme'"),
        ({"fp16": {"enabled": True}, "zero_optimization": STAGE_2}, {}, "float16"),
        ({"gradient_clipping": 0.5, "zero_optimization": STAGE_2}, {}, "'gradient_clipping' would"),
        ({"flops_profiler": {}, "zero_optimization": STAGE_2}, {}, "'flops_profiler' would"),
    ],
)  # fmt: skip
def test_others_are_refused_with_the_reason(
    tmp_path: Path, file: dict[str, Any], phase: dict[str, Any], why: str
) -> None:
    with pytest.raises(RoboLoopError, match=f"E-TRN-009 .*{why}"):
        zero_options(options(file, tmp_path, **{"sharding": "zero2"} | phase))


@pytest.mark.parametrize(
    ("phase", "why"),
    [
        ({"sharding": "fsdp2", "offload": ("optimizer",)}, "offload needs sharding: zero1"),
        ({"sharding": "zero2", "offload": BOTH}, "weights needs sharding: zero3"),
        ({"sharding": "fsdp2", "deepspeed_file": "x.json"}, "deepspeed_file needs"),
    ],
)
def test_options_that_do_not_fit_together(phase: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        RunOptions.model_validate(phase)


@pytest.mark.parametrize(
    ("changes", "num_ranks", "why"),
    [
        ({"sharding": "fsdp2"}, 1, "several processes"),
        ({"sharding": "zero3", "optimizer": {"kind": "muon"}}, 2, "Muon needs whole matrices"),
        ({"sharding": "zero1", "guard": {"on_bad_loss": "skip"}}, 2, "cannot skip a step"),
    ],
)
def test_what_cannot_be_is_refused(
    phase: Callable[..., SftConfig], changes: dict[str, Any], num_ranks: int, why: str
) -> None:
    config = phase(**{"optimizer": {"kind": "adamw"}} | changes)
    with pytest.raises(RoboLoopError, match=f"E-TRN-009 .*{why}"):
        check_supported(config, num_ranks=num_ranks)

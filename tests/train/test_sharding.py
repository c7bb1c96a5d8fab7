"""Two real processes under each way of sharding: what one process does, and the way asked for.

Everything that a way of sharding has to carry runs under each of them, in one start of the
processes: whole and adapter training, preferences, held-out records, text without pictures,
experts, recomputed activations, and a `kill -9`.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from rank_work import Job, run_job, run_processes

from roboloop.base.hashing import hash_file
from roboloop.models.backbone import load_backbone, save_backbone
from roboloop.models.moe.modeling_roboloop_moe import moe_layers
from roboloop.models.moe.options import MoeOptions
from roboloop.models.moe.upcycle import add_experts
from roboloop.records.answers import Text
from roboloop.records.record import Record, Turn
from roboloop.train.config import SftConfig
from roboloop.train.dpo_config import DpoConfig

Phase = Callable[..., SftConfig]
needs_deepspeed = pytest.mark.skipif(
    importlib.util.find_spec("deepspeed") is None,
    reason="needs DeepSpeed: pip install 'roboloop[deepspeed]'",
)
ZERO: dict[str, Any] = {
    # Without these DeepSpeed would keep all of so small a model on every process.
    "stage3_param_persistence_threshold": 0,
    "stage3_prefetch_bucket_size": 5_000,
    "stage3_max_live_parameters": 20_000,
    "stage3_max_reuse_distance": 1_000,
    "reduce_bucket_size": 20_000,
}
HOST = {"device": "cpu", "pin_memory": False}


class Way(NamedTuple):
    """A way of sharding: the phase's options, and the section of a DeepSpeed file."""

    options: dict[str, Any]
    section: dict[str, Any] | None = None
    layout: str = ""


WAYS = {
    "ddp": Way({"sharding": "ddp"}, layout="replicated"),
    "fsdp2": Way({"sharding": "fsdp2"}, layout="fsdp2 on 2 processes"),
    "zero1": Way({"sharding": "zero1"}, layout="zero1 on 2 processes"),
    "zero2": Way({"sharding": "zero2"}, {"stage": 2}, "zero2 on 2 processes"),
    "zero3": Way({"sharding": "zero3"}, {"stage": 3, **ZERO}, "zero3 on 2 processes"),
    "offload": Way(
        {"sharding": "zero3", "offload": ["optimizer", "weights"]},
        {"stage": 3, "offload_optimizer": HOST, "offload_param": HOST, **ZERO},
        "zero3 on 2 processes",
    ),
}
CASES = ("whole", "mixed", "qwen3", "experts", "cached", "adapter_off")


class Ran(NamedTuple):
    """What a way of sharding left, and one process."""

    way: Way
    alone: Path
    together: Path


@pytest.fixture(scope="module")
def cases(
    tmp_path_factory: pytest.TempPathFactory, phase: Phase, dpo_phase: Callable[..., DpoConfig],
    tiny_folder: Path, qwen3_folder: Path, record_folder: Path, pair_folder: Path,
    records: list[Record], write_folder: Callable[..., Path],
) -> dict[str, Callable[..., Job]]:  # fmt: skip
    """Each makes its job for a folder and a way of sharding."""
    home = tmp_path_factory.mktemp("cases")
    texts = [text_only(number) for number in range(4)]
    mixed = write_folder(home / "mixed", records=records[:4] + texts, pictures=record_folder.parent)
    experts = with_experts(tiny_folder, folder=home / "experts")
    short = {"num_steps": 3, "optimizer": {"kind": "adamw", "weight_decay": 0.01}}
    shorter = short | {"num_steps": 2}
    one_each = {"kind": "padded", "records_per_step": 2, "records_per_batch": 1}
    configs: dict[str, tuple[Any, Path, Path]] = {
        "whole": (
            phase(**short, save_every_steps=2, loss={"chunk_tokens": 8}, eval_every_steps=3,
                  eval_split="train", eval_pictures=4, generate_every_steps=3, generate_per_task=1,
                  generate_max_tokens=3),
            tiny_folder, record_folder,
        ),
        "mixed": (
            phase(**short | {"num_steps": 4}, gradient_checkpointing="selective",
                  batching=one_each, pictures_per_step=8, questions_per_picture=4),
            tiny_folder, mixed,
        ),
        "qwen3": (
            phase(**shorter, batching=one_each, pictures_per_step=8, questions_per_picture=4),
            qwen3_folder, mixed,
        ),
        "experts": (phase(**shorter, moe_loss={"balance": 0}), experts, record_folder),
        "cached": (dpo_phase(**shorter, pairs_per_micro_batch=1), tiny_folder, pair_folder),
        "adapter_off": (
            dpo_phase(**shorter, reference="adapter_off", lora={"rank": 4},
                      gradient_checkpointing="full"),
            tiny_folder, pair_folder,
        ),
    }  # fmt: skip

    def make(name: str) -> Callable[..., Job]:
        config, model, folder = configs[name]

        def job(out: Path, **changes: Any) -> Job:
            given = config.model_dump(mode="json") | {"kind": getattr(config, "kind", "sft")}
            return Job(json.dumps(given | changes), model, folder, out / name)

        return job

    return {name: make(name) for name in CASES}


def text_only(number: int) -> Record:
    turns = (Turn("user", f"push the red block {number}"),)
    answer = Text("It is near the red block")
    return Record(id=f"text-{number}", task="vqa", turns=turns, answer=answer)


def with_experts(dense: Path, *, folder: Path) -> Path:
    """A model whose tokens go to very different experts, which count from the start."""
    options = MoeOptions(num_experts=64, num_experts_per_token=1, expert_width=8)
    backbone = add_experts(load_backbone(dense, device="cpu"), options=options, seed=0)
    with torch.no_grad():
        for layer in moe_layers(backbone.model):
            assert layer.moe_gate is not None
            layer.moe_gate.fill_(0.5)
            layer.router.weight.mul_(50)
    return save_backbone(backbone, folder=folder)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, cases: dict[str, Callable[..., Job]]) -> Path:
    """What one process does."""
    out = tmp_path_factory.mktemp("alone")
    for job in cases.values():
        run_job(job(out))
    return out


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=needs_deepspeed if "zero" in way.layout else ())
        for name, way in WAYS.items()
    ],
)
def ran(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, alone: Path,
    cases: dict[str, Callable[..., Job]],
) -> Ran:  # fmt: skip
    """All cases on two processes, then the first one again, killed and resumed."""
    way, out = WAYS[request.param], tmp_path_factory.mktemp(request.param)
    options = way.options
    if way.section is not None:
        file = out / "deepspeed.json"
        file.write_text(json.dumps({"zero_optimization": way.section}))
        options = options | {"deepspeed_file": str(file)}
    jobs = {name: job(out, **options) for name, job in cases.items()}
    jobs["mixed"] = jobs["mixed"]._replace(fault="note_pictures", argument=out)
    jobs["experts"] = jobs["experts"]._replace(fault="note_experts", argument=out)
    killed = cases["whole"](out / "killed", **options, pictures_per_micro_batch=1)
    jobs["whole"] = killed._replace(out=jobs["whole"].out)
    dies = killed._replace(fault="killed_before_step", argument=(1, 2))
    codes = run_processes(*jobs.values(), dies, num_ranks=2, timeout_seconds=600)
    assert -9 in codes, said_of(out / "whole")
    assert run_processes(killed, num_ranks=2) == [0, 0], said_of(killed.out)
    return Ran(way, alone, out)


def said_of(out: Path) -> str:
    return "\n".join(file.read_text()[-3000:] for file in sorted(out.glob("stderr-*.txt")))


def log_of(out: Path) -> list[dict[str, float]]:
    lines = (out / "trainer_log.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def told(out: Path, name: str) -> list[float]:
    return [line[name] for line in log_of(out) if name in line]


@pytest.mark.parametrize("case", CASES)
def test_losses_are_those_of_one_process(ran: Ran, case: str) -> None:
    one, two = ran.alone / case, ran.together / case
    assert told(two, "loss") == pytest.approx(told(one, "loss"), abs=3e-4)
    assert told(two, "grad_norm") == pytest.approx(told(one, "grad_norm"), rel=1e-3)
    for name in ("eval_loss", "reward_margin", "logp_chosen", "kl_estimate"):
        assert told(two, name) == pytest.approx(told(one, name), abs=3e-4, rel=1e-3)
    generated = [name for name in log_of(one)[-1] if name.startswith("gen_")]
    assert {name: told(two, name) for name in generated} == {
        name: told(one, name) for name in generated
    }
    newest = max((two / "checkpoints").glob("step-*"))
    assert json.loads((newest / "progress.json").read_text())["layout"] == ran.way.layout


def test_killed_and_resumed_run_ends_with_the_same_bits(ran: Ran) -> None:
    folders = [ran.together / "whole", ran.together / "killed" / "whole"]
    first, second = (hash_file(out / "model" / "model.safetensors") for out in folders)
    assert first == second


def test_what_is_left_is_an_ordinary_folder(ran: Ran) -> None:
    for case in CASES:
        folder = "adapter" if case == "adapter_off" else "model"
        one, two = (
            load_backbone(out / case / folder, device="cpu").model.state_dict()
            for out in (ran.alone, ran.together)
        )
        assert one.keys() == two.keys()
        off = sum((one[name] - two[name]).abs().sum() for name in one)
        assert off / sum(value.numel() for value in one.values()) < 1e-5, case


def test_one_process_has_text_alone_and_the_other_a_picture(ran: Ran) -> None:
    noted = [(ran.together / f"pictures-{rank}.txt").read_text().split()[:6] for rank in (0, 1)]
    differ = [mine != other for mine, other in zip(*noted, strict=True)]
    assert any(differ[:4]) and any(differ[4:]), noted


def test_processes_choose_different_experts(ran: Ran) -> None:
    noted = [(ran.together / f"experts-{rank}.txt").read_text().splitlines() for rank in (0, 1)]
    assert noted[0][0] != noted[1][0], noted


def test_out_of_memory_ends_in_shards_where_the_recipe_allows_it(
    cases: dict[str, Callable[..., Job]], tmp_path: Path
) -> None:
    """One process runs out at the second step, until the weights are in shards."""
    allows = {"on_out_of_memory": "shard", "save_every_steps": 1}
    job = cases["whole"](tmp_path, **allows)._replace(fault="out_of_memory_unless_sharded")
    assert set(run_processes(job, num_ranks=2)) <= {2, -15}
    said = said_of(job.out)
    for done in ("cut into 2", "are now recomputed", "E-TRN-007", "in shards (fsdp2)"):
        assert done in said, said
    assert told(job.out, "current_steps") == [1]
    assert run_processes(job, num_ranks=2) == [0, 0], said_of(job.out)
    well = cases["whole"](tmp_path / "well")
    run_job(well)
    assert told(job.out, "current_steps") == [1, 2, 3]
    assert told(job.out, "loss") == pytest.approx(told(well.out, "loss"), abs=3e-4)
    assert told(job.out, "grad_norm") == pytest.approx(told(well.out, "grad_norm"), rel=1e-3)
    progress = job.out / "checkpoints" / "step-000003" / "progress.json"
    assert json.loads(progress.read_text())["layout"] == "fsdp2 on 2 processes"

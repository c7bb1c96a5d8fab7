"""From another trainer's configuration to a recipe: every option mapped, or said why not."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.pipeline.foreign_options import NOT_NEEDED, NOT_SUPPORTED, USED
from roboloop.pipeline.yaml_places import dump_yaml, parse_value, read_yaml

State = Literal["mapped", "not needed", "not supported", "unknown"]
SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant",
             "constant_with_warmup": "constant"}  # fmt: skip
DIALECTS = {"qwen2_vl": "qwen25_vl", "qwen2_5_vl": "qwen25_vl", "qwen3_vl": "qwen3_vl",
            "qwen3_vl_nothink": "qwen3_vl"}  # fmt: skip
FROZEN = {"vision": "freeze_vision_tower", "projector": "freeze_multi_modal_projector",
          "language": "freeze_language_model"}  # fmt: skip
TUNED = {"vision": "tune_mm_vision", "projector": "tune_mm_mlp", "language": "tune_mm_llm",
         "moe": "tune_moe"}  # fmt: skip
WARMUP = 0.03
OPTION = re.compile(r"--([A-Za-z][\w-]*)(?:[ \t=]+(?!--)(\"[^\"]*\"|'[^']*'|\S+))?")
ASSIGNED = re.compile(
    r"^\s*(?:export\s+)?([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|\S+)\s*$", re.MULTILINE
)


class Line(NamedTuple):
    """What became of one option.

    Attributes:
        option: Its name.
        value: As given.
        state: What became of it.
        said: The recipe's key, or the reason.
    """

    option: str
    value: Any
    state: State
    said: str


class Imported(NamedTuple):
    """A recipe made of another trainer's configuration.

    Attributes:
        recipe: As plain values.
        lines: One for each option, in the file's order.
        notes: What to look at before it is run.
    """

    recipe: dict[str, Any]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    def text(self) -> str:
        """The recipe as YAML, the fate of every option in front of it."""
        head = [
            f"# {line.option}: {line.value} -> {line.state}: {line.said}" for line in self.lines
        ]
        notes = [f"# look at: {note}" for note in self.notes]
        return "\n".join([*head, *notes, dump_yaml(self.recipe)])


def import_config(path: Path, *, num_gpus: int = 1, num_samples: int | None = None) -> Imported:
    """Read a LLaMA-Factory YAML, or a shell script with a trainer's command line.

    Args:
        path: `*.yaml`, `*.yml`, or a script such as `train.sh` or RoboInterVLM's `sft.sh`.
        num_gpus: Processes of that run: batch sizes there are for each.
        num_samples: Training samples of that run; needed for a warm-up given in steps.

    Raises:
        RoboLoopError: E-CFG-004 no such file, E-CFG-001 not readable, E-CFG-003 no option in it.
    """
    if path.suffix in (".yaml", ".yml"):
        given = read_yaml(path, fill_variables=False).value
    else:
        given = _from_script(path)
    if not USED.keys() & given.keys():
        raise RoboLoopError("E-CFG-003", "no option of a known trainer in it", place=Place(path))
    notes: list[str] = []
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", str(given.get("run_name") or path.stem)).strip("-.")
    recipe = {
        "schema": 1,
        "name": name or "imported",
        "description": f"Made of {path.name}.",
        "seed": int(given.get("seed", 42)),
        "model": _model(given),
        "data": {"sources": [_source(given, notes=notes)]},
        "train": [_phase(given, num_gpus=num_gpus, num_samples=num_samples, notes=notes)],
    }
    lines = tuple(_line(option, value) for option, value in given.items())
    return Imported(recipe, lines, tuple(notes))


def _line(option: str, value: Any) -> Line:
    tables: tuple[tuple[State, Mapping[str, str]], ...] = (
        ("mapped", USED), ("not needed", NOT_NEEDED), ("not supported", NOT_SUPPORTED),
    )  # fmt: skip
    for state, table in tables:
        if option in table:
            return Line(option, value, state, table[option])
    return Line(option, value, "unknown", "no option of RoboLoop's is known to mean this")


def _from_script(path: Path) -> dict[str, Any]:
    """Options of the last command in a script; `$NAME` is filled where the script assigns it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise RoboLoopError("E-CFG-004", "no such file", place=Place(path)) from error
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    names = {name: value.strip("\"'") for name, value in ASSIGNED.findall(text)}

    def filled(value: str) -> str:
        for _ in range(3):  # an assigned value may hold another name
            value = re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda m: names.get(m[1] or m[2], m[0]), value)
        return value

    found: dict[str, Any] = {}
    for option, value in OPTION.findall(filled(text).replace("\\\n", " ")):
        plain = value.strip("\"'")
        found[option] = True if not plain else _value(plain)
    return found


def _value(text: str) -> Any:
    """A number, a yes or no, or the text itself."""
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.IGNORECASE):
        return float(text)
    return parse_value(text) if text.lower() in ("true", "false") else text


def _number(value: Any) -> float:
    """YAML 1.2 reads `5e-6` as a number, YAML 1.1 as text: both are meant."""
    return float(value)


def _model(given: Mapping[str, Any]) -> dict[str, Any]:
    dialect: dict[str, Any] = {"kind": DIALECTS.get(str(given.get("template")), "qwen25_vl")}
    for limit in ("min_pixels", "max_pixels"):
        value = given.get(f"image_{limit}", given.get(limit))
        if value is not None:
            dialect[limit] = int(value)
    path = str(given.get("model_name_or_path", "${MODEL}"))
    return {"kind": "folder", "path": path, "dialect": dialect}


def _source(given: Mapping[str, Any], *, notes: list[str]) -> dict[str, Any]:
    if "dataset_use" in given:
        notes.append("data.sources.path is where RoboInter-VQA lies")
        return {
            "kind": "robointer_vqa", "path": "${ROBOINTER}", "coordinates": "origin",
            "allow_missing": True, "mixture": str(given["dataset_use"]),
        }  # fmt: skip
    source: dict[str, Any] = {
        "kind": "llama_factory",
        "path": str(given.get("dataset_dir", "data")),
    }
    names = given.get("dataset")
    if names is not None:
        listed = names if isinstance(names, list) else str(names).split(",")
        source["subsets"] = [str(name).strip() for name in listed]
    if "media_dir" in given:
        source["image_folder"] = str(given["media_dir"])
    return source


def _phase(
    given: Mapping[str, Any], *, num_gpus: int, num_samples: int | None, notes: list[str]
) -> dict[str, Any]:
    if str(given.get("stage", "sft")) != "sft":
        notes.append(f"stage {given['stage']} is written as sft; change the phase by hand")
    phase: dict[str, Any] = {"name": "sft"}
    if int(given.get("max_steps", -1)) > 0:
        phase["num_steps"] = int(given["max_steps"])
    else:
        phase["epochs"] = _number(given.get("num_train_epochs", 3.0))
    phase |= _batching(given, num_gpus=num_gpus, notes=notes)
    phase |= _parts(given, notes=notes)
    for option, key, convert in COPIED:
        if given.get(option) is not None:
            phase[key] = convert(given[option])
    if str(given.get("eval_strategy", "steps")) == "no":
        phase.pop("eval_every_steps", None)
    phase["optimizer"] = _optimizer(given, notes=notes)
    phase["warmup_fraction"] = _warmup(given, phase=phase, num_samples=num_samples, notes=notes)
    if given.get("label_smoothing_factor"):
        phase["loss"] = {"label_smoothing": _number(given["label_smoothing_factor"])}
    if str(given.get("finetuning_type", "full")) == "lora":
        phase["lora"] = _lora(given)
    return phase


COPIED: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("cutoff_len", "max_tokens", int),
    ("model_max_length", "max_tokens", int),
    ("learning_rate", "learning_rate", _number),
    ("lr_scheduler_type", "schedule", lambda value: SCHEDULES.get(str(value), str(value))),
    ("max_grad_norm", "clip_norm", _number),
    ("bf16", "precision", lambda value: "bfloat16" if value else "float32"),
    ("logging_steps", "log_every_steps", int),
    ("save_steps", "save_every_steps", int),
    ("save_total_limit", "keep_checkpoints", int),
    ("eval_steps", "eval_every_steps", int),
)
"""Option, key of the phase, and how the value is written there."""


def _batching(given: Mapping[str, Any], *, num_gpus: int, notes: list[str]) -> dict[str, Any]:
    """Records of a step: those of a device, times devices and accumulation."""
    each = int(given.get("per_device_train_batch_size", 1))
    records = each * int(given.get("gradient_accumulation_steps", 1)) * num_gpus
    packs = any(given.get(option) for option in ("packing", "neat_packing", "data_flatten"))
    if num_gpus == 1:
        notes.append(f"records_per_step {records} is for one GPU; give --num-gpus of that run")
    if packs:
        length = int(given.get("cutoff_len", given.get("model_max_length", 8192)))
        kind = {"kind": "packed", "tokens_per_pack": length}
    else:
        kind = {"kind": "padded", "records_per_batch": each}
    return {"batching": {**kind, "records_per_step": records}}


def _parts(given: Mapping[str, Any], *, notes: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    tuned = {part: option for part, option in TUNED.items() if option in given}
    if tuned:
        parts = [part for part, option in tuned.items() if given[option]]
    else:
        # LLaMA-Factory freezes the vision tower and the projector unless told otherwise.
        unless = {"vision": True, "projector": True, "language": False}
        parts = [p for p, option in FROZEN.items() if not given.get(option, unless[p])]
    found["parts"] = parts
    if parts == ["moe"]:
        notes.append(
            "parts: [moe] needs a model with experts; the script itself loads a dense model, of "
            "which it trains nothing"
        )
    rates = {"vision": "vision_tower_lr", "projector": "mm_projector_lr"}
    own = {p: _number(given[o]) for p, o in rates.items() if o in given and p in parts}
    unused = [option for part, option in rates.items() if option in given and part not in parts]
    if unused:
        notes.append(f"{', '.join(unused)}: that part is frozen, so the rate is left out")
    return {**found, "part_learning_rates": own} if own else found


def _optimizer(given: Mapping[str, Any], *, notes: list[str]) -> dict[str, Any]:
    asked = str(given.get("optim", "adamw_torch"))
    if not asked.startswith("adamw_torch"):
        notes.append(f"optim {asked} is written as adamw")
    betas = [_number(given.get("adam_beta1", 0.9)), _number(given.get("adam_beta2", 0.999))]
    return {
        "kind": "adamw",
        "weight_decay": _number(given.get("weight_decay", 0.0)),
        "betas": betas,
        "eps": _number(given.get("adam_epsilon", 1e-8)),
    }


def _warmup(
    given: Mapping[str, Any],
    *,
    phase: Mapping[str, Any],
    num_samples: int | None,
    notes: list[str],
) -> float:
    steps = int(given.get("warmup_steps", 0))
    if not steps:
        return _number(given.get("warmup_ratio", 0.0))
    per_step = phase["batching"]["records_per_step"]
    total = phase.get("num_steps")
    if total is None and num_samples is not None:
        total = math.ceil(phase["epochs"] * num_samples / per_step)
    if total is None:
        notes.append(
            f"warmup_steps {steps} is a share of steps not known: warmup_fraction is {WARMUP}; "
            "give --num-samples"
        )
        return WARMUP
    return round(min(1.0, steps / total), 4)


def _lora(given: Mapping[str, Any]) -> dict[str, Any]:
    rank = int(given.get("lora_rank", 8))
    options: dict[str, Any] = {
        "rank": rank,
        "alpha": _number(given.get("lora_alpha") or 2 * rank),
        "dropout": _number(given.get("lora_dropout", 0.0)),
    }
    target = given.get("lora_target", "all")
    if target != "all":
        listed = target if isinstance(target, list) else str(target).split(",")
        options["targets"] = [str(name).strip() for name in listed]
    return options

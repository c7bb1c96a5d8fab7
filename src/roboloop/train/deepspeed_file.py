"""DeepSpeed's JSON files: what is taken from them, and what is refused. Imports no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from roboloop.base.errors import Place, RoboLoopError
from roboloop.train.run_options import Offloaded, RunOptions, Sharding

STAGES: dict[Sharding, int] = {"zero1": 1, "zero2": 2, "zero3": 3}
OFFLOADS: dict[Offloaded, str] = {"optimizer": "offload_optimizer", "weights": "offload_param"}
"""DeepSpeed's name of what is offloaded."""
OF_THE_PHASE = (
    "train_batch_size",
    "train_micro_batch_size_per_gpu",
    "gradient_accumulation_steps",
    "gradient_clipping",
)
"""Numbers that the phase has options of its own for: a file may only leave them open."""
WITHOUT_EFFECT = (
    "bf16",
    "fp16",
    "steps_per_print",
    "wall_clock_breakdown",
    "zero_allow_untested_optimizer",
    "zero_force_ds_cpu_optimizer",
)
"""What files of the field say besides; the phase's `precision` and log have the say."""


def zero_options(options: RunOptions) -> dict[str, Any]:
    """The section `zero_optimization` for a phase.

    Raises:
        RoboLoopError: E-TRN-009 for a file that cannot be read, describes another sharding, brings
            an optimizer or a schedule of its own, asks for float16, or says what would have no
            effect.
    """
    stage = STAGES[options.sharding]
    section: dict[str, Any] = {"stage": stage, "overlap_comm": False}
    section |= {OFFLOADS[what]: {"device": "cpu"} for what in options.offload}
    file = options.deepspeed_file
    if file is None:
        return section
    found: dict[str, Any] = _read(file).get("zero_optimization", {})
    devices = {what: found.get(key, {}).get("device", "none") for what, key in OFFLOADS.items()}
    offloads = [what for what, device in devices.items() if device != "none"]
    if found.get("stage") != stage or set(offloads) != set(options.offload):
        raise _refused(
            file,
            f"it is of stage {found.get('stage')} and offloads {_listed(offloads)}; the phase asks "
            f"for {options.sharding} and to offload {_listed(options.offload)}",
            fix="Set sharding and offload to what the file describes.",
        )
    if far := [device for device in devices.values() if device not in ("none", "cpu")]:
        raise _refused(file, f"it offloads to {far[0]!r}", fix="Offload to 'cpu'.")
    return section | {key: value for key, value in found.items() if value != "auto"}


def _read(file: Path) -> dict[str, Any]:
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _refused(file, f"it cannot be read: {error}", fix="Check the path.") from error
    for section in ("optimizer", "scheduler"):
        if section in given:
            raise _refused(
                file,
                f"its section {section!r} would take the place of the phase's own: learning rates "
                "of parts and the schedule would be lost without a word",
                fix=f"Remove {section!r} from the file; the phase says what it says.",
            )
    if given.get("fp16", {}).get("enabled") is True:
        raise _refused(file, "it asks for float16", fix="Use precision: bfloat16 in the phase.")
    for name in sorted(given.keys() - {"zero_optimization", *WITHOUT_EFFECT}):
        if name not in OF_THE_PHASE or given[name] != "auto":
            raise _refused(
                file,
                f"{name!r} would have no effect",
                fix='Remove it, or set it to "auto"; the phase has options of its own.',
            )
    return given


def _listed(offloads: Any) -> str:
    return " and ".join(offloads) or "nothing"


def _refused(file: Path, detail: str, *, fix: str) -> RoboLoopError:
    return RoboLoopError("E-TRN-009", detail, place=Place(file), fix=fix)

"""DeepSpeed's JSON files: what is taken from them, and what is refused. Imports no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from roboloop.base.errors import Place, RoboLoopError
from roboloop.train.run_options import RunOptions, Sharding

STAGES: dict[Sharding, int] = {"zero1": 1, "zero2": 2}


def zero_options(options: RunOptions) -> dict[str, Any]:
    """The section `zero_optimization` for a phase.

    Raises:
        RoboLoopError: E-TRN-009 for a file that cannot be read, brings an optimizer or a schedule
            of its own, asks for float16, or is of another stage.
    """
    stage = STAGES[options.sharding]
    section: dict[str, Any] = {"stage": stage, "overlap_comm": False}
    file = options.deepspeed_file
    if file is None:
        return section
    given = _read(file)
    found: dict[str, Any] = given.get("zero_optimization", {})
    offloads = any(
        found.get(key, {}).get("device", "none") != "none"
        for key in ("offload_optimizer", "offload_param")
    )
    if found.get("stage") != stage or offloads:
        names = "and offloads" if offloads else "without offloading"
        raise _refused(
            file,
            f"it is of stage {found.get('stage')} {names}, not {options.sharding}",
            fix="Set sharding to what the file describes.",
        )
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
    return given


def _refused(file: Path, detail: str, *, fix: str) -> RoboLoopError:
    return RoboLoopError("E-TRN-009", detail, place=Place(file), fix=fix)

"""Read `trainer_log.jsonl` and its relatives: the lines, and the curves in them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError

MAX_POINTS = 1_200
"""Points drawn for each curve: more than a screen has columns for."""

STEP = "current_steps"
FIRST = ("loss", "eval_loss", "lr", "throughput")
NOT_CURVES = frozenset({STEP, "total_steps", "percentage", "epoch", "total_tokens"})

TITLES = {
    "loss": "loss",
    "eval_loss": "loss on held-out records",
    "cross_entropy": "loss without smoothing and z-loss",
    "z_loss": "z-loss",
    "lr": "learning rate",
    "throughput": "tokens per second",
    "grad_norm": "norm of the gradient",
    "mfu": "share of the devices' arithmetic put to use",
    "padding_fraction": "share of tokens that only fill up",
    "data_wait_seconds": "seconds waited for data, per line of the log",
    "memory": "peak memory, GiB",
    "vram_allocated": "peak memory of tensors, GiB",
    "vram_reserved": "peak memory that PyTorch holds, GiB",
    "tokens_real": "tokens, per line of the log",
    "tokens_target": "tokens trained on, per line of the log",
    "tokens_image": "picture tokens, per line of the log",
    "skipped_steps": "steps whose gradient was thrown away",
    "moe_balance": "balance loss of experts, 1 is even use",
    "moe_entropy": "entropy of experts' use, 1 is even use",
    "moe_most_load": "busiest expert's share over an equal one",
    "moe_router_z": "squared log-sum-exp of routers",
    "accuracy": "share of pairs with a positive margin",
    "reward_chosen": "reward of true answers",
    "reward_rejected": "reward of rejected answers",
    "reward_margin": "reward of true over rejected answers",
    "logp_chosen": "log-probability of true answers",
    "logp_rejected": "log-probability of rejected answers",
    "chosen_ratio_per_token": "log-ratio to the reference, a token of true answers",
    "kl_estimate": "divergence from the reference, an estimate",
    "preference_loss": "loss of preferences",
    "sft_loss": "cross-entropy of true answers",
}
"""What curves are called; others by their field."""

SAMPLE = Path(__file__).parent / "samples" / "llama_factory_trainer_log.jsonl"
"""The log that RoboBrain's published fine-tuning of a 7B model left: 93 steps by LLaMA-Factory."""

Curve = list[tuple[float, float]]


class LogLines(NamedTuple):
    """Lines of a log.

    Attributes:
        lines: Those with a step, in the field names of `trainer_log.jsonl`.
        num_unread: How many could not be read, such as one cut off.
    """

    lines: list[dict[str, Any]]
    num_unread: int


def read_log(path: Path) -> LogLines:
    """The lines of a `trainer_log.jsonl`; none when there is no file."""
    lines: list[dict[str, Any]] = []
    num_unread = 0
    if not path.exists():
        return LogLines(lines, num_unread)
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line: Any = json.loads(text)
        except ValueError:
            line = None
        if isinstance(line, dict) and is_figure(line.get(STEP)):  # pyright: ignore[reportUnknownMemberType]
            lines.append(line)  # pyright: ignore[reportUnknownArgumentType]
        else:
            num_unread += 1
    return LogLines(lines, num_unread)


def read_any_log(path: Path) -> LogLines:
    """The lines of a `trainer_log.jsonl`, or of a `trainer_state.json` of Hugging Face's Trainer.

    Raises:
        RoboLoopError: E-RUN-010 when it is neither.
    """
    if not path.is_file():
        raise RoboLoopError("E-RUN-010", "there is no such file", place=Place(path))
    found = _from_trainer_state(path) if path.suffix == ".json" else read_log(path)
    if not found.lines:
        raise RoboLoopError("E-RUN-010", f"no line of it has the field {STEP!r}", place=Place(path))
    return found


def curves_of(lines: Sequence[Mapping[str, Any]]) -> dict[str, Curve]:
    """Field -> its (step, value) pairs, the best known fields first; what is not finite is out."""
    curves: dict[str, Curve] = {}
    for line in lines:
        for name, value in line.items():
            if name not in NOT_CURVES and is_figure(value):
                curves.setdefault(name, []).append((line[STEP], float(value)))
    order = [*(name for name in FIRST if name in curves), *sorted(set(curves) - set(FIRST))]
    return {name: curves[name] for name in order}


def thinned(curve: Curve, *, max_points: int = MAX_POINTS) -> Curve:
    """At most `max_points` points that keep every peak and dip.

    Each of `max_points` / 2 equal pieces keeps its lowest and its highest point.
    """
    if len(curve) <= max_points:
        return curve
    num_pieces = max_points // 2
    kept: Curve = []
    for piece in range(num_pieces):
        start = piece * len(curve) // num_pieces
        part = curve[start : (piece + 1) * len(curve) // num_pieces]
        ends = {part.index(min(part, key=_height)), part.index(max(part, key=_height))}
        kept += [part[index] for index in sorted(ends)]
    return kept


def is_figure(value: Any) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _height(point: tuple[float, float]) -> float:
    return point[1]


def _from_trainer_state(path: Path) -> LogLines:
    try:
        state: Any = json.loads(path.read_text(encoding="utf-8"))
        history = list[dict[str, Any]](state["log_history"])
    except (ValueError, KeyError, TypeError) as error:
        raise RoboLoopError(
            "E-RUN-010", "it has no log_history, as a trainer_state.json has", place=Place(path)
        ) from error
    lines = [_renamed(entry, total_steps=state.get("max_steps")) for entry in history]
    kept = [line for line in lines if is_figure(line.get(STEP))]
    return LogLines(kept, len(lines) - len(kept))


def _renamed(entry: Mapping[str, Any], *, total_steps: Any) -> dict[str, Any]:
    """An entry of `log_history` in the field names of `trainer_log.jsonl`."""
    names = {"step": STEP, "learning_rate": "lr", "num_input_tokens_seen": "total_tokens"}
    line = {names.get(name, name): value for name, value in entry.items()}
    return line if total_steps is None else {"total_steps": total_steps, **line}


def logs_of(place: Path) -> dict[str, Path]:
    """Training stage -> log, of a run folder in the order in which they began; or of one file."""
    if not place.is_dir():
        return {place.stem: place}
    found = place.glob("stages/train.*/trainer_log.jsonl")
    newest_last = sorted(found, key=lambda path: path.parent.stat().st_ctime_ns)
    return {_stage_name(path.parent.name): path for path in newest_last}


def has_ended(logs: Mapping[str, Path]) -> bool:
    """Whether there are logs and each has come to its last step."""
    ends = [lines[-1] if (lines := read_log(path).lines) else {} for path in logs.values()]
    return bool(ends) and all(end and end[STEP] == end.get("total_steps") for end in ends)


def _stage_name(folder: str) -> str:
    """`train.ground-1a2b3c4d5e` -> `ground`."""
    return folder.removeprefix("train.").rpartition("-")[0]

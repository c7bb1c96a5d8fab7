"""What looks wrong in a training log, of ours or of LLaMA-Factory's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from roboloop.runs.training_log import STEP, curves_of, is_figure

Lines = Sequence[Mapping[str, Any]]

LONG_WARMUP_FRACTION = 0.2
MUCH_PADDING_FRACTION = 0.15
MUCH_WAITING_FRACTION = 0.1
MUCH_OFF_FRACTION = 0.05
SPIKE_FACTOR = 3.0
ALIGNED = 8
"""Batches are filled up to a multiple of this; counts of real tokens are multiples by chance."""
FEWEST_WINDOWS = 4


class LogSummary(NamedTuple):
    """What a log comes to; None where it does not say.

    Attributes:
        steps: Steps done.
        total_steps: Steps meant.
        epochs: Passes over the data.
        first_loss: The first loss logged.
        last_loss: The last.
        lowest_loss: The lowest, and the step it was logged at.
        total_tokens: As the log counts them.
        elapsed: Time the steps took, as the log writes it.
        throughput: Median of the tokens a second.
    """

    steps: int
    total_steps: int | None
    epochs: float | None
    first_loss: float | None
    last_loss: float | None
    lowest_loss: tuple[float, int] | None
    total_tokens: int | None
    elapsed: str | None
    throughput: float | None


def summary_of(lines: Lines) -> LogSummary:
    """Read the summary off a log that has at least one line."""
    curves = curves_of(lines)
    loss = curves.get("loss", [])
    speed = [value for _, value in curves.get("throughput", [])]
    lowest = min(loss, key=lambda point: point[1], default=None)
    return LogSummary(
        steps=lines[-1][STEP],
        total_steps=_last(lines, "total_steps"),
        epochs=_last(lines, "epoch"),
        first_loss=loss[0][1] if loss else None,
        last_loss=loss[-1][1] if loss else None,
        lowest_loss=None if lowest is None else (lowest[1], int(lowest[0])),
        total_tokens=_last(lines, "total_tokens"),
        elapsed=_last(lines, "elapsed_time"),
        throughput=median(speed) if speed else None,
    )


class Claim(NamedTuple):
    """What is said about a run elsewhere.

    Attributes:
        num_samples: Records it was trained on.
        records_per_step: Records of a step, over all devices and passes.
    """

    num_samples: int
    records_per_step: int


def findings(lines: Lines, *, claim: Claim | None = None) -> list[str]:
    """Each thing that looks wrong, as a sentence or two; with a claim, whether the log bears it."""
    checks = (
        _unfinished, _not_finite, _spike, _long_warmup, _never_measured,
        _throughput_of_padding, _padding, _waiting,
    )  # fmt: skip
    found = [said for check in checks if (said := check(lines)) is not None]
    belied = None if claim is None else _belied(lines, claim=claim)
    return found if belied is None else [*found, belied]


def _belied(lines: Lines, *, claim: Claim) -> str | None:
    """Steps an epoch times records a step are the records there were."""
    line = next((line for line in lines if line.get("epoch")), None)
    if line is None:
        return None
    met = line[STEP] / line["epoch"] * claim.records_per_step
    if abs(met / claim.num_samples - 1) <= MUCH_OFF_FRACTION:
        return None
    return (
        f"An epoch has {line[STEP] / line['epoch']:.1f} steps of {claim.records_per_step} records: "
        f"{met:,.0f} records were trained on, not {claim.num_samples:,}."
    )


def _unfinished(lines: Lines) -> str | None:
    done, total = lines[-1][STEP], _last(lines, "total_steps")
    if total is None or done >= total:
        return None
    return f"The log ends at step {done} of {total}: the run was stopped or is still going."


def _not_finite(lines: Lines) -> str | None:
    steps = [
        line[STEP]
        for line in lines
        if isinstance(line.get("loss"), float) and not math.isfinite(line["loss"])
    ]
    if not steps:
        return None
    return f"The loss is no finite number at {len(steps)} logged steps, first at step {steps[0]}."


def _spike(lines: Lines) -> str | None:
    loss = curves_of(lines).get("loss", [])
    for index in range(FEWEST_WINDOWS, len(loss)):
        before = median(value for _, value in loss[index - FEWEST_WINDOWS : index])
        step, value = loss[index]
        if before > 0 and value > SPIKE_FACTOR * before:
            return f"The loss jumps to {value:.3g} at step {step:.0f}, from about {before:.3g}."
    return None


def _long_warmup(lines: Lines) -> str | None:
    rates = curves_of(lines).get("lr", [])
    total = _last(lines, "total_steps") or lines[-1][STEP]
    if len(rates) < FEWEST_WINDOWS:
        return None
    step, highest = max(rates, key=lambda point: point[1])
    rises = rates[0][1] < 0.5 * highest
    if not rises or step <= LONG_WARMUP_FRACTION * total:
        return None
    return (
        f"The learning rate rises until step {step:.0f} of {total} ({step / total:.0%} of the "
        f"run), to {highest:.3g}: {total - step:.0f} steps are left after the warm-up. Most of the "
        "training was done at a fraction of the rate that was asked for. A warm-up is usually 3 to "
        "10 % of the steps; one given in steps has to be less than the steps there are."
    )


def _never_measured(lines: Lines) -> str | None:
    if any(is_figure(line.get("eval_loss")) for line in lines):
        return None
    return (
        "Nothing was measured on held-out records: there is no eval_loss. The interval may be "
        "longer than the run. Whether a lower loss is learning or memorising cannot be told."
    )


def _throughput_of_padding(lines: Lines) -> str | None:
    if any("tokens_real" in line for line in lines):
        return None
    counted = [line for line in lines if is_figure(line.get("total_tokens"))]
    tokens = [0, *(int(line["total_tokens"]) for line in counted)]
    if len(tokens) <= FEWEST_WINDOWS:
        return None
    factor = math.gcd(*(after - before for before, after in pairwise(tokens)))
    if factor % ALIGNED or not factor:
        return None
    return (
        f"Throughput counts filling: all {len(tokens) - 1} token counts are multiples of {factor}, "
        "as those of padded batches are. The real tokens a second are fewer; the log does not say "
        "by how much."
    )


def _padding(lines: Lines) -> str | None:
    shares = [value for _, value in curves_of(lines).get("padding_fraction", [])]
    if not shares or (share := median(shares)) <= MUCH_PADDING_FRACTION:
        return None
    return (
        f"{share:.0%} of the positions that were computed only fill batches up: pack the records."
    )


def _waiting(lines: Lines) -> str | None:
    waited = sum(value for _, value in curves_of(lines).get("data_wait_seconds", []))
    tokens, speed = _last(lines, "total_tokens"), _last(lines, "throughput")
    if not waited or not tokens or not speed:
        return None
    share = waited * speed / tokens
    if share <= MUCH_WAITING_FRACTION:
        return None
    return f"{share:.0%} of the time the devices waited for data: raise data_workers."


def _last(lines: Lines, name: str) -> Any:
    """The last value of a field; None when no line has it."""
    return next((line[name] for line in reversed(lines) if line.get(name) is not None), None)

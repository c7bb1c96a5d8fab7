"""Plans of three to five steps, made of longer or shorter ones.

Travelling is left out; a plan that gets too short has its first way back. A plan that is too long
loses the doors that are opened and closed again, then has the handling of a tool folded into one
step, then carrying (`pick_up`, `put`) into `move`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from roboloop.base.errors import RoboLoopError
from roboloop.compose.household import KNIFE
from roboloop.records.episode import EpisodeStep
from roboloop.records.episode_words import step_words

MIN_STEPS = 3
MAX_STEPS = 5


def compress(steps: Sequence[EpisodeStep]) -> tuple[EpisodeStep, ...]:
    """The plan in three to five steps.

    Raises:
        RoboLoopError: E-CMP-022 when the rules do not bring it there.
    """
    short = [step for step in steps if step.action != "go_to"]
    if len(short) < MIN_STEPS:
        short = _with_the_first_way(steps)
    if len(short) > MAX_STEPS:
        short = _without_doors(short)
    if len(short) > MAX_STEPS:
        short = _with_tools_folded(short)
    if len(short) > MAX_STEPS:
        short = _with_carrying_folded(short)
    if not MIN_STEPS <= len(short) <= MAX_STEPS:
        raise RoboLoopError("E-CMP-022", f"its {len(steps)} steps come down to {len(short)}")
    return tuple(short)


def _with_the_first_way(steps: Sequence[EpisodeStep]) -> list[EpisodeStep]:
    first = next((index for index, step in enumerate(steps) if step.action == "go_to"), None)
    return [
        step for index, step in enumerate(steps) if step.action != "go_to" or index == first
    ]  # fmt: skip


def _without_doors(steps: Sequence[EpisodeStep]) -> list[EpisodeStep]:
    """Without opening what is closed again later, and without closing it."""
    closed = {(s.object, s.number) for s in steps if s.action == "close"}
    opened = {(s.object, s.number) for s in steps if s.action == "open"}
    both = closed & opened
    return [
        s for s in steps if s.action not in ("open", "close") or (s.object, s.number) not in both
    ]


def _with_tools_folded(steps: Sequence[EpisodeStep]) -> list[EpisodeStep]:
    """`pick_up` of a knife, `slice` of one thing or several of a kind, `put` of it: one step."""
    folded: list[EpisodeStep] = []
    for step in steps:
        folded.append(step)
        if step.action != "put" or not step.object.endswith(KNIFE):
            continue
        start = len(folded) - 2
        while start > 0 and folded[start].action == "slice":
            start -= 1
        take, *cuts = folded[start:-1]
        if cuts and take.action == "pick_up" and len({cut.object for cut in cuts}) == 1:
            merged = replace(
                cuts[0], action="cut", count=len(cuts), tool=take.object, place=step.place,
                inside=step.inside,
            )  # fmt: skip
            folded[start:] = [_merged(merged, parts=(take, *cuts, step))]
    return folded


def _with_carrying_folded(steps: Sequence[EpisodeStep]) -> list[EpisodeStep]:
    """`pick_up` and `put` of one thing with nothing in between: `move`."""
    folded: list[EpisodeStep] = []
    for step in steps:
        before = folded[-1] if folded else None
        if (
            before is not None
            and (before.action, step.action) == ("pick_up", "put")
            and (before.object, before.number) == (step.object, step.number)
        ):
            folded[-1] = _merged(replace(step, action="move"), parts=(before, step))
        else:
            folded.append(step)
    return folded


def _merged(step: EpisodeStep, *, parts: Sequence[EpisodeStep]) -> EpisodeStep:
    """A step that stands for several: it begins with the first and ends with the last."""
    told = " ".join(part.told for part in parts) if all(part.told for part in parts) else ""
    spans = [part.span for part in parts if part.span]
    return replace(
        step,
        text=step_words(step),
        told=told,
        span=(spans[0][0], spans[-1][1]) if spans else (),
        media=parts[0].media,
    )

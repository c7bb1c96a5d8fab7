"""One stage of a run: done once for each content key, and said so."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.progress import console
from roboloop.runs.folder import RunFolder, StageFolder

MAX_CHANGES_SHOWN = 4


class StageOutput(NamedTuple):
    """What a stage leaves: the hash of its content and the facts worth showing in one line."""

    content_hash: str
    facts: Mapping[str, Any]


def complete(
    run: RunFolder, *, stage: StageFolder, work: Callable[[Path], StageOutput]
) -> StageFolder:
    """Do the stage's work unless it is done, and mark it done.

    A stage that was killed finds its own partial files in its folder and goes on from them.
    """
    out = console()
    mark = stage.mark
    if mark is not None:
        out.print(f"[green]✓[/] {stage.name}: kept  [dim]{_facts(mark['facts'])}[/]")
        run.event("stage_kept", stage=stage.name, key=stage.key)
        return stage
    old = run.previous_settings(stage.name, but_not=stage.key)
    if old is not None:
        changes = list(setting_changes(old, new=stage.settings)) or ["its inputs changed"]
        more = f" and {len(changes) - MAX_CHANGES_SHOWN} more" if changes[4:] else ""
        out.print(f"[yellow]↻[/] {stage.name}: again, {'; '.join(changes[:4])}{more}")
    else:
        out.print(f"[cyan]●[/] {stage.name}")
    run.event("stage_started", stage=stage.name, key=stage.key)
    started = time.monotonic()
    stage.path.mkdir(parents=True, exist_ok=True)
    output = work(stage.path)
    seconds = time.monotonic() - started
    stage.finish(output_hash=output.content_hash, seconds=seconds, facts=output.facts)
    run.event("stage_finished", stage=stage.name, key=stage.key, seconds=round(seconds, 3))
    out.print(f"[green]✓[/] {stage.name}: {_facts(output.facts)}  [dim]{seconds:.0f} s[/]")
    return stage


def setting_changes(old: Any, *, new: Any, prefix: str = "") -> list[str]:
    """Differences between two settings as texts like `train.learning_rate 0.001 -> 0.002`."""
    if isinstance(old, dict) and isinstance(new, dict):
        changes: list[str] = []
        for key in dict.fromkeys([*old, *new]):
            path = f"{prefix}.{key}" if prefix else str(key)
            changes += setting_changes(old.get(key), new=new.get(key), prefix=path)
        return changes
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        changes = []
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            changes += setting_changes(before, new=after, prefix=f"{prefix}.{index}")
        return changes
    return [] if old == new else [f"{prefix} {_short(old)} -> {_short(new)}"]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _facts(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_figure(value)}" for name, value in facts.items())


def _figure(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

"""`merge`: several LeRobot data sets as one."""

from __future__ import annotations

from pathlib import Path

from roboloop.base.progress import console


def merge(*inputs: Path, out: Path) -> int:
    """Write the episodes of several LeRobot data sets to one, in their order; version 3.0.

    The inputs stay as they are. They need the same features, frame rate and robot.

    Args:
        inputs: The folders of the data sets.
        out: A new folder.
    """
    from roboloop.sources.lerobot.merge import merge_lerobot

    merged = merge_lerobot(inputs, out=out)
    console().print(
        f"[green]{merged.num_episodes:,} episodes, {merged.num_frames:,} frames, "
        f"{merged.num_tasks:,} tasks[/]  {out}",
        soft_wrap=True,
    )
    return 0

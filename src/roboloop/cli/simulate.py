"""`simulate`: render new episodes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from roboloop.base.progress import console


def simulate(
    *,
    out: Path,
    episodes: int = 100,
    seed: int = 0,
    workers: int = 1,
    formats: tuple[Literal["records", "lerobot", "robointer", "droid", "rh20t"], ...] = (
        "records",
    ),
) -> int:
    """Render pick-and-place episodes of a Franka Panda with MuJoCo.

    The same seed gives the same bytes. Episodes that are complete are not rendered again, so an
    interrupted call can be repeated. Needs `pip install 'roboloop[sim]'` and OpenGL without a
    screen; `roboloop doctor` says whether both are there.

    Args:
        out: Folder to write to.
        episodes: How many.
        seed: Seed of the first episode; the next ones count up.
        workers: Processes.
        formats: What to write: records, LeRobot 3.0, the layouts of RoboInter, DROID and RH20T.
    """
    from roboloop.sources.simulated.generate import simulate as render

    summary = render(out, num_episodes=episodes, seed=seed, num_workers=workers, formats=formats)
    console().print(str(summary))
    print(out)  # noqa: T201
    return 0

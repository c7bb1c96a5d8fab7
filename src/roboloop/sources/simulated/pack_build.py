"""Render a pack: many short looks at many episodes, spread over all phases.

python -m roboloop.sources.simulated.pack_build --out pack --parts parts --train 300 --val 50
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roboloop.base.hashing import seeded_generator
from roboloop.base.progress import console, progress_bar
from roboloop.sources.simulated.controller import FAILURES, Failure
from roboloop.sources.simulated.episode import Episode, EpisodeOptions, simulate_episode
from roboloop.sources.simulated.observe import Observer
from roboloop.sources.simulated.pack import (
    Pack,
    RawEpisode,
    RawFrame,
    Split,
    read_part,
    write_pack,
    write_part,
)

VAL_SEED_OFFSET = 1_000_000
"""Validation episodes take their seeds from here on, so that no scene or camera is shared."""
STRATA = (
    ("settle", "reach"),
    ("descend", "grasp"),
    ("lift", "transport", "lower"),
    ("release", "retreat"),
)


@dataclass(frozen=True, slots=True)
class PackOptions:
    """What goes into a pack.

    Attributes:
        failure_fraction: Share of episodes that shall fail.
        num_key_frames: Frames of each episode, each drawn in every exterior view.
        quality: WebP quality, 0 to 100.
    """

    num_train: int
    num_val: int
    seed: int = 0
    failure_fraction: float = 0.14
    num_key_frames: int = 3
    quality: int = 70


class _Job(NamedTuple):
    seed: int
    split: Split
    options: PackOptions
    part: Path


def draw_failure(seed: int, *, fraction: float) -> Failure | None:
    """How the episode of this seed shall fail, if at all."""
    rng = seeded_generator("simulated", "failure", seed)
    if rng.random() >= fraction:
        return None
    return FAILURES[int(rng.integers(len(FAILURES)))]


def choose_key_frames(episode: Episode, *, num_frames: int) -> list[int]:
    """Frames from different quarters of the script, drawn from the episode's seed.

    Args:
        episode: Where to choose.
        num_frames: How many, at most one of each quarter.
    """
    rng = seeded_generator("simulated", "key frames", episode.seed)
    chosen: list[int] = []
    for stratum in sorted(rng.choice(len(STRATA), size=num_frames, replace=False)):
        phases = STRATA[int(stratum)]
        frames = [state.frame for state in episode.frames if state.phase in phases]
        chosen.append(int(rng.choice(frames)))
    return chosen


def encode_picture(rgb: NDArray[np.uint8], *, quality: int) -> bytes:
    """An (H, W, 3) picture as WebP."""
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "WEBP", quality=quality, method=6)
    return stream.getvalue()


def render_key_frames(seed: int, *, split: Split, options: PackOptions) -> RawEpisode:
    """Simulate one episode and draw its key frames in every exterior view."""
    failure = draw_failure(seed, fraction=options.failure_fraction)
    episode = simulate_episode(seed, options=EpisodeOptions(failure=failure))
    frames: list[RawFrame] = []
    with Observer(episode) as observer:
        for number in choose_key_frames(episode, num_frames=options.num_key_frames):
            for seen in observer.observe(number):
                height, width = seen.rgb.shape[:2]
                data = encode_picture(seen.rgb, quality=options.quality)
                frames.append(RawFrame(seen.truth, data, width, height))
        truth = observer.episode_truth()
    return RawEpisode(f"sim-{seed:07d}", split, truth, tuple(frames))


def _work(job: _Job) -> Path:
    if not job.part.is_file():
        episode = render_key_frames(job.seed, split=job.split, options=job.options)
        write_part(job.part, episode=episode)
    return job.part


def build_pack(folder: Path, *, options: PackOptions, parts: Path, num_workers: int = 1) -> Pack:
    """Render a pack into `folder`. The result does not depend on the number of workers.

    Args:
        folder: Where the pack goes.
        options: What to render.
        parts: Folder for finished episodes; those already there are not rendered again. Use one
            folder per version of the code and of the options.
        num_workers: Processes.
    """
    train = range(options.seed, options.seed + options.num_train)
    first_val = options.seed + VAL_SEED_OFFSET
    val = range(first_val, first_val + options.num_val)
    seeds: list[tuple[int, Split]] = [(seed, "train") for seed in train]
    seeds.extend((seed, "val") for seed in val)
    jobs = [_Job(seed, split, options, parts / f"{seed:07d}.zip") for seed, split in seeds]
    notes = {
        "made_by": "roboloop.sources.simulated.pack_build",
        "seed": options.seed,
        "failure_fraction": options.failure_fraction,
        "webp_quality": options.quality,
        "licence": "Apache-2.0",
    }
    return write_pack(folder, episodes=_render_all(jobs, num_workers=num_workers), notes=notes)


def _render_all(jobs: Sequence[_Job], *, num_workers: int) -> Iterator[RawEpisode]:
    with progress_bar("Rendering episodes", total=len(jobs)) as bar:
        if num_workers <= 1:
            for job in jobs:
                yield read_part(_work(job))
                bar.advance()
            return
        # OpenGL contexts do not survive a fork.
        context = multiprocessing.get_context("spawn")
        with context.Pool(num_workers) as pool:
            for part in pool.imap(_work, jobs):
                yield read_part(part)
                bar.advance()


def main() -> None:
    """Command line of the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", type=Path, required=True)
    parser.add_argument("--train", type=int, default=430)
    parser.add_argument("--val", type=int, default=75)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quality", type=int, default=70)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    options = PackOptions(
        num_train=given.train, num_val=given.val, seed=given.seed, quality=given.quality
    )
    pack = build_pack(given.out, options=options, parts=given.parts, num_workers=given.workers)
    console().print(pack.index)


if __name__ == "__main__":
    main()

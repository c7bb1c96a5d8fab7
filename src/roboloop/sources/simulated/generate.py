"""`roboloop simulate`: render episodes and write them in the formats asked for.

    <out>/pack.json, episodes.jsonl.gz, frames.zip     `records`: read with {kind: simulated, path}
    <out>/lerobot/                                     `lerobot`
    <out>/robointer/                                   `robointer`
    <out>/droid/                                       `droid`: read with {kind: droid_raw, path}
    <out>/rh20t/                                       `rh20t`: read with {kind: rh20t, path}
    <out>/work/                                        finished episodes; may be deleted afterwards

Episodes in `work` are not rendered again, so an interrupted call can be repeated, and a larger
number of episodes adds to a smaller one.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.base.progress import progress_bar
from roboloop.sources.simulated.assets import robot_model
from roboloop.sources.simulated.episode import EpisodeOptions, simulate_episode
from roboloop.sources.simulated.film import film_episode
from roboloop.sources.simulated.pack import RawEpisode, Split, read_part, write_pack, write_part
from roboloop.sources.simulated.pack_build import PackOptions, draw_failure, render_key_frames
from roboloop.sources.simulated.recording import Recording, write_recording
from roboloop.sources.simulated.render import load_mujoco
from roboloop.sources.simulated.truth import EpisodeTruth
from roboloop.sources.simulated.write_droid import write_droid
from roboloop.sources.simulated.write_lerobot import write_lerobot
from roboloop.sources.simulated.write_rh20t import write_rh20t
from roboloop.sources.simulated.write_robointer import write_robointer

FULL_FORMATS: Mapping[str, Callable[[Path, list[Recording]], int]] = MappingProxyType(
    {
        "lerobot": lambda out, recordings: write_lerobot(out, recordings=recordings),
        "robointer": lambda out, recordings: write_robointer(out, recordings=recordings),
        "droid": lambda out, recordings: write_droid(out, recordings=recordings),
        "rh20t": lambda out, recordings: write_rh20t(out, recordings=recordings),
    }
)
"""Formats that hold every frame -> what writes them to a folder."""
FORMATS = ("records", *FULL_FORMATS)
GENERATOR_VERSION = 1
"""Raised whenever the same seed gives other bytes; names the folder of finished episodes."""
VAL_EVERY = 7
"""One episode in seven is for validation."""


class SimulationSummary(NamedTuple):
    """What a call left behind.

    Attributes:
        num_new: Episodes rendered now; the others were there already.
        num_successes: Episodes whose object arrived.
        failure_causes: Cause -> number of episodes.
    """

    num_episodes: int
    num_new: int
    num_successes: int
    failure_causes: dict[str, int]
    formats: tuple[str, ...]
    out: Path

    def __str__(self) -> str:
        causes = ", ".join(f"{cause} {number}" for cause, number in self.failure_causes.items())
        failed = f"; failed: {causes}" if causes else ""
        return (
            f"{self.num_episodes} episodes ({self.num_new} new), {self.num_successes} succeeded"
            f"{failed}; written: {', '.join(self.formats)} in {self.out}"
        )


class _Job(NamedTuple):
    seed: int
    split: Split
    options: PackOptions
    target: Path


def episode_name(seed: int) -> str:
    """Id of the episode of a seed."""
    return f"sim-{seed:07d}"


def simulate(
    out: Path,
    *,
    num_episodes: int,
    seed: int = 0,
    num_workers: int = 1,
    formats: tuple[str, ...] = ("records",),
) -> SimulationSummary:
    """Render episodes with the seeds `seed`, `seed + 1` ... and write them.

    Args:
        out: Folder to write to.
        num_episodes: How many.
        seed: Of the first episode.
        num_workers: Processes; the result does not depend on it.
        formats: Some of `FORMATS`.

    Raises:
        RoboLoopError: E-CFG-003 for a format that does not exist or no episodes, E-SIM-001 or
            E-SIM-002 when OpenGL or the robot's files are missing.
        MissingDependencyError: when a package of the extra `sim` is not installed.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats:
        raise RoboLoopError("E-CFG-003", f"formats {unknown} are not among {', '.join(FORMATS)}")
    if num_episodes < 1:
        raise RoboLoopError("E-CFG-003", f"{num_episodes} episodes: at least one is needed")
    load_mujoco()
    robot_model()  # once, before the workers would all make it
    work = out / "work" / f"v{GENERATOR_VERSION}"
    options = PackOptions(num_train=num_episodes, num_val=0, seed=seed)
    seeds = range(seed, seed + num_episodes)
    num_new = 0
    truths: list[EpisodeTruth] = []
    if "records" in formats:
        jobs = [
            _Job(
                number, _split(index), options, work / "key_frames" / f"{episode_name(number)}.zip"
            )
            for index, number in enumerate(seeds)
        ]
        num_new = max(num_new, _run(jobs, work=_key_frames, num_workers=num_workers))
        truths = _write_records(out, jobs=jobs, seed=seed)
    if FULL_FORMATS.keys() & set(formats):
        jobs = [
            _Job(number, _split(index), options, work / "full" / episode_name(number))
            for index, number in enumerate(seeds)
        ]
        num_new = max(num_new, _run(jobs, work=_full_episode, num_workers=num_workers))
        recordings = [Recording(job.target) for job in jobs]
        truths = [recording.truth for recording in recordings]
        for name, write in FULL_FORMATS.items():
            if name in formats:
                write(out / name, recordings)
    return _summary(truths, num_new=num_new, formats=formats, out=out)


def _split(index: int) -> Split:
    return "val" if index % VAL_EVERY == VAL_EVERY - 1 else "train"


def _key_frames(job: _Job) -> None:
    episode = render_key_frames(job.seed, split=job.split, options=job.options)
    write_part(job.target, episode=episode)


def _full_episode(job: _Job) -> None:
    failure = draw_failure(job.seed, fraction=job.options.failure_fraction)
    episode = simulate_episode(job.seed, options=EpisodeOptions(failure=failure))
    write_recording(job.target, episode=film_episode(episode, episode_id=episode_name(job.seed)))


def _run(jobs: Sequence[_Job], *, work: Callable[[_Job], None], num_workers: int) -> int:
    """Do the jobs whose target is not there; gives how many these were."""
    open_jobs = [job for job in jobs if not job.target.exists()]
    with progress_bar("Rendering episodes", total=len(jobs)) as bar:
        bar.advance(len(jobs) - len(open_jobs))
        if num_workers <= 1 or len(open_jobs) <= 1:
            for job in open_jobs:
                work(job)
                bar.advance()
        else:
            # OpenGL contexts do not survive a fork.
            with multiprocessing.get_context("spawn").Pool(num_workers) as pool:
                for _ in pool.imap_unordered(work, open_jobs):
                    bar.advance()
    return len(open_jobs)


def _write_records(out: Path, *, jobs: Sequence[_Job], seed: int) -> list[EpisodeTruth]:
    """The pack of all parts; gives the episodes' truths."""
    truths: list[EpisodeTruth] = []

    def parts() -> Iterator[RawEpisode]:
        for job in jobs:
            episode = read_part(job.target)._replace(split=job.split)
            truths.append(episode.truth)
            yield episode

    write_pack(
        out,
        episodes=parts(),
        notes={"made_by": "roboloop simulate", "seed": seed, "licence": "Apache-2.0"},
    )
    return truths


def _summary(
    truths: Sequence[EpisodeTruth], *, num_new: int, formats: tuple[str, ...], out: Path
) -> SimulationSummary:
    causes = Counter(truth.failure_cause for truth in truths if truth.failure_cause is not None)
    return SimulationSummary(
        num_episodes=len(truths), num_new=num_new,
        num_successes=sum(truth.success for truth in truths),
        failure_causes=dict(sorted(causes.items())), formats=formats, out=out,
    )  # fmt: skip

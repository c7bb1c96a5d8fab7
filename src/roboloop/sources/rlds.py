"""rlds: robot episodes in TFRecord files (Bridge, DROID, Open X-Embodiment), without TensorFlow.

Pictures stay where they are: a record refers to the bytes of its JPEG inside the TFRecord file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import path_below
from roboloop.base.hashing import hash_file, hash_value
from roboloop.records.jsonl import Broken
from roboloop.records.media import SpanPicture
from roboloop.records.record import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.episode_questions import RobotEpisode, distinct, evenly_spread, words_of
from roboloop.sources.file_lists import folder_print
from roboloop.sources.rlds_features import (
    FEATURES_FILE,
    INFO_FILE,
    EpisodeFeatures,
    RldsLayout,
    Shard,
    read_layout,
)
from roboloop.sources.robot_episodes import RobotEpisodesSource, our_split
from roboloop.sources.tfrecords import Example, Tfrecord, scan_tfrecords

MAX_POOL_SHARDS = 16
MAX_POOL_EPISODES = 16


class RldsPart(NamedTuple):
    """A shard, how many of its episodes to read, and what else is done in the data set."""

    shard: Shard
    max_episodes: int
    other_tasks: tuple[str, ...]


class RldsSource(RobotEpisodesSource):
    """Robot episodes in TFRecord files as TensorFlow Datasets writes them."""

    kind: Literal["rlds"] = "rlds"  # pyright: ignore[reportIncompatibleVariableOverride]
    instruction_features: tuple[str, ...] | None = None
    """Features with the task in words, the best first, such as `steps/language_instruction`; left
    out: every text of a usual name."""

    def parts(self, context: SourceContext) -> Iterator[RldsPart]:
        """The shards, in the order of `dataset_info.json`.

        Raises:
            RoboLoopError: E-DAT-001 or E-DAT-002 when it is no RLDS data set, or has no words.
        """
        del context
        layout = self._layout()
        shards = [shard for shard in layout.shards if self._may_want(our_split(shard.split))]
        if not any((layout.folder / shard.file).is_file() for shard in shards):
            names = ", ".join(shard.file for shard in shards[:3]) or f"split {self.split!r}"
            raise RoboLoopError("E-DAT-001", f"there is no {names}", place=Place(layout.folder))
        others = tuple(_tasks_done(layout, shards))
        left = self.max_episodes
        for shard in shards:
            num = shard.num_episodes if left is None else min(left, shard.num_episodes)
            if num > 0:
                yield RldsPart(shard, num, others)
            left = None if left is None else left - num

    def read_part(self, part: RldsPart, context: SourceContext) -> Iterator[Record | Rejected]:
        """The records of one shard, episode by episode."""
        layout = self._layout()
        path = layout.folder / part.shard.file
        num_read = 0
        item = None
        try:
            path = path_below(layout.folder, relative=part.shard.file)
            for item in scan_tfrecords(path):
                if num_read == part.max_episodes:
                    return
                num_read += 1
                yield from self._read(item, part=part, layout=layout, context=context)
        except RoboLoopError as error:
            yield Rejected(error, None)
            return
        if num_read < part.max_episodes and not isinstance(item, Broken):
            detail = f"it has {num_read} episodes, {INFO_FILE} says {part.shard.num_episodes}"
            yield Rejected(RoboLoopError("E-REC-014", detail, place=Place(path)), None)

    def fingerprint(self) -> str:
        """Hash of the options, the two JSON files, and the names and sizes of all files."""
        folder = self._layout().folder
        described = [hash_file(folder / name) for name in (FEATURES_FILE, INFO_FILE)]
        return hash_value([self.model_dump(mode="json"), described, folder_print(folder)])

    def _layout(self) -> RldsLayout:
        layout = read_layout(self.path)
        chosen = self.instruction_features or layout.features.instructions
        if not chosen:
            raise RoboLoopError(
                "E-DAT-002",
                "no feature has a usual name for the task in words",
                place=Place(layout.folder / FEATURES_FILE),
                fix="Name it in `instruction_features`, such as steps/language_instruction.",
            )
        return layout._replace(features=layout.features._replace(instructions=chosen))

    def _may_want(self, split: str) -> bool:
        """Whether episodes published in `split` may end in the split that is asked for."""
        is_held_out = split == "train" and self.split == "val" and self.val_fraction > 0
        return self.split in ("all", split) or is_held_out

    def _read(
        self,
        item: Tfrecord | Broken,
        *,
        part: RldsPart,
        layout: RldsLayout,
        context: SourceContext,
    ) -> Iterator[Record | Rejected]:
        if isinstance(item, Broken):
            yield Rejected(item.error, None)
            return
        inside = layout.folder.relative_to(self.path)
        name = f"{self.name}:{(inside / part.shard.file).as_posix()}"
        key = f"{part.shard.split}-{part.shard.number:05d}/{item.number:04d}"
        origin = f"{part.shard.file}!{item.number}"
        try:
            example = Example(item)
            episode = _episode(
                example, layout.features, path=name, key=key, origin=origin,
                split=our_split(part.shard.split),
            )  # fmt: skip
        except RoboLoopError as error:
            record_id = f"{self.name}/{key}"
            yield Rejected(error.located(Place(origin, record_id=record_id)), record_id)
            return
        yield from self.episode_records(episode, other_tasks=part.other_tasks, context=context)


def _episode(
    example: Example, features: EpisodeFeatures, *, path: str, key: str, origin: str, split: str
) -> RobotEpisode:
    """The episode an Example holds.

    Raises:
        RoboLoopError: E-DAT-004 when its features do not have one value for each step, E-DAT-006
            when it is damaged.
    """
    cameras = {
        camera: tuple(
            SpanPicture(path=path, offset=span.offset, num_bytes=span.num_bytes)
            for span in example.spans(feature)
        )
        for camera, feature in features.cameras.items()
    }
    counts = {camera: len(frames) for camera, frames in cameras.items()}
    num_frames = max(counts.values())
    if num_frames == 0 or len(set(counts.values())) > 1:
        raise RoboLoopError("E-DAT-004", f"its cameras have different numbers of steps: {counts}")
    words = [
        words_of(_per_step(example, name, num_steps=num_frames)) for name in features.instructions
    ]
    known = next((found for found in words if found.steps or found.instruction), None)
    return RobotEpisode(
        key=key,
        origin=origin,
        num_frames=num_frames,
        cameras=cameras,
        instructions=tuple(distinct([found.instruction for found in words])),
        steps=known.steps if known else (),
        split=split,
        meta=_meta(example, features),
    )


def _per_step(example: Example, feature: str, *, num_steps: int) -> list[str]:
    """A text for each step; a text of the episode counts for all of them."""
    texts = example.texts(feature)
    if len(texts) not in (0, 1, num_steps):
        raise RoboLoopError("E-DAT-004", f"{feature} has {len(texts)} values for {num_steps} steps")
    return texts * num_steps if len(texts) == 1 else texts


def _meta(example: Example, features: EpisodeFeatures) -> dict[str, Any]:
    """What is said of the episode as a whole, such as the file it was made from."""
    texts = {name: example.texts(name) for name in features.texts}
    numbers = {name: example.whole_numbers(name) for name in features.whole_numbers}
    return {
        name.removeprefix("episode_metadata/"): values[0]
        for name, values in (*texts.items(), *numbers.items())
        if len(values) == 1
    }


def _tasks_done(layout: RldsLayout, shards: list[Shard]) -> list[str]:
    """The tasks of some episodes of shards that are evenly spread: enough for wrong options.

    Pictures are not read. Broken shards and records are passed over; reading them says so.
    """
    met: list[str] = []
    for number in evenly_spread(len(shards), num_wanted=MAX_POOL_SHARDS):
        path = path_below(layout.folder, relative=shards[number].file)
        if not path.is_file():
            continue
        for item in scan_tfrecords(path, verify=False):
            if isinstance(item, Broken) or item.number >= MAX_POOL_EPISODES:
                break
            try:
                met += _instruction(Example(item), layout.features)
            except RoboLoopError:
                continue
    return distinct(met)


def _instruction(example: Example, features: EpisodeFeatures) -> list[str]:
    """The first of its instructions that is not empty."""
    texts = (example.texts(feature) for feature in features.instructions)
    return next(([given[0]] for given in texts if len(set(given)) == 1 and given[0].strip()), [])


__all__ = ["RldsSource"]

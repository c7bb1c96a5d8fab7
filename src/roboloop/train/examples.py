"""Records to training examples: the pictures, and the questions that are asked about each.

Which pictures a step takes, which questions, wordings and augmentations, all follow from the seed
and the number of the step alone. So a run that is resumed at step n sees what the uninterrupted
run saw, and the number of processes changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.base.hashing import seeded_generator
from roboloop.base.progress import track
from roboloop.models.chat import Encoded, Encoder
from roboloop.models.pixels import Patches
from roboloop.records.media import Media
from roboloop.records.media_open import MediaStore, medium_name
from roboloop.records.record import Record
from roboloop.records.shards import RecordFolder
from roboloop.train.augment import Change, draw_change, recoloured
from roboloop.train.branches import Branched, branch
from roboloop.train.config import SftConfig
from roboloop.train.conversation import conversation
from roboloop.train.mixture import SPLIT
from roboloop.train.target_weights import weigh_answers


class PictureGroup(NamedTuple):
    """All records about the same pictures in the same order.

    Attributes:
        name: Names the pictures, such as `sim:frames.zip!e12_040.webp`.
        media: The pictures.
        records: The questions about them.
    """

    name: str
    media: tuple[Media, ...]
    records: tuple[Record, ...]


class Visit(NamedTuple):
    """The `epoch`-th time (from 0) that a group is met."""

    group: int
    epoch: int


class TooLong(NamedTuple):
    """A record that is left out of a visit, and the source it came from."""

    error: RoboLoopError
    source: str


class Sketch(NamedTuple):
    """A visit before its pictures are cut.

    Attributes:
        group: What is visited.
        record_ids: The records that are asked, in order.
        encoded: Their conversations; no patches.
        change: What happens to the pictures.
        too_long: Drawn too, but longer than the limit.
    """

    group: PictureGroup
    record_ids: tuple[str, ...]
    encoded: tuple[Encoded, ...]
    change: Change
    too_long: tuple[TooLong, ...]


class Example(NamedTuple):
    """What one picture brings to a step: its questions, in as few rows as are exact."""

    rows: tuple[Branched, ...]
    record_ids: tuple[str, ...]


def load_records(folder: RecordFolder, *, config: SftConfig, split: str = SPLIT) -> list[Record]:
    """The records of a split of the tasks wanted that have an answer, in the order of the files.

    Raises:
        RoboLoopError: E-TRN-004 when there is none.
    """
    found = [
        record
        for record in folder.records(split)
        if (not config.tasks or record.task in config.tasks) and record.answer is not None
    ]
    if not found:
        tasks = ", ".join(config.tasks) or "any task"
        raise RoboLoopError(
            "E-TRN-004", f"no record of split {split!r} and {tasks}", place=Place(folder.path)
        )
    return found


def load_groups(
    folder: RecordFolder, *, config: SftConfig, split: str = SPLIT
) -> list[PictureGroup]:
    """The records of `load_records` by picture.

    Raises:
        RoboLoopError: E-TRN-004 when there is none.
    """
    return by_pictures(load_records(folder, config=config, split=split))


def by_pictures(records: Iterable[Record]) -> list[PictureGroup]:
    """Records that are about the same pictures together, in the order of their first ones."""
    found: dict[tuple[Media, ...], list[Record]] = {}
    for record in records:
        found.setdefault(record.media, []).append(record)
    return [
        PictureGroup(" ".join(map(medium_name, media)), media, tuple(records))
        for media, records in found.items()
    ]


class Schedule:
    """Which pictures each step meets: all of them in a drawn order, then all in another."""

    def __init__(self, num_groups: int, *, pictures_per_step: int, seed: int) -> None:
        self.num_groups = num_groups
        self.pictures_per_step = pictures_per_step
        self.seed = seed
        self._order = lru_cache(maxsize=2)(self._draw_order)

    def visits(self, step: int) -> list[Visit]:
        """The pictures of a step, counted from 0."""
        first = step * self.pictures_per_step
        places = (divmod(n, self.num_groups) for n in range(first, first + self.pictures_per_step))
        return [Visit(int(self._order(epoch)[place]), epoch) for epoch, place in places]

    def _draw_order(self, epoch: int) -> NDArray[np.int64]:
        return seeded_generator(self.seed, "order", epoch).permutation(self.num_groups)


class PictureCache:
    """The pictures of all groups, each decoded once and kept at the size the model sees it."""

    def __init__(self, media: MediaStore, *, encoder: Encoder) -> None:
        self._media = media
        self._encoder = encoder
        self._seen: dict[Media, Image.Image] = {}

    def get(self, medium: Media) -> Image.Image:
        """The picture at the size the model sees it.

        Raises:
            RoboLoopError: E-MED-* when it cannot be read, E-DIA-001 when it cannot be shown.
        """
        if medium not in self._seen:
            picture = self._media.open(medium)
            view = self._encoder.dialect.view_size(PictureSize(*picture.size))
            self._seen[medium] = self._encoder.parts.pixels.seen(picture, view=view)
        return self._seen[medium]

    def load(self, groups: Sequence[PictureGroup]) -> None:
        """Decode the pictures of all groups now, and show progress."""
        for group in track(groups, title="pictures"):
            for medium in group.media:
                self.get(medium)


class ExampleMaker:
    """Turns visits into examples.

    Args:
        groups: What can be visited.
        encoder: Writes conversations in the model's tokens.
        pictures: Where the pictures come from.
        config: The phase.
        seed: Names every draw.
    """

    def __init__(
        self,
        groups: Sequence[PictureGroup],
        *,
        encoder: Encoder,
        pictures: PictureCache,
        config: SftConfig,
        seed: int,
    ) -> None:
        self.groups = groups
        self.encoder = encoder
        self.pictures = pictures
        self.config = config
        self.seed = seed

    def make(self, visit: Visit) -> Example:
        """The example of a visit; the same one whenever it is asked for.

        Raises:
            RoboLoopError: E-TRN-002 for a question that is too long, E-MED-*.
        """
        sketch = self.outline(visit)
        for left_out in sketch.too_long:
            raise left_out.error
        return self.fill(sketch)

    def outline(self, visit: Visit) -> Sketch:
        """The questions of a visit, without its pictures.

        Raises:
            RoboLoopError: E-REC-*, E-MED-*, E-DIA-001.
        """
        group = self.groups[visit.group]
        rng = seeded_generator(self.seed, "visit", visit.epoch, group.name)
        records = draw_records(
            rng,
            records=group.records,
            weights=self.config.tasks,
            most=self.config.questions_per_picture,
        )
        change = draw_change(rng, config=self.config.augment, records=records)
        views = [PictureSize(*self.pictures.get(medium).size) for medium in group.media]
        asked: list[tuple[str, Encoded]] = []
        too_long: list[TooLong] = []
        for record in records:
            encoded = self._encode(change.record(record), views=views, rng=rng)
            if encoded.num_tokens <= self.config.max_tokens:
                asked.append((record.id, encoded))
            else:
                too_long.append(TooLong(self._refusal(record, encoded), record.source))
        ids, items = zip(*asked, strict=True) if asked else ((), ())
        return Sketch(group, ids, items, change, tuple(too_long))

    def fill(self, sketch: Sketch) -> Example:
        """The example with its pictures; no rows where every question is too long.

        Raises:
            RoboLoopError: E-MED-*.
        """
        if not sketch.encoded:
            return Example((), ())
        cut = [self._cut(picture) for picture in self._changed_pictures(sketch)]
        items = [encoded.with_pictures(cut) for encoded in sketch.encoded]
        return Example(branch(items, parts=self.encoder.parts), sketch.record_ids)

    def _changed_pictures(self, sketch: Sketch) -> list[Image.Image]:
        pictures = [self.pictures.get(medium) for medium in sketch.group.media]
        warp, colour_seed = sketch.change
        if warp is not None:
            pictures = [warp.picture(picture) for picture in pictures]
        if colour_seed is not None:
            assert self.config.augment is not None
            rng, most = np.random.default_rng(colour_seed), self.config.augment.colour
            pictures = [recoloured(picture, rng=rng, most=most) for picture in pictures]
        return pictures

    def _cut(self, picture: Image.Image) -> Patches:
        return self.encoder.parts.pixels.cut(picture, view=PictureSize(*picture.size))

    def _encode(
        self, record: Record, *, views: Sequence[PictureSize], rng: np.random.Generator
    ) -> Encoded:
        wording_seed = int(rng.integers(2**31)) if self.config.reword else None
        turns = conversation(
            record,
            dialect=self.encoder.dialect,
            config=self.config,
            wording_seed=wording_seed,
        )
        weigh = weigh_answers(record, config=self.config.loss.weights)
        return self.encoder.outline(views, turns=turns, weigh=weigh)

    def _refusal(self, record: Record, encoded: Encoded) -> RoboLoopError:
        return RoboLoopError(
            "E-TRN-002",
            f"{encoded.num_tokens} tokens, {encoded.num_image_tokens} of them the picture's; "
            f"the limit is {self.config.max_tokens}",
            place=Place(record_id=record.id),
        )


def draw_records(
    rng: np.random.Generator,
    *,
    records: Sequence[Record],
    weights: Mapping[str, float],
    most: int,
) -> list[Record]:
    """Draw up to `most` records without repetition, each as likely as its task's weight says."""
    shares = np.array([weights.get(record.task, 1.0) for record in records])
    # The smallest of exponential waiting times with these rates: a weighted draw in one line.
    waits = rng.exponential(size=len(records)) / shares
    return [records[place] for place in np.argsort(waits, kind="stable")[:most]]

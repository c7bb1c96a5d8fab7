"""Records to rows, in two steps: first their tokens, which need no picture opened; then pictures.

The first step tells how long a row is, so that rows can be shared out before anything is decoded.
What it wrote is kept for the second: no text is tokenized twice.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.base.hashing import seeded_generator
from roboloop.dialects import Dialect
from roboloop.models.chat import Encoded, Encoder
from roboloop.models.pixels import Patches, PixelFormat
from roboloop.records.media import Media
from roboloop.records.media_open import MediaStore, medium_name
from roboloop.records.record import Record
from roboloop.train.augment import Change, Warp, draw_change, recoloured
from roboloop.train.batches import TokenCounts
from roboloop.train.budget import fit
from roboloop.train.config import SftConfig
from roboloop.train.conversation import conversation
from roboloop.train.examples import Schedule, Visit
from roboloop.train.row_lengths import RowLengths, VisitKeys
from roboloop.train.target_weights import weigh_answers


class Outline(NamedTuple):
    """A row without its pictures.

    Attributes:
        record: The record as it is asked.
        encoded: Its tokens; no patches.
        views: Sizes at which its pictures are seen.
        change: What happens to them.
    """

    record: Record
    encoded: Encoded
    views: tuple[PictureSize, ...]
    change: Change

    @property
    def counts(self) -> TokenCounts:
        """Its tokens by kind; exact."""
        encoded = self.encoded
        return TokenCounts(encoded.num_tokens, encoded.num_target_tokens, encoded.num_image_tokens)


class ViewCache:
    """Decoded pictures at the sizes they are seen at; the least recently used go first.

    Args:
        media: Opens pictures.
        pixels: How the model resizes them.
        most_bytes: Limit of what is kept.
    """

    def __init__(self, media: MediaStore, *, pixels: PixelFormat, most_bytes: int) -> None:
        self._media = media
        self._pixels = pixels
        self._most = most_bytes
        self._held: OrderedDict[tuple[Media, PictureSize], Image.Image] = OrderedDict()
        self._num_bytes = 0
        self._lock = threading.Lock()

    def size(self, medium: Media) -> PictureSize:
        """Width and height of the original; from its header where the reference does not say.

        Raises:
            RoboLoopError: E-MED-*.
        """
        return medium.size or self._media.size(medium)

    def get(self, medium: Media, *, view: PictureSize) -> Image.Image:
        """The picture, resized to `view` (bicubic).

        Raises:
            RoboLoopError: E-MED-004 when it is not as large as its reference says, E-MED-*.
        """
        key = (medium, view)
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        picture = self._media.open(medium)
        if medium.size is not None and picture.size != medium.size:
            raise RoboLoopError(
                "E-MED-004", f"{medium_name(medium)}: {picture.size} is not {medium.size}"
            )
        seen = self._pixels.seen(picture, view=view)
        with self._lock:
            if key not in self._held:
                self._held[key] = seen
                self._num_bytes += _num_bytes(view)
            while self._num_bytes > self._most and self._held:
                (_, gone), _ = self._held.popitem(last=False)
                self._num_bytes -= _num_bytes(gone)
        return seen


class RecordRows:
    """Writes visits to records as rows; the same visit gives the same row.

    Args:
        records: What can be visited.
        encoder: Writes conversations in the model's tokens.
        pictures: Where the pictures come from.
        config: The phase.
        seed: Names every draw.
        lengths: Where the lengths of rows are kept.
    """

    def __init__(
        self,
        records: Sequence[Record],
        *,
        encoder: Encoder,
        pictures: ViewCache,
        config: SftConfig,
        seed: int,
        lengths: RowLengths | None = None,
    ) -> None:
        self.records = records
        self._encoder = encoder
        self._pictures = pictures
        self._config = config
        self._seed = seed
        self._lengths = lengths
        self._keys = None if lengths is None else VisitKeys(encoder, config=config, seed=seed)

    def known_length(self, visit: Visit) -> int | None:
        """Tokens of the row of a visit, where they are kept; raises as `outline`."""
        if self._lengths is None or self._keys is None:
            return None
        return self._lengths.get(self._keys.key(self._sized(visit), visit=visit))

    def keep_length(self, visit: Visit, *, length: int) -> None:
        """Keep the tokens of a row."""
        if self._lengths is not None and self._keys is not None:
            self._lengths.add(self._keys.key(self._sized(visit), visit=visit), length=length)

    def outline(self, visit: Visit) -> Outline:
        """The row of a visit (`visit.group` counts records), without its pictures.

        Raises:
            RoboLoopError: E-TRN-002 for a record that is too long and cannot be made shorter
                exactly; E-REC-*, E-DIA-001.
        """
        record = self._sized(visit)
        rng = seeded_generator(self._seed, "visit", visit.epoch, record.id)
        change = draw_change(rng, config=self._config.augment, records=[record])
        record = change.record(record)
        wording_seed = int(rng.integers(2**31)) if self._config.reword else None

        weigh = weigh_answers(record, config=self._config.loss.weights)

        def write(record: Record, dialect: Dialect) -> Encoded:
            turns = conversation(
                record, dialect=dialect, config=self._config, wording_seed=wording_seed
            )
            return self._encoder.outline(_views(record, dialect=dialect), turns=turns, weigh=weigh)

        try:
            fitted = fit(
                record,
                dialect=self._encoder.dialect,
                write=write,
                max_tokens=self._config.max_tokens,
            )
        except RoboLoopError as error:
            raise error.located(Place(record_id=record.id)) from error
        views = _views(fitted.record, dialect=fitted.dialect)
        return Outline(fitted.record, fitted.encoded, views, change)

    def fill(self, outline: Outline) -> Encoded:
        """The row with its pictures.

        Raises:
            RoboLoopError: E-MED-*.
        """
        seed = outline.change.colour_seed
        rng = None if seed is None else np.random.default_rng(seed)
        cut = [
            self._cut(medium, view=view, warp=outline.change.warp, rng=rng)
            for medium, view in zip(outline.record.media, outline.views, strict=True)
        ]
        return outline.encoded.with_pictures(cut)

    def _sized(self, visit: Visit) -> Record:
        """The record with the sizes of its pictures."""
        record = self.records[visit.group]
        sizes = [self._pictures.size(medium) for medium in record.media]
        media = tuple(replace(m, size=s) for m, s in zip(record.media, sizes, strict=True))
        return replace(record, media=media)

    def _cut(
        self,
        medium: Media,
        *,
        view: PictureSize,
        warp: Warp | None,
        rng: np.random.Generator | None,
    ) -> Patches:
        picture = self._pictures.get(medium, view=view)
        if warp is not None:
            picture = warp.picture(picture)
        if rng is not None:
            assert self._config.augment is not None
            picture = recoloured(picture, rng=rng, most=self._config.augment.colour)
        return self._encoder.parts.pixels.cut(picture, view=view)


class RecordSchedule(Schedule):
    """Which records each step meets: all of an epoch in a drawn order, then the next epoch.

    Args:
        tasks: The task of each record.
        weights: Of a task with half the largest weight, half the records are met in an epoch,
            drawn anew for each. A task that is not named has weight 1.
        records_per_step: Over all processes.
        seed: Names the order.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        weights: dict[str, float],
        records_per_step: int,
        seed: int,
    ) -> None:
        names, which = np.unique(np.array(tasks), return_inverse=True)
        shares = np.array([weights.get(str(name), 1.0) for name in names])
        members = [np.flatnonzero(which == number) for number in range(len(names))]
        self._members = members
        self._kept = [
            max(1, round(len(places) * share))
            for places, share in zip(members, shares / shares.max(), strict=True)
        ]
        super().__init__(sum(self._kept), pictures_per_step=records_per_step, seed=seed)

    @classmethod
    def of(cls, records: Sequence[Record], *, config: SftConfig, seed: int) -> RecordSchedule:
        """The schedule of a phase over these records."""
        tasks = [record.task for record in records]
        weights, per_step = dict(config.tasks), config.items_per_step
        return cls(tasks, weights=weights, records_per_step=per_step, seed=seed)

    def _draw_order(self, epoch: int) -> NDArray[np.int64]:
        rng = seeded_generator(self.seed, "order", epoch)
        drawn = [
            rng.permutation(places)[:kept]
            for places, kept in zip(self._members, self._kept, strict=True)
        ]
        return rng.permutation(np.concatenate(drawn))


def _views(record: Record, *, dialect: Dialect) -> tuple[PictureSize, ...]:
    sizes = [medium.size for medium in record.media]
    return tuple(dialect.view_size(size) for size in sizes if size is not None)


def _num_bytes(view: PictureSize) -> int:
    return 3 * view.width * view.height

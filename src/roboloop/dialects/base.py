"""A dialect: how one family of models writes places in a picture.

Inside the library a place is a float pixel of the original picture. A model sees a resized picture
and writes numbers in its own frame: pixels of the resized picture, thousandths, percent, unit
fractions. A dialect is the only code that knows both. It is declared in the recipe, never guessed
from the size of the numbers: (300, 200) may be pixels or thousandths, and both lie in the picture.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, cast

from roboloop.base.geometry import PictureSize, Point
from roboloop.records.answers import Box, Boxes, Points, Trajectory

Spatial = Box | Boxes | Points | Trajectory


class ReadStatus(StrEnum):
    """How a text was read.

    - `exact`: as the dialect writes it. `repaired`: the meaning is plain, the form is not.
    - `outside`: some place lies outside the picture.
    - `other_convention`: all places lie far outside the picture, or all numbers are fractions of
      one where the dialect has none. They are kept as the dialect means them, never guessed at.
    - `unreadable`: there are no coordinates. `cut_off`: the text ends before they do.
    """

    EXACT = "exact"
    REPAIRED = "repaired"
    OUTSIDE = "outside"
    OTHER_CONVENTION = "other_convention"
    UNREADABLE = "unreadable"
    CUT_OFF = "cut_off"


class PointsRead(NamedTuple):
    """Points found in a text, in pixels of the original picture, in the order of the text.

    `labels` has one for each point, or none at all. A text that plainly says "none", such as `[]`,
    is read: it has no points and is not unreadable. `words` are the words of the text that hold the
    numbers, `place` is where they stood, such as `answer line`.
    """

    points_px: tuple[Point, ...]
    status: ReadStatus
    note: str = ""
    labels: tuple[str, ...] = ()
    words: str = ""
    place: str = ""


class BoxesRead(NamedTuple):
    """Boxes found in a text, in pixels of the original picture; otherwise as `PointsRead`."""

    boxes: tuple[Box, ...]
    status: ReadStatus
    note: str = ""
    words: str = ""
    place: str = ""


class Dialect(ABC):
    """One convention. Subclasses are frozen dataclasses whose fields are recipe options.

    Frame of the `*_px` arguments: pixels of the original picture, whose `size` is always given.
    """

    kind: ClassVar[str]
    title: ClassVar[str]

    def options(self) -> dict[str, Any]:
        """Its fields: `load_dialect(kind, **options)` makes the same dialect again."""
        return asdict(cast("Any", self))

    @abstractmethod
    def view_size(self, size: PictureSize) -> PictureSize:
        """Width and height of the picture the model sees, for an original of `size`."""

    def picture_tokens(self, size: PictureSize) -> int | None:
        """Tokens that the model spends on a picture of `size`; None where that is not known.

        Raises:
            RoboLoopError: E-DIA-001 for a picture that the model's processor refuses.
        """
        del size
        return None

    @abstractmethod
    def numbers(self, point_px: Point, *, size: PictureSize) -> tuple[str, str]:
        """The two numbers the model writes for a point, as text, x first."""

    @abstractmethod
    def point(self, x: float, y: float, *, size: PictureSize) -> Point:
        """The point in original pixels for the numbers x, y that a model wrote."""

    @abstractmethod
    def resolution_px(self, size: PictureSize) -> Point:
        """Largest error in x and y, in original pixels, that writing and reading back may cause."""

    @abstractmethod
    def write(self, answer: Spatial, *, size: PictureSize, key: str) -> str:
        """The whole answer text of a spatial answer.

        Args:
            answer: The answer, in original pixels.
            size: Size of the original picture.
            key: The task's name for it, such as `contact_bbox`; dialects without JSON ignore it.
        """

    @abstractmethod
    def write_inline(self, point_px: Point, *, size: PictureSize) -> str:
        """A point as it stands inside a question, such as `[120, 64]`."""

    @abstractmethod
    def write_value(self, place: Box | Points | Trajectory, *, size: PictureSize) -> str:
        """A place as one JSON value inside a longer text, such as `[10, 20, 60, 80]`."""

    @abstractmethod
    def read_points(self, text: str, *, size: PictureSize) -> PointsRead:
        """All points in a model's answer; tolerant of fences, prose, think tags, cut-off text."""

    @abstractmethod
    def read_boxes(self, text: str, *, size: PictureSize) -> BoxesRead:
        """All boxes in a model's answer, with labels where it gives them; tolerant as above.

        A box whose corners are swapped is put in order and reported as repaired.
        """

    @abstractmethod
    def format_hint(self, answer_kind: str, *, language: str, key: str | None = None) -> str:
        """One sentence for a prompt that says how to write an answer of this kind.

        Args:
            answer_kind: `box`, `boxes`, `points` or `trajectory`.
            language: `en` or `zh`.
            key: As in `write`; a general name when left out.
        """

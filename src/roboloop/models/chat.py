"""Conversations to numbers: the only place that writes a chat down in special tokens.

    <|im_start|>system ... <|im_end|> <|im_start|>user <picture> question <|im_end|>
    <|im_start|>assistant answer <|im_end|>

Each turn ends with a line break. The last answer and its `<|im_end|>` are what a model is trained
on; all other labels are `IGNORED`. Texts are tokenized piece by piece between special tokens, which
gives what Hugging Face's chat template gives, except for one case that is wrong there: an answer
that starts with white space is tokenized as the model will have to write it, apart from the line
break before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.dialects.base import Dialect
from roboloop.models.parts import Parts
from roboloop.models.pixels import CHANNELS, Patches
from roboloop.records.record import Turn

IGNORED = -100
"""Label of a token that is not trained on."""

PICTURE_MARK = "<image>"
"""Where a picture stands in a user's text."""


Spans = Sequence[tuple[int, int]]
"""Where tokens stand in a text: first character and one past the last."""

Weigh = Callable[[str, Spans], NDArray[np.float32]]
"""Gives the tokens of an answer their weights, from its text and their places in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """One conversation as numbers; `num_*` below count them.

    Attributes:
        input_ids: int64 [num_tokens].
        labels: int64 [num_tokens]: the token itself where it is trained on, else `IGNORED`. Not
            yet shifted: Hugging Face's models shift labels themselves.
        patches: uint8 [num_patches, 3, patch_size, patch_size] of all pictures in order.
        grid_thw: int64 [num_pictures, 3]: frames, rows and columns of patches.
        weights: float32 [num_tokens]: how much each target counts; None when all count 1.
    """

    input_ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    patches: NDArray[np.uint8]
    grid_thw: NDArray[np.int64]
    num_image_tokens: int
    num_target_tokens: int
    weights: NDArray[np.float32] | None = None

    @property
    def num_tokens(self) -> int:
        """Length of the sequence, pictures included."""
        return len(self.input_ids)

    def with_pictures(self, cut: Sequence[Patches]) -> Encoded:
        """The same conversation with its pictures, whose grids it was written for."""
        if not cut:
            return self
        assert np.array_equal(np.concatenate([item.grid_thw for item in cut]), self.grid_thw)
        return replace(self, patches=np.concatenate([item.values for item in cut]))


@dataclass(slots=True)
class _Draft:
    """A conversation while it is being written down."""

    ids: list[int] = field(default_factory=list[int])
    labels: list[int] = field(default_factory=list[int])
    weights: list[float] = field(default_factory=list[float])

    def add(self, ids: Sequence[int]) -> None:
        self.ids += ids
        self.labels += [IGNORED] * len(ids)
        self.weights += [0.0] * len(ids)

    def add_trained(self, ids: Sequence[int], *, weights: Sequence[float]) -> None:
        self.ids += ids
        self.labels += ids
        self.weights += weights


class Encoder:
    """Writes conversations in the tokens of one model and the picture sizes of one dialect.

    Args:
        parts: Tokenizer, special tokens and picture format.
        dialect: Says at which size a picture is seen.
        system: The system text; empty for no system turn, the model's own when left out. A
            conversation's own goes before it.
    """

    def __init__(self, parts: Parts, *, dialect: Dialect, system: str | None = None) -> None:
        self.parts = parts
        self.dialect = dialect
        self.system = parts.system if system is None else system

    def encode(
        self,
        pictures: Sequence[Image.Image | Patches],
        *,
        turns: Sequence[Turn],
        weigh: Weigh | None = None,
    ) -> Encoded:
        """A conversation to train on: its last turn is the target, weighed if asked.

        Earlier answers are context.

        Pictures stand where user turns say `<image>`; without such marks, before the first one.
        A picture that is already cut is taken as it is.

        Raises:
            RoboLoopError: E-ENG-002 when marks and pictures differ in number, E-ENG-003 when the
                dialect does not fit the model, E-DIA-001 for a picture it cannot show.
        """
        return self._pictured(pictures, turns=turns, ask=False, weigh=weigh)

    def outline(
        self, views: Sequence[PictureSize], *, turns: Sequence[Turn], weigh: Weigh | None = None
    ) -> Encoded:
        """As `encode` of pictures that are seen at these sizes, but without them: no `patches`.

        Raises:
            RoboLoopError: As `encode`.
        """
        grids = [self.parts.pixels.grid(view) for view in views]
        return self._write(grids, turns=turns, ask=False, weigh=weigh)

    def prompt(self, pictures: Sequence[Image.Image], *, question: str) -> Encoded:
        """A question, up to where the model's answer begins. Raises as `encode`."""
        return self._pictured(pictures, turns=(Turn("user", question),), ask=True)

    def prompt_turns(self, pictures: Sequence[Image.Image], *, turns: Sequence[Turn]) -> Encoded:
        """As `prompt`, for a conversation whose last turn is the user's."""
        return self._pictured(pictures, turns=turns, ask=True)

    def num_image_tokens(self, size: PictureSize) -> int:
        """Tokens a picture of this original size takes, without opening it."""
        return self.parts.pixels.num_tokens(self.dialect.view_size(size))

    def text_ids(self, text: str) -> list[int]:
        """Tokens of a plain text; what looks like a special token in it is plain text too."""
        return self.parts.tokenizer.encode(text, add_special_tokens=False).ids

    def _pictured(
        self,
        pictures: Sequence[Image.Image | Patches],
        *,
        turns: Sequence[Turn],
        ask: bool,
        weigh: Weigh | None = None,
    ) -> Encoded:
        pixels = self.parts.pixels
        cut = [
            picture
            if isinstance(picture, Patches)
            else pixels.cut(picture, view=self.dialect.view_size(PictureSize(*picture.size)))
            for picture in pictures
        ]
        grids = [item.grid_thw for item in cut]
        written = self._write(grids, turns=turns, ask=ask, weigh=weigh)
        return written.with_pictures(cut)

    def _write(
        self,
        grids: Sequence[NDArray[np.int64]],
        *,
        turns: Sequence[Turn],
        ask: bool,
        weigh: Weigh | None,
    ) -> Encoded:
        """The conversation about pictures of these grids ([1, 3] each), without their patches."""
        pixels = self.parts.pixels
        lengths = [int(grid.prod()) // pixels.merge_size**2 for grid in grids]
        draft = _Draft()
        placed = self._placed(turns, num_pictures=len(grids))
        self._write_turns(draft, turns=placed, lengths=lengths, weigh=weigh)
        if ask:
            self._open(draft, role="assistant")
        labels = np.array(draft.labels, dtype=np.int64)
        return Encoded(
            input_ids=np.array(draft.ids, dtype=np.int64),
            labels=labels,
            patches=np.empty((0, CHANNELS, pixels.patch_size, pixels.patch_size), dtype=np.uint8),
            grid_thw=np.concatenate([np.empty((0, 3), dtype=np.int64), *grids]),
            num_image_tokens=sum(lengths),
            num_target_tokens=int((labels != IGNORED).sum()),
            weights=None if weigh is None else np.array(draft.weights, dtype=np.float32),
        )

    def _write_turns(
        self,
        draft: _Draft,
        *,
        turns: Sequence[Turn],
        lengths: Sequence[int],
        weigh: Weigh | None,
    ) -> None:
        special = self.parts.special
        remaining = iter(lengths)
        for number, turn in enumerate(turns, start=1):
            if turn.role == "assistant":
                self._open(draft, role="assistant")
                if number == len(turns):
                    self._write_answer(draft, text=turn.text, weigh=weigh)
                else:
                    draft.add([*self.text_ids(turn.text), special.im_end])
            else:
                text = f"{turn.role}\n{turn.text}"
                pieces = text.split(PICTURE_MARK) if turn.role == "user" else [text]
                draft.add([special.im_start, *self.text_ids(pieces[0])])
                for piece in pieces[1:]:
                    pads = [special.image_pad] * next(remaining)
                    draft.add([special.vision_start, *pads, special.vision_end])
                    draft.add(self.text_ids(piece))
                draft.add([special.im_end])
            draft.add(self.text_ids("\n"))

    def _write_answer(self, draft: _Draft, *, text: str, weigh: Weigh | None) -> None:
        """The answer and its end, which stands after the last character."""
        found = self.parts.tokenizer.encode(text, add_special_tokens=False)
        ids = [*found.ids, self.parts.special.im_end]
        weights = [1.0] * len(ids)
        if weigh is not None:
            weights = weigh(text, [*found.offsets, (len(text), len(text))]).tolist()
        draft.add_trained(ids, weights=weights)

    def _open(self, draft: _Draft, *, role: str) -> None:
        draft.add([self.parts.special.im_start, *self.text_ids(f"{role}\n")])

    def _placed(self, turns: Sequence[Turn], *, num_pictures: int) -> list[Turn]:
        """The turns with a system turn in front and a mark for each picture."""
        placed = list(turns)
        if self.system and (not placed or placed[0].role != "system"):
            placed.insert(0, Turn("system", self.system))
        users = [i for i, turn in enumerate(placed) if turn.role == "user"]
        num_marks = sum(placed[i].text.count(PICTURE_MARK) for i in users)
        if num_marks == 0 and users:
            first = users[0]
            placed[first] = Turn("user", PICTURE_MARK * num_pictures + placed[first].text)
        elif num_marks != num_pictures:
            raise RoboLoopError(
                "E-ENG-002",
                f"the conversation has {num_marks} {PICTURE_MARK} marks and {num_pictures} "
                "pictures",
            )
        return placed

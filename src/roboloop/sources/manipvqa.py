"""manipvqa: affordance and physics questions with normalised boxes (arXiv 2403.11289).

Not RoboInter's planning set of the same name. The published boxes are fractions of the picture
*padded to a square*: SiyuanHuang95/ManipVQA's `handal_process.find_bounding_box` adds half of the
difference of the sides before it divides by the longer one, and its loader pads every picture.
Read as fractions of the picture itself, the boxes of a 4:3 picture are off by up to an eighth of
its width.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.base.hashing import hash_value
from roboloop.records.answers import Box, Boxes, Text, YesNo
from roboloop.records.media import FilePicture
from roboloop.records.record import Record, Turn
from roboloop.sources.conversations import Conversation, read_conversation
from roboloop.sources.entry_files import EntryFileSource
from roboloop.sources.fields import Entry, finite, kept_inside
from roboloop.sources.file_lists import folder_print
from roboloop.sources.measure import MediaMeter
from roboloop.sources.record_drafts import RecordDraft, record_of
from roboloop.sources.region_questions import region_inputs

DECIMALS = 2
"""The boxes are published with two decimals."""

_BOX = re.compile(r"\[\s*[^\[\],]+(?:\s*,\s*[^\[\],]+){3}\s*\]")
_DESCRIBED = re.compile(
    r"^please provide the bounding box coordinate of the region this sentence describes\s*:\s*",
    re.IGNORECASE,
)
_GRASP = re.compile(r"^grasp\s+for\s+", re.IGNORECASE)

Frame = Literal["padded_square", "picture"]


class ManipVqaSource(EntryFileSource):
    """ManipVQA's conversations; boxes in questions and answers become pixels of the picture."""

    kind: Literal["manipvqa"] = "manipvqa"  # pyright: ignore[reportIncompatibleVariableOverride]
    boxes: Frame
    """Of what the published boxes are fractions: the picture padded to a square, as in the
    published set, or the picture itself. Never guessed."""
    image_folder: Path | None = None
    """What the pictures' paths are relative to; the folder of `path` when left out."""
    strip_prefix: str = ""
    """Cut from the start of the pictures' paths, which are those of the authors' machine."""

    def media_roots(self) -> Mapping[str, Path]:
        """The folder of the pictures under the source's name."""
        return {self.name: self.image_folder} if self.image_folder else super().media_roots()

    def pictures_print(self) -> str:
        """Hash of the names and sizes of the pictures."""
        (folder,) = self.media_roots().values()
        return folder_print(folder) if folder.is_dir() else ""

    def entry_key(self, entry: Entry, *, file: Path) -> str:
        """The file's name and a hash of the entry: entries have no key of their own."""
        return f"{file.stem}/{hash_value(entry.fields)[:16]}"

    def record(self, entry: Entry, *, base: Record, meter: MediaMeter) -> Record:
        """The question in its type, with boxes in pixels."""
        conversation = read_conversation(entry.fields)
        exchange = _exchange(conversation)
        path = conversation.pictures[0].removeprefix(self.strip_prefix).lstrip("/")
        picture = meter.measured(FilePicture(path=f"{self.name}:{path}"))
        assert picture.size is not None
        draft = _draft(exchange, size=picture.size, frame=self.boxes)
        return record_of(draft, base=replace(base, media=(picture,)))


class _Exchange(NamedTuple):
    question: str
    answer: str


def _exchange(conversation: Conversation) -> _Exchange:
    """The one question and its answer."""
    match conversation.turns:
        case (Turn("user", question), Turn("assistant", answer)):
            pass
        case turns:
            roles = ", ".join(turn.role for turn in turns)
            raise RoboLoopError("E-DAT-004", f"it is no question with its answer but: {roles}")
    if len(conversation.pictures) != 1:
        raise RoboLoopError("E-DAT-004", f"it has {len(conversation.pictures)} pictures, not one")
    return _Exchange(question.replace("<image>", "").strip(), answer.strip())


def _draft(exchange: _Exchange, *, size: PictureSize, frame: Frame) -> RecordDraft:
    """The question in its type: a region's box, something about a region, or plain words."""
    question, answer = exchange
    asked, answered = _BOX.findall(question), _BOX.findall(answer)
    meta = {"published_question": question, "published_answer": answer, "boxes": frame}
    turns = (Turn("user", question),)
    if len(asked) > 1:
        raise RoboLoopError("E-DAT-004", f"its question is about {len(asked)} boxes")
    if asked and answered:
        raise RoboLoopError("E-DAT-004", "its question and its answer both have a box")
    if answered and _BOX.sub("", answer).strip(" ,.;[]"):
        raise RoboLoopError("E-REC-013", f"{answer[:80]!r} is more than a box")
    boxes = [_pixels(text, size=size, frame=frame) for text in (*asked, *answered)]
    if asked:
        about = " ".join(_BOX.sub(" ", question).split()).rstrip(" :")
        inputs = region_inputs(boxes[0], about=f"{about}{'' if about[-1:] in '.?!' else '.'}")
        return RecordDraft(task="vqa", inputs=inputs, answer=Text(answer), meta=meta)
    if len(boxes) == 1:
        described = _DESCRIBED.sub("", question)
        called = _GRASP.sub("region to grasp for ", described)
        return RecordDraft(
            task="object_box", inputs={"object": called}, turns=turns, answer=boxes[0], meta=meta
        )
    if boxes:
        return RecordDraft(
            task="detect_objects", turns=turns, answer=Boxes(tuple(boxes)), meta=meta
        )
    if not answer:
        raise RoboLoopError("E-DAT-004", "its answer is empty")
    verdict = answer.casefold().rstrip(".")
    if verdict in ("yes", "no"):
        return RecordDraft(
            task="yes_no_vqa", turns=turns, answer=YesNo(verdict == "yes"), meta=meta
        )
    return RecordDraft(task="vqa", turns=turns, answer=Text(answer), meta=meta)


def _pixels(text: str, *, size: PictureSize, frame: Frame) -> Box:
    """A published box in pixels of the picture.

    Raises:
        RoboLoopError: E-REC-010 not finite, E-REC-011 outside, E-REC-012 inside out, E-DAT-004
            when it is no list of numbers.
    """
    try:
        values = [finite(value, name="a side of its box") for value in json.loads(text)]
    except json.JSONDecodeError:
        raise RoboLoopError("E-DAT-004", f"{text!r} is no list of numbers") from None
    if any(not 0 <= value <= 1 for value in values):
        raise RoboLoopError("E-REC-011", f"{text} are no fractions of a picture")
    x1, y1, x2, y2 = values
    if x2 < x1 or y2 < y1:
        raise RoboLoopError("E-REC-012", f"box {text} has {'x2 < x1' if x2 < x1 else 'y2 < y1'}")
    width, height = size
    side = max(width, height)
    if frame == "picture":
        return Box(x1 * width, y1 * height, x2 * width, y2 * height)
    left, top = (side - width) / 2, (side - height) / 2
    box = Box(x1 * side - left, y1 * side - top, x2 * side - left, y2 * side - top)
    slack_px = side / 10**DECIMALS + 1
    try:
        return kept_inside(box, picture=size, slack_px=slack_px)
    except RoboLoopError as error:
        raise RoboLoopError(
            error.code,
            f"{error.detail}, in the padding of the square",
            fix="If this file's boxes are fractions of the picture itself, say `boxes: picture`.",
        ) from None

"""The ways in which conversations about pictures are published, read into one.

LLaVA (`conversations` of `from`, `value`), ShareGPT (the same with other speakers), chat `messages`
(of `role`, `content`, where content may be a list of parts) and Alpaca (`instruction`, `output`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from roboloop.base.errors import RoboLoopError
from roboloop.records.media import Media
from roboloop.records.record import InputValue, Role, Turn

IMAGE_MARK = "<image>"
VIDEO_MARK = "<video>"

_SPEAKERS: dict[str, Role] = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "system": "system",
}


class Conversation(NamedTuple):
    """Turns with `<image>` and `<video>` marks, and the paths of what stands there, in order.

    Attributes:
        turns: The published turns, the answer last; none when `inputs` hold the question.
        pictures: Paths below the image folder.
        videos: Paths below the image folder.
        references: Stands for `pictures` where some are inside a table or an archive.
        inputs: What the task words its question from.
        answer: The published answer where it does not stand in the turns.
        rejected: A published answer that is worse, or known to be bad.
        meta: What else the record keeps.
        split: The entry's own, where it has one.
    """

    turns: tuple[Turn, ...]
    pictures: tuple[str, ...] = ()
    videos: tuple[str, ...] = ()
    references: tuple[str | Media, ...] = ()
    inputs: Mapping[str, InputValue] = MappingProxyType({})
    answer: str | None = None
    rejected: str | None = None
    meta: Mapping[str, Any] = MappingProxyType({})
    split: str | None = None


def read_conversation(entry: Any) -> Conversation:
    """The conversation of an entry.

    Raises:
        RoboLoopError: E-DAT-004 when the entry has none of the known forms.
    """
    if not isinstance(entry, dict):
        raise unknown_form(f"an entry is a JSON object, not {type(entry).__name__}")
    given = cast("dict[str, Any]", entry)
    reading = Reading()
    turns = tuple(reading.turns(given))
    if not any(turn.role == "user" for turn in turns):
        raise unknown_form("nobody asks anything in it")
    pictures = [*media_paths(given, key="image"), *media_paths(given, key="images")]
    videos = [*media_paths(given, key="video"), *media_paths(given, key="videos")]
    if (pictures and reading.pictures) or (videos and reading.videos):
        raise unknown_form("its pictures are named both in the messages and beside them")
    return Conversation(turns, tuple(pictures or reading.pictures), tuple(videos or reading.videos))


class Reading:
    """Turns of one entry; collects the paths that stand inside them."""

    def __init__(self) -> None:
        self.pictures: list[str] = []
        self.videos: list[str] = []

    def turns(self, entry: dict[str, Any]) -> Iterator[Turn]:
        """The turns of an entry in any of the forms.

        Raises:
            RoboLoopError: E-DAT-004 when it has none of them.
        """
        spoken = entry.get("conversations", entry.get("messages"))
        if isinstance(entry.get("system"), str) and entry["system"]:
            yield Turn("system", entry["system"])
        if isinstance(spoken, list):
            for turn in cast("list[Any]", spoken):
                yield self._turn(turn)
        elif isinstance(entry.get("instruction"), str) and isinstance(entry.get("output"), str):
            parts = [entry["instruction"], str(entry.get("input") or "")]
            yield Turn("user", "\n".join(part for part in parts if part))
            yield Turn("assistant", entry["output"])
        else:
            keys = ", ".join(sorted(entry)) or "none"
            raise unknown_form(
                f"it has no conversations, messages or instruction; its keys: {keys}"
            )

    def _turn(self, turn: Any) -> Turn:
        if not isinstance(turn, dict):
            raise unknown_form(f"a turn is a JSON object, not {turn!r}")
        given = cast("dict[str, Any]", turn)
        speaker, content = given.get("from", given.get("role")), given.get("value")
        content = given.get("content") if content is None else content
        role = _SPEAKERS.get(speaker) if isinstance(speaker, str) else None
        if role is None:
            known = ", ".join(_SPEAKERS)
            raise unknown_form(f"speaker {speaker!r} is none of {known}")
        return Turn(role, self.text(content))

    def text(self, content: Any) -> str:
        """A turn's text: as it stands, or its parts put together with marks for its media.

        Raises:
            RoboLoopError: E-DAT-004 when it is neither text nor a list of known parts.
        """
        if isinstance(content, list):
            return "".join(self._part(part) for part in cast("list[Any]", content))
        if not isinstance(content, str):
            raise unknown_form(f"a turn's text is {content!r}")
        return content

    def _part(self, part: Any) -> str:
        match part:
            case str():
                return part
            case {"type": "text", "text": str() as text} | {"type": "text", "value": str() as text}:
                return text
            case {"type": "image" | "image_url" as kind}:
                self.pictures += _part_paths(cast("dict[str, Any]", part), kind=kind)
                return IMAGE_MARK
            case {"type": "video" | "video_url" as kind}:
                self.videos += _part_paths(cast("dict[str, Any]", part), kind=kind)
                return VIDEO_MARK
            case _:
                raise unknown_form(f"a part of a message is {part!r}")


def _part_paths(part: dict[str, Any], *, kind: str) -> list[str]:
    """The path in a part: under its kind's name, `value`, `path` or `url`; none for a bare mark."""
    for key in (kind, kind.removesuffix("_url"), "value", "path", "url"):
        if part.get(key) is not None:
            return [_path(part[key])]
    return []


def media_paths(entry: Mapping[str, Any], *, key: str) -> list[str]:
    """The paths under a key of an entry: one, a list of them, or none.

    Raises:
        RoboLoopError: E-DAT-004 when something else stands there.
    """
    value = entry.get(key)
    if value is None or value == "":
        return []
    values = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [_path(item) for item in values]


def _path(value: Any) -> str:
    match value:
        case {"url": str() as path} | {"path": str() as path}:
            return path
        case str():
            return value
        case _:
            raise unknown_form(f"a picture's path is {value!r}")


def unknown_form(detail: str) -> RoboLoopError:
    """The error of an entry that is of another form than expected."""
    return RoboLoopError("E-DAT-004", detail[:300])

"""auto: looks at what lies at a path, says which source fits, and reads it with that one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError, model_validator
from rich.markup import escape

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.progress import console
from roboloop.records.answers import Text
from roboloop.records.record import Record, record_to_json
from roboloop.sources.base import Rejected, Source, SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.detect import Detection, detect
from roboloop.sources.entry_source import EntrySource

_NUMBER = r"\s*-?\d+(?:\.\d+)?\s*"
_COORDINATES = re.compile(rf"[\[(<]{_NUMBER},{_NUMBER}(?:,{_NUMBER})*[\])>]")
MAX_SHOWN_CHARS = 200
MAX_ENTRIES_TRIED = 200


class AutoSource(DataSetSource):
    """Whatever lies at a path: the source that fits is found, shown, and used."""

    kind: Literal["auto"] = "auto"  # pyright: ignore[reportIncompatibleVariableOverride]
    task: str | None = None
    """As in the source that fits."""
    coordinates: str | None = None
    """The dialect in which the published answers write coordinates. Never guessed."""
    options: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Other options of the source that fits."""

    @model_validator(mode="before")
    @classmethod
    def _name_after_kind(cls, given: Any) -> Any:
        return given  # the source that fits has its own way to be named

    @cached_property
    def found(self) -> Detection:
        """What was recognised.

        Raises:
            RoboLoopError: E-DAT-001 or E-DAT-002 when nothing fits.
        """
        return detect(self.path)

    @cached_property
    def chosen(self) -> Source:
        """The source that fits.

        Raises:
            RoboLoopError: E-DAT-002 when none fits or this version has none of that kind, E-CFG-003
                when an option is none of it.
        """
        names = ("name", "licence", "rate", "limit", "verify_media", "task", "coordinates")
        stated = {name: getattr(self, name) for name in names if name in self.model_fields_set}
        return make_source(self.found, **stated, **self.options)

    def media_roots(self) -> Mapping[str, Path]:
        """Those of the source that fits."""
        return self.chosen.media_roots()

    def parts(self, context: SourceContext) -> Iterator[Any]:
        """Say what was recognised and show the first record; then the parts of that source.

        Raises:
            RoboLoopError: As the source that fits.
        """
        out = console()
        out.print(escape(described(self.found)), soft_wrap=True)
        first = first_record(self.chosen, context=context).record
        if first is not None:
            out.print(escape(shown(first)), soft_wrap=True)
        if isinstance(self.chosen, DataSetSource):
            yield from self.chosen.parts(context)
        else:
            yield None

    def read_part(self, part: Any, context: SourceContext) -> Iterator[Record | Rejected]:
        """What the source that fits yields.

        Raises:
            RoboLoopError: As the source that fits; E-CFG-003 when answers hold coordinates and
                `task` does not say of what.
        """
        chosen = self.chosen
        is_parted = isinstance(chosen, DataSetSource)
        for item in chosen.drawn(part, context) if is_parted else chosen.read(context):
            if isinstance(item, Record):
                self._check_coordinates(item)
            yield item

    def drawn(self, part: Any, context: SourceContext) -> Iterator[Record | Rejected]:
        """What `read_part` yields: the source that fits has drawn already."""
        return self.read_part(part, context)

    def fingerprint(self) -> str:
        """That of the source that fits."""
        return self.chosen.fingerprint()

    def _check_coordinates(self, record: Record) -> None:
        """A place that would pass as words is no words."""
        task = self.task or self.options.get("task")
        if task is None and isinstance(self.chosen, EntrySource) and has_coordinates(record):
            raise RoboLoopError(
                "E-CFG-003",
                "its answer holds coordinates, which are never guessed",
                place=Place(record.origin, record_id=record.id),
                fix="Say in `task` what they are, such as object_box, and in `coordinates` which "
                "dialect they are written in, such as plain; or `task: vqa` to keep them as text.",
            )


class FirstRecord(NamedTuple):
    """The first record of a source, if there is one near its beginning, and what came before."""

    record: Record | None
    left_out: tuple[RoboLoopError, ...]


def first_record(source: Source, *, context: SourceContext) -> FirstRecord:
    """Read a source up to its first record.

    Raises:
        RoboLoopError: What the source raises.
    """
    left_out: list[RoboLoopError] = []
    for item in islice(source.read(context), MAX_ENTRIES_TRIED):
        if isinstance(item, Record):
            return FirstRecord(item, tuple(left_out))
        left_out.append(item.error)
    return FirstRecord(None, tuple(left_out))


def make_source(found: Detection, **options: Any) -> Source:
    """The source that was recognised.

    Raises:
        RoboLoopError: E-DAT-002 when this version has none of that kind, E-CFG-003 for options
            that are not of it.
    """
    from roboloop.sources import SOURCES

    place = Place(str(found.options["path"]))
    if found.kind not in SOURCES.rows:
        raise RoboLoopError(
            "E-DAT-002", f"it is a {found.kind} set ({found.why}); no source reads it", place=place
        )
    try:
        return SOURCES.resolve(found.kind)(**{"kind": found.kind, **found.options, **options})
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'options'}: {one['msg']}" for one in error.errors()
        )
        raise RoboLoopError("E-CFG-003", f"source {found.kind}: {wrong}", place=place) from error


def has_coordinates(record: Record) -> bool:
    """Whether an answer in words holds `[x, y]` or longer lists of numbers."""
    return isinstance(record.answer, Text) and bool(_COORDINATES.search(record.answer.text))


def described(found: Detection) -> str:
    """What was recognised, in words."""
    options = [f"  {name}: {value}" for name, value in found.options.items()]
    told = [f"  {what} <- {where}" for what, where in found.mapping.items()]
    return "\n".join([f"source {found.kind}: found {found.why}", *options, *told])


def shown(record: Record) -> str:
    """A record as lines of a few words, for people."""
    lines = ["first record:"]
    for key, value in record_to_json(record).items():
        text = str(value)
        lines.append(f"  {key}: {text[:MAX_SHOWN_CHARS]}{'...' * (len(text) > MAX_SHOWN_CHARS)}")
    return "\n".join(lines)

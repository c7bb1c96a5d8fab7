"""Where a benchmark's files lie on the user's disk, and how they are named in messages.

A benchmark is found below the root in a folder named like it, like its hub data set (`BLINK`,
`BLINK-Benchmark/BLINK`, `BLINK-Benchmark__BLINK`), or in a copy of the hub's cache
(`datasets--BLINK-Benchmark--BLINK/snapshots/...`). Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roboloop.base.errors import Place, RoboLoopError
from roboloop.evaluate.benchmarks.frames import AUTHORS_FRAMES, FrameRule
from roboloop.records.jsonl import Broken, parse_json, scan_json_lines
from roboloop.records.media import FilePicture
from roboloop.records.media_open import MediaStore


@dataclass(frozen=True)
class BenchmarkFolder:
    """The files of one benchmark.

    Attributes:
        kind: The benchmark; also the name of the media root.
        path: Its folder.
        frames: How the frames of a video are chosen.
    """

    kind: str
    path: Path
    frames: FrameRule = AUTHORS_FRAMES

    @property
    def store(self) -> MediaStore:
        """Opens pictures below the folder."""
        return MediaStore({self.kind: self.path.resolve()})

    def medium_path(self, file: Path) -> str:
        """`kind:relative`, as media references name files."""
        return f"{self.kind}:{self.relative(file)}"

    def relative(self, file: Path) -> str:
        """The file's name below the folder."""
        return file.relative_to(self.path).as_posix()

    def find(self, *patterns: str) -> list[Path]:
        """Files that fit the first pattern that any file fits, sorted; empty when none does."""
        for pattern in patterns:
            if found := sorted(path for path in self.path.glob(pattern) if path.is_file()):
                return found
        return []

    def files(self, *patterns: str, what: str) -> list[Path]:
        """As `find`, but one must be there.

        Raises:
            RoboLoopError: E-EVA-010, with what was looked for and what lies there.
        """
        if found := self.find(*patterns):
            return found
        there = sorted(path.name for path in self.path.iterdir())[:8]
        raise RoboLoopError(
            "E-EVA-010",
            f"{self.kind}: no {what}; looked for {' or '.join(patterns)}, "
            f"there is {', '.join(there) or 'nothing'}",
            place=Place(self.path),
        )

    def picture(self, relative: str, *, place: Place) -> FilePicture:
        """A picture file below the folder.

        Raises:
            RoboLoopError: E-EVA-012 when it is not there, E-MED-005 when it leads out.
        """
        medium = FilePicture(path=f"{self.kind}:{relative}")
        if not self.store.locate(medium.path).is_file():
            raise RoboLoopError("E-EVA-012", f"picture {relative!r} is not there", place=place)
        return medium


def find_folder(root: Path, *, kind: str, hub: Sequence[str]) -> Path | None:
    """The folder of a benchmark below `root`, or None."""
    return next((path for path in _candidates(root, kind=kind, hub=hub) if path.is_dir()), None)


def folder_names(kind: str, *, hub: Sequence[str]) -> list[str]:
    """The names under which a benchmark is looked for, for messages."""
    return list(
        dict.fromkeys([kind, *(name for hub_id in hub for name in (hub_id, _short(hub_id)))])
    )


def read_json_list(file: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The objects of a JSON list or of JSON Lines, each with its place.

    Raises:
        RoboLoopError: E-EVA-011 when it is neither.
    """
    if file.suffix == ".jsonl":
        for line in scan_json_lines(file):
            if isinstance(line, Broken):
                raise line.error
            yield line.place, _object(line.value, place=line.place)
        return
    try:
        value: Any = parse_json(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, RoboLoopError) as error:
        detail = error.detail if isinstance(error, RoboLoopError) else str(error)
        raise RoboLoopError("E-EVA-011", f"not JSON: {detail}", place=Place(file)) from error
    if not isinstance(value, list):
        raise RoboLoopError("E-EVA-011", "the file is not a list of objects", place=Place(file))
    entries: list[Any] = value
    for number, entry in enumerate(entries):
        place = Place(file, record_id=f"entry {number}")
        yield place, _object(entry, place=place)


def need(fields: dict[str, Any], *names: str, place: Place) -> list[Any]:
    """The values of these keys.

    Raises:
        RoboLoopError: E-EVA-012 when one is missing or null.
    """
    missing = [name for name in names if fields.get(name) is None]
    if missing:
        raise RoboLoopError("E-EVA-012", f"the row lacks {', '.join(missing)}", place=place)
    return [fields[name] for name in names]


def _object(value: Any, *, place: Place) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RoboLoopError("E-EVA-012", "the entry is not an object", place=place)
    return value  # pyright: ignore[reportUnknownVariableType]


def _candidates(root: Path, *, kind: str, hub: Sequence[str]) -> Iterator[Path]:
    yield root / kind
    for hub_id in hub:
        yield root / hub_id
        yield root / hub_id.replace("/", "__")
        cached = root / f"datasets--{hub_id.replace('/', '--')}" / "snapshots"
        if cached.is_dir():
            yield from sorted(cached.iterdir())[-1:]
        yield root / _short(hub_id)


def _short(hub_id: str) -> str:
    return hub_id.rpartition("/")[2]

"""The rendered pack: simulated episodes as a folder of three files, read without a simulator.

pack.json          format version, counts, sizes and hashes of the other two
episodes.jsonl.gz  one line per episode: its truth, its split, its key frames with their truth
frames.zip         the pictures (WebP), stored without further compression

pack = read_pack()                      # the pack that ships with the library
episode = pack.episodes[0]
frame = episode.frames[0]
picture = pack.picture(frame)           # PIL, RGB, 320 x 180
frame.truth.gripper_box_px, frame.truth.objects, episode.truth.instruction
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from PIL import Image

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_bytes, atomic_write_json, atomic_writer
from roboloop.base.hashing import hash_bytes, hash_file
from roboloop.sources.simulated.truth import EpisodeTruth, FrameTruth
from roboloop.sources.simulated.truth_json import (
    episode_from_json,
    episode_to_json,
    frame_from_json,
    frame_to_json,
)

FORMAT_VERSION = 1
SHIPPED = Path(__file__).parent / "pack"
INDEX_FILE, EPISODES_FILE, FRAMES_FILE = "pack.json", "episodes.jsonl.gz", "frames.zip"
ZIP_TIME = (2000, 1, 1, 0, 0, 0)
Split = Literal["train", "val"]


@dataclass(frozen=True, slots=True)
class PackFrame:
    """One picture. `member` is its name in frames.zip; width and height are pixels."""

    member: str
    width: int
    height: int
    truth: FrameTruth


@dataclass(frozen=True, slots=True)
class PackEpisode:
    """One episode with its key frames, both views of a frame after each other."""

    id: str
    split: Split
    truth: EpisodeTruth
    frames: tuple[PackFrame, ...]


class RawFrame(NamedTuple):
    """A frame to be written: truth and encoded picture."""

    truth: FrameTruth
    data: bytes
    width: int
    height: int


class RawEpisode(NamedTuple):
    """An episode to be written."""

    id: str
    split: Split
    truth: EpisodeTruth
    frames: tuple[RawFrame, ...]


class Pack:
    """A pack on disk. Pictures are read on demand.

    Args:
        folder: Where the three files lie.

    Raises:
        RoboLoopError: E-SIM-003 when a file is missing, cut or from another version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index = _read_index(folder)
        self._archive: zipfile.ZipFile | None = None

    @property
    def frames_file(self) -> Path:
        """The zip that holds the pictures."""
        return self.folder / FRAMES_FILE

    @cached_property
    def episodes(self) -> tuple[PackEpisode, ...]:
        """All episodes in the order of writing."""
        return tuple(_read_episodes(self.folder / EPISODES_FILE))

    def select(self, split: Split) -> tuple[PackEpisode, ...]:
        """The episodes of one split."""
        return tuple(episode for episode in self.episodes if episode.split == split)

    def picture_bytes(self, frame: PackFrame) -> bytes:
        """The encoded picture of a frame."""
        if self._archive is None:
            self._archive = zipfile.ZipFile(self.frames_file)
        try:
            return self._archive.read(frame.member)
        except (KeyError, zipfile.BadZipFile) as error:
            raise RoboLoopError(
                "E-SIM-003",
                f"picture {frame.member!r} cannot be read",
                place=Place(self.frames_file),
            ) from error

    def picture(self, frame: PackFrame) -> Image.Image:
        """The picture of a frame, RGB."""
        return Image.open(io.BytesIO(self.picture_bytes(frame))).convert("RGB")

    def verify(self) -> None:
        """Compare the files' hashes with the index: reads everything.

        Raises:
            RoboLoopError: E-SIM-003 when a file was changed.
        """
        for name, entry in self.index["files"].items():
            if hash_file(self.folder / name) != entry["hash"]:
                raise RoboLoopError(
                    "E-SIM-003",
                    "the file's content is not what the index says",
                    place=Place(self.folder / name),
                )


def read_pack(folder: Path | None = None) -> Pack:
    """Open a pack: the one that ships with the library when no folder is named."""
    return Pack(SHIPPED if folder is None else folder)


def _read_index(folder: Path) -> dict[str, Any]:
    path = folder / INDEX_FILE
    try:
        index: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RoboLoopError("E-SIM-003", "no readable index", place=Place(path)) from error
    if index.get("format_version") != FORMAT_VERSION:
        raise RoboLoopError(
            "E-SIM-003",
            f"format version {index.get('format_version')}, not {FORMAT_VERSION}",
            place=Place(path),
        )
    for name, entry in index["files"].items():
        file = folder / name
        size = file.stat().st_size if file.is_file() else -1
        if size != entry["num_bytes"]:
            raise RoboLoopError(
                "E-SIM-003", f"{size} bytes in place of {entry['num_bytes']}", place=Place(file)
            )
    return index


def _read_episodes(path: Path) -> Iterator[PackEpisode]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                yield _episode_from_line(line, place=Place(path, line=number))
    except (OSError, EOFError) as error:
        raise RoboLoopError("E-SIM-003", f"cannot be read ({error})", place=Place(path)) from error


def _episode_from_line(line: str, *, place: Place) -> PackEpisode:
    try:
        value: dict[str, Any] = json.loads(line)
        frames = tuple(
            PackFrame(
                entry["member"], entry["width"], entry["height"], frame_from_json(entry["truth"])
            )
            for entry in value["frames"]
        )
        return PackEpisode(value["id"], value["split"], episode_from_json(value["truth"]), frames)
    except (KeyError, TypeError, ValueError) as error:
        raise RoboLoopError("E-SIM-003", f"not an episode ({error})", place=place) from error


def frame_member(episode_id: str, *, truth: FrameTruth) -> str:
    """Name of a picture in the zip: `<episode>/<view>/<frame>.webp`."""
    return f"{episode_id}/{truth.view}/{truth.frame:04d}.webp"


PART_LINE = "episode.json"


def write_part(path: Path, *, episode: RawEpisode) -> None:
    """Keep one rendered episode in a file, so that rendering can be stopped and taken up again."""
    with atomic_writer(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo(PART_LINE, ZIP_TIME), _episode_line(episode))
        for frame in episode.frames:
            member = zipfile.ZipInfo(frame_member(episode.id, truth=frame.truth), ZIP_TIME)
            archive.writestr(member, frame.data)


def read_part(path: Path) -> RawEpisode:
    """The inverse of `write_part`.

    Raises:
        RoboLoopError: E-SIM-003 when the file is not one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            line = archive.read(PART_LINE).decode()
            episode = _episode_from_line(line, place=Place(path))
            frames = tuple(
                RawFrame(frame.truth, archive.read(frame.member), frame.width, frame.height)
                for frame in episode.frames
            )
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise RoboLoopError("E-SIM-003", f"not a part ({error})", place=Place(path)) from error
    return RawEpisode(episode.id, episode.split, episode.truth, frames)


def write_pack(folder: Path, *, episodes: Iterable[RawEpisode], notes: dict[str, Any]) -> Pack:
    """Write a pack; equal episodes give equal bytes.

    Args:
        folder: Where to write.
        episodes: What to write, in order.
        notes: JSON values for the index, such as the seeds.
    """
    lines: list[str] = []
    counts = {"train": 0, "val": 0}
    num_frames = 0
    frames_path = folder / FRAMES_FILE
    with atomic_writer(frames_path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for episode in episodes:
            counts[episode.split] += 1
            num_frames += len(episode.frames)
            for frame in episode.frames:
                member = zipfile.ZipInfo(frame_member(episode.id, truth=frame.truth), ZIP_TIME)
                archive.writestr(member, frame.data, zipfile.ZIP_STORED)
            lines.append(_episode_line(episode))
    text = "".join(line + "\n" for line in lines).encode()
    atomic_write_bytes(folder / EPISODES_FILE, data=gzip.compress(text, 9, mtime=0))
    index = {
        "format_version": FORMAT_VERSION,
        "num_episodes": counts,
        "num_pictures": num_frames,
        "notes": notes,
        "files": {
            name: {"num_bytes": (folder / name).stat().st_size, "hash": hash_file(folder / name)}
            for name in (EPISODES_FILE, FRAMES_FILE)
        },
        "truth_hash": hash_bytes(text),
    }
    atomic_write_json(folder / INDEX_FILE, value=index)
    return Pack(folder)


def _episode_line(episode: RawEpisode) -> str:
    value = {
        "id": episode.id,
        "split": episode.split,
        "truth": episode_to_json(episode.truth),
        "frames": [
            {
                "member": frame_member(episode.id, truth=frame.truth),
                "width": frame.width,
                "height": frame.height,
                "truth": frame_to_json(frame.truth),
            }
            for frame in episode.frames
        ],
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

"""The episodes that a LeRobot data set lists, with their files, and the words of its tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.jsonl import Broken, scan_json_lines
from roboloop.sources.lerobot.layout import LerobotInfo

EPISODES_FILE_2 = "meta/episodes.jsonl"
EPISODES_FOLDER = "meta/episodes"
TASKS_FILE_2 = "meta/tasks.jsonl"
TASKS_FILE = "meta/tasks.parquet"
SUBTASKS_FILE = "meta/subtasks.parquet"


class VideoPart(NamedTuple):
    """Where an episode lies in a video file: it begins `from_seconds` after the file does."""

    file: str
    from_seconds: float


class ListedEpisode(NamedTuple):
    """An episode as listed.

    Attributes:
        data_file: The table with its frames, relative to the data set.
        videos: Camera feature -> where its pictures are; cameras of `image` features have none.
        origin: Where it is listed.
    """

    number: int
    num_frames: int
    data_file: str
    videos: Mapping[str, VideoPart]
    origin: str


def list_episodes(info: LerobotInfo) -> Iterator[ListedEpisode | Broken]:
    """Every episode in the order listed, or what is wrong with its line.

    Raises:
        RoboLoopError: E-DAT-001 or E-DAT-002 when there is no list.
    """
    if info.version[0] == 2:
        yield from _listed_in_lines(info)
    else:
        yield from _listed_in_tables(info)


class Tasks(NamedTuple):
    """The words of the tasks by number, and the lines of the list that cannot be read."""

    texts: Mapping[int, str]
    broken: tuple[Broken, ...] = ()


def read_tasks(info: LerobotInfo) -> Tasks:
    """The data set's list of tasks.

    Raises:
        RoboLoopError: E-DAT-001 or E-DAT-002 when there is no list.
    """
    if info.version[0] == 3:
        return Tasks(read_texts(info.folder / TASKS_FILE, number="task_index"))
    texts: dict[int, str] = {}
    broken: list[Broken] = []
    for line in scan_json_lines(info.folder / TASKS_FILE_2):
        if isinstance(line, Broken):
            broken.append(line)
            continue
        match line.value:
            case {"task_index": int() as index, "task": str() as text}:
                texts[index] = text
            case _:
                detail = f"not {{task_index, task}}: {str(line.value)[:120]}"
                broken.append(Broken(RoboLoopError("E-DAT-004", detail, place=line.place)))
    return Tasks(texts, tuple(broken))


def read_subtasks(info: LerobotInfo) -> dict[int, str]:
    """Sub-task number -> its words; empty where the data set has none."""
    file = info.folder / SUBTASKS_FILE
    return read_texts(file, number="subtask_index") if file.is_file() else {}


def read_texts(file: Path, *, number: str) -> dict[int, str]:
    """The texts of a table by their numbers. LeRobot keeps the text as the index of a data frame.

    Raises:
        RoboLoopError: E-DAT-001 or E-DAT-002 when it is no such table.
    """
    table = read_table(file)
    names = [name for name in table.column_names if name != number]
    texts = next((n for n in ("task", "subtask", "__index_level_0__") if n in names), None)
    if number not in table.column_names or texts is None:
        raise RoboLoopError(
            "E-DAT-002", f"no columns {number} and task: {table.column_names}", place=Place(file)
        )
    pairs = zip(table[number].to_pylist(), table[texts].to_pylist(), strict=True)
    return {index: str(text) for index, text in pairs if isinstance(index, int)}


def read_table(file: Path, *, columns: Sequence[str] | None = None) -> Any:
    """A Parquet table, of the columns named those that it has.

    Raises:
        RoboLoopError: E-DAT-001 when it is not there, E-MED-008 when it is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not file.is_file():
        raise RoboLoopError("E-DAT-001", "there is no such file", place=Place(file))
    try:
        library: Any = pq
        with library.ParquetFile(file) as opened:
            known = opened.schema_arrow.names
            wanted = None if columns is None else [name for name in columns if name in known]
            return opened.read(columns=wanted)
    except (pa.ArrowException, OSError) as error:
        raise RoboLoopError(
            "E-MED-008", f"not a whole Parquet file: {error}", place=Place(file)
        ) from error


def _listed_in_lines(info: LerobotInfo) -> Iterator[ListedEpisode | Broken]:
    file = info.folder / EPISODES_FILE_2
    for line in scan_json_lines(file):
        if isinstance(line, Broken):
            yield line
            continue
        match line.value:
            case {"episode_index": int() as index, "length": int() as length} if (
                min(index, length) >= 0
            ):
                yield _episode_2(
                    info, index, num_frames=length, origin=f"{file.name}:{line.place.line}"
                )
            case _:
                detail = f"not {{episode_index, length}}: {str(line.value)[:120]}"
                yield Broken(RoboLoopError("E-DAT-004", detail, place=line.place))


def _episode_2(info: LerobotInfo, index: int, *, num_frames: int, origin: str) -> ListedEpisode:
    numbers = {"episode_index": index, "episode_chunk": index // info.chunk_size}
    return ListedEpisode(
        number=index,
        num_frames=num_frames,
        data_file=info.data_file(**numbers),
        videos={
            camera: VideoPart(info.video_file(camera, **numbers), 0.0)
            for camera in info.cameras
            if info.features[camera] == "video"
        },
        origin=origin,
    )


def _listed_in_tables(info: LerobotInfo) -> Iterator[ListedEpisode | Broken]:
    files = sorted((info.folder / EPISODES_FOLDER).glob("*/*.parquet"))
    if not files:
        place = Place(info.folder / EPISODES_FOLDER)
        raise RoboLoopError("E-DAT-001", "it has no tables of episodes", place=place)
    columns = ["episode_index", "length", "data/chunk_index", "data/file_index"]
    for camera in info.cameras:
        names = ("chunk_index", "file_index", "from_timestamp", "to_timestamp")
        columns += [f"videos/{camera}/{name}" for name in names]
    for file in files:
        table = read_table(file, columns=columns)
        for number, row in enumerate(cast("list[dict[str, Any]]", table.to_pylist())):
            origin = f"{file.relative_to(info.folder).as_posix()}!{number}"
            try:
                yield _episode_3(info, row, origin=origin)
            except RoboLoopError as error:
                yield Broken(error.located(Place(f"{file}!{number}")))
            except (KeyError, TypeError, ValueError) as error:
                found = RoboLoopError("E-DAT-004", f"not the row of an episode: {error!r}")
                yield Broken(found.located(Place(f"{file}!{number}")))


def _episode_3(info: LerobotInfo, row: Mapping[str, Any], *, origin: str) -> ListedEpisode:
    """The episode of a row.

    Raises:
        RoboLoopError: E-DAT-004 when its part of a video is not as long as the episode.
    """
    num_frames = int(row["length"])
    videos: dict[str, VideoPart] = {}
    for camera in info.cameras:
        if info.features[camera] != "video" or row.get(f"videos/{camera}/file_index") is None:
            continue
        given = {
            name: row[f"videos/{camera}/{name}"]
            for name in ("chunk_index", "file_index", "from_timestamp", "to_timestamp")
        }
        first, end = float(given["from_timestamp"]), float(given["to_timestamp"])
        if not (first >= 0 and abs((end - first) * info.fps - num_frames) <= 1):
            raise RoboLoopError(
                "E-DAT-004",
                f"{camera}: {first:g} s to {end:g} s at {info.fps:g} frames per second are not "
                f"{num_frames} frames",
            )
        file = info.video_file(
            camera, chunk_index=int(given["chunk_index"]), file_index=int(given["file_index"])
        )
        videos[camera] = VideoPart(file, first)
    return ListedEpisode(
        number=int(row["episode_index"]),
        num_frames=num_frames,
        data_file=info.data_file(
            chunk_index=int(row["data/chunk_index"]), file_index=int(row["data/file_index"])
        ),
        videos=videos,
        origin=origin,
    )

"""What is in an RLDS data set: the `features.json` and `dataset_info.json` of TensorFlow Datasets.

An episode is one Example. Its `steps` are a data set of their own, stored as lists: the feature
`steps/observation/image_0` holds one picture for each step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.sources.json_files import read_json_object

FEATURES_FILE = "features.json"
INFO_FILE = "dataset_info.json"
STEPS = "steps"
DEFAULT_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
ENCODINGS = ("jpeg", "png")
_INSTRUCTION = re.compile(r"(natural_)?language_instruction(_\d+)?|language_text|instruction")


class EpisodeFeatures(NamedTuple):
    """The features of an Example that records are made of.

    Attributes:
        cameras: Camera -> feature of its pictures, in the order of the names.
        instructions: Features with a task in words, one for each step or one for the episode.
        texts: Other texts of the episode.
        whole_numbers: Whole numbers of the episode.
    """

    cameras: Mapping[str, str]
    instructions: tuple[str, ...]
    texts: tuple[str, ...]
    whole_numbers: tuple[str, ...]


class Shard(NamedTuple):
    """One TFRecord file: its name, its split, its number in the split, and its episodes."""

    file: str
    split: str
    number: int
    num_episodes: int


class RldsLayout(NamedTuple):
    """The folder that holds the files, what an episode has, and the shards in order."""

    folder: Path
    name: str
    features: EpisodeFeatures
    shards: tuple[Shard, ...]


def read_layout(path: Path) -> RldsLayout:
    """What is in the folder `path`, or in its only sub-folder, which is named by a version.

    Raises:
        RoboLoopError: E-DAT-001 or E-DAT-002 when it is no RLDS data set.
    """
    folder = _version_folder(path)
    info = read_json_object(folder / INFO_FILE)
    features = _features(read_json_object(folder / FEATURES_FILE), file=folder / FEATURES_FILE)
    try:
        name = str(info["name"])
        shards = tuple(_shards(info, name=name))
    except (KeyError, TypeError, ValueError) as error:
        raise RoboLoopError(
            "E-DAT-002", f"it does not list the splits: {error!r}", place=Place(folder / INFO_FILE)
        ) from error
    return RldsLayout(folder, name, features, shards)


def _version_folder(path: Path) -> Path:
    if not path.is_dir():
        raise RoboLoopError("E-DAT-001", "there is no such folder", place=Place(path))
    if (path / FEATURES_FILE).is_file():
        return path
    found = sorted(file.parent for file in path.glob(f"*/{FEATURES_FILE}"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(folder.name for folder in found)
    raise RoboLoopError(
        "E-DAT-002",
        f"the folder has several data sets: {names}" if found else f"it has no {FEATURES_FILE}",
        place=Place(path),
        fix="Give the folder that holds features.json, as .../bridge_dataset/1.0.0.",
    )


def _shards(info: Mapping[str, Any], *, name: str) -> Iterator[Shard]:
    """Every shard that should be there; `shardLengths` are texts in the published files."""
    for split in info["splits"]:
        lengths = [int(length) for length in split["shardLengths"]]
        for number, length in enumerate(lengths):
            of = f"{number:05d}-of-{len(lengths):05d}"
            file = (
                str(split.get("filepathTemplate") or DEFAULT_TEMPLATE)
                .replace("{DATASET}", name)
                .replace("{SPLIT}", str(split["name"]))
                .replace("{FILEFORMAT}", "tfrecord")
                .replace("{SHARD_X_OF_Y}", of)
            )
            yield Shard(Path(file).name, str(split["name"]), number, length)


def _features(tree: dict[str, Any], *, file: Path) -> EpisodeFeatures:
    """The features by what they are for.

    Raises:
        RoboLoopError: E-DAT-002 when it has no steps with pictures.
    """
    leaves = dict(_leaves(tree, prefix=""))
    pictures = [name for name, leaf in leaves.items() if _is_camera(name, leaf)]
    if not pictures:
        raise RoboLoopError("E-DAT-002", "it has no steps with colour pictures", place=Place(file))
    texts = [name for name, leaf in leaves.items() if _is_text(leaf)]
    instructions = [name for name in texts if _INSTRUCTION.fullmatch(_last(name))]
    of_episode = [name for name in leaves if not name.startswith(f"{STEPS}/")]
    return EpisodeFeatures(
        cameras={_camera_name(name, pictures): name for name in sorted(pictures)},
        instructions=tuple(sorted(instructions)),
        texts=tuple(name for name in of_episode if name in texts and name not in instructions),
        whole_numbers=tuple(name for name in of_episode if _is_whole_number(leaves[name])),
    )


def _leaves(node: Any, *, prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(node, dict):
        return
    inner: dict[str, Any] = node
    if "featuresDict" in inner:
        for name, child in inner["featuresDict"]["features"].items():
            yield from _leaves(child, prefix=f"{prefix}/{name}" if prefix else name)
    elif "sequence" in inner:
        yield from _leaves(inner["sequence"]["feature"], prefix=prefix)
    else:
        yield prefix, inner


def _is_camera(name: str, leaf: Mapping[str, Any]) -> bool:
    """A coloured picture of each step; depth has one channel."""
    picture = leaf.get("image")
    if not name.startswith(f"{STEPS}/") or not isinstance(picture, dict):
        return False
    shape = picture.get("shape", {}).get("dimensions", [])
    return str(picture.get("encodingFormat", "")) in ENCODINGS and str(shape[-1:]) == "['3']"


def _is_text(leaf: Mapping[str, Any]) -> bool:
    return "text" in leaf or leaf.get("tensor", {}).get("dtype") == "string"


def _is_whole_number(leaf: Mapping[str, Any]) -> bool:
    return str(leaf.get("tensor", {}).get("dtype")) in ("int32", "int64")


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _camera_name(name: str, among: list[str]) -> str:
    """The last part of the name, where no other camera has the same."""
    same = [other for other in among if _last(other) == _last(name)]
    return _last(name) if len(same) == 1 else name.removeprefix(f"{STEPS}/").replace("/", ".")

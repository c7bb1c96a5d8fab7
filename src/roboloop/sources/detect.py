"""Which source reads what lies at a path. `RULES` is the whole table, one row a kind.

Files are recognised by what marks their layout (names of files and folders) or else by what stands
at their beginning. Nothing is read to its end. A kind may be in the table before its source is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.sources.detect_json import find_json_form, find_records
from roboloop.sources.json_source import SUFFIXES as JSON_SUFFIXES
from roboloop.sources.published_rows import find_columns
from roboloop.sources.tsv_rows import open_tsv

MAX_FILES_LOOKED_AT = 2000
MAX_HINT_DEPTH = 4
MAX_HINT_FOLDERS = 40


class Match(NamedTuple):
    """What a rule found.

    Attributes:
        options: Of the recipe entry besides `kind`, such as `image_folder`.
        mapping: What is told -> where it stands, in words for people.
    """

    options: Mapping[str, Any] = {}
    mapping: Mapping[str, str] = {}


class Rule(NamedTuple):
    """How a kind of source is recognised.

    Attributes:
        kind: Of the source.
        looks_for: What must be there, in words.
        find: Gives a match, or None.
        is_marked: The layout has a mark of its own, which counts for more than how entries look.
    """

    kind: str
    looks_for: str
    find: Callable[[Path], Match | None]
    is_marked: bool = True


class Detection(NamedTuple):
    """The source that fits.

    Attributes:
        kind: Of the source.
        options: Of the recipe entry besides `kind`.
        mapping: What is told -> where it stands.
        why: What was found.
    """

    kind: str
    options: Mapping[str, Any]
    mapping: Mapping[str, str]
    why: str


def detect(path: Path) -> Detection:
    """The kind of source that reads what lies at a path.

    Raises:
        RoboLoopError: E-DAT-001 when nothing lies there, E-DAT-002 when no kind fits or several do.
    """
    if not path.exists():
        raise RoboLoopError("E-DAT-001", "there is no such file or folder", place=Place(path))
    found = [(rule, match) for rule in RULES if (match := rule.find(path)) is not None]
    if any(rule.is_marked for rule, _ in found):
        found = [(rule, match) for rule, match in found if rule.is_marked]
    if not found:
        wanted = "; ".join(f"{rule.kind}: {rule.looks_for}" for rule in RULES)
        raise RoboLoopError(
            "E-DAT-002",
            f"no source fits it. Looked for: {wanted}",
            place=Place(path),
            fix=_hint(path) or "Say the kind in the recipe; docs/sources/ describes the layouts.",
        )
    if len(found) > 1:
        kinds = ", ".join(f"{rule.kind} ({rule.looks_for})" for rule, _ in found)
        raise RoboLoopError(
            "E-DAT-002",
            f"several sources fit it: {kinds}",
            place=Place(path),
            fix="Say the kind in the recipe, or name one of the files.",
        )
    rule, match = found[0]
    return Detection(rule.kind, {"path": str(path), **match.options}, match.mapping, rule.looks_for)


def _hint(path: Path) -> str:
    """Names folders below that a rule fits, nearest first."""
    below = [path]
    for _ in range(MAX_HINT_DEPTH):
        below = [folder for parent in below for folder in sorted(parent.glob("*/"))]
        below = below[:MAX_HINT_FOLDERS]
        fits = [
            f"{folder} ({rule.kind})" for folder in below for rule in RULES if rule.find(folder)
        ]
        if fits:
            return f"Name a folder below it: {', '.join(fits[:5])}."
    return ""


def _with_files(*patterns: str) -> Callable[[Path], Match | None]:
    """A folder in which each of the patterns is met."""

    def find(path: Path) -> Match | None:
        met = path.is_dir() and all(any(path.glob(pattern)) for pattern in patterns)
        return Match() if met else None

    return find


def _named(*names: str, below: str = "*") -> Callable[[Path], Match | None]:
    """A file with one of these names, or a folder with such a file."""

    def find(path: Path) -> Match | None:
        if path.is_dir():
            return Match() if any(file.name in names for file in _files(path, below)) else None
        return Match() if path.name in names else None

    return find


def _like(pattern: str) -> Callable[[Path], Match | None]:
    """A file whose name is like the pattern, or a folder with such a file."""

    def find(path: Path) -> Match | None:
        met = any(path.glob(pattern)) if path.is_dir() else path.match(pattern)
        return Match() if met else None

    return find


def _ending(suffix: str, *, below: str = "*") -> Callable[[Path], Match | None]:
    """A file that ends so, or a folder with such a file."""

    def find(path: Path) -> Match | None:
        files = _files(path, below) if path.is_dir() else iter((path,))
        return Match() if any(file.suffix.lower() == suffix for file in files) else None

    return find


def _files(folder: Path, pattern: str) -> Iterator[Path]:
    return islice(folder.glob(pattern), MAX_FILES_LOOKED_AT)


def _set_up(path: Path) -> Match | None:
    """A `dataset_info.json` of LLaMA-Factory; TensorFlow's has `features.json` beside it."""
    folder = path if path.is_dir() else path.parent
    file = folder / "dataset_info.json" if path.is_dir() else path
    if file.name != "dataset_info.json" or not file.is_file():
        return None
    return None if (folder / "features.json").is_file() else Match()


def _robointer(path: Path) -> Match | None:
    families = ("Generation", "Understanding", "Task_planning")
    return Match() if any((path / family / "meta").is_dir() for family in families) else None


def _epic(path: Path) -> Match | None:
    """A table whose first line names EPIC-KITCHENS' columns."""
    for file in _files(path, "*.csv") if path.is_dir() else [path]:
        if file.suffix.lower() == ".csv" and file.is_file():
            with file.open("rb") as stream:
                names = set(stream.readline(1 << 16).decode(errors="replace").strip().split(","))
            if {"narration_id", "participant_id", "video_id"} <= names:
                return Match()
    return None


def _tsv(path: Path) -> Match | None:
    """A table of tabs whose first line names a question."""
    for file in sorted(_files(path, "*.tsv")) if path.is_dir() else [path]:
        if file.suffix.lower() == ".tsv" and file.stat().st_size:
            with open_tsv(file) as table:
                row = next(table.rows(), None)
                names = [table.text(cell) for cell in row.cells] if row else []
            columns = find_columns(names, given={})
            return Match({}, _told(columns)) if "question" in columns else None
    return None


def _parquet(path: Path) -> Match | None:
    """A Parquet table with a question, a conversation, or at least pictures and an answer."""
    files = sorted(_files(path, "**/*.parquet")) if path.is_dir() else [path]
    if not files or files[0].suffix.lower() != ".parquet":
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(files[0]).names
    except (pa.ArrowException, OSError):
        return None
    columns = find_columns(names, given={})
    asks = "question" in columns or "conversation" in columns
    return Match({}, _told(columns)) if asks or {"images", "answer"} <= set(columns) else None


def _told(columns: Mapping[str, str]) -> dict[str, str]:
    return {what: f"column {column}" for what, column in columns.items()}


def _json_form(kind: str) -> Callable[[Path], Match | None]:
    """Entries of one of the general forms of conversations."""

    def find(path: Path) -> Match | None:
        form = find_json_form(path)
        return Match(form.options, form.mapping) if form and form.kind == kind else None

    return find


def _record_files(path: Path) -> Match | None:
    return Match({}, {}) if find_records(path) else None


_JSON = " or ".join(JSON_SUFFIXES)
RULES: Sequence[Rule] = (
    Rule("records", "record files of RoboLoop (id, task)", _record_files),
    Rule("llama_factory", "dataset_info.json of LLaMA-Factory", _set_up),
    Rule("robointer_vqa", "Generation, Understanding or Task_planning with meta/", _robointer),
    Rule("robointer_annotation", "meta_info.pkl of episodes with lmdb/",
         _with_files("*/meta_info.pkl", "*/lmdb")),
    Rule("lerobot", "meta/info.json beside data/", _with_files("meta/info.json", "data")),
    Rule("rlds", "features.json of TensorFlow Datasets", _named("features.json")),
    Rule("rh20t", "scene folders RH20T_cfg*/task_*", _with_files("RH20T_cfg*/task_*")),
    Rule("droid_raw", "metadata_*.json beside trajectory.h5",
         _with_files("**/metadata_*.json", "**/trajectory.h5")),
    Rule("ai2thor", "traj_data.json of ALFRED", _named("traj_data.json", below="**/*.json")),
    Rule("lvis", "lvis_*.json", _like("lvis_*.json")),
    Rule("visual_genome", "objects.json beside image_data.json",
         _with_files("objects.json", "image_data.json")),
    Rule("libero", "*.bddl", _ending(".bddl", below="**/*.bddl")),
    Rule("epic_kitchens", "a .csv with narration_id, participant_id, video_id", _epic),
    Rule("tsv_base64", "a .tsv with a column of questions", _tsv, is_marked=False),
    Rule("parquet", "a .parquet with questions or conversations", _parquet, is_marked=False),
    Rule("webdataset", ".tar shards", _ending(".tar"), is_marked=False),
    Rule("llava_json", f"{_JSON} with conversations and image, or of several forms",
         _json_form("llava_json"), is_marked=False),
    Rule("sharegpt", f"{_JSON} with conversations of from and value",
         _json_form("sharegpt"), is_marked=False),
    Rule("messages", f"{_JSON} with messages of role and content",
         _json_form("messages"), is_marked=False),
    Rule("alpaca", f"{_JSON} with instruction and output",
         _json_form("alpaca"), is_marked=False),
)  # fmt: skip

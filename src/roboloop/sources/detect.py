"""Which source reads what lies at a path. `RULES` is the whole table, one row a kind.

Files are recognised by what marks their layout (names of files and folders) or else by what stands
at their beginning. Nothing is read to its end. A kind may be in the table before its source is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.tsv_rows import open_tsv
from roboloop.sources.detect_json import find_json_form, find_records
from roboloop.sources.json_source import SUFFIXES as JSON_SUFFIXES
from roboloop.sources.listing import Listing
from roboloop.sources.published_rows import find_columns

MAX_HINT_FOLDERS = 40
MAX_TABLES_OPENED = 50


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
    find: Callable[[Listing], Match | None]
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
    listing = Listing.of(path)
    found = [(rule, match) for rule in RULES if (match := rule.find(listing)) is not None]
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
    folders = [name for name in Listing.of(path).names if name.endswith("/")]
    for name in folders[:MAX_HINT_FOLDERS]:
        below = Listing.of(path / name)
        if kinds := [rule.kind for rule in RULES if rule.find(below)]:
            return f"Name a folder below it, such as {path / name} ({', '.join(kinds)})."
    return ""


def _has(*patterns: str) -> Callable[[Listing], Match | None]:
    """For each of the patterns something of a name that it describes, from below the path."""

    def find(listing: Listing) -> Match | None:
        met = all(listing.first(pattern) is not None for pattern in patterns)
        return Match() if met else None

    return find


def _set_up(listing: Listing) -> Match | None:
    """A `dataset_info.json` of LLaMA-Factory; TensorFlow's has `features.json` beside it."""
    if listing.first(r"dataset_info\.json") is None:
        return None
    return None if (listing.folder / "features.json").is_file() else Match()


def _epic(listing: Listing) -> Match | None:
    """A table whose first line names EPIC-KITCHENS' columns."""
    for file in islice(listing.all(r"[^/]+\.csv"), MAX_TABLES_OPENED):
        with file.open("rb") as stream:
            names = set(stream.readline(1 << 16).decode(errors="replace").strip().split(","))
        if {"narration_id", "participant_id", "video_id"} <= names:
            return Match()
    return None


def _tsv(listing: Listing) -> Match | None:
    """A table of tabs whose first line names a question."""
    file = listing.first(r"[^/]+\.tsv")
    if file is None or not file.stat().st_size:
        return None
    with open_tsv(file) as table:
        row = next(table.rows(), None)
        try:
            names = [table.text(cell) for cell in row.cells] if row else []
        except RoboLoopError:
            return None
    columns = find_columns(names, given={})
    return Match({}, _told(columns)) if "question" in columns else None


def _parquet(listing: Listing) -> Match | None:
    """A Parquet table with a question, a conversation, or at least pictures and an answer."""
    file = listing.first(r".*\.parquet")
    if file is None:
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(file).names
    except (pa.ArrowException, OSError):
        return None
    columns = find_columns(names, given={})
    asks = "question" in columns or "conversation" in columns
    return Match({}, _told(columns)) if asks or {"images", "answer"} <= set(columns) else None


def _told(columns: Mapping[str, str]) -> dict[str, str]:
    return {what: f"column {column}" for what, column in columns.items()}


def _json_form(kind: str) -> Callable[[Listing], Match | None]:
    """Entries of one of the general forms of conversations."""

    def find(listing: Listing) -> Match | None:
        form = find_json_form(listing.path)
        return Match(form.options, form.mapping) if form and form.kind == kind else None

    return find


def _record_files(listing: Listing) -> Match | None:
    return Match() if find_records(listing.path) else None


_JSON = " or ".join(JSON_SUFFIXES)
_FAMILY = "(Generation|Understanding|Task_planning)"
RULES: Sequence[Rule] = (
    Rule("records", "record files of RoboLoop (id, task)", _record_files),
    Rule("llama_factory", "dataset_info.json of LLaMA-Factory", _set_up),
    Rule("robointer_vqa", "Generation, Understanding or Task_planning with meta/",
         _has(rf"{_FAMILY}/meta/")),
    Rule("robointer_annotation", "meta_info.pkl of episodes with lmdb/",
         _has(r"annotation_lmdb/|(.*/)?meta_info\.pkl", r"annotation_lmdb/|(.*/)?lmdb/")),
    Rule("lerobot", "meta/info.json beside data/", _has(r"meta/info\.json", "data/")),
    Rule("rlds", "features.json of TensorFlow Datasets", _has(r"(.*/)?features\.json")),
    Rule("rh20t", "scene folders RH20T_cfg*/task_*", _has(r"RH20T_cfg\d+/task_.*/")),
    Rule("droid_raw", "metadata_*.json beside trajectory.h5",
         _has(r"(.*/)?metadata_[^/]*\.json", r"(.*/)?trajectory\.h5")),
    Rule("ai2thor", "traj_data.json of ALFRED, or alfred_plans.jsonl",
         _has(r"(.*/)?traj_data\.json|alfred_plans\.jsonl(\.gz)?")),
    Rule("lvis", "lvis_*.json", _has(r"lvis_[^/]*\.json")),
    Rule("visual_genome", "objects.json beside image_data.json",
         _has(r"objects[^/]*\.json", r"image_data\.json")),
    Rule("libero", "*.bddl", _has(r".*\.bddl")),
    Rule("epic_kitchens", "a .csv with narration_id, participant_id, video_id", _epic),
    Rule("ego4d", "narration.json, all_narrations_redacted.json or fho_lta_*.json",
         _has(r"(narration|all_narrations_redacted|fho_lta_[^/]*)\.json")),
    Rule("egoplan", "EgoPlan_*.json", _has(r"EgoPlan_[^/]*\.json")),
    Rule("share_robot", "affordance/ and trajectory/ with .json",
         _has(r"affordance/[^/]*\.json", r"trajectory/[^/]*\.json")),
    Rule("tsv_base64", "a .tsv with a column of questions", _tsv, is_marked=False),
    Rule("parquet", "a .parquet with questions or conversations", _parquet, is_marked=False),
    Rule("webdataset", ".tar shards", _has(r"[^/]+\.tar"), is_marked=False),
    Rule("llava_json", f"{_JSON} with conversations and image, or of several forms",
         _json_form("llava_json"), is_marked=False),
    Rule("sharegpt", f"{_JSON} with conversations of from and value",
         _json_form("sharegpt"), is_marked=False),
    Rule("messages", f"{_JSON} with messages of role and content",
         _json_form("messages"), is_marked=False),
    Rule("alpaca", f"{_JSON} with instruction and output",
         _json_form("alpaca"), is_marked=False),
)  # fmt: skip

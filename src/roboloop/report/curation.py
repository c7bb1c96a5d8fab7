"""The Curation view: `curation.json` with its records as rows of the viewer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import roboloop
from roboloop.base.errors import Place, RoboLoopError
from roboloop.records.media_open import MediaStore
from roboloop.records.record import record_from_json
from roboloop.report.folder import replaced_folder
from roboloop.report.pictures import PictureFolder
from roboloop.report.record_rows import record_row, task_titles

CURATION_SCHEMA = "roboloop.curation/1"

Row = Callable[[Mapping[str, Any]], dict[str, Any]]


class CurationFile(NamedTuple):
    """A `curation.json`, read.

    Attributes:
        value: The whole file (docs/curation.md).
        media_roots: Where the pictures of its records lie.
    """

    value: Mapping[str, Any]
    media_roots: Mapping[str, Path]


def read_curation(path: Path) -> CurationFile:
    """Read a `curation.json`.

    Raises:
        RoboLoopError: E-REP-003 when it is missing or of another kind.
    """
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RoboLoopError("E-REP-003", str(error), place=Place(path)) from error
    if not isinstance(value, dict) or value.get("schema") != CURATION_SCHEMA:  # pyright: ignore[reportUnknownMemberType]
        raise RoboLoopError(
            "E-REP-003", f"its schema is not {CURATION_SCHEMA!r}", place=Place(path)
        )
    roots: dict[str, str] = value["media_roots"]  # pyright: ignore[reportUnknownVariableType]
    return CurationFile(value, {name: Path(folder) for name, folder in roots.items()})  # pyright: ignore[reportUnknownArgumentType]


def curation_view(curation: CurationFile, *, pictures: PictureFolder) -> dict[str, Any]:
    """What the page draws: counts as they are, records as rows, their pictures copied.

    Args:
        curation: What was read.
        pictures: Gets the pictures; its store knows the media roots of `curation`.
    """
    known: dict[str, dict[str, Any]] = {}

    def row(value: Mapping[str, Any]) -> dict[str, Any]:
        key = json.dumps(value, sort_keys=True)
        if key not in known:
            known[key] = record_row(record_from_json(value), pictures=pictures)
        return known[key]

    operators = [_operator(each, row=row) for each in curation.value["operators"]]
    return {
        "counts": curation.value["counts"],
        "groups": curation.value["groups"],
        "operators": operators,
        "tasks": task_titles(
            [each["name"] for each in curation.value["groups"]["task"]]
            + [each["task"] for each in known.values()]
        ),
    }


def build_curation_page(path: Path, *, out: Path, title: str, headline: str = "") -> Path:
    """Write a page with the Curation view alone, and return it.

    Args:
        path: A `curation.json`.
        out: Where the page goes; an older one there is replaced.
        title: Title of the page.
        headline: A sentence instead of how many records stay.

    Raises:
        RoboLoopError: E-REP-002 when `out` is something else, E-REP-003 when `path` is no
            `curation.json`.
    """
    from roboloop.report.build import write_viewer

    curation = read_curation(path)
    with replaced_folder(out) as place:
        pictures = PictureFolder(place, store=MediaStore(curation.media_roots))
        view = curation_view(curation, pictures=pictures) | {"headline": headline}
        counts = curation.value["counts"]
        summary = {
            "mode": "curation",
            "title": title,
            "version": roboloop.__version__,
            "counts": {
                "records": counts["records"],
                "shown": 0,
                "pictures": pictures.num_files,
                "pictures_missing": pictures.num_missing,
            },
            "tasks": view["tasks"],
            "curation": view,
        }
        write_viewer(place, summary=summary, samples=[], rows=[])
    return out / "index.html"


def _operator(value: Mapping[str, Any], *, row: Row) -> dict[str, Any]:
    leaks: Mapping[str, Any] | None = value["leaks"]
    return {
        **value,
        "reasons": [
            {**reason, "samples": [_sample(each, row=row) for each in reason["samples"]]}
            for reason in value["reasons"]
        ],
        "clusters": [
            {
                **cluster,
                "keeper": row(cluster["keeper"]),
                "members": [_sample(each, row=row) for each in cluster["members"]],
            }
            for cluster in value["clusters"]
        ],
        "leaks": None
        if leaks is None
        else {**leaks, "pairs": [_pair(each, row=row) for each in leaks["pairs"]]},
    }


def _sample(value: Mapping[str, Any], *, row: Row) -> dict[str, Any]:
    twin: Mapping[str, Any] | None = value["twin"]
    return {**value, "record": row(value["record"]), "twin": None if twin is None else row(twin)}


def _pair(value: Mapping[str, Any], *, row: Row) -> dict[str, Any]:
    return {**value, "record": row(value["record"]), "other": row(value["other"])}

"""The report: a folder that opens from disk and shows every prediction.

    report/
        index.html          the page; needs no server and no network
        app.js app.css      the viewer (web/ holds its source)
        data/               summary.js and the records in shards, as classic scripts
        media/              every picture once, named by its content
        report.json         the same numbers for machines
        table.md .csv .tex  the evaluation's table

The folder depends on nothing but its inputs: building it twice gives the same bytes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

import roboloop
from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.files import atomic_write_json, atomic_write_text
from roboloop.base.progress import track
from roboloop.records.jsonl import Broken, scan_json_lines
from roboloop.records.media_open import MediaStore
from roboloop.records.shards import RecordFolder
from roboloop.report.card import CardMaker, drop_reasons
from roboloop.report.config import ReportConfig
from roboloop.report.curation import curation_view, read_curation
from roboloop.report.curves import training_curves
from roboloop.report.folder import MARK, SCHEMA, replaced_folder
from roboloop.report.pictures import PictureFolder
from roboloop.report.rows import choose_items, make_row, primary_metric
from roboloop.report.samples import pick_samples
from roboloop.report.scripts import write_shards, write_summary
from roboloop.report.verdict import verdict
from roboloop.runs.ledger import read_ledger

EVALUATION_SCHEMA = "roboloop.evaluation/1"
TABLES = ("table.md", "table.csv", "table.tex", "phases.md")


def build_report(
    config: ReportConfig,
    *,
    evaluation: Path,
    train_logs: Mapping[str, Path],
    records: Path,
    lock_text: str,
    environment: Mapping[str, Any],
    ledgers: Sequence[Path],
    out: Path,
    curation: Path | None = None,
    composition: Path | None = None,
    name: str = "",
    description: str = "",
) -> Path:
    """Write the report folder and return its page.

    Args:
        config: Recipe options.
        evaluation: Folder written by the evaluation: report.json, items.jsonl, tables.
        train_logs: Training stage -> trainer_log.jsonl.
        records: Folder of the records, for the data card and the pictures.
        lock_text: The resolved recipe as YAML.
        environment: What the run ran on.
        ledgers: What was left out and why, a file of each stage that keeps one.
        out: Where the report goes; an older report there is replaced.
        curation: The `curation.json` of the run, when it curated.
        composition: Its `compose.json`, when it composed.
        name: Name of the run: the title unless the configuration has one.
        description: One sentence above the verdict.

    Raises:
        RoboLoopError: E-REP-001 when `evaluation` is none, E-REP-002 when `out` is something else,
            E-REP-003 when `curation` is none.
    """
    measured = read_evaluation(evaluation)
    models = [model["name"] for model in measured["models"]]
    metrics = {task["task"]: primary_metric(task) for task in measured["tasks"]}
    items = list(_items(evaluation))
    shown = choose_items(items, limit=config.max_records, model=models[0], metrics=metrics)
    folder = RecordFolder(records)
    curated = None if curation is None else read_curation(curation)
    roots = {**(curated.media_roots if curated else {}), **folder.media_roots}
    store = MediaStore(roots) if config.pictures == "copy" else None
    title = config.title or name or "RoboLoop report"
    said = verdict(measured)
    with replaced_folder(out) as place:
        pictures = PictureFolder(place, store=store)
        rows = [
            make_row(item, models=models, metrics=metrics, pictures=pictures)
            for item in track(shown, title="report")
        ]
        view = None if curated is None else curation_view(curated, pictures=pictures)
        summary = {
            "mode": "evaluation",
            "title": title,
            "description": description,
            "version": roboloop.__version__,
            "verdict": said._asdict(),
            "counts": {
                "records": len(items),
                "shown": len(rows),
                "pictures": pictures.num_files,
                "pictures_missing": pictures.num_missing,
            },
            "evaluation": measured,
            "tasks": {} if view is None else view["tasks"],
            "curation": view,
            "composition": None if composition is None else read_composition(composition),
            "training": training_curves(train_logs),
            "data": _card(folder),
            "ledger": _left_out(ledgers),
            "lock": {"text": lock_text, "environment": dict(environment)},
            "tables": _copy_tables(evaluation, place=place),
        }
        samples = pick_samples(rows, tasks=[task["task"] for task in measured["tasks"]])
        write_viewer(place, summary=summary, samples=samples, rows=rows)
    return out / "index.html"


def write_viewer(
    place: Path,
    *,
    summary: Mapping[str, Any],
    samples: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Write page, viewer, data and `report.json` into the folder `place`.

    Args:
        place: The report's folder, with the pictures already in it.
        summary: Everything but the records; goes into `report.json` as it is.
        samples: Rows the overview shows before any shard is loaded.
        rows: All rows.
    """
    static = files("roboloop.report") / "static"
    for name in ("app.js", "app.css"):
        atomic_write_text(place / name, text=(static / name).read_text(encoding="utf-8"))
    page = (static / "index.html").read_text(encoding="utf-8")
    atomic_write_text(
        place / "index.html", text=page.replace("{{title}}", escape(summary["title"]))
    )
    shards = [shard._asdict() for shard in write_shards(place, rows=rows)]
    write_summary(place, value={**summary, "samples": samples, "shards": shards})
    atomic_write_json(place / MARK, value={"schema": SCHEMA, **summary})


def read_evaluation(folder: Path) -> dict[str, Any]:
    """The evaluation's `report.json`.

    Raises:
        RoboLoopError: E-REP-001 when it is missing or of another kind.
    """
    path = folder / "report.json"
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RoboLoopError("E-REP-001", str(error), place=Place(path)) from error
    if not isinstance(value, dict) or value.get("schema") != EVALUATION_SCHEMA:  # pyright: ignore[reportUnknownMemberType]
        raise RoboLoopError(
            "E-REP-001", f"its schema is not {EVALUATION_SCHEMA!r}", place=Place(path)
        )
    return value  # pyright: ignore[reportUnknownVariableType]


def read_composition(path: Path) -> dict[str, Any]:
    """What `compose.json` tells of pairs and judges: the section of the overview.

    Raises:
        RoboLoopError: E-REP-003 when it is missing or of another kind.
    """
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
        return {"pairs": value["pairs"], "judges": value["judges"]}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RoboLoopError("E-REP-003", f"{error!r}", place=Place(path)) from error


def _items(evaluation: Path) -> Iterator[dict[str, Any]]:
    path = evaluation / "items.jsonl"
    if not path.exists():
        raise RoboLoopError("E-REP-001", "items.jsonl is missing", place=Place(path))
    for line in scan_json_lines(path):
        if isinstance(line, Broken):
            raise line.error
        yield line.value


def _card(folder: RecordFolder) -> dict[str, Any]:
    card = CardMaker()
    for record in folder.records():
        card.add(record)
    return card.card()


def _left_out(ledgers: Sequence[Path]) -> dict[str, Any] | None:
    return drop_reasons(chain.from_iterable(map(read_ledger, ledgers))) if ledgers else None


def _copy_tables(evaluation: Path, *, place: Path) -> list[str]:
    found = [name for name in TABLES if (evaluation / name).exists()]
    for name in found:
        shutil.copyfile(evaluation / name, place / name)
    return found

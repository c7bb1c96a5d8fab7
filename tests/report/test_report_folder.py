"""The report as a folder: whole or not there, the same bytes every time, nothing lost."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from made_evaluation import MadeEvaluation
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.report import build as build_module
from roboloop.report.config import ReportConfig
from roboloop.report.scripts import read_shard


def digest(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_building_twice_gives_the_same_bytes(build: Any, report: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "elsewhere" / "again")
    assert digest(again.parent) == digest(report.parent)


def test_the_folder_holds_what_the_manual_says(report: Path, made: MadeEvaluation) -> None:
    folder = report.parent
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "index.html", "app.js", "app.css", "data", "media", "report.json",
        "table.md", "table.csv", "table.tex",
    }  # fmt: skip
    for table in ("table.md", "table.csv", "table.tex"):
        assert (folder / table).read_bytes() == (made.evaluation / table).read_bytes()
    told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    measured = json.loads((made.evaluation / "report.json").read_text(encoding="utf-8"))
    assert told["schema"] == "roboloop.report/1"
    assert told["evaluation"] == measured
    assert told["counts"]["records"] == measured["num_records"]
    assert told["ledger"]["num_dropped"] == 11
    assert told["ledger"]["reasons"][0]["code"] == "E-REC-012"


def test_every_picture_is_copied_once_as_it_is(report: Path, made: MadeEvaluation) -> None:
    copied = sorted(path.read_bytes() for path in (report.parent / "media").iterdir())
    stored = sorted(path.read_bytes() for path in (made.records / "pictures").iterdir())
    assert copied == stored


def test_a_new_report_replaces_an_old_one(build: Any, tmp_path: Path) -> None:
    out = tmp_path / "report"
    build(out)
    (out / "left-over.txt").write_text("from an older version")
    build(out, ReportConfig(title="second"))
    assert not (out / "left-over.txt").exists()
    assert "<title>second</title>" in (out / "index.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_an_empty_folder_is_taken_and_a_foreign_one_left_alone(build: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert build(tmp_path / "empty").exists()
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "report.json").write_text('{"schema": "another"}')
    with pytest.raises(RoboLoopError, match="E-REP-002"):
        build(foreign)
    assert [path.name for path in foreign.iterdir()] == ["report.json"]


def test_a_failed_build_leaves_the_old_report(
    build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "report"
    build(out)
    before = digest(out)

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(build_module, "write_viewer", fail)
    with pytest.raises(KeyboardInterrupt):
        build(out)
    assert digest(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_title_cannot_become_markup(build: Any, tmp_path: Path) -> None:
    page = build(tmp_path / "report", ReportConfig(title="</title><script>alert(1)</script>"))
    text = page.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_something_else_is_not_an_evaluation(build: Any, tmp_path: Path) -> None:
    with pytest.raises(RoboLoopError, match="E-REP-001"):
        build(tmp_path / "report", evaluation=tmp_path)
    (tmp_path / "report.json").write_text('{"schema": "roboloop.evaluation/99"}')
    with pytest.raises(RoboLoopError, match=r"roboloop\.evaluation/1"):
        build(tmp_path / "report", evaluation=tmp_path)


def test_a_broken_line_of_items_is_named(build: Any, made: MadeEvaluation, tmp_path: Path) -> None:
    broken = tmp_path / "evaluation"
    shutil.copytree(made.evaluation, broken)
    with (broken / "items.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"id": "cut off"\n')
    with pytest.raises(RoboLoopError, match=r"items\.jsonl:193"):
        build(tmp_path / "report", evaluation=broken)
    assert not (tmp_path / "report").exists()


def test_pictures_a_browser_cannot_show_become_png_and_missing_ones_say_why(
    build: Any, made: MadeEvaluation, tmp_path: Path
) -> None:
    records = tmp_path / "records"
    shutil.copytree(made.records, records)
    pictures = sorted((records / "pictures").iterdir())
    with Image.open(pictures[0]) as picture:
        pixels = picture.convert("RGB")
    pixels.save(pictures[0], format="BMP")
    pictures[1].unlink()
    pictures[2].write_bytes(b"\xff\xd8\xff cut off")
    page = build(tmp_path / "report", records=records)
    told = json.loads((page.parent / "report.json").read_text(encoding="utf-8"))
    assert told["counts"]["pictures"] == len(pictures) - 1
    assert told["counts"]["pictures_missing"] == 1
    (png,) = (page.parent / "media").glob("*.png")
    with Image.open(png) as shown:
        assert shown.tobytes() == pixels.tobytes()
    assert "E-MED-001" in str(read_shard(page.parent / "data/records-000.js"))


def test_pictures_may_be_left_out(build: Any, tmp_path: Path) -> None:
    page = build(tmp_path / "report", ReportConfig(pictures="none"))
    assert not (page.parent / "media").exists()
    told = json.loads((page.parent / "report.json").read_text(encoding="utf-8"))
    assert told["counts"]["pictures_missing"] == 0

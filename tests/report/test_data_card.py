"""The data set card: whole, the same each time, and legible wherever it is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from made_evaluation import MadeEvaluation
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import Point
from roboloop.cli.main import run_command
from roboloop.records import Record, Text
from roboloop.records.jsonl import write_json_line
from roboloop.records.record import record_to_json
from roboloop.report.card import histogram
from roboloop.report.data_card import build_card
from roboloop.report.drawn import drawn_thumbnail
from roboloop.report.svg_charts import WIDTH, Bar, bar_chart, heat_map, histogram_chart
from roboloop.tasks.base import Mark
from roboloop.tasks.draw import INK


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_card_shows_what_there_is_and_nothing_that_is_not(
    made: MadeEvaluation, tmp_path: Path
) -> None:
    page = build_card([made.records], out=tmp_path / "card", title="Made | up")
    text = page.read_text(encoding="utf-8")
    numbers = json.loads((page.parent / "card.json").read_text(encoding="utf-8"))
    assert numbers["num_records"] == sum(row["count"] for row in numbers["counts"])
    assert f"**{numbers['num_records']:,}** records" in text
    named = re.findall(r'src="([^"]+)"', text)
    assert named and all((page.parent / name).is_file() for name in named)
    assert len([name for name in named if name.startswith("samples/")]) == 24
    for name in (page.parent / "figures").glob("*.svg"):
        assert f"figures/{name.name}" in named
        ElementTree.fromstring(name.read_text(encoding="utf-8"))
    again = build_card([made.records], out=tmp_path / "again", title="Made | up")
    assert contents(page.parent) == contents(again.parent)
    other = build_card([made.records], out=tmp_path / "other", title="Made | up", seed=1)
    assert contents(page.parent) != contents(other.parent)


def test_records_without_pictures_have_a_card_too(tmp_path: Path) -> None:
    lines = [
        write_json_line(record_to_json(Record(id=str(n), task="vqa", answer=Text("<b> is | it"))))
        for n in range(3)
    ]
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines) + b"not json\n")
    assert run_command(["card", str(tmp_path / "a.jsonl"), "--out", str(tmp_path / "card")]) == 0
    text = (tmp_path / "card" / "README.md").read_text()
    assert "**3** records" in text and "1 line could not be read" in text
    assert "## Samples" not in text and "Where the answers lie" not in text


def test_no_record_is_no_card_and_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n")
    with pytest.raises(RoboLoopError, match="no record") as caught:
        build_card([tmp_path / "a.jsonl"], out=tmp_path / "card", title="x")
    assert caught.value.code == "E-DAT-001"
    (tmp_path / "a.jsonl").write_text('{"id": "a", "task": "vqa"}\n')
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(RoboLoopError, match="E-REP-002"):
        build_card([tmp_path / "a.jsonl"], out=tmp_path / "mine", title="x")


def boxes(drawing: str, kind: str) -> list[dict[str, Any]]:
    root = ElementTree.fromstring(drawing)
    return [dict(each.attrib) for each in root.iter() if each.get("class") == kind]


def test_bars_are_as_long_as_their_numbers_and_stay_in_the_panel() -> None:
    drawing = bar_chart(
        [Bar("a" * 60, [300, 100]), Bar("<b>", [0, 200])], title="T & T", series=("train", "val")
    )
    (train,) = (float(each["width"]) for each in boxes(drawing, "s0") if each["height"] == "14.0")
    first, second = (
        float(each["width"]) for each in boxes(drawing, "s1") if each["height"] == "14.0"
    )
    assert (train, second) == pytest.approx((3 * first, 2 * first), abs=0.2)
    for each in boxes(drawing, "s0") + boxes(drawing, "s1"):
        assert float(each["x"]) + float(each["width"]) < WIDTH


def test_columns_show_every_value_once() -> None:
    values = histogram([0.5, 1.5, 1.6, 9.5], edges=[float(edge) for edge in range(13)])
    drawing = histogram_chart(values, title="x", axis="y")
    heights = sorted(float(each["height"]) for each in boxes(drawing, "s0"))
    assert len(heights) == 3 and heights[2] == pytest.approx(2 * heights[0], abs=0.2)
    assert "4 values" in drawing
    ElementTree.fromstring(histogram_chart(histogram([], edges=[0.0, 1.0]), title="x", axis="y"))


def test_map_is_darkest_where_most_places_are() -> None:
    cells = [[0] * 4 for _ in range(4)]
    cells[1][2], cells[3][0] = 9, 1
    found = boxes(heat_map(cells, title="x", said="y"), "cell")
    assert len(found) == 2
    assert float(found[0]["opacity"]) == 1.0 > float(found[1]["opacity"]) > 0
    assert int(found[0]["x"]) > int(found[1]["x"]) and int(found[0]["y"]) < int(found[1]["y"])


def test_marks_are_drawn_where_they_lie() -> None:
    picture = Image.new("RGB", (840, 420), (128, 128, 128))
    mark = Mark("box", (Point(200, 100), Point(600, 300)), "")
    data = drawn_thumbnail(picture, marks=(mark, Mark("points", (Point(800, 20),), "")))
    from io import BytesIO

    pixels = np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(int)
    assert pixels.shape == (210, 420, 3)
    blue = np.abs(pixels - np.array(INK)).sum(axis=2) < 90
    rows, columns = np.nonzero(blue[:, :380])
    assert (columns.min(), columns.max()) == pytest.approx((100, 300), abs=3)
    assert (rows.min(), rows.max()) == pytest.approx((50, 150), abs=3)
    assert blue[10, 400]

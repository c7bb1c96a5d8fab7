"""manipvqa: every question type, both frames of boxes, and dirty entries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from roboloop.base.geometry import Point
from roboloop.dialects import load_dialect
from roboloop.records import Box, Boxes, Points, Text, Turn, YesNo
from roboloop.sources import entry_files
from roboloop.sources.base import SourceContext
from roboloop.sources.manipvqa import ManipVqaSource
from roboloop.tasks import load_task

Write = Callable[[Path, Any], Path]
PICTURE = "/data/of/authors/HANDAL/1.jpg"


def entry(question: str, answer: str, image: Any = PICTURE) -> dict[str, Any]:
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    return {"image": image, "conversations": turns}


REC = "Please provide the bounding box coordinate of the region this sentence describes: "
REG = "Please provide a short description of this region: "
ENTRIES = [
    entry(f"{REC}handle of a power drill", "[0.37, 0.51, 0.52, 0.61]"),
    entry(f"{REC}grasp for drilling holes", "[0.37, 0.51, 0.52, 0.61]"),
    entry(f"{REG}[0.37, 0.51, 0.52, 0.61]", "handle of a power drill"),
    entry("Is the object in this region closed? [0.37, 0.51, 0.52, 0.61]", "It is open."),
    entry("Can this hold liquid?", "Yes."),
    entry("What is it made of?", "steel"),
    entry("Find all handles.", "[[0.1, 0.2, 0.2, 0.3], [0.5, 0.5, 0.6, 0.6]]"),
]


@pytest.fixture
def folder(tmp_path: Path, picture: Any) -> Path:
    picture(tmp_path / "HANDAL/1.jpg", (1920, 1440))
    return tmp_path


def source(folder: Path, **more: Any) -> ManipVqaSource:
    given = {"boxes": "padded_square", "strip_prefix": "/data/of/authors/", **more}
    return ManipVqaSource(path=folder / "train_rec.json", **given)


def test_boxes_are_fractions_of_the_padded_square(
    folder: Path, read: Any, write_json: Write
) -> None:
    write_json(folder / "train_rec.json", ENTRIES)
    found = read(source(folder))
    assert not found.rejected
    handle, grasp, region, closed, verdict, made_of, listed = found.records
    # A 1920x1440 picture is padded by 240 above and below to 1920x1920.
    drawn = Box(0.37 * 1920, 0.51 * 1920 - 240, 0.52 * 1920, 0.61 * 1920 - 240)
    assert handle.answer.corners_px == pytest.approx(drawn.corners_px)
    assert handle.turns == (Turn("user", f"{REC}handle of a power drill"),)
    assert handle.inputs == {"object": "handle of a power drill"}
    assert grasp.inputs == {"object": "region to grasp for drilling holes"}
    assert (handle.task, grasp.task, region.task) == ("object_box", "object_box", "vqa")
    assert region.answer == Text("handle of a power drill") and not region.turns
    assert region.inputs["top_left"] == Points((Point(drawn.x1, drawn.y1),))
    question = load_task("vqa").question(region, dialect=load_dialect("qwen3_vl"))
    assert "Please provide a short description of this region." in question
    assert "370" in question and f"{drawn.y1 / 1.44:.0f}" in question and "0.37" not in question
    assert closed.inputs["about"] == "Is the object in this region closed?"
    assert (verdict.task, verdict.answer) == ("yes_no_vqa", YesNo(True))
    assert (made_of.task, made_of.answer) == ("vqa", Text("steel"))
    assert listed.task == "detect_objects"
    assert isinstance(listed.answer, Boxes) and len(listed.answer.items) == 2
    assert {r.split for r in found.records} == {"train"}
    assert found.records[0].origin.startswith("train_rec.json:")


def test_boxes_of_the_picture_itself(folder: Path, read: Any, write_json: Write) -> None:
    write_json(folder / "train_rec.json", ENTRIES[:1])
    (record,) = read(source(folder, boxes="picture")).records
    assert record.answer.corners_px == pytest.approx((710.4, 734.4, 998.4, 878.4))


def test_tall_pictures_are_padded_at_the_sides(
    tmp_path: Path, read: Any, write_json: Write, picture: Any
) -> None:
    picture(tmp_path / "HANDAL/1.jpg", (60, 100))
    write_json(tmp_path / "train_rec.json", [entry(f"{REC}it", "[0.2, 0.0, 0.81, 0.5]")])
    (record,) = read(source(tmp_path)).records
    assert record.answer.corners_px == pytest.approx((0, 0, 60, 50))  # 61 is rounding


def test_the_frame_is_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="boxes"):
        ManipVqaSource(path=tmp_path)  # pyright: ignore[reportCallIssue]


def test_ids_do_not_depend_on_where_an_entry_stands(
    folder: Path, read: Any, write_json: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json(folder / "train_rec.json", ENTRIES)
    ids = {record.id for record in read(source(folder)).records}
    write_json(folder / "train_rec.json", [*ENTRIES[::-1]])
    small_pieces = partial(entry_files.entry_pieces, piece_bytes=16)
    monkeypatch.setattr(entry_files, "entry_pieces", small_pieces)
    context = SourceContext(folder, 0)
    assert len(list(source(folder).parts(context))) == len(ENTRIES)
    assert {record.id for record in read(source(folder)).records} == ids


BAD = [
    (entry(f"{REC}it", "[0.1, 0.01, 0.2, 0.1]"), "E-REC-011"),  # in the padding
    (entry(f"{REC}it", "[10, 20, 30, 40]"), "E-REC-011"),
    (entry(f"{REC}it", "[0.5, 0.5, 0.4, 0.6]"), "E-REC-012"),
    (entry(f"{REC}it", "[0.5, 0.5, NaN, 0.6]"), "E-REC-010"),
    (entry(f"{REC}it", "[a, b, c, d]"), "E-DAT-004"),
    (entry(f"{REC}it", "It is at [0.5, 0.5, 0.6, 0.6]"), "E-REC-013"),
    (entry(f"{REG}[0.5, 0.5, 0.6, 0.6]", "[0.5, 0.5, 0.6, 0.6]"), "E-DAT-004"),
    (entry(f"{REG}[0.5, 0.5, 0.6, 0.6] [0.1, 0.5, 0.6, 0.6]", "two"), "E-DAT-004"),
    (entry("What?", ""), "E-DAT-004"),
    (entry("What?", "x", image=[]), "E-DAT-004"),
    (entry("What?", "x", image="/data/of/authors/gone.jpg"), "E-MED-001"),
    (entry("What?", "x", image="/data/of/authors/../../etc/passwd"), "E-MED-005"),
    ({"image": PICTURE, "conversations": []}, "E-DAT-004"),
    ("no object", "E-DAT-004"),
]


@pytest.mark.parametrize(("bad", "code"), BAD, ids=lambda value: str(value)[-60:])
def test_bad_entry_costs_itself(
    folder: Path, read: Any, write_json: Write, bad: Any, code: str
) -> None:
    write_json(folder / "train_rec.json", [bad, ENTRIES[5]])
    found = read(source(folder))
    assert found.codes == [code] and len(found.records) == 1
    item = found.rejected[0]
    assert item.error.place.line == 2
    assert (item.record_id or "").startswith("manipvqa/train_rec/") == (bad != "no object")
    assert ("boxes: picture" in item.error.fix) == (bad is BAD[0][0])

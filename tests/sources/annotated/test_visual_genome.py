"""visual_genome: the real sample, with its drawn picture as witness, and dirty files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import Point
from roboloop.dialects import load_dialect
from roboloop.records import Box, Boxes, Points, Text, YesNo
from roboloop.sources.base import SourceContext
from roboloop.sources.visual_genome import VisualGenomeSource
from roboloop.tasks import load_task

Write = Callable[[Path, Any], Path]
SAMPLE = "visual_genome_sample"
ALL = 10_000
FIRST_DRAWN = ("1382", "1383", "1384", "1385", "1386", "1432", "1433", "1434")
"""The regions of picture 1 that are drawn, in red, over the sample's picture."""


def loaded(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text())


# --- the real files -------------------------------------------------------------------------------


def test_object_and_region_boxes_are_those_of_the_files(real: Any, read: Any) -> None:
    folder = real(SAMPLE)
    found = read(VisualGenomeSource(path=folder, verify_media=False, max_questions=ALL))
    assert not found.rejected
    objects = {
        str(o["object_id"]): o for e in loaded(folder, "objects") for o in e["objects"]
    }  # fmt: skip
    located = [r for r in found.of("object_box") if "object_id" in r.meta]
    assert len(located) > 40
    for record in located:
        given = objects[record.meta["object_id"]]
        corners = (given["x"], given["y"], given["x"] + given["w"], given["y"] + given["h"])
        assert record.answer.corners_px == corners
        assert record.inputs["object"] == given["names"][0]
    regions = {
        str(r["region_id"]): r
        for e in loaded(folder, "region_descriptions_v1.2")
        for r in e["regions"]
    }
    grounded = [r for r in found.of("object_box") if "region_id" in r.meta]
    assert len(grounded) > 1000
    for record in grounded:
        given = regions[record.meta["region_id"]]
        right, bottom = given["x"] + given["width"], given["y"] + given["height"]
        assert record.answer.corners_px == (given["x"], given["y"], right, bottom)
        assert record.meta["phrase"] in " ".join(given["phrase"].split())


def test_every_published_question_is_asked_word_for_word(real: Any, read: Any) -> None:
    folder = real(SAMPLE)
    source = VisualGenomeSource(path=folder, verify_media=False, files=("question_answers",))
    found = read(source)
    published = {
        str(q["qa_id"]): q for e in loaded(folder, "question_answers") for q in e["qas"]
    }  # fmt: skip
    assert len(found.records) == len(published) > 500
    for record in found.records:
        given = published[record.meta["qa_id"]]
        plain = load_dialect("plain")
        assert load_task("vqa").question(record, dialect=plain) == given["question"]
        assert f"{record.answer.text}." == given["answer"] or record.answer.text == given["answer"]
        assert record.licence == "CC-BY-4.0"
        assert record.origin == f"question_answers.json!{given['image_id']}"


def test_relationships_hold_as_annotated_and_no_other_way_round(real: Any, read: Any) -> None:
    folder = real(SAMPLE)
    source = VisualGenomeSource(
        path=folder, verify_media=False, files=("relationships",), max_questions=ALL
    )
    found = read(source)
    said = {
        str(r["relationship_id"]): [
            r["subject"]["name"].lower(), r["predicate"].lower(), r["object"]["name"].lower()
        ]
        for e in loaded(folder, "relationships")
        for r in e["relationships"]
    }  # fmt: skip
    verdicts = [record.answer.value for record in found.of("yes_no_vqa")]
    assert 0.3 < np.mean(verdicts) < 0.7 and len(verdicts) > 30
    for record in found.of("yes_no_vqa"):
        subject, predicate, other = said[record.meta["relationship_id"]]
        if record.answer == YesNo(False):
            subject, other = other, subject
        wanted = f"Is this right: the {subject} {predicate} the {other}?"
        assert record.inputs["question"] == wanted
    for record in found.of("vqa"):
        subject, predicate, other = said[record.meta["relationship_id"]]
        assert record.answer == Text(other)
        assert record.inputs["question"] == f"Fill in the blank: the {subject} {predicate} the ___."


def test_boxes_lie_where_the_published_figure_draws_them(
    real: Any, read: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "vg"
    shutil.copytree(real(SAMPLE), folder)
    for file in folder.iterdir():
        file.chmod(0o644)
    shown = folder / "VG_100K_2/1.jpg"
    shown.parent.mkdir()
    (folder / "vg_image_1_with_overlay.jpg").rename(shown)
    source = VisualGenomeSource(path=folder, files=("region_descriptions",), max_questions=ALL)
    found = read(source)
    assert {item.error.code for item in found.rejected} == {"E-MED-001"}
    assert [item.record_id for item in found.rejected] == [
        f"visual_genome/{number}/region_descriptions" for number in (2, 3, 4, 5)
    ]
    described = {r.meta["region_id"]: r for r in found.of("vqa")}  # of whatever phrase
    pixels = np.asarray(Image.open(shown).convert("RGB")).astype(int)
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 90) & (pixels[..., 2] < 90)
    for key in FIRST_DRAWN:
        assert described[key].media[0].content_hash
        box = Box(*described[key].meta["box_px"])
        assert edge_share(red, box) > 0.7, key
        assert edge_share(red, moved(box, by=9)) < 0.5, key


def edge_share(red: Any, box: Box) -> float:
    """How much of the left, right and lower edge is red within three pixels; labels hide some."""
    x1, y1, x2, y2 = (int(side) for side in box.corners_px)
    left, right = (red[y1:y2, x - 3 : x + 4].any(axis=1).mean() for x in (x1, x2))
    lower = red[y2 - 3 : y2 + 4, x1:x2].any(axis=0).mean()
    return float(np.mean([left, right, lower]))


def moved(box: Box, *, by: int) -> Box:
    return Box(box.x1 + by, box.y1 - by, box.x2 + by, box.y2 - by)


# --- small files ----------------------------------------------------------------------------------


def thing(key: int, name: str, box: tuple[float, float, float, float], **more: Any) -> Any:
    x, y, w, h = box
    given = {"object_id": key, "names": [name], "x": x, "y": y, "w": w, "h": h}
    return {**given, "synsets": [f"{name}.n.01"], **more}


def vg_folder(folder: Path, write_json: Write, **files: Any) -> Path:
    url = "https://cs.stanford.edu/people/rak248/VG_100K/7.jpg"
    pictures = [{"id": 7, "width": 64, "height": 48, "url": url, "coco_id": None}]
    for name, value in {"image_data": pictures, **files}.items():
        write_json(folder / f"{name}.json", value)
    return folder


def test_names_that_others_share_are_not_located(
    tmp_path: Path, read: Any, write_json: Write, picture: Any
) -> None:
    picture(tmp_path / "VG_100K/7.jpg")
    objects = [
        thing(1, "Cup", (1, 1, 10, 10)),
        thing(2, "man", (20, 1, 10, 20)),
        thing(3, "man", (20, 2, 10, 20)),  # the same man, drawn again
        thing(4, "guy", (40, 1, 10, 20)),
        thing(9, "mug", (40, 40, 3, 3), synsets=["vessel.n.01"]),
        thing(10, "vase", (45, 40, 3, 3), synsets=["vessel.n.01"]),
        thing(5, "dog", (5, 30, 5, 5)),
        thing(6, "dog", (15, 30, 5, 5)),
        thing(7, "hat", (50, 40, 4, 4)),
        thing(8, "hat", (50, 40, float("nan"), 4)),
    ]
    folder = vg_folder(tmp_path, write_json, objects=[{"image_id": 7, "objects": objects[:-1]}])
    found = read(VisualGenomeSource(path=folder, max_questions=9))
    assert [r.inputs["object"] for r in found.of("object_box")] == ["cup", "hat"]
    (listed,) = found.of("detect_objects")
    assert isinstance(listed.answer, Boxes)
    assert [box.label for box in listed.answer.items] == ["cup", "dog", "dog", "hat"]
    objects[-1]["w"] = -4
    folder = vg_folder(tmp_path, write_json, objects=[{"image_id": 7, "objects": objects}])
    found = read(VisualGenomeSource(path=folder, max_questions=9))
    assert [r.inputs["object"] for r in found.of("object_box")] == ["cup"]
    assert found.codes == ["E-REC-012"]
    assert found.rejected[0].record_id == "visual_genome/7/objects/8"


def test_attributes_are_optional_and_either_spelling_of_a_box_is_read(
    tmp_path: Path, read: Any, write_json: Write
) -> None:
    plain = thing(2, "tree", (1, 1, 5, 5))
    wide = {"id": 1, "names": ["clock"], "attributes": ["green", "tall", "green"], "x": 1, "y": 2}
    folder = vg_folder(
        tmp_path, write_json,
        attributes=[{"id": 7, "attributes": [{**wide, "width": 9, "height": 9}, plain]}],
    )  # fmt: skip
    found = read(VisualGenomeSource(path=folder, verify_media=False))
    (record,) = found.records
    assert record.inputs["question"] == "What is the clock like?"
    assert record.answer == Text("green, tall") and record.meta["box_px"] == [1, 2, 10, 11]


def test_region_is_asked_about_in_the_numbers_of_any_dialect(
    tmp_path: Path, read: Any, write_json: Write
) -> None:
    region = {"region_id": 5, "phrase": "a red  cup.", "x": 16, "y": 12, "width": 16, "height": 12}
    twice = [
        {**region, "region_id": key, "phrase": phrase} for key, phrase in ((6, "It"), (8, "it"))
    ]
    folder = vg_folder(
        tmp_path, write_json, region_descriptions=[{"id": 7, "regions": [region, *twice]}]
    )
    found = read(VisualGenomeSource(path=folder, verify_media=False, max_questions=9))
    (grounded,) = found.of("object_box")
    assert grounded.inputs["object"] == "region described as 'a red cup'"
    described = found.one("visual_genome/7/region_descriptions/vqa/5")
    assert described.inputs["top_left"] == Points((Point(16, 12),))
    question = load_task("vqa").question(described, dialect=load_dialect("qwen3_vl"))
    assert "250" in question and "500" in question and described.answer == Text("a red cup")
    assert len(found.of("vqa")) == 3


def test_what_is_left_out(tmp_path: Path, read: Any, write_json: Write, picture: Any) -> None:
    picture(tmp_path / "VG_100K/7.jpg", (64, 50))
    regions = [
        {"region_id": 1, "phrase": "", "x": 1, "y": 1, "width": 5, "height": 5},
        {"region_id": 2, "phrase": "ok", "x": 60, "y": 1, "width": 15, "height": 5},
        {"region_id": 3, "phrase": "ok", "x": -1.5, "y": 1, "width": 15, "height": 5},
        {"phrase": "no key"},
        "no object",
    ]
    qas = [{"qa_id": 1, "question": "What?", "answer": ""}]
    folder = vg_folder(
        tmp_path, write_json,
        region_descriptions=[{"id": 7, "regions": regions}, {"id": 8, "regions": []}, 5],
        question_answers=[{"id": 7, "qas": qas}],
    )  # fmt: skip
    found = read(VisualGenomeSource(path=folder))
    assert found.codes == ["E-MED-004", "E-DAT-004", "E-DAT-004", "E-MED-004"]
    found = read(VisualGenomeSource(path=folder, verify_media=False))
    name = "visual_genome/7/region_descriptions"
    assert {item.record_id: item.error.code for item in found.rejected} == {
        f"{name}/1": "E-DAT-004",
        f"{name}/2": "E-REC-011",
        f"{name}/3": "E-DAT-004",
        f"{name}/4": "E-DAT-004",
        "visual_genome/8/region_descriptions": "E-DAT-004",
        None: "E-DAT-004",
        "visual_genome/7/question_answers/1": "E-DAT-004",
    }
    assert found.of("object_box")[0].answer == Box(0, 1, 13.5, 6)


def test_whole_folders_that_cannot_be_read(tmp_path: Path, write_json: Write, read: Any) -> None:
    for folder in (tmp_path / "none", vg_folder(tmp_path, write_json)):
        with pytest.raises(RoboLoopError) as caught:
            read(VisualGenomeSource(path=folder))
        assert caught.value.code == "E-DAT-001"
    write_json(tmp_path / "objects.json", [])
    (tmp_path / "image_data.json").unlink()
    with pytest.raises(RoboLoopError) as caught:
        next(VisualGenomeSource(path=tmp_path).parts(SourceContext(tmp_path, 0)))
    assert caught.value.code == "E-DAT-001"


def test_draws_are_seeded(real: Any, read: Any) -> None:
    source = VisualGenomeSource(path=real(SAMPLE), verify_media=False, files=("objects",))
    assert read(source) == read(source)
    assert read(source) != read(source, seed=1)

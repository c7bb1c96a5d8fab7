"""lvis: the real sample against pycocotools, what federation allows to ask, and dirty files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO

from roboloop.base.errors import RoboLoopError
from roboloop.records import Box, Boxes, FilePicture, Number, YesNo
from roboloop.sources.lvis import LvisSource

Write = Callable[[Path, Any], Path]
SAMPLE = "lvis_sample/data/lvis_val_100.json"


def category(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "name": name, "synonyms": [name], **more}


def annotation(number: int, image: int, kind: int, box: list[Any]) -> dict[str, Any]:
    return {"id": number, "image_id": image, "category_id": kind, "bbox": box, "segmentation": []}


def image(number: int, **more: Any) -> dict[str, Any]:
    url = f"http://images.cocodataset.org/val2017/{number:012d}.jpg"
    known: dict[str, Any] = {"neg_category_ids": [], "not_exhaustive_category_ids": []}
    return {
        "id": number, "width": 64, "height": 48, "license": 4, "coco_url": url, **known, **more
    }  # fmt: skip


def lvis_file(**members: Any) -> dict[str, Any]:
    """One picture with two mugs, a knife, a spoon of which there may be more, and no dog."""
    whole: dict[str, Any] = {
        "info": {"version": "1.0"},
        "categories": [
            category(1, "mug"),
            category(2, "knife"),
            category(3, "spoon"),
            category(4, "dog"),
            category(5, "mouse_(computer_equipment)"),
        ],
        "annotations": [
            annotation(10, 7, 1, [1.5, 2.25, 10.5, 20.75]),
            annotation(11, 7, 2, [30, 10, 20, 5]),
            annotation(12, 7, 1, [20, 2, 10, 20]),
            annotation(13, 7, 3, [40, 30, 10, 10]),
        ],
        "licenses": [{"id": 4, "name": "Attribution License"}],
        "images": [image(7, neg_category_ids=[4, 5], not_exhaustive_category_ids=[3])],
    }
    return {**whole, **members}


# --- the real file --------------------------------------------------------------------------------


def test_every_box_is_that_of_the_file_grouped_as_pycocotools_groups_it(
    real: Any, read: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = real(SAMPLE)
    found = read(LvisSource(path=path, verify_media=False, max_questions=1000))
    oracle = COCO(str(path))
    capsys.readouterr()
    assert not found.rejected
    assert {record.split for record in found.records} == {"val"}
    located = {record.meta["object_id"]: record.answer for record in found.of("object_box")}
    num_single = 0
    for image_id, shown in oracle.imgs.items():
        kinds = Counter(a["category_id"] for a in oracle.imgToAnns[image_id])
        for found_annotation in oracle.imgToAnns[image_id]:
            kind, key = found_annotation["category_id"], str(found_annotation["id"])
            single = kinds[kind] == 1 and kind not in shown["not_exhaustive_category_ids"]
            assert (key in located) == single
            if single:
                num_single += 1
                x, y, width, height = found_annotation["bbox"]
                corners = located[key].corners_px
                assert corners == pytest.approx((x, y, x + width, y + height), abs=0.02)
    assert num_single == len(located) > 100


def test_counts_and_presence_of_the_real_file_are_what_its_annotators_promise(
    real: Any, read: Any
) -> None:
    whole = json.loads(real(SAMPLE).read_text())
    found = read(LvisSource(path=real(SAMPLE), verify_media=False, max_questions=1000))
    pictures = {shown["id"]: shown for shown in whole["images"]}
    names = {kind["name"].replace("_", " "): kind["id"] for kind in whole["categories"]}
    boxes = Counter((a["image_id"], a["category_id"]) for a in whole["annotations"])
    for record in found.of("number_vqa"):
        shown, kind = pictures[record.meta["image_id"]], names[record.id.split("/")[-1]]
        assert kind not in shown["not_exhaustive_category_ids"]
        assert record.answer == Number(boxes[shown["id"], kind])
    verdicts = Counter(record.answer.value for record in found.of("yes_no_vqa"))
    assert verdicts[True] == verdicts[False] > 80
    for record in found.of("yes_no_vqa"):
        shown, kind = pictures[record.meta["image_id"]], names[record.id.split("/")[-1]]
        if record.answer == YesNo(False):
            assert kind in shown["neg_category_ids"]
        else:
            assert boxes[shown["id"], kind] > 0
    licences = {licence["id"]: licence["name"] for licence in whole["licenses"]}
    for record in found.records:
        assert record.licence == licences[pictures[record.meta["image_id"]]["license"]]
        (medium,) = record.media
        assert isinstance(medium, FilePicture)
        assert medium.path == f"lvis:val2017/{record.meta['image_id']:012d}.jpg"


# --- what may be asked ----------------------------------------------------------------------------


def test_small_picture(tmp_path: Path, read: Any, write_json: Write, picture: Any) -> None:
    picture(tmp_path / "val2017/000000000007.jpg")
    path = write_json(tmp_path / "lvis_v1_train.json", lvis_file())
    found = read(LvisSource(path=path, max_questions=9))
    assert not found.rejected
    assert [r.inputs["object"] for r in found.of("object_box")] == ["knife"]
    assert [r.inputs["object"] for r in found.of("pointing")] == ["the knife"]
    assert found.one("lvis/7/object_box/11").answer == Box(30, 10, 50, 15)
    counts = {r.id: r.answer for r in found.of("number_vqa")}
    assert counts == {"lvis/7/number_vqa/mug": Number(2), "lvis/7/number_vqa/knife": Number(1)}
    (listed,) = found.of("detect_objects")
    assert listed.inputs["question"] == "Find all objects of these kinds: mug, knife."
    assert listed.answer == Boxes(
        (
            Box(1.5, 2.25, 12, 23, "mug"),
            Box(20, 2, 30, 22, "mug"),
            Box(30, 10, 50, 15, "knife"),
        )
    )
    asked = {r.inputs["question"]: r.answer.value for r in found.of("yes_no_vqa")}
    assert asked["Is there any mouse (computer equipment) in this picture?"] is False
    assert asked["Is there any dog in this picture?"] is False
    assert sum(asked.values()) == 2
    (medium,) = {r.media for r in found.records}
    assert medium[0].content_hash and medium[0].size == (64, 48)
    assert {r.licence for r in found.records} == {"Attribution License"}
    assert {r.split for r in found.records} == {"train"}


def test_draws_are_seeded_and_the_options_choose(
    tmp_path: Path, read: Any, write_json: Write, picture: Any
) -> None:
    path = write_json(tmp_path / "lvis_v1_val.json", lvis_file())
    picture(tmp_path / "coco/000000000007.jpg")
    source = LvisSource(
        path=path, image_folder=tmp_path / "coco", tasks=("number_vqa",), max_questions=1,
        name="small", licence="mine",
    )  # fmt: skip
    assert read(source) == read(source)
    (record,) = read(source).records
    assert (record.source, record.licence, record.split) == ("small", "mine", "val")
    drawn = {read(source, seed=seed).records[0].id for seed in range(20)}
    assert drawn == {"small/7/number_vqa/mug", "small/7/number_vqa/knife"}
    with pytest.raises(ValueError, match="'dance' is none of"):
        LvisSource(path=path, tasks=("dance",))


def test_pictures_of_version_05_are_found_in_either_coco_folder(
    tmp_path: Path, read: Any, write_json: Write, picture: Any
) -> None:
    name = "COCO_val2014_000000000007.jpg"
    path = write_json(tmp_path / "lvis_v0.5_val.json", lvis_file(images=[image(7, file_name=name)]))
    picture(tmp_path / "val2014" / name)
    assert read(LvisSource(path=path)).records[0].media[0].path == f"lvis:val2014/{name}"
    picture(tmp_path / "val2017/000000000007.jpg")
    path_2017 = "lvis:val2017/000000000007.jpg"
    assert read(LvisSource(path=path)).records[0].media[0].path == path_2017


def test_name_that_is_two_is_its_first_synonym(
    tmp_path: Path, read: Any, write_json: Write
) -> None:
    double = category(1, "monitor_(computer_equipment) computer_monitor")
    double["synonyms"] = ["monitor_(computer_equipment)", "computer_monitor"]
    shown = lvis_file(categories=[double, *lvis_file()["categories"][1:]])
    path = write_json(tmp_path / "lvis.json", shown)
    found = read(LvisSource(path=path, verify_media=False, max_questions=9))
    assert "lvis/7/number_vqa/monitor (computer equipment)" in {r.id for r in found.records}


# --- dirty files ----------------------------------------------------------------------------------

NAN = float("nan")
BAD_BOXES: list[tuple[list[Any], str]] = [
    ([NAN, 2, 10, 20], "E-REC-010"),
    ([1, 2, 1e999, 20], "E-REC-010"),
    ([20, 2, -10, 20], "E-REC-012"),
    ([20, 2, 10, 0], "E-REC-012"),
    ([60, 2, 10, 20], "E-REC-011"),
    ([1, 2, 10], "E-DAT-004"),
    (["1", 2, 10, 20], "E-DAT-004"),
]


@pytest.mark.parametrize(("box", "code"), BAD_BOXES, ids=str)
def test_bad_box_costs_itself_and_what_its_absence_would_make_wrong(
    tmp_path: Path, read: Any, write_json: Write, box: list[Any], code: str
) -> None:
    shown = lvis_file()
    shown["annotations"][2]["bbox"] = box  # the second mug
    found = read(LvisSource(path=write_json(tmp_path / "x.json", shown), verify_media=False))
    assert found.codes == [code]
    assert found.rejected[0].record_id == "lvis/annotation/12"
    assert [r.id for r in found.of("number_vqa")] == ["lvis/7/number_vqa/knife"]
    assert [r.inputs["object"] for r in found.of("object_box")] == ["knife"]


def test_box_that_sticks_out_by_rounding_is_cut(
    tmp_path: Path, read: Any, write_json: Write
) -> None:
    shown = lvis_file(annotations=[annotation(1, 7, 2, [-0.4, 10, 64.8, 38.3])])
    found = read(LvisSource(path=write_json(tmp_path / "x.json", shown), verify_media=False))
    assert found.one("lvis/7/object_box/1").answer == Box(0, 10, 64, 48)


def test_strays_and_doubles_are_left_out(tmp_path: Path, read: Any, write_json: Write) -> None:
    shown = lvis_file()
    shown["annotations"] += [annotation(20, 99, 1, [1, 1, 1, 1]), "no object"]
    shown["annotations"] += [annotation(21, 7, 77, [1, 1, 1, 1])]
    shown["images"] += [image(7), image(8, width="wide")]
    found = read(LvisSource(path=write_json(tmp_path / "x.json", shown), verify_media=False))
    assert {item.record_id: item.error.code for item in found.rejected} == {
        "lvis/annotation/None": "E-DAT-004",
        "lvis/image/7": "E-REC-004",
        "lvis/image/8": "E-DAT-004",
        "lvis/annotation/20": "E-DAT-004",
        "lvis/annotation/21": "E-DAT-004",
    }
    assert found.records


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ("missing", "E-MED-001"),
        ("empty", "E-MED-002"),
        ("cut", "E-MED-003"),
        ("other", "E-MED-004"),
    ],
)
def test_bad_picture_costs_its_questions(
    tmp_path: Path, read: Any, write_json: Write, picture: Any, damage: str, code: str
) -> None:
    shown = lvis_file()
    shown["images"] += [image(8)]
    shown["annotations"] += [annotation(20, 8, 1, [1, 1, 5, 5])]
    path = write_json(tmp_path / "x.json", shown)
    picture(tmp_path / "val2017/000000000008.jpg")
    file = tmp_path / "val2017/000000000007.jpg"
    if damage != "missing":
        picture(file, (32, 48) if damage == "other" else (64, 48))
    if damage in ("empty", "cut"):
        file.write_bytes(b"" if damage == "empty" else file.read_bytes()[:-200])
    found = read(LvisSource(path=path))
    assert found.codes == [code] and found.rejected[0].record_id == "lvis/7"
    assert {record.meta["image_id"] for record in found.records} == {8}


def test_whole_files_that_cannot_be_read(tmp_path: Path, write_json: Write, read: Any) -> None:
    with pytest.raises(RoboLoopError) as caught:
        read(LvisSource(path=tmp_path / "none.json"))
    assert caught.value.code == "E-DAT-001"
    for text, code in (
        ("[]", "E-DAT-002"),
        ('{"images": [], "info": 1}', "E-DAT-002"),
        (json.dumps(lvis_file())[:-20], "E-REC-014"),
        (json.dumps(lvis_file()).replace("}, {", "} {", 1), "E-REC-001"),
    ):
        path = tmp_path / "x.json"
        path.write_text(text)
        with pytest.raises(RoboLoopError) as caught:
            read(LvisSource(path=path))
        assert caught.value.code == code, text


def test_annotation_that_is_not_utf8_is_left_out(tmp_path: Path, read: Any) -> None:
    shown = lvis_file()
    shown["annotations"][1]["note"] = "BYTE"
    path = tmp_path / "x.json"
    path.write_bytes(json.dumps(shown, indent=1).encode().replace(b"BYTE", b"\xff"))
    found = read(LvisSource(path=path, verify_media=False))
    assert found.codes == ["E-REC-001"]
    assert found.rejected[0].error.place.line
    assert "knife" not in {r.inputs.get("object") for r in found.records}
    assert [r.id for r in found.of("number_vqa")] == ["lvis/7/number_vqa/mug"]


def test_fingerprint_changes_with_pictures_and_options(
    tmp_path: Path, write_json: Write, picture: Any
) -> None:
    path = write_json(tmp_path / "x.json", lvis_file())
    first = LvisSource(path=path).fingerprint()
    assert LvisSource(path=path).fingerprint() == first
    assert LvisSource(path=path, max_questions=5).fingerprint() != first
    picture(tmp_path / "val2017/000000000007.jpg")
    assert LvisSource(path=path).fingerprint() != first

"""robointer_vqa: every set of the hub, pictures loose, zipped and in parts, and what goes wrong."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
from made_hub import (
    CONTEXT,
    EPISODE,
    KEYS,
    place_entry,
    png,
    read,
    word_entry,
    write_picture,
    write_set,
)
from pydantic import ValidationError

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import Point
from roboloop.records import ArchivePicture, Box, Choice, FilePicture, Points, Text, YesNo
from roboloop.records.media_open import MediaStore
from roboloop.runs.ledger import Ledger, read_ledger
from roboloop.sources.build import build_records
from roboloop.sources.robointer_vqa.source import RoboInterVqaSource

BOX = [(72, 102), (192, 179)]
PICTURE = f"{EPISODE}#57.jpg"
BOX_SET = "Generation/train/rh20t/current_box_qa"


def test_all_of_generation(tmp_path: Path) -> None:
    path10 = [(110 + 2 * n, 66 + n) for n in range(10)]
    for stem in KEYS:
        points = path10 if "traj" in stem else BOX
        question = "Task: 'stack the blue cup'. It starts at [110, 66]. Where?"
        for place in ("train/rh20t", "val"):
            name = f"Generation/{place}/{stem}"
            write_set(tmp_path, name, [place_entry(stem, points, question=question)])
            write_picture(tmp_path, name, PICTURE)
    records, rejected = read(tmp_path)
    assert not rejected
    assert len(records) == 14 and len({record.id for record in records}) == 14
    by_id = {record.id: record for record in records}
    record = by_id[f"{BOX_SET}/{EPISODE}#57_current_box"]
    assert record.answer == Box(72, 102, 192, 179)
    assert record.picture_size == (320, 180) and record.media[0].content_hash
    assert (record.source, record.split, record.licence) == (
        "robointer_vqa", "train", "terms of RH20T",
    )  # fmt: skip
    file = "Generation/meta/train/rh20t/origin_format/full_single_multi_contact_obj_current_box_qa"
    assert record.origin == f"{file}.json:2"
    assert record.meta["episode"] == EPISODE and record.meta["frame"] == 57
    assert record.inputs == {"instruction": "stack the blue cup"}
    contact = by_id[f"Generation/val/contact_point_qa/{EPISODE}#57_contact_point"]
    assert contact.answer == Points((Point(72, 102), Point(192, 179)))
    assert contact.split == "val"
    traj = by_id[f"Generation/val/traj_qa/{EPISODE}#57_traj"]
    assert traj.task == "traj" and traj.inputs["start"] == Points((Point(110, 66),))
    blind = by_id[f"Generation/val/traj_qa_wo_init_pos/{EPISODE}#57_traj_qa_wo_init_pos"]
    assert blind.task == "traj_wo_init_pos" and "start" not in blind.inputs


def test_all_of_understanding(tmp_path: Path) -> None:
    answers = {
        "contact_decide": ("Yes", YesNo(True)),
        "grasppose_choice": ("A", Choice("A")),
        "grounding_choice": ("B", Choice("B")),
        "traj_choice": ("C", Choice("C")),
        "trajlang_choice": ("D", Choice("D", ("w", "x", "y", "z"))),
        "traj_direction_choice": ("B.", Choice("B")),
        "trajlang_sub_choice": ("A", Choice("A", ("w", "x", "y", "z"))),
        "traj_direction_choice_with_traj": ("A", Choice("A")),
    }
    for stem, (answer, _) in answers.items():
        options = "\nA. w\nB. x\nC. y\nD. z" if "lang" in stem else ""
        question = f"<image>\nFor 'close the drawer', which one?{options}"
        images: Any = ["88.jpg"] if "traj" in stem else "88.jpg"
        entry = word_entry(f"12345_exterior_image_1_left#88_{stem}", answer, images=images,
                           question=question)  # fmt: skip
        for place in ("train/rh20t", "val"):
            write_set(tmp_path, f"Understanding/{place}/{stem}", [entry])
            write_picture(tmp_path, f"Understanding/{place}/{stem}", "88.jpg")
    records, rejected = read(tmp_path, splits=["train"])
    assert not rejected
    found = {record.meta["set"].rsplit("/", 1)[-1]: record for record in records}
    assert {stem: record.answer for stem, record in found.items()} == {
        stem: answer for stem, (_, answer) in answers.items()
    }
    assert found["traj_direction_choice_with_traj"].task == "traj_direction_choice"
    assert found["trajlang_sub_choice"].task == "trajlang_choice"
    assert found["traj_choice"].inputs == {"instruction": "close the drawer", "letters": "ABCD"}
    assert found["traj_choice"].turns[0].text == "<image>\nFor 'close the drawer', which one?"
    assert len(read(tmp_path)[0]) == 2 * len(answers)
    assert len(read(tmp_path, verify_media=False)[0]) == 2 * len(answers)


def test_pictures_are_found_however_they_are_named_and_packed(tmp_path: Path) -> None:
    """Relative to the archive, to the folder above, or to the hub; loose, zipped, or in parts."""
    folder = "Generation/image/train/rh20t"
    data = png()
    for number, (member, reference) in enumerate(
        [
            ("current_box/a.png", "a.png"),
            ("a.png", "a.png"),
            ("a.png", "current_box/a.png"),
            ("current_box/a.png", f"{folder}/current_box/a.png"),
            (f"{folder}/current_box/a.png", "./current_box/a.png"),
        ]
    ):
        entries = [place_entry("current_box_qa", BOX, images=reference)]
        for packing in ("loose", "zip", "parts"):
            hub = tmp_path / f"{packing}{number}"
            write_set(hub, BOX_SET, entries)
            home = hub / folder
            home.mkdir(parents=True)
            if packing == "loose":
                target = home / member.removeprefix(f"{folder}/")
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(data)
            else:
                archive = home / "current_box.zip"
                with zipfile.ZipFile(archive, "w") as opened:
                    opened.writestr(member, data)
                if packing == "parts":
                    whole = archive.read_bytes()
                    archive.unlink()
                    for part, start in enumerate(range(0, len(whole), 50_000)):
                        piece = whole[start : start + 50_000]
                        (home / f"current_box.zip.{part:02d}").write_bytes(piece)
            for verify in (True, False):
                source = RoboInterVqaSource(path=hub, verify_media=verify)
                (record,) = source.read(CONTEXT)
                assert not isinstance(record, tuple), record
                (medium,) = record.media
                kind = FilePicture if packing == "loose" else ArchivePicture
                assert isinstance(medium, kind) and medium.size == (320, 180)
                assert MediaStore(source.media_roots()).read_bytes(medium) == data


def test_without_verify_media_nothing_is_opened(tmp_path: Path) -> None:
    """The stated size stands; the reference is where unpacking will put the picture."""
    write_set(tmp_path, BOX_SET, [place_entry("current_box_qa", BOX)])
    (record,), _ = read(tmp_path, verify_media=False)
    (medium,) = record.media
    assert medium == FilePicture(
        path=f"robointer_vqa:Generation/image/train/rh20t/current_box/{PICTURE}", size=(320, 180)
    )
    _, (missing,) = read(tmp_path)
    assert missing.error.code == "E-MED-001" and missing.error.place.line == 2


def test_sizes_that_are_not_stated_are_read_from_the_pictures(tmp_path: Path) -> None:
    entry = place_entry("current_box_qa", BOX)
    del entry["w"], entry["h"]
    write_set(tmp_path, BOX_SET, [entry])
    write_picture(tmp_path, BOX_SET, PICTURE)
    for verify in (True, False):
        (record,), _ = read(tmp_path, verify_media=verify)
        assert record.picture_size == (320, 180)


def test_a_picture_of_another_size_than_stated_is_no_truth(tmp_path: Path) -> None:
    write_set(tmp_path, BOX_SET, [place_entry("current_box_qa", BOX)])
    write_picture(tmp_path, BOX_SET, PICTURE, png(640, 360))
    _, (rejected,) = read(tmp_path)
    assert rejected.error.code == "E-MED-004" and "640x360" in rejected.error.detail
    assert len(read(tmp_path, verify_media=False)[0]) == 1


def test_everything_that_is_wrong_costs_one_line_of_the_ledger(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    good = png()
    pictures: dict[str, bytes] = {
        PICTURE: good, "cut.jpg": good[: len(good) // 2], "empty.jpg": b"",
    }  # fmt: skip
    for name, data in pictures.items():
        write_picture(hub, BOX_SET, name, data)
    stem = "current_box_qa"

    def answered(text: str, number: int) -> dict[str, Any]:
        entry = place_entry(stem, BOX, frame=number, images=PICTURE)
        entry["conversations"][1]["value"] = text
        return entry

    entries: list[tuple[Any, str | None]] = [
        (place_entry(stem, BOX), None),
        (place_entry(stem, BOX), "E-REC-004"),
        (place_entry(stem, BOX, frame=2, images="cut.jpg"), "E-MED-003"),
        (place_entry(stem, BOX, frame=3, images="empty.jpg"), "E-MED-002"),
        (place_entry(stem, BOX, frame=4, images="none.jpg"), "E-MED-001"),
        (place_entry(stem, BOX, frame=5, images="../../../secret.jpg"), "E-MED-005"),
        (place_entry(stem, BOX, frame=6, images=f"/data/{PICTURE}"), "E-MED-005"),
        (place_entry(stem, BOX, frame=7, images=[]), "E-DAT-004"),
        (place_entry(stem, BOX, frame=8, images=PICTURE, w="320"), "E-REC-003"),
        (answered('{"current_bbox": [[192, 102], [72, 179]]}', 9), "E-REC-012"),
        (answered('{"current_bbox": [[72, 102], [321, 179]]}', 10), "E-REC-011"),
        (answered('{"current_bbox": [[NaN, 102], [192, 179]]}', 11), "E-REC-010"),
        (answered('{"final_bbox": [[72, 102], [192, 179]]}', 12), "E-REC-013"),
        (answered("somewhere", 13), "E-REC-013"),
        (answered("", 14), "E-REC-013"),
        ("no entry", "E-DAT-004"),
        ({"id": "x", "conversations": 3}, "E-DAT-004"),
        (place_entry(stem, BOX, frame=15, images=PICTURE, gt=float("nan")), "E-REC-010"),
        (place_entry(stem, BOX, frame=16, images=[PICTURE] * 3,
                     question="<image> and what?"), "E-REC-005"),
    ]  # fmt: skip
    path = write_set(hub, BOX_SET, [entry for entry, _ in entries])
    text = path.read_bytes().replace(b'"no entry"', b'"no \xff entry"')
    path.write_bytes(text.replace(b'"x"', b'"x\xff"'))
    expected = [code for _, code in entries if code]
    expected[expected.index("E-DAT-004", 8)] = "E-REC-001"
    expected[expected.index("E-DAT-004", 8)] = "E-REC-001"
    ledger = Ledger(tmp_path / "ledger.jsonl", stage="data")
    counts = build_records(
        [RoboInterVqaSource(path=hub)], out=tmp_path / "out", context=CONTEXT, ledger=ledger
    )
    ledger.close()
    lines = read_ledger(tmp_path / "ledger.jsonl")
    assert [line.code for line in lines] == expected
    assert (counts.num_records, counts.num_dropped) == (1, len(expected))
    assert all("current_box_qa.json:" in line.place for line in lines)


def test_damaged_archives_are_named(tmp_path: Path) -> None:
    write_set(tmp_path, BOX_SET, [place_entry("current_box_qa", BOX)])
    home = tmp_path / "Generation/image/train/rh20t"
    home.mkdir(parents=True)
    (home / "current_box.zip").write_bytes(b"PK\x03\x04 cut off")
    _, (rejected,) = read(tmp_path)
    assert rejected.error.code == "E-MED-008"
    assert "current_box.zip" in rejected.error.detail


def test_a_list_that_is_cut_off_stops_the_reading(tmp_path: Path) -> None:
    path = write_set(tmp_path, BOX_SET, [place_entry("current_box_qa", BOX)] * 2)
    path.write_text(path.read_text()[:-40])
    with pytest.raises(RoboLoopError) as caught:
        read(tmp_path, verify_media=False)
    assert caught.value.code == "E-REC-014"


def test_missing_things_of_the_whole_set(tmp_path: Path) -> None:
    with pytest.raises(RoboLoopError, match="no such folder") as caught:
        read(tmp_path / "none")
    assert caught.value.code == "E-DAT-001"
    with pytest.raises(RoboLoopError, match="Generation/meta") as caught:
        read(tmp_path)
    assert caught.value.code == "E-DAT-002"
    write_set(tmp_path, BOX_SET, [place_entry("current_box_qa", BOX, form="llava")], form="llava")
    with pytest.raises(RoboLoopError, match="only as llava") as caught:
        read(tmp_path)
    assert "coordinates: llava" in caught.value.fix
    assert len(read(tmp_path, coordinates="llava", verify_media=False)[0]) == 1


def test_parts_can_be_read_elsewhere_and_in_any_order(tmp_path: Path) -> None:
    entries = [place_entry("current_box_qa", BOX, frame=n) for n in range(50)]
    write_set(tmp_path, BOX_SET, entries)
    source = RoboInterVqaSource(path=tmp_path, mixture=f"{BOX_SET}%150", verify_media=False)
    parts = list(source.parts(CONTEXT))
    again = pickle.loads(pickle.dumps((source, parts)))
    records = [r for part in again[1] for r in again[0].read_part(part, CONTEXT)]
    assert records == list(source.read(CONTEXT))


def test_the_fingerprint_notices_entries_and_pictures(tmp_path: Path) -> None:
    path = write_set(tmp_path, BOX_SET, [place_entry("current_box_qa", BOX)])
    write_picture(tmp_path, BOX_SET, PICTURE)
    source = RoboInterVqaSource(path=tmp_path)
    before = source.fingerprint()
    assert source.fingerprint() == before
    write_picture(tmp_path, BOX_SET, "b.png")
    with_picture = source.fingerprint()
    path.write_text(json.dumps([place_entry("current_box_qa", BOX, frame=58)]))
    assert len({before, with_picture, source.fingerprint()}) == 3


def test_options_are_checked(tmp_path: Path) -> None:
    for options, said in (
        ({"tasks": ["current_boks"]}, "did you mean 'current_box'"),
        ({"mixture": "manipvqa_train", "splits": ["val"]}, "leave out"),
        ({"coordinates": "pixels"}, "origin"),
        ({"mixture": "manipvqa_trian"}, "did you mean 'manipvqa_train'"),
    ):
        with pytest.raises(ValidationError, match=said):
            RoboInterVqaSource.model_validate({"path": tmp_path, **options})


def test_texts_of_planning(tmp_path: Path) -> None:
    """Eight frames; one mark for all of them becomes one for each."""
    name = "Task_planning/val/planning"
    entry = word_entry(
        "987_exterior_image_2_left_Future_Prediction_Task_3",
        "place the pen in the holder",
        images=[f"f{n}.png" for n in range(8)],
        question="<image>\nThe goal is 'tidy the desk'. What comes next?",
    )
    write_set(tmp_path, name, [entry])
    for n in range(8):
        write_picture(tmp_path, name, f"f{n}.png")
    (record,), _ = read(tmp_path)
    assert record.task == "planning" and record.answer == Text("place the pen in the holder")
    assert len(record.media) == 8 and len({m.size for m in record.media}) == 1
    asked = "<image>" * 8 + "\nThe goal is 'tidy the desk'. What comes next?"
    assert record.turns[0].text == asked
    assert record.inputs == {"instruction": "tidy the desk"}

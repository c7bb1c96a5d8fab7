"""llava_json: real samples of three trainers, RoboInter's forms, and every way to be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import Point
from roboloop.base.pictures import encode_png
from roboloop.records import Box, Points, Record, Text, Trajectory, Turn, VideoFrame, YesNo
from roboloop.records.media_open import MediaStore
from roboloop.runs.ledger import Ledger, read_ledger
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.build import build_records
from roboloop.sources.llava_json import LlavaJsonSource

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
CONTEXT = SourceContext(Path("made"), 0)


def real(name: str) -> Path:
    path = (DATA / name).resolve()
    if not path.exists():
        pytest.skip(f"the real sample {name} is not there")
    return path


def split_up(source: LlavaJsonSource) -> tuple[list[Record], list[Rejected]]:
    items = list(source.read(CONTEXT))
    return (
        [item for item in items if isinstance(item, Record)],
        [item for item in items if isinstance(item, Rejected)],
    )


# --- real samples ---------------------------------------------------------------------------------


def test_qwen_finetune_demo() -> None:
    folder = real("qwen3vl_finetune_demo/qwen-vl-finetune")
    path = folder / "demo/single_images.json"
    source = LlavaJsonSource(path=path, image_folder=folder)
    records, rejected = split_up(source)
    assert not rejected
    assert [record.answer for record in records] == [Text("Yes"), Text("6"), Text("2014")]
    assert records[0].turns == (Turn("user", "Is the value of Favorable 38 in 2015?\n<image>"),)
    assert {(record.task, record.source, record.split) for record in records} == {
        ("vqa", "single_images", "train")
    }
    assert [record.origin for record in records] == [f"single_images.json:{n}" for n in (2, 15, 28)]
    store = MediaStore(source.media_roots())
    for record in records:
        assert store.open(record.media[0]).size == record.picture_size
    assert records[0].picture_size == (422, 359)


def test_llamafactory_messages_in_both_forms_are_the_same() -> None:
    folder = real("llamafactory_mllm")
    plain = LlavaJsonSource(path=folder / "data/mllm_demo.json")
    parts = LlavaJsonSource(path=folder / "data/v1_multimodal_demo.jsonl", image_folder=folder)
    (first, *others), rejected = split_up(plain)
    (same, *_), also_rejected = split_up(parts)
    assert not rejected and not also_rejected and len(others) == 5
    assert first.turns == same.turns
    assert [turn.role for turn in first.turns] == ["user", "assistant", "user"]
    assert first.answer == same.answer == Text("They are celebrating on the soccer field.")
    assert len(first.media) == len(same.media) == 2


def test_videos_become_frames_or_are_left_out_with_a_reason() -> None:
    path = real("llamafactory_mllm/data/mllm_video_demo.json")
    records, rejected = split_up(LlavaJsonSource(path=path))
    assert not records
    assert [item.error.code for item in rejected] == ["E-DAT-004"] * 3
    records, rejected = split_up(LlavaJsonSource(path=path, video_frames=3))
    assert len(records) == 2
    assert [item.error.code for item in rejected] == ["E-MED-001"]  # 2.avi is not there
    assert records[0].turns[0].text == "<image><image><image>Why is this video funny?"
    with av.open(str(path.parent / "mllm_demo_data/1.mp4")) as container:
        total = sum(1 for _ in container.decode(video=0))
    frames = [media.frame for media in records[0].media if isinstance(media, VideoFrame)]
    assert frames == [total // 6, total // 2, total * 5 // 6]


def test_robobrain_demo_answers_are_pixels_and_a_thousandths_reading_is_another_box(
    tmp_path: Path,
) -> None:
    """The box of "hold the cup" lies at the right border: as thousandths it would still fit in."""
    folder = real("robobrain2_demo/assets/demo")
    path = tmp_path / "answers.json"
    path.write_text(
        json.dumps([entry("affordance.jpg", "[577, 224, 638, 310]", task="object_box")])
    )
    options: dict[str, Any] = {"path": path, "image_folder": folder}
    (record,), _ = split_up(LlavaJsonSource(**options, coordinates="plain"))
    assert record.picture_size == (640, 426)
    assert record.answer == Box(577, 224, 638, 310)
    (other,), _ = split_up(LlavaJsonSource(**options, coordinates="qwen3_vl"))
    assert isinstance(other.answer, Box) and other.answer.x2 < 420
    with pytest.raises(RoboLoopError, match="coordinates") as caught:
        split_up(LlavaJsonSource(**options))
    assert caught.value.code == "E-CFG-003" and caught.value.place.line == 1


# --- made-up entries ------------------------------------------------------------------------------


def entry(image: Any, answer: str | None, *, question: str = "<image>\nWhere?", **more: Any) -> Any:
    turns = [{"from": "human", "value": question}]
    if answer is not None:
        turns.append({"from": "gpt", "value": answer})
    return {"image": image, "conversations": turns, **more}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (180, 320, 3), dtype=np.uint8)
    data = encode_png(Image.fromarray(pixels))
    (folder / "a.png").write_bytes(data)
    (folder / "cut.png").write_bytes(data[: len(data) // 2])
    (folder / "empty.jpg").touch()
    (tmp_path / "secret.png").write_bytes(data)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(folder / "turned.jpg", exif=exif)
    return folder


def read(folder: Path, entries: Any, **options: Any) -> tuple[list[Record], list[Rejected]]:
    path = folder.parent / "set.json"
    path.write_text(json.dumps(entries, indent=1))
    return split_up(LlavaJsonSource(path=path, image_folder=folder, **options))


def test_robointer_entry_gives_the_same_pixels_in_each_of_its_formats(pictures: Path) -> None:
    """The published example (its README_DATA): one box in three formats, 320 x 180."""
    formats = {
        "robointer_origin": "[[72, 102], [192, 179]]",
        "robointer_llava": "[[0.22, 0.57], [0.60, 0.99]]",
        "robointer_smart_resize": "[[69, 95], [184, 167]]",
    }
    for coordinates, text in formats.items():
        answer = f'{{"current_bbox": {text}}}'
        entries = [entry("a.png", answer, id="e#57", task="current_box_qa", h=180, w=320)]
        (record,), _ = read(pictures, entries, coordinates=coordinates)
        assert (record.id, record.task) == ("e#57", "current_box")
        assert isinstance(record.answer, Box)
        assert record.answer.corners_px == pytest.approx((72, 102, 192, 179), abs=1.7)
        assert record.meta["published_answer"] == answer


def test_answers_of_every_kind_are_typed(pictures: Path) -> None:
    entries = [
        entry("a.png", '{"future_traj": [[1, 2], [3, 4]]}', id="1", task="traj_qa_wo_init_pos"),
        entry(
            "a.png", '{"contact_point": [[150, 88], [163, 90]]}', id="2", task="contact_point_qa"
        ),
        entry("a.png", "Yes", id="3", task="contact_decide"),
        entry("a.png", "put it there", id="4"),
        entry("a.png", None, id="5"),
        entry(None, "4", id="6", question="2 + 2?"),
    ]
    records, rejected = read(pictures, entries, coordinates="plain")
    assert not rejected
    assert [record.answer for record in records] == [
        Trajectory((Point(1, 2), Point(3, 4))),
        Points((Point(150, 88), Point(163, 90))),
        YesNo(True),
        Text("put it there"),
        None,
        Text("4"),
    ]
    assert records[5].media == ()


def test_pixels_are_those_of_the_upright_picture(pictures: Path) -> None:
    box = '{"current_bbox": [[0, 0], [180, 320]]}'
    (record,), _ = read(pictures, [entry("turned.jpg", box, task="current_box")],
                        coordinates="plain")  # fmt: skip
    assert record.picture_size == (180, 320)


def test_other_ways_to_write_a_conversation(pictures: Path) -> None:
    picture = {"type": "image_url", "image_url": {"url": "a.png"}}
    question = {"type": "text", "text": "What?"}
    entries = [
        {"messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [picture, question]},
            {"role": "assistant", "content": "A cup."}]},
        {"system": "Be brief.", "images": ["a.png"], "conversations": [
            {"from": "user", "value": "<image>What?"}, {"from": "assistant", "value": "A cup."}]},
        {"system": "Be brief.", "image": {"path": "a.png"}, "instruction": "<image>What?",
         "output": "A cup."},
        {"messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "image"}, "What?"]},
            {"role": "assistant", "content": "A cup."}], "images": "a.png"},
    ]  # fmt: skip
    records, rejected = read(pictures, entries)
    assert not rejected
    assert {(record.turns, record.answer, record.media) for record in records} == {
        (
            (Turn("system", "Be brief."), Turn("user", "<image>What?")),
            Text("A cup."),
            records[0].media,
        )
    }


BAD: list[tuple[dict[str, Any], str, str]] = [
    (entry("none.png", "x"), "E-MED-001", "none.png"),
    (entry("https://host/a.png", "x"), "E-MED-001", "https://host/a.png"),
    (entry("data:image/png;base64," + "A" * 200, "x"), "E-MED-001", "data:image"),
    (entry("empty.jpg", "x"), "E-MED-002", "empty.jpg"),
    (entry("cut.png", "x"), "E-MED-003", "cut.png"),
    (entry("../secret.png", "x"), "E-MED-005", "../secret.png"),
    (entry("/etc/passwd", "x"), "E-MED-005", "/etc/passwd"),
    (entry("a.png", "no idea", task="current_box_qa"), "E-REC-013", "no idea"),
    (entry("a.png", "[10, 20, 9, 30]", task="current_box_qa"), "E-REC-012", "x2 < x1"),
    (entry("a.png", "[10, 20, 400, 30]", task="current_box_qa"), "E-REC-011", "320x180"),
    (entry("a.png", "[NaN, 20, 40, 30]", task="current_box_qa"), "E-REC-013", "NaN"),
    (entry(None, "[1, 2, 3, 4]", task="current_box", question="?"), "E-REC-013", "no picture"),
    (entry("a.png", "maybe", task="contact_decide"), "E-REC-013", "maybe"),
    (entry("a.png", "x", task="dance"), "E-DAT-004", "dance"),
    (entry(["a.png", "a.png"], "x", question="<image><image><image>?"), "E-REC-005", "3 marks"),
    (entry(None, "x"), "E-REC-005", "1 marks and 0 pictures"),
    (entry("a.png", "x", id=[1]), "E-REC-003", "'id'"),
    (entry(7, "x"), "E-DAT-004", "path"),
    ({"image": "a.png", "text": "x"}, "E-DAT-004", "image, text"),
    ({"conversations": [{"from": "tool", "value": "x"}]}, "E-DAT-004", "'tool'"),
    ({"conversations": [{"from": "gpt", "value": "x"}]}, "E-DAT-004", "nobody"),
    ({"conversations": [{"from": "human", "value": 5}]}, "E-DAT-004", "5"),
    ({"conversations": ["hello"]}, "E-DAT-004", "hello"),
    ({"messages": [{"role": "user", "content": [{"type": "audio"}]}]}, "E-DAT-004", "audio"),
]


@pytest.mark.parametrize(("bad", "code", "says"), BAD, ids=lambda value: str(value)[:50])
def test_bad_entry_is_left_out_with_code_and_line(
    pictures: Path, bad: Any, code: str, says: str
) -> None:
    good = [entry("a.png", "yes", id=name) for name in ("first", "last")]
    records, (rejected,) = read(pictures, [good[0], bad, good[1]], coordinates="plain")
    assert [record.id for record in records] == ["first", "last"]
    error = rejected.error
    assert (error.code, says in error.detail) == (code, True), error
    text = (pictures.parent / "set.json").read_text().split("\n")
    assert error.place.file == pictures.parent / "set.json"
    assert text[(error.place.line or 0) - 1] == " {" and error.place.line == 16
    assert error.fix


def test_one_id_twice_names_both_lines(pictures: Path, tmp_path: Path) -> None:
    entries = [entry("a.png", "yes", id=5), entry("a.png", "no", id="5")]
    (pictures.parent / "set.json").write_text(json.dumps(entries, indent=1))
    source = LlavaJsonSource(path=pictures.parent / "set.json", image_folder=pictures)
    with Ledger(tmp_path / "ledger.jsonl", stage="data") as ledger:
        counts = build_records(
            [source], out=tmp_path / "out", context=SourceContext(tmp_path, 0), ledger=ledger
        )
    (line,) = read_ledger(tmp_path / "ledger.jsonl")
    assert (counts.num_records, line.record_id, line.code) == (1, "5", "E-REC-004")
    assert "set.json:2" in line.detail and line.place == "set.json:16"


def test_entries_without_id_get_one_that_does_not_depend_on_their_place(pictures: Path) -> None:
    one, two = entry("a.png", "yes"), entry("a.png", "no")
    first, _ = read(pictures, [one, two, one])
    second, _ = read(pictures, [two, one])
    assert [record.id for record in second] == [first[1].id, first[0].id]
    assert first[2].id == first[0].id != first[1].id  # an exact copy: the build leaves it out


def test_damage_behind_the_header_passes_only_unverified(pictures: Path) -> None:
    entries = [entry("cut.png", "x"), entry("a.png", "x")]
    assert [len(part) for part in read(pictures, entries)] == [1, 1]
    assert [len(part) for part in read(pictures, entries, verify_media=False)] == [2, 0]


def test_limit_prefix_fields_and_split(pictures: Path) -> None:
    entries = [entry("a.png", "x", id=n, subset="s") for n in range(5)]
    records, _ = read(pictures, entries, limit=2, id_prefix="set/", split="val",
                      licence="MIT", keep_fields=("subset", "none"), name="mine")  # fmt: skip
    assert [record.id for record in records] == ["set/0", "set/1"]
    assert {(r.split, r.licence, r.source, r.meta["subset"]) for r in records} == {
        ("val", "MIT", "mine", "s")
    }


def test_folder_of_files_and_absolute_paths(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "meta"
    folder.mkdir()
    absolute = str(pictures / "a.png")
    (folder / "b.json").write_text(json.dumps([entry(absolute, "b", id="b")]))
    (folder / "a.jsonl").write_text(json.dumps(entry("a.png", "a", id="a")) + "\n")
    (folder / "notes.txt").write_text("no data")
    source = LlavaJsonSource(path=folder, image_folder=pictures, name="m")
    records, _ = split_up(source)
    assert [record.id for record in records] == ["a", "b"]
    assert records[0].media == records[1].media


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"task": "current_box"}, "coordinates"),
        ({"task": "curent_box"}, "current_box"),
        ({"coordinates": "qwen"}, "qwen"),
        ({"coordinates": "plain", "coordinate_options": {"pixels": 1}}, "pixels"),
        ({"name": "a:b"}, "name"),
        ({"images": "x"}, "images"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        LlavaJsonSource(path=Path("a.json"), **options)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[]")
    for source in (
        LlavaJsonSource(path=tmp_path / "none.json"),
        LlavaJsonSource(path=tmp_path / "a.json", image_folder=tmp_path / "none"),
    ):
        with pytest.raises(RoboLoopError, match="none") as caught:
            split_up(source)
        assert caught.value.code == "E-DAT-001"


def test_fingerprint_notices_options_entries_and_pictures(pictures: Path) -> None:
    path = pictures.parent / "set.json"
    path.write_text(json.dumps([entry("a.png", "x")]))
    options: dict[str, Any] = {"path": path, "image_folder": pictures}
    prints = [LlavaJsonSource(**options).fingerprint(), LlavaJsonSource(**options).fingerprint()]
    prints.append(LlavaJsonSource(**options, split="val").fingerprint())
    path.write_text(json.dumps([entry("a.png", "y")]))
    prints.append(LlavaJsonSource(**options).fingerprint())
    (pictures / "b.png").write_bytes(b"x")
    prints.append(LlavaJsonSource(**options).fingerprint())
    (pictures / "b.png").write_bytes(b"xy")
    prints.append(LlavaJsonSource(**options).fingerprint())
    assert prints[0] == prints[1] and len(set(prints)) == 5

"""`look`: record files in the viewer, without any model, in a real browser."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from made_evaluation import MadeEvaluation
from PIL import Image
from playwright.sync_api import expect

from roboloop.base.errors import RoboLoopError
from roboloop.base.files import atomic_write_json
from roboloop.base.geometry import PictureSize
from roboloop.base.pictures import encode_png
from roboloop.records import Box, FilePicture, Record, Text, VideoFrame, YesNo
from roboloop.records.jsonl import write_json_line
from roboloop.records.media_open import MediaStore
from roboloop.records.record import record_from_json, record_to_json
from roboloop.records.shard_files import ShardWriter
from roboloop.report.look import build_look
from roboloop.report.pictures import PictureFolder
from roboloop.report.record_rows import record_row
from roboloop.report.scripts import read_shard


@pytest.mark.browser
def test_records_are_shown_with_their_truth(
    watched: Any, made: MadeEvaluation, tmp_path: Path
) -> None:
    page = watched.open(build_look([made.records], out=tmp_path / "look").page, "#/records")
    assert page.inner_text(".hit-count") == "384 records"
    expect(page.locator("nav a")).to_have_text(["Records", "Data"])
    page.locator(".option[data-value='gripper_det']").click()
    assert page.inner_text(".hit-count b") == "48"
    assert page.locator(".stage .truth .ink").count() == 1
    assert page.locator(".answer").count() == 1
    assert page.locator("select").count() == 0, "there is no model to judge by"
    page.keyboard.press("j")
    page.keyboard.press("p")
    page.keyboard.press("2")
    expect(page.locator("h1")).to_have_text("Data")


def test_what_is_no_record_is_listed_and_the_rest_shown(
    made: MadeEvaluation, tmp_path: Path
) -> None:
    lines = (made.records / "val-00000.jsonl").read_text(encoding="utf-8").splitlines()[:3]
    lines[1:1] = ['{"id": "x"}', "not JSON"]
    (tmp_path / "some.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    page = build_look(
        [tmp_path / "some.jsonl"],
        out=tmp_path / "look",
        media_roots={"pictures": made.records / "pictures"},
    ).page
    told = json.loads((page.parent / "report.json").read_text(encoding="utf-8"))
    assert told["counts"] == {"records": 3, "shown": 3, "pictures": 1, "pictures_missing": 0}
    assert [reason["code"] for reason in told["ledger"]["reasons"]] == ["E-REC-001", "E-REC-002"]
    assert told["ledger"]["reasons"][0]["examples"][0]["place"].startswith("some.jsonl:3")


def test_an_unknown_task_or_a_lost_picture_is_no_obstacle(tmp_path: Path) -> None:
    lines = [
        {"id": "a", "task": "of_a_third_party", "inputs": {"instruction": "stack"},
         "answer": {"kind": "box", "box_px": [1, 2, 3, 4]},
         "media": [{"kind": "file", "path": "gone:1.png", "size": [10, 10]}]},
        {"id": "b", "task": "contact_box"},
        {"id": "c", "task": "vqa", "turns": [{"role": "user", "text": "<image>\nWhat is it?"},
                                             {"role": "assistant", "text": "A cup."}]},
    ]  # fmt: skip
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    page = build_look([path], out=tmp_path / "look").page
    rows = str(read_shard(page.parent / "data/records-000.js"))
    assert "E-MED-001" in rows
    assert "instruction: stack" in rows
    assert "What is it?" in rows and "A cup." in rows


def test_more_records_than_fit_are_still_counted(made: MadeEvaluation, tmp_path: Path) -> None:
    page = build_look([made.records], out=tmp_path / "look", sample=7).page
    told = json.loads((page.parent / "report.json").read_text(encoding="utf-8"))
    assert (told["counts"]["records"], told["counts"]["shown"]) == (384, 7)


def test_a_path_without_records_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RoboLoopError, match="E-DAT-001"):
        build_look([tmp_path], out=tmp_path / "look")
    with pytest.raises(RoboLoopError, match="E-DAT-001"):
        build_look([tmp_path / "missing.jsonl"], out=tmp_path / "look")


def shown(page: Path) -> list[dict[str, Any]]:
    shards = sorted((page.parent / "data").glob("records-*.js"))
    return [row for shard in shards for row in read_shard(shard)]


def test_sample_gives_every_task_room_and_does_not_depend_on_order(tmp_path: Path) -> None:
    records = [
        Record(id=f"{task}-{number}", task=task, answer=Text("x"))
        for task, num in (("vqa", 400), ("planning", 5), ("plan_steps", 1))
        for number in range(num)
    ]
    found = []
    for name, ordered in (("a", records), ("b", records[::-1])):
        path = tmp_path / f"{name}.jsonl"
        path.write_bytes(b"".join(write_json_line(record_to_json(each)) for each in ordered))
        made = build_look([path], out=tmp_path / f"look-{name}", sample=12, seed=3)
        assert (made.num_records, made.num_shown) == (406, 12)
        found.append({row["id"] for row in shown(made.page)})
    assert found[0] == found[1]
    tasks = Counter(row.rsplit("-", 1)[0] for row in found[0])
    assert tasks == {"vqa": 6, "planning": 5, "plan_steps": 1}
    other = build_look([tmp_path / "a.jsonl"], out=tmp_path / "other", sample=12, seed=4)
    assert {row["id"] for row in shown(other.page)} != found[0]


def test_limit_and_tasks_choose_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    records = [Record(id=str(n), task=("vqa", "planning")[n % 2]) for n in range(20)]
    path.write_bytes(b"".join(write_json_line(record_to_json(each)) for each in records))
    made = build_look([path], out=tmp_path / "look", limit=3, tasks=("planning",))
    assert [row["id"] for row in shown(made.page)] == ["1", "3", "5"]
    with pytest.raises(RoboLoopError, match="no record of task traj"):
        build_look([path], out=tmp_path / "look", tasks=("traj",))


def test_text_alone_many_pictures_and_video_frames_in_parquet_shards(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 48, 64, 3), dtype=np.uint8)
    with av.open(str(tmp_path / "v.mp4"), "w") as video:
        stream = video.add_stream("mpeg4", rate=10, options={"qscale": "2"})
        stream.width, stream.height = 64, 48
        for each in pixels:
            video.mux(stream.encode(av.VideoFrame.from_ndarray(each, format="rgb24")))
        video.mux(stream.encode())
    (tmp_path / "a.png").write_bytes(encode_png(Image.fromarray(pixels[0])))
    size = PictureSize(64, 48)
    frames = tuple(VideoFrame(path="m:v.mp4", frame=number, size=size) for number in range(3))
    records = tmp_path / "records"
    with ShardWriter(records, split="train", format="parquet") as writer:
        writer.add(Record(id="text", task="vqa", answer=Text("yes")))
        writer.add(Record(id="frames", task="planning", media=frames, answer=Text("go on")))
        writer.add(Record(id="one", task="vqa", media=(FilePicture(path="m:a.png", size=size),)))
    atomic_write_json(records / "media_roots.json", value={"m": ".."})
    page = build_look([records], out=tmp_path / "look").page
    text, several, one = shown(page)
    assert (text["pictures"], len(several["pictures"]), len(one["pictures"])) == ([], 3, 1)
    files = [picture["file"] for row in (several, one) for picture in row["pictures"]]
    assert len(set(files)) == 4 and all((page.parent / file).is_file() for file in files)


def test_a_pair_is_shown_with_the_answer_it_rejects(made: MadeEvaluation, tmp_path: Path) -> None:
    line = (made.records / "val-00000.jsonl").read_text(encoding="utf-8").splitlines()[0]
    record = record_from_json(json.loads(line))
    box = Record(
        id="pair", task="object_box", media=record.media, inputs={"object": "cup"},
        answer=Box(10, 20, 60, 80), rejected=Box(100, 20, 150, 80),
    )  # fmt: skip
    said = Record(
        id="said", task="yes_no_vqa", inputs={"question": "Is it?"}, answer=YesNo(True),
        rejected=Text("I cannot tell"),
    )  # fmt: skip
    store = MediaStore({"pictures": made.records / "pictures"})
    pictures = PictureFolder(tmp_path, store=store)
    truths = [record_row(each, pictures=pictures)["truth"] for each in (box, said)]
    assert truths[0]["text"].endswith("rejected: box (100, 20) to (150, 80) px")
    assert [mark["label"] for mark in truths[0]["marks"]][1:] == ["rejected"]
    assert truths[1]["text"].endswith("rejected: I cannot tell") and not truths[1]["marks"]

"""Small benchmark folders in the exact schemas in which they are published, all content made up.

Pictures are drawn with an answer in mind, so that what a perfect reader would say is known:
`perfect_answer` gives it for any item.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from roboloop.base.geometry import PictureSize
from roboloop.dialects import Dialect
from roboloop.records.record import Record
from roboloop.tasks import load_task

SIZE = PictureSize(64, 48)
HUB_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
OPTIONS = ["a red cup", "a blue plate", "a green bowl", "a brown box"]
TAIL = " Please answer directly with only the letter of the correct option and nothing else."


def picture_bytes(number: int, *, format: str = "PNG", size: tuple[int, int] = SIZE) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (40 + number % 180, 90, 120)).save(stream, format)
    return stream.getvalue()


def hub_picture(number: int) -> dict[str, Any]:
    return {"bytes": picture_bytes(number), "path": f"{number}.png"}


def mask_bytes(*, format: str = "PNG", size: tuple[int, int] = SIZE) -> bytes:
    """A bright rectangle from (16, 12) to (40, 30)."""
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).rectangle((16, 12, 39, 29), fill=255)
    stream = io.BytesIO()
    mask.save(stream, format, **({"quality": 60} if format == "JPEG" else {}))
    return stream.getvalue()


def write_parquet(
    path: Path, rows: Sequence[dict[str, Any]], *, pictures: Sequence[str] = ("image",)
) -> None:
    """A table with the hub's struct type for single pictures and lists of them."""
    columns: dict[str, Any] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name in pictures:
            is_list = any(isinstance(value, list) for value in values)
            kind = pa.list_(HUB_PICTURE) if is_list else HUB_PICTURE
            columns[name] = pa.array(values, type=kind)
        else:
            columns[name] = pa.array(values)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=2)


def lettered(options: Sequence[str], form: str = "({}) {}") -> str:
    return "\n".join(form.format(*pair) for pair in zip("ABCDEF", options, strict=False))


def blink(root: Path) -> None:
    from roboloop.evaluate.benchmarks.blink import TASKS

    for place, task in enumerate(TASKS):
        rows = [
            {
                "idx": f"val_{task}_{n}",
                "question": f"Which thing is meant in {task} number {n}?",
                "sub_task": task,
                "image_1": hub_picture(n),
                "image_2": hub_picture(n + 1) if place % 2 else None,
                "image_3": None,
                "image_4": None,
                "choices": OPTIONS[: 2 + n % 3],
                "answer": "(A)" if n % 2 else "(B)",
                "prompt": f"Which thing is meant in {task} number {n}?\n"
                f"Select from the following options.\n{lettered(OPTIONS[: 2 + n % 3])}",
                "explanation": "",
            }
            for n in range(2 + place % 2)
        ]
        names = ("image_1", "image_2", "image_3", "image_4")
        write_parquet(root / "BLINK" / task / "val-00000-of-00001.parquet", rows, pictures=names)


def cvbench(root: Path) -> None:
    def rows(source: str, kind: str, count: int) -> list[dict[str, Any]]:
        return [
            {
                "idx": (1000 if kind == "3D" else 0) + (500 if source == "COCO" else 0) + n,
                "type": kind,
                "task": "Count" if kind == "2D" else "Depth",
                "image": hub_picture(n),
                "question": f"How many cups are in picture {n} of {source}?",
                "choices": OPTIONS,
                "answer": f"({'ABCD'[n % 4]})",
                "prompt": f"How many cups are in picture {n} of {source}? Select from the "
                f"following choices.\n{lettered(OPTIONS)}",
                "filename": f"img/{kind}/{n}.png",
                "source": source,
                "source_dataset": source,
                "source_filename": "x.jpg",
                "target_class": None,
                "target_size": None,
                "bbox": None,
            }
            for n in range(count)
        ]

    folder = root / "nyu-visionx" / "CV-Bench"
    write_parquet(folder / "test_2d.parquet", rows("ADE20K", "2D", 4) + rows("COCO", "2D", 2))
    write_parquet(folder / "test_3d.parquet", rows("Omni3D", "3D", 3))


def embspatial(root: Path) -> None:
    rows = [
        {
            "question_id": f"mp3d_{n}",
            "question": f"Which object is close in scene {n}?",
            "question_type": "multiple-choice",
            "relation": "close" if n % 2 else "left",
            "data_source": "mp3d",
            "answer": n % 4,
            "answer_options": OPTIONS,
            "image": hub_picture(n),
        }
        for n in range(5)
    ]
    write_parquet(root / "FlagEval__EmbSpatial-Bench" / "data" / "test-00000.parquet", rows)


def erqa(root: Path) -> None:
    rows = [
        {
            "question_id": f"ERQA_{n}",
            "question": f"Here is one view. Which is nearest in {n}? Choices: A. the cup. "
            f"B. the plate. C. the bowl. D. none.{TAIL}",
            "question_type": "Spatial Reasoning" if n % 2 else "Pointing",
            "images": [hub_picture(n), hub_picture(n + 3)][: 1 + n % 2],
            "answer": "ABCD"[n % 4],
            "visual_indices": [0] if n % 2 == 0 else [5, 17],
        }
        for n in range(4)
    ]
    folder = root / "datasets--FlagEval--ERQA" / "snapshots" / "0123abcd" / "data"
    write_parquet(folder / "test-00000-of-00001.parquet", rows, pictures=("images",))


def mmsi(root: Path) -> None:
    rows = [
        {
            "id": n,
            "images": [picture_bytes(n), picture_bytes(n + 1, format="JPEG")],
            "question_type": "Positional Relationship (Cam.–Obj.)" if n else "MSR",
            "question": f"Which way did camera {n} move?\nOptions: A: left, B: right, "
            "C: up, D: down",
            "answer": "ABCD"[n % 4],
            "thought": "",
        }
        for n in range(3)
    ]
    path = root / "mmsi" / "MMSI_Bench.parquet"
    write_parquet(path, rows, pictures=())


def omni_spatial_test(root: Path) -> None:
    entries = [
        {
            "id": f"{n // 2}_{n % 2}",
            "question": f"Where does object {n} go?",
            "options": OPTIONS[: 2 + n % 3],
            "answer": n % 2,
            "task_type": "Dynamic_Reasoning" if n < 4 else "Complex_Logic",
            "sub_task_type": "Motion_Analysis",
        }
        for n in range(6)
    ]
    folder = root / "omni_spatial_test"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "OmniSpatial-test.zip", "w") as archive:
        archive.writestr("OmniSpatial-test/data.json", json.dumps(entries))
        for entry in entries:
            name = f"{entry['task_type']}/{entry['id'].split('_')[0]}.png"
            if f"OmniSpatial-test/{name}" not in archive.namelist():
                archive.writestr(f"OmniSpatial-test/{name}", picture_bytes(len(name)))


def omni_spatial(root: Path) -> None:
    """The first layout: data.json and a zip for each task at the root."""
    folder = root / "omni_spatial"
    folder.mkdir(parents=True)
    entries = [
        {
            "id": f"{n}_0", "question": "Which one turns?", "options": OPTIONS, "answer": n % 4,
            "task_type": "Perspective_Taking", "sub_task_type": "Egocentric",
        }
        for n in range(3)
    ]  # fmt: skip
    (folder / "data.json").write_text(json.dumps(entries))
    with zipfile.ZipFile(folder / "Perspective_Taking.zip", "w") as archive:
        for n in range(3):
            archive.writestr(f"Perspective_Taking/{n}.png", picture_bytes(n))


def realworldqa(root: Path) -> None:
    rows = [
        {
            "image": hub_picture(n),
            "image_path": f"{n}.webp",
            "question": f"Which lane is free in {n}?\n\nA. The left one\nB. The right one\n"
            f"C. Neither\n{TAIL.strip()}"
            if n % 2
            else f"How many cars are in {n}? Please answer with a number.",
            "answer": "ABC"[n % 3] if n % 2 else str(n + 1),
        }
        for n in range(5)
    ]
    write_parquet(root / "RealWorldQA" / "data" / "test-00000-of-00002.parquet", rows[:3])
    write_parquet(root / "RealWorldQA" / "data" / "test-00001-of-00002.parquet", rows[3:])


def all_angles(root: Path) -> None:
    folder = root / "All-Angles-Bench"
    (folder / "egohumans" / "01").mkdir(parents=True)
    for n in range(4):
        (folder / "egohumans" / "01" / f"{n}.jpg").write_bytes(picture_bytes(n, format="JPEG"))
    entries = [
        {
            "index": n, "folder": "01", "category": "counting" if n % 2 else "relative_distance",
            "pair_idx": "", "sourced_dataset": "EgoHumans",
            "image_path": [f"./All-Angles-Bench/egohumans/01/{i}.jpg" for i in range(2)],
            "question": f"How many people are seen in {n}?", "A": "four", "B": "five", "C": "six",
            "answer": "ABC"[n % 3],
        }
        for n in range(4)
    ]  # fmt: skip
    (folder / "data.json").write_text(json.dumps(entries))


def sat(root: Path) -> None:
    rows = [
        {
            "image_bytes": [hub_picture(n), hub_picture(n + 1)][: 1 + n % 2],
            "question": f"How did the camera turn in {n}?",
            "answers": ["rotated left", "rotated right"],
            "question_type": "ego_movement" if n % 2 else "obj_movement",
            "correct_answer": "rotated right" if n % 2 else "rotated left",
        }
        for n in range(4)
    ]
    write_parquet(root / "sat" / "SAT_test.parquet", rows, pictures=("image_bytes",))


def write_video(path: Path, *, num_frames: int) -> None:
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(num_frames):
            pixels = np.full((48, 64, 3), 5 * number % 250, dtype=np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def egoplan(root: Path) -> None:
    folder = root / "egoplan"
    write_video(folder / "v1_288p" / "0d27-95c5.mp4", num_frames=40)
    entries = [
        {
            "sample_id": f"0d27-95c5_{n}", "domain": "Hobbies", "scenario": "baking",
            "task_goal": "bake pastry", "choice_a": "open oven", "choice_b": "place tray",
            "choice_c": "close oven", "choice_d": "wait", "golden_choice_idx": "ABCD"[n],
            "answer": "open oven", "task_start_frame": 2 * n, "current_observation_frame": 20 + n,
            "task_progress_metadata": [],
        }
        for n in range(3)
    ]  # fmt: skip
    (folder / "EgoPlan-Bench2.json").write_text(json.dumps(entries))


def vsibench(root: Path) -> None:
    from roboloop.evaluate.benchmarks.vsibench import CHOICES, UNITS

    folder = root / "VSI-Bench"
    write_video(folder / "scannet" / "scene0000_00.mp4", num_frames=50)
    write_video(folder / "arkitscenes" / "41069025.mp4", num_frames=9)
    lines = []
    for place, kind in enumerate((*CHOICES, *UNITS)):
        is_choice = kind in CHOICES
        lines.append(
            {
                "id": place,
                "dataset": "scannet" if place % 2 else "arkitscenes",
                "scene_name": "scene0000_00" if place % 2 else "41069025",
                "question_type": kind,
                "question": f"What about {kind}?",
                "ground_truth": "B" if is_choice else str(1.5 + place),
                "options": ["A. sofa", "B. table", "C. lamp", "D. door"] if is_choice else None,
            }
        )
    (folder / "test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def refspatial(root: Path, *, num_location: int = 3) -> None:
    for part, count in (("location", num_location), ("placement", 2), ("unseen", 2)):
        rows = [
            {
                "id": n,
                "image": hub_picture(n),
                "mask": {"bytes": mask_bytes(), "path": f"{n}.png"},
                "object": f"the cup number {n}",
                "prompt": f"Please point out the cup number {n}.",
                "suffix": "Your answer should be formatted as a list of tuples, i.e. [(x1, y1)].",
                "step": 1 + n,
            }
            for n in range(count)
        ]
        path = root / "RefSpatial-Bench" / "data" / f"{part}-00000-of-00001.parquet"
        write_parquet(path, rows, pictures=("image", "mask"))


def where2place(root: Path) -> None:
    """The authors' form, whose masks are JPEG files."""
    folder = root / "where2place"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    lines = []
    for n in range(4):
        (folder / "images" / f"{n:02d}.jpg").write_bytes(picture_bytes(n, format="JPEG"))
        (folder / "masks" / f"{n:02d}.jpg").write_bytes(mask_bytes(format="JPEG"))
        text = f"Find some spots to the left of the cup {n}. Your answer should be formatted as a "
        lines.append(
            {"question_id": n, "image": f"{n:02d}.jpg", "category": "point",
             "text": text + "list of tuples, i.e. [(x1, y1), (x2, y2), ...]."}
        )  # fmt: skip
    (folder / "point_questions.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in lines)
    )


def robo_spatial(root: Path) -> None:
    from roboloop.evaluate.benchmarks.robo_spatial import TAILS

    corners = [(0.25, 0.25), (0.625, 0.25), (0.625, 0.625), (0.25, 0.625)]
    for part, count in (("configuration", 3), ("compatibility", 2), ("context", 2)):
        rows = [
            {
                "category": part,
                "question": f"Where is room beside the cup {n}? {TAILS[0]}"
                if part == "context"
                else f"Is the cup {n} left of the plate? {TAILS[1]}",
                "answer": str(corners) if part == "context" else ("yes" if n % 2 else "no"),
                "img": hub_picture(n),
                "depth_image": hub_picture(n),
                "mask": {"bytes": mask_bytes(), "path": "m.png"} if part == "context" else None,
            }
            for n in range(count)
        ]
        path = root / "RoboSpatial-Home" / "data" / f"{part}-00000-of-00001.parquet"
        write_parquet(path, rows, pictures=("img", "depth_image", "mask"))


def pope(root: Path) -> None:
    rows = [
        {
            "id": str(n), "question_id": str(n), "question": f"Is there a cup in picture {n}?",
            "answer": "yes" if n % 2 else "no", "image_source": "COCO", "image": hub_picture(n),
            "category": ("random", "popular", "adversarial")[n % 3],
        }
        for n in range(6)
    ]  # fmt: skip
    write_parquet(root / "POPE" / "data" / "test-00000-of-00001.parquet", rows)


def ocrbench(root: Path) -> None:
    kinds = ("Regular Text Recognition", "Handwritten Mathematical Expression Recognition")
    rows = [
        {
            "dataset": "IIIT5K" if n % 2 else "HME100k",
            "question": "what is written in the image?",
            "question_type": kinds[0] if n % 2 else kinds[1],
            "answer": ["OPEN"] if n % 2 else [r"\frac { 1 } { 2 }"], "image": hub_picture(n),
        }
        for n in range(4)
    ]  # fmt: skip
    write_parquet(root / "OCRBench" / "data" / "test-00000-of-00001.parquet", rows)


def textvqa(root: Path) -> None:
    rows = [
        {
            "image_id": str(n), "question_id": 34602 + n, "question": f"what is on sign {n}?",
            "question_tokens": ["what"], "image": hub_picture(n), "ocr_tokens": ["stop"],
            "answers": ["stop"] * (3 + n) + ["go"] * (7 - n),
        }
        for n in range(3)
    ]  # fmt: skip
    write_parquet(root / "textvqa" / "data" / "validation-00000-of-00003.parquet", rows)


def coco_caption(root: Path) -> None:
    rows = [
        {
            "question_id": f"{n:012d}.jpg",
            "image": hub_picture(n),
            "question": "Please carefully observe the image and come up with a caption.",
            "answer": [f"A man rides horse number {n} on a beach.", "A person on a brown horse.",
                       "Someone is riding along the sea.", "A rider near water.", "Man on horse."],
            "id": n,
        }
        for n in range(4)
    ]  # fmt: skip
    write_parquet(root / "COCO-Caption2017" / "data" / "val-00000-of-00002.parquet", rows)


def refcoco(root: Path) -> None:
    for split in ("val", "testA", "testB"):
        rows = [
            {
                "question_id": f"{split}{n}", "image": hub_picture(n), "question": "",
                "answer": ["left cup", "the cup on the left"][: 1 + n % 2],
                "segmentation": [1.0, 2.0], "bbox": [16.0, 12.0, 24.0, 18.0], "iscrowd": 0,
                "file_name": "x.jpg",
            }
            for n in range(2)
        ]  # fmt: skip
        write_parquet(root / "RefCOCO" / "data" / f"{split}-00000-of-00001.parquet", rows)


def mmvet(root: Path) -> None:
    rows = [
        {
            "question_id": f"v1_{n}", "question": "What is x in the equation?",
            "answer": "-1<AND>-5", "image_source": "x", "capability": "ocr,math",
            "image": hub_picture(n),
        }
        for n in range(3)
    ]  # fmt: skip
    write_parquet(root / "MMVet" / "data" / "test-00000-of-00001.parquet", rows)


WRITERS: dict[str, Callable[[Path], None]] = {
    "all_angles": all_angles, "blink": blink, "coco_caption": coco_caption, "cvbench": cvbench,
    "egoplan": egoplan, "embspatial": embspatial, "erqa": erqa, "mmsi": mmsi, "mmvet": mmvet,
    "ocrbench": ocrbench, "omni_spatial": omni_spatial, "omni_spatial_test": omni_spatial_test,
    "pope": pope, "realworldqa": realworldqa, "refcoco": refcoco,
    "refspatial_location": refspatial, "refspatial_placement": lambda _: None,
    "refspatial_unseen": lambda _: None, "robo_spatial": robo_spatial, "sat": sat,
    "textvqa": textvqa, "vsibench": vsibench, "where2place": where2place,
}  # fmt: skip


def write_all(root: Path) -> Path:
    for write in WRITERS.values():
        write(root)
    return root


def write_vlmevalkit_tsv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Columns as VLMEvalKit has them; pictures as base64 text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(rows[0])
    lines = ["\t".join(names)] + ["\t".join(str(row[name]) for name in names) for row in rows]
    path.write_text("\n".join(lines) + "\n")


def base64_picture(number: int) -> str:
    return base64.b64encode(picture_bytes(number)).decode()


def perfect_answer(record: Record, *, dialect: Dialect) -> str:
    assert record.answer is not None
    task = load_task(record.task)
    return task.render(record.answer, dialect=dialect, size=record.picture_size)

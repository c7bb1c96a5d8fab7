"""A small RoboInter-VQA in the published layout, by the rules of its dataset card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from roboloop.base.pictures import encode_png
from roboloop.records import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.robointer_vqa.sets import SET_OF_NAME, Coordinates
from roboloop.sources.robointer_vqa.source import RoboInterVqaSource

WIDTH, HEIGHT = 320, 180
RESIZED = (308, 168)
EPISODE = "RH20T_cfg3_task_0042_user_0001_scene_0002_cfg_0003_104122060001"
CONTEXT = SourceContext(Path("made"), 0)
KEYS = {
    "contact_box_qa": "contact_bbox",
    "contact_point_qa": "contact_point",
    "current_box_qa": "current_bbox",
    "final_box_qa": "final_bbox",
    "gripper_det_qa": "gripper_det_bbox",
    "traj_qa": "future_traj",
    "traj_qa_wo_init_pos": "future_traj",
}


def png(width: int = WIDTH, height: int = HEIGHT) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return encode_png(Image.fromarray(pixels))


def published(points: list[tuple[int, int]], form: str, size: tuple[int, int]) -> list[list[float]]:
    """Pixels as RoboInter writes them: as they are, two decimals as numpy rounds, or cut off."""
    width, height = size
    if form == "origin":
        return [[x, y] for x, y in points]
    if form == "llava":
        return [[float(np.round(x / width, 2)), float(np.round(y / height, 2))] for x, y in points]
    new_width, new_height = resized(size)
    return [[int(x * new_width / width), int(y * new_height / height)] for x, y in points]


def resized(size: tuple[int, int]) -> tuple[int, int]:
    """The sizes the dataset card states."""
    return {
        (320, 180): (308, 168),
        (640, 360): (644, 364),
        (640, 480): (644, 476),
        (1280, 720): (1288, 728),
    }[size]


def place_entry(
    stem: str,
    points: list[tuple[int, int]],
    *,
    form: str = "origin",
    frame: int = 57,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    question: str = "Task: 'stack the blue cup'. Where?",
    **more: Any,
) -> dict[str, Any]:
    """An entry of Generation."""
    answer = json.dumps({KEYS[stem]: published(points, form, size)})
    new_width, new_height = resized(size)
    return {
        "id": f"{EPISODE}#{frame}_{stem.removesuffix('_qa')}",
        "task": stem,
        "images": f"{EPISODE}#{frame}.jpg",
        "conversations": turns(f"<image>\n{question}", answer),
        "gt": points,
        "h": size[1],
        "w": size[0],
        "new_h": new_height,
        "new_w": new_width,
        **more,
    }


def word_entry(entry_id: str, answer: str, *, images: Any, question: str) -> dict[str, Any]:
    """An entry of Understanding or Task_planning."""
    return {"id": entry_id, "images": images, "conversations": turns(question, answer)}


def turns(question: str, answer: str) -> list[dict[str, str]]:
    return [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]


def write_set(
    hub: Path, name: str, entries: list[Any], *, form: Coordinates = "origin", indent: int = 1
) -> Path:
    path = hub / SET_OF_NAME[name].json_file(form)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries, indent=indent))
    return path


def write_picture(hub: Path, name: str, file: str, data: bytes | None = None) -> None:
    """A loose picture where unpacking a set's archive puts it."""
    published_set = SET_OF_NAME[name]
    path = hub / published_set.picture_folder / published_set.picture_names[0] / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png() if data is None else data)


def read(hub: Path, **options: Any) -> tuple[list[Record], list[Rejected]]:
    context = CONTEXT._replace(seed=options.pop("seed", 0))
    items = list(RoboInterVqaSource(path=hub, **options).read(context))
    return (
        [item for item in items if isinstance(item, Record)],
        [item for item in items if isinstance(item, Rejected)],
    )

"""Made-up entries in the published layout of RoboInter-VQA, as many as are asked for."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OBJECTS = ("blue cup", "red block", "screwdriver", "banana", "tape dispenser", "small plate")
VERBS = ("pick up", "push", "put away", "turn over", "stack", "move")
SIZES = ((320, 180), (640, 360))


def entries(num: int, *, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Boxes, points, trajectories, choices and plans in turn; the same for the same seed."""
    draw = random.Random(seed)
    makers = (_box, _box, _points, _path, _choice, _plan)
    for number in range(num):
        yield makers[number % len(makers)](draw, number)


def entry_texts(num: int, *, seed: int = 0) -> Iterator[str]:
    """The entries as JSON, a line each."""
    for entry in entries(num, seed=seed):
        yield json.dumps(entry, ensure_ascii=False)


def write_entries(path: Path, *, num: int, seed: int = 0) -> int:
    """Write a JSON list entry by entry; returns its bytes."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write("[\n")
        for number, text in enumerate(entry_texts(num, seed=seed)):
            stream.write(f"{',' if number else ''}\n{text}")
        stream.write("\n]\n")
    return path.stat().st_size


GENERATION = "Generation/meta/train/rh20t/origin_format/full_single_multi_contact_obj_{}_qa.json"


def write_hub(folder: Path, *, num: int, seed: int = 0) -> int:
    """Generation's boxes, contact points and paths laid out as on the hub; returns the bytes."""
    draw = random.Random(seed)
    makers = {"current_box": _box, "contact_point": _points, "traj": _path}
    num_bytes = 0
    for place, (task, make) in enumerate(makers.items()):
        path = folder / GENERATION.format(task).replace("traj_qa", "traj_qa_wo_init_pos")
        path.parent.mkdir(parents=True, exist_ok=True)
        numbers = range(place, num, len(makers))
        texts = (json.dumps(make(draw, number), ensure_ascii=False) for number in numbers)
        num_bytes += path.write_text("[\n" + ",\n".join(texts) + "\n]\n", encoding="utf-8")
    return num_bytes


def _entry(draw: random.Random, number: int, *, task: str, question: str, **more: Any) -> Any:
    width, height = draw.choice(SIZES)
    episode = (
        f"RH20T_cfg{draw.randint(1, 7)}_task_{draw.randint(0, 150):04d}_user_0001_scene_0002_"
        f"cfg_0003_{draw.randint(10**11, 10**12)}"
    )
    aim = f"{draw.choice(VERBS)} the {draw.choice(OBJECTS)}"
    return {
        "id": f"{episode}#{number}_{task}",
        "task": f"{task}_qa",
        "conversations": [
            {"from": "human", "value": f"<image>\nThe robot's task is '{aim}'. {question}"},
            {"from": "gpt", "value": more.pop("answer")(width, height)},
        ],
        "images": f"{episode}#{number}.jpg",
        "w": width,
        "h": height,
        **more,
    }


def _point(draw: random.Random, width: int, height: int) -> list[int]:
    return [draw.randrange(width), draw.randrange(height)]


def _box(draw: random.Random, number: int) -> Any:
    def answer(width: int, height: int) -> str:
        x, y = draw.randrange(width - 40), draw.randrange(height - 40)
        corners = [[x, y], [x + draw.randint(5, 39), y + draw.randint(5, 39)]]
        return json.dumps({"current_bbox": corners})

    asked = "Where is the manipulated object? Answer with a JSON box in pixels."
    return _entry(draw, number, task="current_box", question=asked, answer=answer)


def _points(draw: random.Random, number: int) -> Any:
    def answer(width: int, height: int) -> str:
        return json.dumps({"contact_point": [_point(draw, width, height) for _ in range(2)]})

    asked = "Where will the two fingers of the gripper touch it?"
    return _entry(draw, number, task="contact_point", question=asked, answer=answer)


def _path(draw: random.Random, number: int) -> Any:
    def answer(width: int, height: int) -> str:
        return json.dumps({"future_traj": [_point(draw, width, height) for _ in range(10)]})

    asked = "Which way will the gripper go? Answer with ten waypoints."
    return _entry(draw, number, task="traj_wo_init_pos", question=asked, answer=answer)


def _choice(draw: random.Random, number: int) -> Any:
    asked = "Which panel shows the path of the gripper?\nA. A\nB. B\nC. C\nD. D"
    return _entry(
        draw, number, task="traj_choice", question=asked, answer=lambda *_: draw.choice("ABCD")
    )


def _plan(draw: random.Random, number: int) -> Any:
    steps = [f"{draw.choice(VERBS)} the {draw.choice(OBJECTS)}" for _ in range(4)]
    return _entry(
        draw, number, task="vqa", question="What is to be done, in order?",
        answer=lambda *_: "; ".join(steps),
    )  # fmt: skip

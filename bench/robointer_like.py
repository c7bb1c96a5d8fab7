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


def write_entries(path: Path, *, num: int, seed: int = 0, indent: int | None = None) -> int:
    """Write a JSON list entry by entry; returns its bytes."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write("[\n")
        for number, entry in enumerate(entries(num, seed=seed)):
            stream.write(",\n" if number else "")
            stream.write(json.dumps(entry, ensure_ascii=False, indent=indent))
        stream.write("\n]\n")
    return path.stat().st_size


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

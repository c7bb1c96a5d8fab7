"""An evaluation to look at: drawn table scenes, the real evaluation stage, answers from a script.

Tests of the report, its bench and the work on its looks use the same folder. Only the models are
stand-ins: each says the truth moved by a seeded error, or something odd.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from roboloop.base.geometry import PictureSize, Point
from roboloop.base.hashing import seeded_generator
from roboloop.dialects import load_dialect
from roboloop.engines.base import Engine, Request, Response
from roboloop.evaluate.config import EvaluateConfig
from roboloop.evaluate.run import ModelUnderTest, run_evaluation
from roboloop.records import (
    Answer,
    Box,
    Choice,
    FilePicture,
    Plan,
    Points,
    Record,
    Trajectory,
    YesNo,
)
from roboloop.records.shard_files import ShardWriter
from roboloop.records.shards import write_folder_mark, write_media_roots
from roboloop.tasks import load_task

SIZE = PictureSize(320, 180)
DIALECT = load_dialect("qwen25_vl")
COLOURS = {
    "red": (196, 62, 52), "blue": (52, 104, 186), "green": (74, 142, 92),
    "yellow": (222, 172, 58), "white": (224, 222, 214),
}  # fmt: skip
TASKS = (
    "contact_box", "gripper_det", "final_box", "contact_point", "traj", "grounding_choice",
    "contact_decide", "plan_steps",
)  # fmt: skip
ODD = (
    "I cannot see the gripper in this picture.",
    "<img src=x onerror=\"document.title='attacked'\"><script>document.title='attacked'</script>",
    "夹爪在红色方块的上方，边界框约为画面中间偏右。",
    "",
    '{"contact_bbox": [412, 96',
)


class Scene(NamedTuple):
    """A drawn table with a gripper above one of its blocks; boxes in pixels."""

    colour: str
    gripper: Box
    block: Box
    goal: Box
    path: Trajectory


def make_scene(episode: int, *, frame: int) -> Scene:
    """The scene of a frame: the same table for an episode, the gripper further down its path."""
    draw = seeded_generator(7, "scene", episode)
    colour = list(COLOURS)[int(draw.integers(len(COLOURS)))]
    x, y = float(draw.uniform(70, 250)), float(draw.uniform(96, 140))
    width, height = float(draw.uniform(22, 40)), float(draw.uniform(20, 34))
    block = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    goal_x = x + 90 if x < 160 else x - 90
    goal = Box(goal_x - 24, y - 16, goal_x + 24, y + 16)
    start = Point(float(draw.uniform(60, 260)), float(draw.uniform(24, 44)))
    bend = float(draw.uniform(-30, 30))
    share = [(frame + 9 * i / 9 * (1 - frame / 9)) / 9 for i in range(10)]
    path = Trajectory(
        tuple(
            Point(
                start.x + (x - start.x) * t + bend * math.sin(math.pi * t),
                start.y + (block.y1 - 4 - start.y) * t,
            )
            for t in (min(1.0, each) for each in share)
        )
    )
    at = path.points_px[0]
    gripper = Box(at.x - 15, max(0.0, at.y - 24), at.x + 15, at.y + 8)
    return Scene(colour, gripper, block, goal, path)


def draw_scene(scene: Scene, *, episode: int) -> Image.Image:
    """The picture of a scene, four times as large and scaled down so that edges are soft."""
    grain = seeded_generator(7, "grain", episode)
    wall, table = int(grain.integers(150, 214)), int(grain.integers(96, 150))
    rows = np.linspace(1.06, 0.94, SIZE.height)[:, None, None]
    base = np.full((SIZE.height, SIZE.width, 3), (wall, wall - 4, wall - 12), dtype=np.float64)
    base[70:] = (table + 34, table + 10, table - 18)
    base[64:70] = (table - 10, table - 26, table - 44)
    base = base * rows + grain.normal(0, 2.2, base.shape)
    picture = Image.fromarray(base.clip(0, 255).astype(np.uint8))
    picture = picture.resize((SIZE.width * 4, SIZE.height * 4), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture, "RGBA")

    def box(corners: Box, colour: tuple[int, ...], radius: int = 10) -> None:
        pen.rounded_rectangle([4 * value for value in corners.corners_px], radius, fill=colour)

    box(scene.goal, (40, 44, 52, 235), 26)
    box(Box(scene.goal.x1 + 3, scene.goal.y1 + 2, scene.goal.x2 - 3, scene.goal.y2 - 4),
        (70, 76, 86, 255), 20)  # fmt: skip
    for number in range(3):  # other things on the table
        x, y = float(grain.uniform(20, 300)), float(grain.uniform(84, 160))
        red, green, blue = COLOURS[list(COLOURS)[int(grain.integers(len(COLOURS)))]]
        box(Box(x - 9, y - 2, x + 11, y + 12), (20, 18, 16, 70), 20)
        box(Box(x - 10, y - 9, x + 10, y + 9), (red, green, blue, 225), 12 + 20 * (number % 2))
    block, colour = scene.block, COLOURS[scene.colour]
    box(Box(block.x1 - 3, block.y2 - 4, block.x2 + 6, block.y2 + 4), (20, 18, 16, 90), 14)
    box(block, (*colour, 255))
    light = tuple(min(255, value + 34) for value in colour)
    box(Box(block.x1, block.y1, block.x2, block.y1 + 7), (*light, 255))
    grip, steel = scene.gripper, (52, 56, 62, 255)
    middle = (grip.x1 + grip.x2) / 2
    box(Box(middle - 5, -6, middle + 5, grip.y1 + 6), (96, 100, 108, 255), 4)
    box(Box(grip.x1, grip.y1, grip.x2, grip.y1 + 13), steel)
    box(Box(grip.x1, grip.y1 + 8, grip.x1 + 6, grip.y2), steel, 6)
    box(Box(grip.x2 - 6, grip.y1 + 8, grip.x2, grip.y2), steel, 6)
    return picture.resize(SIZE, Image.Resampling.LANCZOS)


def make_records(*, num_episodes: int, frames: Iterable[int], split: str) -> Iterator[Record]:
    """One record of every task for each frame of each episode."""
    for episode in range(num_episodes):
        for frame in frames:
            scene = make_scene(episode, frame=frame)
            for task in TASKS:
                yield _record(task, scene=scene, episode=episode, frame=frame, split=split)


def _record(task: str, *, scene: Scene, episode: int, frame: int, split: str) -> Record:
    options = ("above the block", "on the tray", "left of the block", "out of the picture")
    place = "ABCD"[(episode + frame) % 4]
    x, y = scene.block.center_px
    answers: Mapping[str, Answer] = {
        "contact_box": Box(x - 15, scene.block.y1 - 20, x + 15, scene.block.y1 + 12),
        "gripper_det": scene.gripper,
        "final_box": scene.goal,
        "contact_point": Points((Point(scene.block.x1, y), Point(scene.block.x2, y))),
        "traj": scene.path,
        "grounding_choice": Choice(place, options),
        "contact_decide": YesNo(frame >= 8),
        "plan_steps": Plan(
            (f"reach for the {scene.colour} block", "close the gripper", "lift it to the tray")
        ),
    }
    loaded = load_task(task)
    instruction = f"put the {scene.colour} block on the tray"
    known = {
        "instruction": instruction, "start": Points(scene.path.points_px[:1]), "options": options,
        "object": f"the {scene.colour} block", "subtask": "reach for the block",
        "goal": instruction,
    }  # fmt: skip
    names = set().union(*(wording.names for wording in loaded.wordings))
    inputs = {name: known.get(name, instruction) for name in sorted(names)}
    return Record(
        id=f"made/{split}/{episode:04d}#{frame}/{task}",
        task=task,
        media=(FilePicture(path=f"pictures:{episode:04d}-{frame}.jpg", size=SIZE),),
        inputs=inputs,
        answer=answers[task],
        source="made",
        split=split,
        licence="CC0-1.0",
        meta={"episode": f"{split}-{episode}"},
    )


def write_records(folder: Path, *, num_episodes: int, frames: tuple[int, ...]) -> list[Record]:
    """A complete records folder with its pictures; training records come from the same scenes."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for episode in range(num_episodes):
        for frame in frames:
            picture = draw_scene(make_scene(episode, frame=frame), episode=episode)
            picture.save(pictures / f"{episode:04d}-{frame}.jpg", quality=88)
    marks, everything = [], list[Record]()
    for split in ("train", "val"):
        records = list(make_records(num_episodes=num_episodes, frames=frames, split=split))
        with ShardWriter(folder, split=split) as writer:
            for record in records:
                writer.add(record)
        marks += writer.marks
        everything += records
    write_media_roots(folder, roots={"pictures": pictures})
    write_folder_mark(folder, marks=marks)
    return everything


class Shaky(Engine):
    """Says the truth, off by an error of `spread` diagonals; now and then something odd."""

    def __init__(self, name: str, *, records: Iterable[Record], spread: float, odd: float) -> None:
        self.name = name
        self.records = {record.id: record for record in records}
        self.spread = spread
        self.odd = odd

    def identity(self) -> str:
        return f"made-{self.name}"

    def answer(self, requests: Iterable[Request]) -> Iterator[Response]:
        for request in requests:
            draw = seeded_generator(3, self.name, request.record_id)
            text = self._text(self.records[request.record_id], draw=draw)
            yield Response(
                record_id=request.record_id, text=text, num_new_tokens=len(text) // 3,
                finish_reason="stop",
            )  # fmt: skip

    def _text(self, record: Record, *, draw: np.random.Generator) -> str:
        if draw.random() < self.odd:
            return ODD[int(draw.integers(len(ODD)))]
        assert record.answer is not None
        answer = self._shaken(record.answer, draw=draw)
        return load_task(record.task).render(answer, dialect=DIALECT, size=SIZE)

    def _shaken(self, answer: Answer, *, draw: np.random.Generator) -> Answer:
        scale = self.spread * math.hypot(*SIZE) * float(draw.exponential())
        dx, dy = (float(value) for value in draw.normal(0, scale, 2))

        def moved(point: Point, bend: float = 1.0) -> Point:
            x = min(SIZE.width - 1.0, max(0.0, point.x + dx * bend))
            return Point(x, min(SIZE.height - 1.0, max(0.0, point.y + dy * bend)))

        match answer:
            case Box():
                grow = 1 + self.spread * 3 * float(draw.normal())
                low = moved(Point(answer.x1, answer.y1))
                high = moved(Point(answer.x2, answer.y2))
                high = Point(max(low.x + 2, low.x + (high.x - low.x) * abs(grow)), high.y)
                return Box(low.x, low.y, min(high.x, SIZE.width), max(low.y + 2, high.y))
            case Points():
                return Points(tuple(moved(point) for point in answer.points_px))
            case Trajectory():
                bends = [number / 9 for number in range(len(answer.points_px))]
                points = zip(answer.points_px, bends, strict=True)
                return Trajectory(tuple(moved(point, bend) for point, bend in points))
            case Choice() if draw.random() < self.spread * 6:
                return Choice("ABCD"[int(draw.integers(4))], answer.options)
            case YesNo() if draw.random() < self.spread * 6:
                return YesNo(not answer.value)
            case Plan() if draw.random() < self.spread * 8:
                return Plan(("move to the tray", *answer.steps[1:2]))
            case _:
                return answer


class MadeEvaluation(NamedTuple):
    """Folders and files that `build_report` takes."""

    records: Path
    evaluation: Path
    log: Path
    ledger: Path


def make_evaluation(
    folder: Path, *, num_episodes: int = 6, frames: tuple[int, ...] = (0, 3, 6, 8)
) -> MadeEvaluation:
    """Records, the real evaluation of two stand-ins, a training log and a ledger."""
    records = write_records(folder / "records", num_episodes=num_episodes, frames=frames)
    engines = {
        "trained": Shaky("trained", records=records, spread=0.02, odd=0.03),
        "untrained": Shaky("untrained", records=records, spread=0.11, odd=0.22),
    }
    models = [
        ModelUnderTest("trained", Path("trained")),
        ModelUnderTest("untrained", Path("untrained"), role="untrained"),
    ]
    run_evaluation(
        EvaluateConfig(num_bootstrap=300, batch_size=256),
        models=models,
        records=folder / "records",
        out=folder / "evaluation",
        dialect=DIALECT,
        open_engine=lambda model, *_: engines[model.name],
    )
    return MadeEvaluation(
        folder / "records", folder / "evaluation", write_log(folder / "trainer_log.jsonl"),
        write_ledger(folder / "ledger.jsonl"),
    )  # fmt: skip


def multiply(evaluation: Path, *, out: Path, num_records: int) -> Path:
    """The same evaluation with its items over and over, each with an id of its own.

    The summary's numbers stay those of the few: this is for the number of records alone.
    """
    lines = (evaluation / "items.jsonl").read_text(encoding="utf-8").splitlines()
    out.mkdir(parents=True)
    with (out / "items.jsonl").open("w", encoding="utf-8") as stream:
        for number in range(num_records):
            item = json.loads(lines[number % len(lines)])
            item["id"] = f"{item['id']}~{number // len(lines)}"
            stream.write(json.dumps(item, ensure_ascii=False) + "\n")
    (out / "report.json").write_bytes((evaluation / "report.json").read_bytes())
    return out


def write_log(path: Path, *, num_steps: int = 240) -> Path:
    """A training log in the shape of `trainer_log.jsonl`."""
    draw = seeded_generator(1, "log")
    lines = []
    for step in range(1, num_steps + 1):
        share = step / num_steps
        loss = 0.35 + 2.6 * math.exp(-7 * share) + 0.08 * float(draw.normal())
        warm = min(1.0, share / 0.05)
        rate = 4e-5 * warm * (0.5 + 0.5 * math.cos(math.pi * share))
        lines.append(
            {
                "current_steps": step, "total_steps": num_steps, "loss": round(loss, 4),
                "lr": rate, "throughput": round(1800 + 60 * float(draw.normal()), 1),
                "total_tokens": step * 4096,
                "grad_norm": round(0.6 + 0.2 * float(draw.random()), 3),
                "percentage": round(100 * share, 2), "remaining_time": "0:00:10",
            }
        )  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def write_ledger(path: Path) -> Path:
    """A ledger in which three reasons dropped eleven records."""
    reasons = [("E-REC-012", "box [300, 20, 290, 60] has x2 < x1")] * 7
    reasons += [("E-MED-003", "decoding failed: truncated file")] * 3
    reasons += [("E-REC-011", "(340, 12) lies outside the 320x180 picture")]
    with path.open("w", encoding="utf-8") as stream:
        for number, (code, detail) in enumerate(reasons):
            line = {
                "stage": "data", "code": code, "detail": detail, "source": "made",
                "record_id": f"made/train/dropped-{number}", "place": f"annotations.json:{number}",
            }  # fmt: skip
            stream.write(json.dumps(line) + "\n")
    return path


LOCK = """\
roboloop: 0.1.0
schema: 1
name: demo-cpu
description: A tiny model learns to find a gripper
seed: 7
model:
  kind: tiny
  dialect: {kind: qwen25_vl}
data:
  sources:
  - kind: simulated
    episodes: 60
    tasks: [contact_box, gripper_det, traj]  # every answer is exact
train:
- name: ground
  epochs: 3.0
  learning_rate: 4.0e-05
evaluate:
  split: val
  confidence: 0.95
"""
ENVIRONMENT = {
    "roboloop": "0.1.0", "commit": "0416ea2", "python": "3.11.2", "num_cpus": 2, "gpus": [],
    "packages": {"torch": "2.13.0", "transformers": "5.23.0"},
    "command": ["roboloop", "run", "demo_cpu"],
}  # fmt: skip

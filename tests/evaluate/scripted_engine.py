"""An engine that says what a script tells it, and records of every task to ask about.

The engine stands in for a model only where a test needs exact words or an exact moment of death;
the real engine has its own tests. Run as a program it evaluates slowly, so that it can be killed:

    python scripted_engine.py RECORDS OUT SECONDS_PER_CALL
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects import Dialect, load_dialect
from roboloop.engines.base import Engine, Request, Response
from roboloop.evaluate.config import EvaluateConfig
from roboloop.evaluate.run import EvaluationResult, ModelUnderTest, run_evaluation
from roboloop.records import (
    Answer,
    Box,
    Boxes,
    Choice,
    FilePicture,
    Number,
    Plan,
    Points,
    Record,
    Text,
    Trajectory,
    YesNo,
)
from roboloop.records.shard_files import ShardWriter
from roboloop.records.shards import write_folder_mark, write_media_roots
from roboloop.tasks import TASKS, load_task

PLAIN = load_dialect("plain")
SIZE = PictureSize(320, 240)
NUM_EPISODES = 8
OUTPUTS = ("report.json", "items.jsonl", "table.txt", "table.md", "table.csv", "table.tex")
WORDS = ("red", "green", "blue", "amber", "black", "white", "brown", "pink")


def truth_for(kind: str, index: int) -> Answer:
    """A true answer of this kind; different for each index, exact in whole pixels."""
    x, y = 20.0 + 7 * index, 30.0 + 5 * index
    match kind:
        case "box":
            return Box(x, y, x + 40, y + 30)
        case "boxes":
            return Boxes((Box(x, y, x + 40, y + 30), Box(x + 90, y, x + 120, y + 60)))
        case "points":
            return Points((Point(x, y), Point(x + 60, y + 25)))
        case "trajectory":
            return Trajectory(tuple(Point(x + 9 * i, y + i * i) for i in range(10)))
        case "choice":
            return Choice("ABCD"[index % 4], WORDS[:4])
        case "yes_no":
            return YesNo(index % 2 == 0)
        case "number":
            return Number(2.0 + index)
        case "plan":
            colour = WORDS[index % 8]
            return Plan((f"reach for the {colour} cup", "grasp it firmly", "lift it up slowly"))
        case "text":
            return Text(f"put the {WORDS[index % 8]} cup down on the table")
        case _:
            raise AssertionError(f"no made-up truth for answers of kind {kind}")


def record_for(task: str, *, index: int, split: str, episode: int) -> Record:
    """A record of any task, its question filled with stand-in texts."""
    loaded = load_task(task)
    names = set().union(*(wording.names for wording in loaded.wordings))
    options = {"options": WORDS[:4]} if "options" in names else {}
    return Record(
        id=f"{split}/{episode}#{index}/{task}",
        task=task,
        media=(FilePicture(path=f"pictures:{index}.png", size=SIZE),),
        inputs={name: f"the {name} of {task}" for name in names} | options,
        answer=truth_for(loaded.answer_kind, index),
        source="made",
        split=split,
        meta={"episode": f"{split}-{episode}"},
    )


def records_of(tasks: Iterable[str]) -> list[Record]:
    """Validation and training records of the tasks, two for each of `NUM_EPISODES` episodes."""
    return [
        record_for(task, index=2 * episode + frame, split=split, episode=episode)
        for task in tasks
        for split in ("val", "train")
        for episode in range(NUM_EPISODES)
        for frame in range(2)
    ]


def write_records(folder: Path, *, records: Sequence[Record]) -> Path:
    """A complete records folder with real pictures beside it."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for index in range(2 * NUM_EPISODES):
        Image.new("RGB", SIZE, (12 * index, 90, 120)).save(pictures / f"{index}.png")
    marks = []
    for split in sorted({record.split for record in records}):
        with ShardWriter(folder, split=split) as writer:
            for record in records:
                if record.split == split:
                    writer.add(record)
        marks += writer.marks
    write_media_roots(folder, roots={"pictures": pictures})
    write_folder_mark(folder, marks=marks)
    return folder


class ScriptedEngine(Engine):
    """Says `script(record_id)`; None fails the request. Opens pictures unless told not to.

    Attributes:
        asked: Ids of the records of each call, in the order of asking.
    """

    def __init__(
        self,
        script: Callable[[str], str | None],
        *,
        name: str = "scripted",
        seconds_per_call: float = 0.0,
        opens_pictures: bool = True,
    ) -> None:
        self.script = script
        self.name = name
        self.seconds_per_call = seconds_per_call
        self.opens_pictures = opens_pictures
        self.asked: list[list[str]] = []

    def identity(self) -> str:
        return f"identity of {self.name}"

    def answer(self, requests: Iterable[Request]) -> Iterator[Response]:
        requests = list(requests)
        self.asked.append([request.record_id for request in requests])
        time.sleep(self.seconds_per_call)
        for request in requests:
            if self.opens_pictures:
                assert all(picture.size == SIZE for picture in request.pictures())
            text = self.script(request.record_id)
            failed = text is None
            yield Response(
                record_id=request.record_id,
                text=text or "",
                num_new_tokens=len((text or "").split()),
                finish_reason="" if failed else "stop",
                error="the script says no" if failed else "",
            )


def perfect_texts(records: Iterable[Record], *, dialect: Dialect = PLAIN) -> dict[str, str]:
    """What a perfect model says to each record."""
    return {
        record.id: load_task(record.task).render(record.answer, dialect=dialect, size=SIZE)
        for record in records
        if record.answer is not None
    }


def evaluate(
    folder: Path,
    *,
    out: Path,
    engines: dict[str, ScriptedEngine],
    dialect: Dialect = PLAIN,
    phases: Sequence[str] = (),
    **options: object,
) -> EvaluationResult:
    """Run the real evaluation with scripted engines; one named `untrained` is the baseline."""
    config = EvaluateConfig.model_validate({"num_bootstrap": 200, "batch_size": 4, **options})
    models = [
        ModelUnderTest(name, Path(name), role="untrained" if name == "untrained" else "candidate")
        for name in engines
    ]
    return run_evaluation(
        config,
        models=models,
        records=folder,
        out=out,
        dialect=dialect,
        open_engine=lambda model, *_: engines[model.name],
        phases=phases,
    )


def read_items(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "items.jsonl").read_text().splitlines()]


def contents(out: Path, names: tuple[str, ...] = OUTPUTS) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in names}


def asked_by(engine: ScriptedEngine) -> list[str]:
    return [record_id for portion in engine.asked for record_id in portion]


def result_of(report: Any, model: str, task: str = "contact_box") -> dict[str, Any]:
    (entry,) = [entry for entry in report["tasks"] if entry["task"] == task]
    (result,) = [result for result in entry["results"] if result["model"] == model]
    return result


def main(records: Path, out: Path, seconds_per_call: float) -> None:
    """Evaluate every task slowly; some answers are wrong, some unreadable."""
    texts = perfect_texts(records_of(TASKS.rows))
    for number, record_id in enumerate(sorted(texts)):
        if number % 5 == 0:
            texts[record_id] = "?!" if number % 2 else ""
    engine = ScriptedEngine(texts.__getitem__, seconds_per_call=seconds_per_call)
    evaluate(records, out=out, engines={"trained": engine})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))

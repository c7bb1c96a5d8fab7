"""thor_events: logs of AI2-THOR and ProcTHOR, action by action, as episodes with their failures.

A log is a file of JSON lines. The first may say what it was for, `{"task": {"instruction": ...}}`;
every other line is an action as it was sent and the `event.metadata` that came back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value
from roboloop.records.answers import Plan
from roboloop.records.episode import EPISODE_KEY, Episode, GoalFact, episode_to_json
from roboloop.records.jsonl import Broken, scan_json_lines
from roboloop.records.media import FilePicture, Media
from roboloop.records.record import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.file_lists import data_files
from roboloop.sources.measure import MediaMeter
from roboloop.sources.thor_story import ThorEvent, tell

SUFFIXES = (".jsonl",)


class _Task(BaseModel):
    instruction: str = Field(min_length=1)
    goal: tuple[GoalFact, ...] = ()
    success: bool | None = None
    split: str = "train"


class _Line(BaseModel):
    action: dict[str, Any]
    metadata: dict[str, Any]
    picture: str | None = None


class _Log(NamedTuple):
    task: _Task
    events: tuple[ThorEvent, ...]


class ThorEventsSource(DataSetSource):
    """Logged AI2-THOR or ProcTHOR episodes: the plan that was carried out, and what failed."""

    kind: Literal["thor_events"] = "thor_events"  # pyright: ignore[reportIncompatibleVariableOverride]

    def parts(self, context: SourceContext) -> Iterator[Path]:
        """The logs, one episode each.

        Raises:
            RoboLoopError: E-DAT-001 when there is none.
        """
        del context
        yield from data_files(self.path, suffixes=SUFFIXES)

    def read_part(self, part: Path, context: SourceContext) -> Iterator[Record | Rejected]:
        """The one record of a log."""
        del context
        record_id = f"{self.name}/{part.name.split('.')[0]}"
        try:
            yield self._record(_read(part), record_id=record_id, file=part)
        except RoboLoopError as error:
            place = error.place if error.place.file else Place(part, record_id=record_id)
            yield Rejected(error.located(place), record_id)

    def fingerprint(self) -> str:
        """Hash of the options and the logs."""
        settings = self.model_dump(mode="json", exclude={"path"})
        files = data_files(self.path, suffixes=SUFFIXES)
        return hash_value([settings, [hash_file(file) for file in files]])

    def _record(self, log: _Log, *, record_id: str, file: Path) -> Record:
        meter = MediaMeter(self.media_roots(), verify=self.verify_media)
        story = tell(log.events, pictures=lambda name: self._picture(name, meter=meter))
        done = tuple(step.text for step in story.steps if not step.failure)
        if not done:
            raise RoboLoopError("E-DAT-004", "nothing is done in it but moving about")
        facts = Episode(
            id=record_id,
            form="symbolic",
            instruction=log.task.instruction,
            steps=story.steps,
            goal=log.task.goal,
            standing=story.standing,
            scene=str(log.events[0].metadata.get("sceneName", "")),
            success=log.task.success,
            failure=story.failure if log.task.success is False else "",
            last_media=story.last_media,
        )
        first = next((event.picture for event in log.events if event.picture), None)
        return Record(
            id=record_id,
            task="plan_steps",
            media=() if first is None else (self._picture(first, meter=meter),),
            inputs={"instruction": log.task.instruction},
            answer=Plan(done),
            source=self.name,
            split=log.task.split,
            licence=self.licence,
            origin=file.name,
            meta={
                "episode": record_id,
                "scene": facts.scene,
                "num_failed_actions": sum(bool(step.failure) for step in story.steps),
                EPISODE_KEY: episode_to_json(facts),
            },
        )

    def _picture(self, name: str, *, meter: MediaMeter) -> Media:
        return meter.measured(FilePicture(path=f"{self.name}:{name}"))


def _read(file: Path) -> _Log:
    """A whole log.

    Raises:
        RoboLoopError: E-REC-001, E-REC-014 for a broken line, E-DAT-004 for another form.
    """
    task: _Task | None = None
    events: list[ThorEvent] = []
    for line in scan_json_lines(file):
        if isinstance(line, Broken):
            raise line.error
        try:
            match line.value:
                case {"task": Mapping() as given}:
                    task = _Task.model_validate(given)
                case _:
                    found = _Line.model_validate(line.value)
                    events.append(ThorEvent(found.action, found.metadata, found.picture))
        except ValidationError as error:
            raise _no_log(error).located(line.place) from None
    if task is None or not events:
        raise RoboLoopError("E-DAT-004", "it has no line that says its task, or no event")
    return _Log(task, tuple(events))


def _no_log(error: ValidationError) -> RoboLoopError:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return RoboLoopError("E-DAT-004", f"not a log of AI2-THOR: {where}: {first['msg']}")

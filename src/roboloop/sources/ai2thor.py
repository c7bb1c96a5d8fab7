"""ai2thor: ALFRED's household episodes as plans and questions about them.

ALFRED (Shridhar et al., 2020) has people tell in words what an agent does in AI2-THOR, and the
symbolic plan behind it. Each telling becomes records of its own; what they share is in `meta`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value, seeded_generator
from roboloop.records.answers import Answer, Plan, Text
from roboloop.records.episode import EPISODE_KEY, Episode, episode_to_json
from roboloop.records.episode_words import numbered
from roboloop.records.jsonl import Broken, scan_json_lines, scan_packed_json_lines
from roboloop.records.media import FilePicture, Media
from roboloop.records.record import InputValue, Record
from roboloop.sources.alfred_episodes import (
    SPLITS,
    TRAJECTORY_FILE,
    AlfredEpisode,
    AlfredSplit,
    distilled_episode,
    find_trajectories,
    raw_episode,
)
from roboloop.sources.alfred_story import episode_facts, told_by
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.file_lists import folder_print
from roboloop.sources.measure import MediaMeter

LICENCE = "MIT"
PLANS_SUFFIXES = (".jsonl", ".jsonl.gz")
Question = Literal["plan", "next_step", "remaining_steps"]
QUESTIONS: tuple[Question, ...] = ("plan", "next_step", "remaining_steps")


class _Asked(NamedTuple):
    """A question about an episode after `num_done` of its steps, and the answer."""

    task: str
    inputs: dict[str, InputValue]
    answer: Answer
    num_done: int = 0


class _Found(NamedTuple):
    episode: AlfredEpisode
    place: Place


class Ai2thorSource(DataSetSource):
    """ALFRED episodes: plans, next steps and remaining steps of household tasks in AI2-THOR."""

    kind: Literal["ai2thor"] = "ai2thor"  # pyright: ignore[reportIncompatibleVariableOverride]
    path: Path
    """A folder with `traj_data.json` files below it, or a file of distilled plans (`.jsonl`,
    `.jsonl.gz`)."""
    steps: Literal["plan", "people"] = "plan"
    """What a plan's steps are: the actions of the symbolic plan in sentences, or the sentences of
    the person who told the episode."""
    questions: tuple[Question, ...] = QUESTIONS
    splits: tuple[AlfredSplit, ...] = SPLITS
    """Splits to read. The test splits have no public plan."""

    def parts(self, context: SourceContext) -> Iterator[Path]:
        """The file of plans, or every `traj_data.json`.

        Raises:
            RoboLoopError: E-DAT-001 when there is none, E-DAT-002 for a file of another kind.
        """
        del context
        if self.path.is_file():
            if self.path.name != TRAJECTORY_FILE and not self.path.name.endswith(PLANS_SUFFIXES):
                kinds = f"{TRAJECTORY_FILE} or ends in {' or '.join(PLANS_SUFFIXES)}"
                raise RoboLoopError("E-DAT-002", f"it is not {kinds}", place=Place(self.path))
            yield self.path
            return
        num_found = 0
        for file in find_trajectories(self.path):
            num_found += 1
            yield file
        if num_found == 0:
            raise RoboLoopError(
                "E-DAT-001", f"there is no {TRAJECTORY_FILE} below it", place=Place(self.path)
            )

    def read_part(self, part: Path, context: SourceContext) -> Iterator[Record | Rejected]:
        """The records of a file of plans, or of one episode."""
        writer = _EpisodeWriter(self, seed=context.seed)
        for found in self._episodes(part):
            if isinstance(found, Rejected):
                yield found
            elif found.episode.split in self.splits:
                yield from writer.records(found.episode, place=found.place)

    def fingerprint(self) -> str:
        """Hash of the options, the files read, and the names and sizes of the pictures."""
        settings = self.model_dump(mode="json", exclude={"path"})
        if self.path.is_file():
            return hash_value([settings, hash_file(self.path)])
        files = [hash_file(file) for file in find_trajectories(self.path)]
        return hash_value([settings, files, folder_print(self.path)])

    def _episodes(self, part: Path) -> Iterator[_Found | Rejected]:
        """The episodes of a part, each with its place."""
        if part.name == TRAJECTORY_FILE:
            folder = self.path if self.path.is_dir() else self.path.parent
            yield _found(partial(raw_episode, part, folder=folder), place=Place(part))
            return
        scan = scan_packed_json_lines if part.suffix == ".gz" else scan_json_lines
        for line in scan(part):
            if isinstance(line, Broken):
                yield Rejected(line.error, line.error.place.record_id)
            else:
                yield _found(partial(distilled_episode, line.value), place=line.place)


class _EpisodeWriter:
    """Makes records of episodes as the source's options say."""

    def __init__(self, source: Ai2thorSource, *, seed: int) -> None:
        self._source = source
        self._seed = seed
        self._meter = MediaMeter(source.media_roots(), verify=source.verify_media)

    def records(self, episode: AlfredEpisode, *, place: Place) -> Iterator[Record | Rejected]:
        """The records of all tellings; one reason when the episode has no plan at all."""
        try:
            facts = self._facts(episode)
        except RoboLoopError as error:
            yield Rejected(error.located(replace(place, record_id=episode.id)), episode.id)
            return
        for number in range(len(episode.tellings)):
            for question in self._source.questions:
                record_id = f"{episode.id}/{number}/{question}"
                try:
                    made = self._record(
                        episode, record_id=record_id, number=number, question=question, facts=facts,
                        place=place,
                    )  # fmt: skip
                except RoboLoopError as error:
                    yield Rejected(error.located(replace(place, record_id=record_id)), record_id)
                else:
                    if made is not None:
                        yield made

    def _facts(self, episode: AlfredEpisode) -> Episode | None:
        """The episode in symbols; None where only the people's own sentences are wanted."""
        if not episode.tellings:
            raise RoboLoopError("E-DAT-004", "nobody has told this episode")
        if episode.actions:
            return episode_facts(episode)
        if self._source.steps == "people":
            return None
        raise RoboLoopError(
            "E-DAT-004",
            f"split {episode.split} has no public plan",
            fix="Leave it out of `splits`, or take `steps: people`.",
        )

    def _record(
        self, episode: AlfredEpisode, *, record_id: str, number: int, question: Question,
        facts: Episode | None, place: Place,
    ) -> Record | None:  # fmt: skip
        """One question; None where a plan of one step leaves nothing to ask."""
        telling = episode.tellings[number]
        plan = () if facts is None else tuple(step.text for step in facts.steps)
        steps = plan if self._source.steps == "plan" else telling.steps
        if not steps or not all(steps):
            raise RoboLoopError("E-DAT-004", "a step of its plan has no words")
        asked = self._asked(question, goal=telling.goal, steps=steps, record_id=record_id)
        if asked is None:
            return None
        aligned = len(telling.steps) == len(plan) if plan else None
        meta = _meta(episode, number=number, aligned=aligned)
        if question == "plan":
            other = telling.steps if self._source.steps == "plan" else plan
            meta |= {
                "other_steps": list(other),
                "object_boxes": [touched._asdict() for touched in episode.touched],
            }
            if facts is not None:
                pictures = [self._media(episode, step=step) for step in range(len(plan))]
                meta[EPISODE_KEY] = episode_to_json(
                    told_by(facts, telling=telling, pictures=pictures)
                )
        else:
            meta["num_done"] = asked.num_done
        source = self._source
        return Record(
            id=record_id,
            task=asked.task,
            media=self._media(episode, step=asked.num_done),
            inputs=asked.inputs,
            answer=asked.answer,
            source=source.name,
            split=episode.split,
            licence=source.licence or LICENCE,
            origin=_origin(place, folder=source.path),
            meta=meta,
        )

    def _asked(
        self, question: Question, *, goal: str, steps: Sequence[str], record_id: str
    ) -> _Asked | None:
        if question == "plan":
            return _Asked("plan_steps", {"instruction": goal}, Plan(tuple(steps)))
        first = 1 if question == "remaining_steps" else 0
        if first == len(steps):
            return None
        draw = seeded_generator(self._seed, self._source.kind, record_id)
        num_done = int(draw.integers(first, len(steps)))
        ask = "What should the robot do next?"
        answer = steps[num_done]
        if question == "remaining_steps":
            ask, answer = "Which steps remain?", numbered(steps[num_done:])
        done = f" Done so far:\n{numbered(steps[:num_done])}\n" if num_done else " "
        text = f"The goal is '{goal.rstrip(' .')}'.{done}{ask}"
        return _Asked("planning", {"question": text}, Text(answer), num_done)

    def _media(self, episode: AlfredEpisode, *, step: int) -> tuple[Media, ...]:
        """The picture with which a step begins; none where pictures are not on disk."""
        picture = episode.first_pictures.get(step)
        if picture is None:
            return ()
        return (self._meter.measured(FilePicture(path=f"{self._source.name}:{picture}")),)


def _found(read: Callable[[], AlfredEpisode], *, place: Place) -> _Found | Rejected:
    try:
        return _Found(read(), place)
    except RoboLoopError as error:
        return Rejected(error.located(place), error.place.record_id)


def _meta(episode: AlfredEpisode, *, number: int, aligned: bool | None) -> dict[str, Any]:
    """What a record keeps of its episode; tellings of one `episode` are paraphrases."""
    return {
        "episode": episode.id,
        "telling": number,
        "num_tellings": len(episode.tellings),
        "task_type": episode.task_type,
        "scene": episode.scene,
        "goal_arguments": dict(episode.goal_arguments),
        "actions": [str(action) for action in episode.actions],
        "num_low_actions": episode.num_low_actions,
        "one_sentence_per_action": aligned,
    }


def _origin(place: Place, *, folder: Path) -> str:
    """`file:line` of a file of plans; the path of a `traj_data.json` below the folder."""
    file = Path(str(place.file))
    if place.line is not None:
        return f"{file.name}:{place.line}"
    return file.relative_to(folder).as_posix() if folder.is_dir() else file.name

"""simulated: the rendered pack, or a folder made by `roboloop simulate`, as records.

Needs neither MuJoCo nor OpenGL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from roboloop.base.errors import RoboLoopError
from roboloop.base.geometry import PictureSize
from roboloop.base.hashing import hash_value, seeded_generator
from roboloop.records.answers import Plan
from roboloop.records.episode import EPISODE_KEY, episode_to_json
from roboloop.records.media import ArchivePicture
from roboloop.records.record import Record, check_record
from roboloop.records.scene import SCENE_KEY
from roboloop.sources.base import Rejected, Source, SourceContext
from roboloop.sources.drafts import Draft, Drafted
from roboloop.sources.drawing.questions import DrawnChoice
from roboloop.sources.simulated.known_scene import known_scene
from roboloop.sources.simulated.pack import (
    FRAMES_FILE,
    SHIPPED,
    Pack,
    PackEpisode,
    PackFrame,
    read_pack,
)
from roboloop.sources.simulated.panel_questions import DRAWN_QUESTIONS
from roboloop.sources.simulated.questions import PLACE_QUESTIONS, Sight
from roboloop.sources.simulated.scene_questions import WORD_QUESTIONS, plan_of
from roboloop.sources.simulated.story import episode_facts
from roboloop.sources.simulated.worse_answers import worse_answer

LICENCE = "Apache-2.0"
ALL_TASKS = (*PLACE_QUESTIONS, *DRAWN_QUESTIONS, *WORD_QUESTIONS)


class SimulatedSource(Source):
    """Questions about simulated pick-and-place episodes, with exact answers.

    Attributes:
        path: Folder of a pack; left out: the pack that ships with RoboLoop.
        tasks: Which tasks to ask; left out: all that the truth supports.
        split: Which part to read.
        max_episodes: Read only so many, spread evenly over both splits.
        max_drawn_per_episode: Drawn questions (panels, arrows) of one task in one episode. Each
            one is a picture of its own in the stage's folder.
        rejected: Give boxes, and yes or no, a worse answer too, for training on preferences: the
            place of another object in the picture, where there is one.
        scenes: Keep what is known of each picture in `meta.scene`, for the composer `reason`.
        episodes: One more record of each episode, its plan, with what happened and what went wrong
            in `meta.episode_facts`, for the composer `plan`.
    """

    kind: Literal["simulated"] = "simulated"  # pyright: ignore[reportIncompatibleVariableOverride]
    path: Path | None = None
    tasks: tuple[str, ...] | None = None
    split: Literal["train", "val", "all"] = "all"
    max_episodes: int | None = Field(default=None, ge=1)
    max_drawn_per_episode: int = Field(default=1, ge=0)
    rejected: bool = False
    scenes: bool = False
    episodes: bool = False

    @field_validator("tasks")
    @classmethod
    def _known_tasks(cls, tasks: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for task in tasks or ():
            if task not in ALL_TASKS:
                raise ValueError(f"no question of task {task!r}; there are {', '.join(ALL_TASKS)}")
        return tasks

    @property
    def _folder(self) -> Path:
        return SHIPPED if self.path is None else self.path

    @property
    def _root(self) -> str:
        """Name of the media root: one per pack, so that a recipe may read several."""
        if self.path is None:
            return "simulated"
        return f"simulated-{hash_value(read_pack(self._folder).index)[:8]}"

    def media_roots(self) -> Mapping[str, Path]:
        """The folder of the pack."""
        return {self._root: self._folder}

    def fingerprint(self) -> str:
        """Hash of the configuration and the pack's index, which holds the hashes of its files."""
        settings = self.model_dump(mode="json", exclude={"path"})
        return hash_value([settings, read_pack(self._folder).index])

    def read(self, context: SourceContext) -> Iterator[Record | Rejected]:
        """Every question of every picture, episode by episode.

        Raises:
            RoboLoopError: E-SIM-003 when the pack is missing or damaged.
        """
        pack = read_pack(self._folder)
        root = self._root
        for episode in self._chosen(pack):
            sights = list(sights_of(episode, root=root))
            if self.episodes:
                yield _plan(sights)
            for sight in sights:
                for task, draft in self._drafts(sight, seed=context.seed):
                    record = self._record(sight, task=task, draft=draft)
                    if self.rejected:
                        record = _with_worse(record, sight=sight, seed=context.seed)
                    yield _checked(record)
            yield from self._drawn(pack, sights=sights, context=context)

    def _chosen(self, pack: Pack) -> Sequence[PackEpisode]:
        episodes = [e for e in pack.episodes if self.split in ("all", e.split)]
        wanted = self.max_episodes
        if wanted is None or wanted >= len(episodes):
            return episodes
        if wanted == 1:
            return episodes[:1]
        last = len(episodes) - 1
        return [episodes[i * last // (wanted - 1)] for i in range(wanted)]

    def _drafts(self, sight: Sight, *, seed: int) -> Iterator[Drafted]:
        for task in self.tasks or ALL_TASKS:
            if task in PLACE_QUESTIONS:
                for draft in PLACE_QUESTIONS[task](sight):
                    yield Drafted(task, draft)
            elif task in WORD_QUESTIONS:
                rng = seeded_generator(seed, "simulated", task, sight.frame.member)
                for draft in WORD_QUESTIONS[task](sight, rng):
                    yield Drafted(task, draft)

    def _drawn(
        self, pack: Pack, *, sights: Sequence[Sight], context: SourceContext
    ) -> Iterator[Record | Rejected]:
        """Drawn questions: at most so many per task and episode, from pictures in random order."""
        for task in self.tasks or ALL_TASKS:
            if task not in DRAWN_QUESTIONS:
                continue
            num_made = 0
            draw_order = seeded_generator(context.seed, "simulated", task, sights[0].episode.id)
            for index in draw_order.permutation(len(sights)):
                if num_made >= self.max_drawn_per_episode:
                    break
                sight = sights[int(index)]
                rng = seeded_generator(context.seed, "simulated", task, sight.frame.member)
                choice = DRAWN_QUESTIONS[task](sight, rng)
                if choice is None:
                    continue
                num_made += 1
                draft = _draw(pack, sight=sight, task=task, choice=choice, context=context)
                yield _checked(_record(sight, task=task, draft=draft))

    def _record(self, sight: Sight, *, task: str, draft: Draft) -> Record:
        record = _record(sight, task=task, draft=draft)
        if not self.scenes:
            return record
        scene = known_scene(sight, draft=draft)
        last = len(record.media) - 1
        scene = scene.model_copy(update={"picture": last}) if last else scene
        return replace(record, meta={**record.meta, SCENE_KEY: scene.to_json()})


def _plan(sights: Sequence[Sight]) -> Record:
    """The plan of an episode, before it begins or as early as there is a picture."""
    facts = episode_facts(sights)
    meant = Plan(plan_of(sights[0]))
    draft = Draft(meant, {"instruction": facts.instruction}, suffix="episode")
    record = _record(sights[0], task="plan_steps", draft=draft)
    return replace(record, meta={**record.meta, EPISODE_KEY: episode_to_json(facts)})


def sights_of(episode: PackEpisode, *, root: str) -> Iterator[Sight]:
    """Every picture of an episode, with those of the same view before it."""
    history: dict[str, tuple[ArchivePicture, ...]] = {}
    for frame in episode.frames:
        medium = _medium(frame, root=root)
        seen = (*history.get(frame.truth.view, ()), medium)
        history[frame.truth.view] = seen
        yield Sight(episode, frame, medium, seen)


def _medium(frame: PackFrame, *, root: str) -> ArchivePicture:
    return ArchivePicture(
        archive=f"{root}:{FRAMES_FILE}",
        member=frame.member,
        size=PictureSize(frame.width, frame.height),
    )


def _draw(
    pack: Pack, *, sight: Sight, task: str, choice: DrawnChoice, context: SourceContext
) -> Draft:
    """Draw the options and keep the picture in the stage's folder."""
    relative = f"simulated/{context.seed}/{task}/{sight.frame.member}"
    medium = choice.drawn(pack.picture(sight.frame), relative=relative, context=context)
    return Draft(choice.answer, choice.inputs, media=(medium,))


def _record(sight: Sight, *, task: str, draft: Draft) -> Record:
    truth, story = sight.truth, sight.story
    name = f"{sight.episode.id}/{truth.view}/{truth.frame:04d}/{task}"
    return Record(
        id=f"{name}/{draft.suffix}" if draft.suffix else name,
        task=task,
        media=draft.media or (sight.medium,),
        inputs=draft.inputs,
        answer=draft.answer,
        source="simulated",
        split=sight.episode.split,
        licence=LICENCE,
        origin=f"{FRAMES_FILE}!{sight.frame.member}",
        meta={
            "episode": sight.episode.id,
            "view": truth.view,
            "frame": truth.frame,
            "phase": truth.phase,
            "skill": truth.skill,
            "success": story.success,
            "failure_cause": story.failure_cause,
            "instruction_zh": story.instruction_zh,
            "num_objects": len(truth.objects),
        },
    )


def _with_worse(record: Record, *, sight: Sight, seed: int) -> Record:
    """The record with a worse answer beside the true one, where there is one."""
    assert record.answer is not None
    rng = seeded_generator(seed, "simulated", "rejected", record.id)
    return replace(record, rejected=worse_answer(record.answer, sight=sight, rng=rng))


def _checked(record: Record) -> Record | Rejected:
    try:
        check_record(record)
    except RoboLoopError as error:
        return Rejected(error, record.id)
    return record


__all__ = ["ALL_TASKS", "SimulatedSource", "sights_of"]

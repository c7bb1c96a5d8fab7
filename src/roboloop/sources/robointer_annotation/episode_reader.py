"""The records of one episode: its frames drawn, its pictures measured, its questions asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_value, seeded_generator
from roboloop.records.media import LmdbPicture, Media, VideoFrame
from roboloop.records.record import Record, check_record
from roboloop.records.scene import SCENE_KEY
from roboloop.sources.base import MADE_ROOT, Rejected, SourceContext
from roboloop.sources.drafts import Draft, Drafted
from roboloop.sources.drawing.questions import SCENE_QUESTIONS, DrawnChoice, sentence_choice
from roboloop.sources.measure import MediaMeter
from roboloop.sources.robointer_annotation.files import (
    Meta,
    entry_name,
    entry_path,
    read_annotation,
    read_meta,
)
from roboloop.sources.robointer_annotation.known_scene import known_scene
from roboloop.sources.robointer_annotation.notes import Clip, EpisodeNotes, FrameNote, Problem
from roboloop.sources.robointer_annotation.place_questions import PLACE_QUESTIONS, scene_of
from roboloop.sources.robointer_annotation.planning import PLAN_QUESTIONS, ask, evenly
from roboloop.sources.robointer_annotation.texts import other_texts

if TYPE_CHECKING:
    from roboloop.sources.robointer_annotation.records import RobointerAnnotationSource

SENTENCE_TASK = "trajlang_choice"
DRAWN_TASKS = (*SCENE_QUESTIONS, SENTENCE_TASK)
PLAN_TASKS = ("planning", "planning_choice", "planning_decide")
ALL_TASKS = (*PLACE_QUESTIONS, *DRAWN_TASKS, *PLAN_TASKS)
NUM_WRONG_SENTENCES = 3
_RH20T = "RH20T_"
_VIEW = re.compile(r"_exterior_(?:image_)?\d+(?:_left)?$|(?<=_cfg_\d{4})_[^_]+$")
"""The camera at the end of an episode's name: DROID's, RoboLoop's own, RH20T's."""


class EpisodeReader:
    """Makes the records of one episode."""

    def __init__(self, source: RobointerAnnotationSource, *, context: SourceContext) -> None:
        self._source = source
        self._context = context
        roots = {**source.media_roots(), MADE_ROOT: context.made_folder}
        self._meter = MediaMeter(roots, verify=source.verify_media)
        self._measured: dict[int, Media] = {}
        self._meta = Meta()

    def read(self, key: bytes) -> Iterator[Record | Rejected]:
        """Every record of the episode, or why there is none."""
        name = key.decode(errors="backslashreplace")
        try:
            notes = self._notes(key)
        except RoboLoopError as error:
            yield self._rejected(error, record_id=name, episode=name)
            return
        for problem in notes.problems:
            yield self._problem(problem, episode=notes.name)
        if not notes.frames:
            error = RoboLoopError("E-DAT-004", "no annotated frame lies in the range to use")
            yield self._rejected(error, record_id=name, episode=name)
        seen: list[FrameNote] = []
        for frame in self._drawn_frames(notes):
            found = self._frame_note(notes, frame)
            if isinstance(found, Rejected):
                yield found
                continue
            yield from (self._problem(each, episode=notes.name) for each in found.problems)
            seen.append(found)
            yield from self._place_records(found)
        yield from self._drawn_records(notes, seen)
        yield from self._plan_records(notes)

    def _notes(self, key: bytes) -> EpisodeNotes:
        """The episode's annotation.

        Raises:
            RoboLoopError: E-DAT-004 or E-MED-* when there is none to be used.
        """
        source = self._source
        try:
            name = key.decode()
        except UnicodeDecodeError as error:
            raise RoboLoopError("E-DAT-004", f"its key is not UTF-8: {error}") from error
        known: frozenset[str] | None = None
        if source.min_quality is not None:
            row = source.sheet_row(name)
            if row is None:
                raise RoboLoopError("E-DAT-004", "the quality sheet has no such episode")
            known = row.known_fields(source.min_quality)
        if source.video is None:
            folder = self._meter.store.locate(f"{source.name}:{self._below(name)}")
            self._meta = read_meta(folder)
        return EpisodeNotes(
            name,
            read_annotation(source.store, key=key),
            known_fields=known,
            kept=source.range_of(name),
            gaps=source.gap_frames,
            quote=source.quote,
            fallback_instruction=self._meta.instruction,
        )

    def _drawn_frames(self, notes: EpisodeNotes) -> list[int]:
        """The frames to ask about: so many of each clip, drawn by the seed."""
        rng = seeded_generator(self._context.seed, self._source.kind, "frames", notes.name)
        num = self._source.frames_per_clip
        groups: tuple[Clip | None, ...] = notes.clips or (None,)
        drawn: list[int] = []
        for clip in groups:
            frames = notes.frames_of(clip)
            if num is None or len(frames) <= num:
                drawn += frames
            else:
                chosen = rng.choice(len(frames), size=num, replace=False)
                drawn += [frames[int(index)] for index in chosen]
        return sorted(drawn)

    def _frame_note(self, notes: EpisodeNotes, frame: int) -> FrameNote | Rejected:
        try:
            medium = self._medium(notes.name, frame)
            assert medium.size is not None, "it was measured"
            return notes.note(frame, medium=medium, size=medium.size)
        except RoboLoopError as error:
            where = f"{notes.name}#{frame}"
            return self._rejected(error, record_id=where, episode=notes.name)

    def _place_records(self, note: FrameNote) -> Iterator[Record | Rejected]:
        for task in self._source.asked:
            if task in PLACE_QUESTIONS:
                for draft in PLACE_QUESTIONS[task](note):
                    yield self._record(note, Drafted(task, draft))

    def _drawn_records(
        self, notes: EpisodeNotes, seen: list[FrameNote]
    ) -> Iterator[Record | Rejected]:
        """Drawn questions: at most so many per task, about the frames seen in random order."""
        for task in self._source.asked:
            if task not in DRAWN_TASKS:
                continue
            num_made = 0
            order = seeded_generator(self._context.seed, self._source.kind, task, notes.name)
            for index in order.permutation(len(seen)):
                if num_made >= self._source.max_drawn_per_episode:
                    break
                note = seen[int(index)]
                choice = self._choice(task, note, notes=notes)
                if choice is not None:
                    num_made += 1
                    yield self._drawn(task, note, choice=choice)

    def _choice(self, task: str, note: FrameNote, *, notes: EpisodeNotes) -> DrawnChoice | None:
        scene = scene_of(note)
        if scene is None:
            return None
        rng = seeded_generator(
            self._context.seed, self._source.kind, task, f"{note.episode}#{note.frame}"
        )
        if task != SENTENCE_TASK:
            return SCENE_QUESTIONS[task](scene, rng)
        right = None if note.clip is None else note.clip.subtask
        if right is None or scene.path_px is None:
            return None
        own = [clip.subtask for clip in notes.clips if clip.subtask is not None]
        pool = self._source.pool.subtasks
        wrong = other_texts(pool, besides=own, num=NUM_WRONG_SENTENCES, rng=rng)
        if len(wrong) < NUM_WRONG_SENTENCES:
            return None
        return sentence_choice(right, wrong=wrong, path_px=scene.path_px, rng=rng)

    def _drawn(self, task: str, note: FrameNote, *, choice: DrawnChoice) -> Record | Rejected:
        """Draw the options and keep the picture in the stage's folder."""
        folder = f"{self._source.name}/{self._context.seed}/{task}"
        relative = f"{folder}/{note.episode}/{note.frame:06d}.webp"
        try:
            picture = self._meter.store.open(note.medium)
            sheet = choice.drawn(picture, relative=relative, context=self._context)
            draft = Draft(choice.answer, choice.inputs, media=(self._meter.measured(sheet),))
        except RoboLoopError as error:
            where = f"{note.episode}#{note.frame}"
            return self._rejected(error, record_id=f"{where}/{task}", episode=note.episode)
        return self._record(note, Drafted(task, draft))

    def _plan_records(self, notes: EpisodeNotes) -> Iterator[Record | Rejected]:
        """Each planning question once, about a clip drawn by the seed."""
        for number, name in enumerate(PLAN_QUESTIONS):
            wanted = self._source.questions is None or name in self._source.questions
            if not wanted or not set(PLAN_TASKS) & set(self._source.asked):
                continue
            rng = seeded_generator(self._context.seed, self._source.kind, name, notes.name)
            asked = ask(name, notes, pool=self._source.pool, rng=rng)
            if asked is None or asked.task not in self._source.asked:
                continue
            frames = evenly(notes.frames_between(asked.first, asked.last))
            if not frames:
                continue
            where = f"{notes.name}#{frames[-1]}"
            record_id = f"{where}/{asked.task}/{number + 1}"
            try:
                media = tuple(self._medium(notes.name, frame) for frame in frames)
            except RoboLoopError as error:
                yield self._rejected(error, record_id=record_id, episode=notes.name)
                continue
            yield self._checked(
                Record(
                    id=record_id,
                    task=asked.task,
                    media=media,
                    inputs=asked.inputs,
                    answer=asked.answer,
                    **self._shared(notes.name, frame=frames[-1]),
                    meta={**self._meta_of(notes.name), "frames": frames, "question": name},
                )
            )

    def _medium(self, episode: str, frame: int) -> Media:
        """The reference to a frame's picture, measured.

        Raises:
            RoboLoopError: E-MED-* when it cannot be opened; E-ENV-001 without lmdb or av.
        """
        if frame not in self._measured:
            source = self._source
            if source.video is not None:
                path = f"{source.name}:{source.video.replace('{episode}', episode)}"
                reference: Media = VideoFrame(path=path, frame=frame)
            else:
                store = f"{source.name}:{source.episodes}"
                reference = LmdbPicture(store=store, episode=episode, frame=frame)
            self._measured[frame] = self._meter.measured(reference)
        return self._measured[frame]

    def _record(self, note: FrameNote, asked: Drafted) -> Record | Rejected:
        clip = note.clip
        return self._checked(
            Record(
                id=f"{note.episode}#{note.frame}/{asked.task}",
                task=asked.task,
                media=asked.draft.media or (note.medium,),
                inputs=asked.draft.inputs,
                turns=asked.draft.turns,
                answer=asked.draft.answer,
                **self._shared(note.episode, frame=note.frame),
                meta={
                    **self._meta_of(note.episode),
                    "frame": note.frame,
                    **({} if clip is None else {"clip": list(clip[1:3]), "skill": clip.skill}),
                    **self._scene(note, asked),
                },
            )
        )

    def _scene(self, note: FrameNote, asked: Drafted) -> dict[str, Any]:
        """What is noted of the frame, if it is wanted and the question shows the frame itself."""
        if not self._source.scenes or asked.draft.media:
            return {}
        return {SCENE_KEY: known_scene(note).to_json()}

    def _shared(self, episode: str, *, frame: int) -> dict[str, Any]:
        """What all records of the episode have alike."""
        return {
            "source": self._source.name,
            "split": self._split(episode),
            "licence": self._source.licence or _licence(episode),
            "origin": f"{entry_name(self._source.store, episode=episode)}#{frame}",
        }

    def _split(self, episode: str) -> str:
        is_val = hash_share(recording_of(episode)) < self._source.val_fraction
        return "val" if is_val else self._source.split

    def _meta_of(self, episode: str) -> dict[str, Any]:
        view = self._meta.camera_view
        return {"episode": episode, **({} if view is None else {"view": view})}

    def _below(self, episode: str) -> str:
        folder = self._source.episodes.strip("/")
        return f"{folder}/{episode}" if folder else episode

    def _checked(self, record: Record) -> Record | Rejected:
        try:
            check_record(record)
        except RoboLoopError as error:
            place = Place(record.origin, record_id=record.id)
            return Rejected(error.located(place), record.id)
        return record

    def _problem(self, found: Problem, *, episode: str) -> Rejected:
        where = episode if found.frame is None else f"{episode}#{found.frame}"
        return self._rejected(found.error, record_id=f"{where}/{found.field}", episode=episode)

    def _rejected(self, error: RoboLoopError, *, record_id: str, episode: str) -> Rejected:
        file = entry_path(self._source.store, episode=episode)
        return Rejected(error.located(Place(file, record_id=record_id)), record_id)


def recording_of(episode: str) -> str:
    """An episode's name without its view: what all cameras of one recording have in common."""
    return _VIEW.sub("", episode)


def hash_share(name: str) -> float:
    """A number from 0 to 1 that depends on the name alone."""
    return int(hash_value(name)[:12], 16) / 16**12


def _licence(episode: str) -> str:
    """The annotation inherits the terms of the data set its episode is from."""
    if episode.startswith(_RH20T):
        return "terms of RH20T"
    return "terms of DROID" if re.fullmatch(r"\d+_exterior_image_[12]_left", episode) else ""

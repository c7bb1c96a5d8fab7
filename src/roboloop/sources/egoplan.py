"""egoplan: which action comes next towards a goal, over EPIC-KITCHENS and Ego4D videos.

EgoPlan-Val and -Test ask with four choices, EgoPlan-IT has an answer and a list of wrong ones
(github.com/ChenYi99/EgoPlan, arXiv 2312.06722). Val and Test are benchmarks: their split is `val`
or `test`, never `train`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from roboloop.base.errors import RoboLoopError
from roboloop.records.answers import Answer, Choice, Text
from roboloop.records.episode import EPISODE_KEY, Episode, episode_to_json, plain_episode
from roboloop.records.media import FilePicture, Media, VideoFrame
from roboloop.records.record import InputValue, Record
from roboloop.sources.action_questions import Moment, moments_between
from roboloop.sources.entry_files import EntryFileSource
from roboloop.sources.fields import Entry
from roboloop.sources.measure import MediaMeter
from roboloop.sources.record_drafts import RecordDraft, record_of

LETTERS = "ABCD"
LICENCES = {"EpicKitchens": "CC-BY-NC-4.0", "Ego4D": "Ego4D licence agreement"}
"""Of the videos, by `video_source`."""


class EgoPlanSource(EntryFileSource):
    """EgoPlan: the next action towards a goal, with options (Val, Test) or in words (IT)."""

    kind: Literal["egoplan"] = "egoplan"  # pyright: ignore[reportIncompatibleVariableOverride]
    epic_folder: Path | None = None
    """The folder with `P01/rgb_frames/P01_01/frame_0000000001.jpg`."""
    ego4d_folder: Path | None = None
    """The folder with `<video_id>.mp4`."""
    episodes: bool = False
    """Keep the goal, the actions so far and the next one in `meta.episode_facts`, for the composer
    `plan`."""
    num_frames: int = Field(8, ge=1, le=64)
    """Pictures of a question: of the progress, evenly spread, the last the present observation."""

    def media_roots(self) -> Mapping[str, Path]:
        """The two folders, as `<name>-epic` and `<name>-ego4d`, as far as given."""
        folders = {"epic": self.epic_folder, "ego4d": self.ego4d_folder}
        return {f"{self.name}-{key}": path for key, path in folders.items() if path is not None}

    def entry_key(self, entry: Entry, *, file: Path) -> str:
        """The file's name and the entry's number, which is not unique over all files."""
        return f"{file.stem}/{entry.whole('sample_id')}"

    def record(self, entry: Entry, *, base: Record, meter: MediaMeter) -> Record:
        """The question with its choices, or with its answer in words."""
        video_source = entry.text("video_source")
        if video_source not in LICENCES:
            raise RoboLoopError("E-DAT-004", f"its video is from {video_source[:40]!r}")
        progress = [Entry(done, what="progress") for done in entry.items("task_progress_metadata")]
        progress = [done for done in progress if _is_past(done, entry=entry)]
        media = self._media(entry, progress=progress, video_source=video_source)
        base = replace(
            base,
            media=tuple(meter.measured(medium) for medium in media),
            licence=self.licence or LICENCES[video_source],
        )
        record = record_of(_draft(entry, progress=progress, is_seen=bool(media)), base=base)
        if not self.episodes or record.answer is None:
            return record
        facts = episode_to_json(_episode(entry, progress=progress, episode_id=record.id))
        return replace(record, meta={**record.meta, EPISODE_KEY: facts})

    def _media(self, entry: Entry, *, progress: list[Entry], video_source: str) -> list[Media]:
        """Frames from the first action's start to the present one; none without the folder."""
        is_epic = video_source == "EpicKitchens"
        if (self.epic_folder if is_epic else self.ego4d_folder) is None:
            return []
        now = entry.whole("current_observation_frame")
        first = progress[0].whole("start_frame") if progress else now
        video = entry.text("video_id")
        moments = moments_between(
            Moment(min(first, now), 0.0), Moment(now, 0.0), count=self.num_frames
        )
        if is_epic:
            folder = f"{self.name}-epic:{video.split('_')[0]}/rgb_frames/{video}"
            return [FilePicture(path=f"{folder}/frame_{m.frame:010d}.jpg") for m in moments]
        path = f"{self.name}-ego4d:{video}.mp4"
        return [VideoFrame(path=path, frame=moment.frame) for moment in moments]


def _is_past(done: Entry, *, entry: Entry) -> bool:
    """Whether an action of the progress has begun by now; later ones would give the answer away."""
    return done.whole("start_frame") <= entry.whole("current_observation_frame")


def _episode(entry: Entry, *, progress: list[Entry], episode_id: str) -> Episode:
    """The actions so far and the right next one."""
    done = [action.text("narration_text").strip() for action in progress]
    return plain_episode(
        episode_id,
        [*done, entry.text("answer").strip()],
        instruction=entry.text("task_goal").strip(),
    )


def _draft(entry: Entry, *, progress: list[Entry], is_seen: bool) -> RecordDraft:
    """The question with its choices, or with its answer in words."""
    done = [action.text("narration_text").strip() for action in progress]
    question = entry.text("question").strip()
    if not is_seen and done:
        listed = "\n".join(f"{number}. {text}" for number, text in enumerate(done, start=1))
        question = f"So far I have done this:\n{listed}\n{question}"
    meta: dict[str, Any] = {
        "video_source": entry.text("video_source"),
        "video_id": entry.text("video_id"),
        "task_goal": entry.text("task_goal"),
        "actions_before": done,
    }
    inputs: dict[str, InputValue] = {"question": question}
    if "choice_a" in entry:
        options = tuple(entry.text(f"choice_{letter.lower()}").strip() for letter in LETTERS)
        inputs["options"] = options
        answer = _chosen(entry, options=options)
        return RecordDraft(task="planning_choice", inputs=inputs, answer=answer, meta=meta)
    if "negative_answers" in entry:
        meta["negative_answers"] = list(entry.texts("negative_answers"))
    answer = entry.text("answer").strip()
    if not answer:
        raise RoboLoopError("E-DAT-004", "its answer is empty")
    return RecordDraft(task="planning", inputs=inputs, answer=Text(answer), meta=meta)


def _chosen(entry: Entry, *, options: tuple[str, ...]) -> Answer | None:
    """The right choice, which must be the answer in words; None where it is not public (Test)."""
    if "golden_choice_idx" not in entry:
        return None
    letter = entry.text("golden_choice_idx").strip().upper()
    if letter not in LETTERS or len(letter) != 1:
        raise RoboLoopError("E-REC-013", f"the right choice is {letter!r}, not A, B, C or D")
    right = options[LETTERS.index(letter)]
    if "answer" in entry and entry.text("answer").strip() != right:
        raise RoboLoopError("E-REC-013", f"choice {letter} is {right!r}, its answer another")
    return Choice(letter, options)

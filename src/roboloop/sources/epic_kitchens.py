"""epic_kitchens: the actions of EPIC-KITCHENS-100, in order, with frames where they are there.

`EPIC_100_train.csv` and `EPIC_100_validation.csv` have 15 columns; frames lie in
`P01/rgb_frames/P01_01/frame_0000000001.jpg`, videos in `P01/videos/P01_01.MP4`. See
github.com/epic-kitchens/epic-kitchens-100-annotations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value, seeded_generator
from roboloop.records.answers import Text
from roboloop.records.episode import EPISODE_KEY, episode_to_json, plain_episode
from roboloop.records.media import FilePicture, Media, VideoFrame
from roboloop.records.record import Record
from roboloop.sources.action_questions import ActionAsker, ActionQuestion, Asked, Moment
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.epic_rows import EpicVideo, frame_rates, read_videos
from roboloop.sources.measure import MediaMeter
from roboloop.sources.record_drafts import records_of, split_named

LICENCE = "CC-BY-NC-4.0"
VIDEO_INFO = "EPIC_100_video_info.csv"
ANNOTATIONS = ("EPIC_100_train.csv", "EPIC_100_validation.csv")

FramesFrom = Literal["auto", "rgb_frames", "videos", "none"]


class _EpicPart(NamedTuple):
    """A part: one video's actions."""

    video: EpicVideo
    file: str


class EpicKitchensSource(DataSetSource):
    """EPIC-KITCHENS-100: what comes next, what is being done, in kitchens seen from the head."""

    kind: Literal["epic_kitchens"] = "epic_kitchens"  # pyright: ignore[reportIncompatibleVariableOverride]
    media_folder: Path | None = None
    """The folder with `P01`, `P02` and so on; the folder of `path` when left out."""
    frames: FramesFrom = "auto"
    """Where pictures come from. `auto`: the frames of a video if their folder is there, else the
    video itself, else none."""
    num_frames: int = Field(8, ge=1, le=64)
    """Pictures in a question."""
    questions: tuple[ActionQuestion, ...] = ("next_action", "action_name")
    """Which questions to ask; `egoplan` makes EgoPlan's form of them."""
    episodes: bool = False
    """One more record of each video, its first action, with all its actions in
    `meta.episode_facts`, for the composer `plan`."""
    licence: str = LICENCE

    def media_roots(self) -> Mapping[str, Path]:
        """The folder of frames and videos under the source's name."""
        return {self.name: self.media_folder} if self.media_folder else super().media_roots()

    def parts(self, context: SourceContext) -> Iterator[_EpicPart | Rejected]:
        """The videos of every file, each file's in the order of its rows.

        Raises:
            RoboLoopError: E-DAT-001 without a file, E-DAT-002 for other columns.
        """
        del context
        for file in self._files():
            for item in read_videos(file, name=self.name):
                yield item if isinstance(item, Rejected) else _EpicPart(item, str(file))

    def read_part(
        self, part: _EpicPart | Rejected, context: SourceContext
    ) -> Iterator[Record | Rejected]:
        """The questions about one video."""
        if isinstance(part, Rejected):
            yield part
            return
        video, file = part.video, Path(part.file)
        finder = self._finder(video.video_id)
        meter = MediaMeter(self.media_roots(), verify=self.verify_media)
        base = Record(
            id=f"{self.name}/{video.video_id}",
            task="planning",
            source=self.name,
            split=split_named(file),
            licence=self.licence,
            meta={"video_id": video.video_id},
        )
        if self.episodes:
            origin = f"{file.name}:{video.actions[0].meta['line']}"
            yield _episode(video, base=replace(base, origin=origin), finder=finder, meter=meter)
        for question in self.questions:
            asker = ActionAsker(
                actions=video.actions,
                num_frames=self.num_frames if finder else 0,
                draw=seeded_generator(context.seed, self.kind, video.video_id, question),
            )
            for asked in asker.ask(question):
                origin = f"{file.name}:{asked.draft.meta['line']}"
                yield _record(asked, base=replace(base, origin=origin), finder=finder, meter=meter)

    def fingerprint(self) -> str:
        """Hash of the options and the CSV files. Frames are not looked at: there are millions."""
        files = [hash_file(file) for file in (*self._files(), *self._info_files())]
        return hash_value([self.model_dump(mode="json"), files])

    def _files(self) -> list[Path]:
        if self.path.is_file():
            return [self.path]
        found = [self.path / name for name in ANNOTATIONS if (self.path / name).is_file()]
        if not found:
            raise RoboLoopError(
                "E-DAT-001", f"no {' or '.join(ANNOTATIONS)}", place=Place(self.path)
            )
        return found

    def _info_files(self) -> list[Path]:
        folder = self.path if self.path.is_dir() else self.path.parent
        return [file for file in [folder / VIDEO_INFO] if file.is_file()]

    @cached_property
    def _rates(self) -> Mapping[str, float]:
        """Video -> frames in a second."""
        (file,) = self._info_files() or [None]
        if file is None:
            raise RoboLoopError(
                "E-DAT-001",
                f"{VIDEO_INFO} is not beside the annotations: it has the frame rates, without "
                "which no frame of a video can be found",
                place=Place(self.path),
            )
        return frame_rates(file)

    def _finder(self, video_id: str) -> _Frames | None:
        """Where the pictures of a video are, if anywhere."""
        (root,) = self.media_roots().values()
        person = video_id.split("_")[0]
        folder, film = f"{person}/rgb_frames/{video_id}", f"{person}/videos/{video_id}.MP4"
        wanted = self.frames
        if wanted == "auto":
            exists = {"rgb_frames": root / folder, "videos": root / film}
            wanted = next((kind for kind, path in exists.items() if path.exists()), "none")
        if wanted == "rgb_frames":
            return _Frames(f"{self.name}:{folder}", None)
        if wanted == "videos":
            rate = self._rates.get(video_id)
            return _Frames(f"{self.name}:{film}", rate or 0.0)
        return None


class _Frames(NamedTuple):
    """A video as a folder of frames counted from 1, or as a file with a frame rate."""

    path: str
    rate: float | None

    def medium(self, moment: Moment) -> Media:
        if self.rate is None:
            return FilePicture(path=f"{self.path}/frame_{moment.frame:010d}.jpg")
        if not self.rate:
            raise RoboLoopError("E-DAT-004", f"{VIDEO_INFO} has no frame rate of this video")
        # Annotated frames are those of the frame folders, whatever the rate of the film itself.
        return VideoFrame(path=self.path, frame=int(moment.seconds * self.rate))


def _episode(
    video: EpicVideo, *, base: Record, finder: _Frames | None, meter: MediaMeter
) -> Record | Rejected:
    """All actions of a video; the record asks for the first one."""
    record_id = f"{base.id}/episode"
    actions = video.actions
    try:
        pictures = [meter.measured(finder.medium(a.start)) for a in actions] if finder else []
    except RoboLoopError as error:
        return Rejected(error.located(Place(base.origin, record_id=record_id)), record_id)
    facts = plain_episode(
        video.video_id,
        [action.text for action in actions],
        spans=[(action.start.frame, action.stop.frame) for action in actions],
        pictures=pictures,
    )
    return replace(
        base,
        id=record_id,
        inputs={"question": "What does the person do first?"},
        media=tuple(pictures[:1]),
        answer=Text(actions[0].text),
        meta={**base.meta, EPISODE_KEY: episode_to_json(facts)},
    )


def _record(
    asked: Asked, *, base: Record, finder: _Frames | None, meter: MediaMeter
) -> Record | Rejected:
    (record,) = records_of([asked.draft], base=base)
    try:
        if finder is None:
            return record
        media = tuple(meter.measured(finder.medium(moment)) for moment in asked.moments)
        return replace(record, media=media)
    except RoboLoopError as error:
        return Rejected(error.located(Place(base.origin, record_id=record.id)), record.id)

"""ego4d: narrations and the action sequences of the forecasting benchmark, with or without video.

Two layouts of github.com/EGO4D/docs: narrations (`narration.json` keyed by video, or
`all_narrations_redacted.json` with the same under `videos`), and `fho_lta_<set>.json` with `clips`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.hashing import hash_file, hash_value, seeded_generator
from roboloop.records.media import VideoFrame
from roboloop.records.record import Record
from roboloop.sources.action_questions import ActionAsker, ActionQuestion
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.data_set import DataSetSource
from roboloop.sources.ego4d_files import ActionSequence, Ego4dFile
from roboloop.sources.file_lists import data_files
from roboloop.sources.measure import MediaMeter
from roboloop.sources.record_drafts import records_of, split_named

LICENCE = "Ego4D licence agreement"


class Ego4dSource(DataSetSource):
    """Ego4D: what comes next and what is being done, from its narrations."""

    kind: Literal["ego4d"] = "ego4d"  # pyright: ignore[reportIncompatibleVariableOverride]
    video_folder: Path | None = None
    """The folder of `<video_uid>.mp4` for narrations, of `<clip_uid>.mp4` for `fho_lta` files;
    without it questions have no pictures."""
    num_frames: int = Field(8, ge=1, le=64)
    """Pictures in a question."""
    questions: tuple[ActionQuestion, ...] = ("next_action", "action_name")
    """Which questions to ask."""
    licence: str = LICENCE

    def media_roots(self) -> Mapping[str, Path]:
        """The folder of the videos under the source's name."""
        return {self.name: self.video_folder} if self.video_folder else super().media_roots()

    def parts(self, context: SourceContext) -> Iterator[ActionSequence | Rejected]:
        """The action sequences of every file, and what fits in none.

        Raises:
            RoboLoopError: E-DAT-001, E-DAT-002, and E-REC-001 or E-REC-014 for a broken file.
        """
        del context
        for file in data_files(self.path, suffixes=(".json",)):
            yield from Ego4dFile(file, name=self.name).sequences()

    def read_part(
        self, part: ActionSequence | Rejected, context: SourceContext
    ) -> Iterator[Record | Rejected]:
        """The questions about one sequence of actions."""
        if isinstance(part, Rejected):
            yield part
            return
        file = Path(part.file)
        meter = MediaMeter(self.media_roots(), verify=self.verify_media)
        base = Record(
            id=f"{self.name}/{part.key}",
            task="planning",
            source=self.name,
            split=split_named(file),
            licence=self.licence,
            origin=f"{file.name}!{part.key}",
        )
        for question in self.questions:
            asker = ActionAsker(
                actions=part.actions,
                num_frames=self.num_frames if self.video_folder else 0,
                draw=seeded_generator(context.seed, self.kind, part.key, question),
            )
            for asked in asker.ask(question):
                (record,) = records_of([asked.draft], base=base)
                try:
                    frames = [
                        VideoFrame(path=f"{self.name}:{part.media}.mp4", frame=moment.frame)
                        for moment in asked.moments
                    ]
                    yield replace(record, media=tuple(meter.measured(frame) for frame in frames))
                except RoboLoopError as error:
                    place = Place(base.origin, record_id=record.id)
                    yield Rejected(error.located(place), record.id)

    def fingerprint(self) -> str:
        """Hash of the options and the annotation files; videos are not looked at."""
        files = [hash_file(file) for file in data_files(self.path, suffixes=(".json",))]
        return hash_value([self.model_dump(mode="json"), files])

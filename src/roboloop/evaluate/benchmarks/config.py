"""Options of an evaluation on benchmarks. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from roboloop.engines.endpoint.config import EndpointConfig
from roboloop.evaluate.benchmarks.frames import FrameRule, Sampler
from roboloop.evaluate.config import Measuring

ALL = "all"
OptionOrder = Literal["stored", "shuffled", "circular"]


class BenchmarkConfig(Measuring):
    """Which benchmarks are asked, in whose words, and by whose rules they are scored."""

    benchmarks: tuple[str, ...] = (ALL,)
    """Names as in `roboloop list benchmarks`. `all` takes those that lie below the root and tells
    which do not; one that is named must be there."""
    root: Path
    """Folder with the benchmarks' files, each in one of its own."""
    prompts: str = "author"
    """Whose wording: `author`, `strict`, `flagevalmm`, `lmms_eval`, `vlmevalkit` or another that a
    benchmark has; where it has not, the author's."""
    option_order: OptionOrder = "stored"
    """The order of a question's options: as published; `shuffled` by seed; or `circular`: as
    published and in every rotation besides, which tells who leans to a letter."""
    rules: tuple[str, ...] = ()
    """Evaluators whose scores of the same answers stand beside ours; `all` for every one."""
    max_items: int | None = Field(None, ge=1)
    """Ask only so many items of each benchmark, drawn by seed: to try things out. No headline."""
    num_frames: int | None = Field(None, ge=1, le=1024)
    """Frames of a video; each benchmark's own number when left out."""
    sampler: Sampler = "linspace"
    """How frames are spread over a video."""
    decoder: Literal["pyav"] = "pyav"
    """What decodes videos: frames are found exactly, by their time stamps."""
    judge: EndpointConfig | None = None
    """The model that grades open answers (MM-Vet). Without it they are not asked."""
    published_as: str = ""
    """The model's name in published tables; its own name when left out."""
    max_new_tokens: int = Field(1024, ge=1)
    """Longest answer."""

    @property
    def frames(self) -> FrameRule:
        """How the frames of a video are chosen."""
        return FrameRule(self.num_frames, self.sampler)

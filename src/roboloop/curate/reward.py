"""reward: rank answers by a vision-language reward model, within records of one kind.

A reward has no scale: it compares answers to questions of one kind. So records are ranked within
their stratum (family and source), and a share or a number of each stays.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import hash_value
from roboloop.curate.base import (
    ArrowBatch,
    ArrowTable,
    CurateContext,
    Flags,
    Judgement,
    MapOperator,
    Numbers,
)
from roboloop.curate.columns import arrow_compute
from roboloop.curate.responses import responses_of
from roboloop.curate.strata import StratumColumn, stratum_of
from roboloop.models.config import DialectConfig
from roboloop.records.media import media_from_json
from roboloop.records.media_open import MediaStore
from roboloop.records.record import Turn
from roboloop.records.shards import read_media_roots


class RewardRank(MapOperator):
    """Drop the records of each stratum that a reward model likes least."""

    code: ClassVar[str] = "E-CUR-034"
    batch_rows: ClassVar[int] = 256

    kind: Literal["reward"] = "reward"  # pyright: ignore[reportIncompatibleVariableOverride]
    on: Literal["all", "kept"] = "kept"
    model: Path
    """A folder in the layout of Skywork-VL-Reward-7B: Qwen2.5-VL with `value_head.safetensors`."""
    dialect: DialectConfig
    """At which size pictures are seen, such as `{kind: qwen25_vl, max_pixels: 1003520}`. A score
    depends on it."""
    batch_size: int = Field(8, ge=1)
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    strata: tuple[StratumColumn, ...] = ("family", "source")
    """Records are ranked among those with which they share all of these."""
    keep_share: float = Field(1.0, gt=0, le=1)
    """This share of each stratum stays, the best, rounded up."""
    keep_top: int | None = Field(None, ge=1)
    """At most so many of each stratum stay."""

    @property
    def judging_options(self) -> frozenset[str]:
        """How many stay is decided on the stored scores."""
        return super().judging_options | {"strata", "keep_share", "keep_top"}

    @property
    def in_this_process(self) -> bool:
        """One copy of the model is enough."""
        return True

    def fingerprint(self) -> str:
        """Depends on the model's weights, not on where they lie."""
        from roboloop.models.folder_hash import folder_hash

        options = self.model_dump(mode="json", include={"dialect", "dtype", "on"})
        return hash_value([self.kind, self.version, options, folder_hash(self.model)])

    @property
    def more_facts(self) -> tuple[str, ...]:
        """Of the pictures, and of the answers in every task's own words."""
        return ("references", "typed_answer")

    def measure(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        """The score of each record; null, with an `error`, where it cannot be scored."""
        from roboloop.models.chat import Encoded, Encoder

        if not batch.num_rows:
            return _columns([], [])
        reward = _loaded(self.model, self.device, self.dtype)
        encoder = Encoder(reward.backbone.parts, dialect=self.dialect.load())
        store = MediaStore(read_media_roots(context.records))
        encoded: list[Encoded] = []
        errors: list[str | None] = []
        rows = zip(
            batch["references"].to_pylist(), batch["question"].to_pylist(), responses_of(batch),
            strict=True,
        )  # fmt: skip
        for references, question, response in rows:
            try:
                if not response:
                    raise RoboLoopError("E-REC-002", "there is no answer to score")
                pictures = [store.open(media_from_json(json.loads(item))) for item in references]
                turns = (Turn("user", question), Turn("assistant", response))
                encoded.append(encoder.encode(pictures, turns=turns))
                errors.append(None)
            except RoboLoopError as error:
                errors.append(str(error))
        scores = iter(reward.scores(encoded, batch_size=self.batch_size))
        found = [math.nan if error else next(scores) for error in errors]
        for place, score in enumerate(found):
            if not errors[place] and not math.isfinite(score):
                errors[place] = "out of memory, or the model gave no number"
        return _columns(found, errors)

    def judge(self, values: ArrowTable, facts: ArrowTable, *, kept: Flags) -> Judgement:
        """The best of each stratum stay, and whatever could not be scored."""
        scores = _scores(values)
        judgement = Judgement.keep_all(len(kept))
        judgement.value[:] = scores
        rows = np.flatnonzero(kept & np.isfinite(scores))
        strata = stratum_of(facts, columns=self.strata)
        codes = strata.codes[rows]
        order = rows[np.lexsort((rows, -scores[rows], codes))]
        for members in np.split(order, np.flatnonzero(np.diff(strata.codes[order])) + 1):
            num_kept = math.ceil(len(members) * self.keep_share)
            num_kept = min(num_kept, self.keep_top or num_kept)
            if num_kept >= len(members):
                continue
            judgement.threshold[members] = scores[members[num_kept - 1]]
            name = strata.names[strata.codes[members[0]]]
            judgement.drop[members[num_kept:]] = True
            judgement.reason[members[num_kept:]] = (
                f"not among the {num_kept:,} best by reward in {name}"
            )
        return judgement

    def quality(self, values: ArrowTable) -> Numbers:
        """The logistic function of the score; a half where there is none."""
        scores = np.nan_to_num(_scores(values), nan=0.0)
        return 1 / (1 + np.exp(-np.clip(scores, -500, 500)))


def _columns(scores: list[float], errors: list[str | None]) -> ArrowBatch:
    import pyarrow as pa

    finite = [score if math.isfinite(score) else None for score in scores]
    return pa.RecordBatch.from_arrays(
        [pa.array(finite, pa.float32()), pa.array(errors, pa.string())], names=["score", "error"]
    )


def _scores(values: ArrowTable) -> Numbers:
    return arrow_compute().cast(values["score"], "float64").to_numpy().astype(np.float64)


@lru_cache(maxsize=1)
def _loaded(model: Path, device: str, dtype: str) -> Any:
    from roboloop.models.reward import load_reward

    return load_reward(model, device=device, dtype=dtype)

"""media: pictures that nothing can be learned from, whatever is said about them."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from roboloop.curate.base import (
    ArrowBatch,
    ArrowTable,
    CurateContext,
    Flags,
    Judgement,
    MapOperator,
)
from roboloop.curate.picture_measures import PictureMeasures, measure_picture
from roboloop.records.media import media_from_json
from roboloop.records.media_open import MediaStore
from roboloop.records.shards import read_media_roots


class MediaChecks(MapOperator):
    """Drop records with a picture that is unreadable, blank, blurred, tiny or absurdly long.

    Of a record with several pictures the worst one counts.
    """

    code: ClassVar[str] = "E-CUR-011"

    kind: Literal["media"] = "media"  # pyright: ignore[reportIncompatibleVariableOverride]
    drop_unreadable: bool = True
    min_side: int = Field(32, ge=0)
    """The least width and height, in pixels."""
    max_aspect: float = Field(8.0, ge=1)
    """The longer side over the shorter one, at most."""
    min_contrast: float = Field(2.0, ge=0)
    """The least standard deviation of the grey values (0 to 255): below it a picture is blank."""
    min_sharpness: float = Field(10.0, ge=0)
    """The least variance of the Laplacian; see `docs/curation.md` for what pictures have."""
    min_brightness: float = Field(0.0, ge=0, le=255)
    """The least mean of the grey values."""
    max_brightness: float = Field(255.0, ge=0, le=255)

    @property
    def judging_options(self) -> frozenset[str]:
        """Every limit."""
        return super().judging_options | set(MediaChecks.model_fields) - set(
            MapOperator.model_fields
        )

    @property
    def more_facts(self) -> tuple[str, ...]:
        """Of the pictures, which are opened."""
        return ("references",)

    def measure(self, batch: ArrowBatch, context: CurateContext) -> ArrowBatch:
        """The worst values among each record's pictures, every picture of a piece opened once."""
        import pyarrow as pa

        store = MediaStore(read_media_roots(context.records))
        rows: list[dict[str, Any]] = []
        for references in batch["references"].to_pylist():
            for reference in references:
                if reference not in context.memo:
                    media = media_from_json(json.loads(reference))
                    context.memo[reference] = measure_picture(media, store=store)
            rows.append(_worst([context.memo[reference] for reference in references]))
        return pa.RecordBatch.from_pylist(rows, schema=_schema())

    def judge(self, values: ArrowTable, facts: ArrowTable, *, kept: Flags) -> Judgement:
        """The first limit that a record's worst picture breaks."""
        del facts, kept
        judgement = Judgement.keep_all(values.num_rows)
        if self.drop_unreadable:
            broken = np.flatnonzero(values["error"].is_valid().to_numpy())
            for record, text in zip(broken, values["error"].take(broken).to_pylist(), strict=True):
                judgement.drop[record] = True
                judgement.reason[record] = f"unreadable: {text}"
        limits = (
            ("tiny: the shorter side (pixels)", "min_side", self.min_side, 1),
            ("absurd aspect: longer side over shorter", "max_aspect", self.max_aspect, -1),
            ("blank: the contrast", "min_contrast", self.min_contrast, 1),
            ("blurred: the sharpness", "min_sharpness", self.min_sharpness, 1),
            ("too dark: the brightness", "min_brightness", self.min_brightness, 1),
            ("too bright: the brightness", "max_brightness", self.max_brightness, -1),
        )
        for reason, column, limit, sign in limits:
            measured = values[column].to_numpy().astype(np.float64)  # NaN breaks no limit
            hit = (sign * measured < sign * limit) & ~judgement.drop
            judgement.drop[hit] = True
            judgement.reason[hit] = reason
            judgement.value[hit] = measured[hit]
            judgement.threshold[hit] = limit
        return judgement


def _worst(found: list[PictureMeasures | str]) -> dict[str, Any]:
    broken = [item for item in found if isinstance(item, str)]
    pictures = [item for item in found if not isinstance(item, str)]
    row: dict[str, Any] = {"num_broken": len(broken), "error": broken[0] if broken else None}
    if not pictures:
        return row
    sides = [sorted(picture.size) for picture in pictures]
    return row | {
        "width": pictures[0].size.width,
        "height": pictures[0].size.height,
        "min_side": min(shorter for shorter, _ in sides),
        "max_aspect": max(longer / shorter for shorter, longer in sides),
        "min_contrast": min(picture.contrast for picture in pictures),
        "min_sharpness": min(picture.sharpness for picture in pictures),
        "min_brightness": min(picture.brightness for picture in pictures),
        "max_brightness": max(picture.brightness for picture in pictures),
    }


def _schema() -> Any:
    import pyarrow as pa

    whole, real = pa.int32(), pa.float32()
    return pa.schema(
        [
            ("width", whole), ("height", whole), ("min_side", whole), ("max_aspect", real),
            ("min_contrast", real), ("min_sharpness", real), ("min_brightness", real),
            ("max_brightness", real), ("num_broken", whole), ("error", pa.string()),
        ]
    )  # fmt: skip

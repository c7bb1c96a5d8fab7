"""Recipe options of the report."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ReportConfig(BaseModel):
    """What goes into the report folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = ""
    """Heading of the pages; the run's name when left empty."""
    max_records: int = Field(10_000, ge=1)
    """Records shown with their pictures. Of more, each task keeps its worst and a seeded sample;
    the numbers always come from all of them."""
    pictures: Literal["copy", "none"] = "copy"
    """`copy` puts every picture into the folder, once; `none` leaves pictures out."""

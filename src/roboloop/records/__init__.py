"""The data contract: records, typed answers, media references, predictions and scores."""

from roboloop.records.answers import (
    Answer,
    Box,
    Boxes,
    Choice,
    Number,
    Plan,
    Points,
    Text,
    Trajectory,
    YesNo,
)
from roboloop.records.media import (
    ArchivePicture,
    FilePicture,
    LmdbPicture,
    Media,
    ParquetPicture,
    SpanPicture,
    VideoFrame,
)
from roboloop.records.outcomes import (
    Prediction,
    PredictionStatus,
    Preference,
    Score,
    ScoreStatus,
)
from roboloop.records.record import Record, Turn
from roboloop.records.regions import Mask, Polygon

__all__ = [
    "Answer",
    "ArchivePicture",
    "Box",
    "Boxes",
    "Choice",
    "FilePicture",
    "LmdbPicture",
    "Mask",
    "Media",
    "Number",
    "ParquetPicture",
    "Plan",
    "Points",
    "Polygon",
    "Prediction",
    "PredictionStatus",
    "Preference",
    "Record",
    "Score",
    "ScoreStatus",
    "SpanPicture",
    "Text",
    "Trajectory",
    "Turn",
    "VideoFrame",
    "YesNo",
]

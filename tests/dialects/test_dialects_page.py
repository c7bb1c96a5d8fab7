"""The table of docs/dialects.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from roboloop.base.geometry import PictureSize
from roboloop.dialects import DIALECTS, load_dialect
from roboloop.records.answers import Box

PAGE = Path(__file__).resolve().parents[2] / "docs/dialects.md"
ROW = re.compile(r"^\| `(\w+)` \|.*?\| ([\d.]+, [\d.]+) \| ([\d.]+, [\d.]+) \| `(.*)` \|$", re.M)
SMALL, LARGE = PictureSize(320, 180), PictureSize(640, 480)


def test_the_table_has_every_dialect_with_its_error_and_text() -> None:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert [row[0] for row in rows] == list(DIALECTS.rows)
    for kind, small, large, text in rows:
        dialect = load_dialect(kind)
        for stated, size in ((small, SMALL), (large, LARGE)):
            error = dialect.resolution_px(size)
            assert stated == f"{error.x:.2f}, {error.y:.2f}", kind
        assert dialect.write(Box(72, 102, 192, 179), size=SMALL, key="current_bbox") == text

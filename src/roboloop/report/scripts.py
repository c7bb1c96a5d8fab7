"""Data as classic scripts: the one form that a page opened from disk may load.

A browser refuses `fetch` and ES modules on file:// pages, but runs `<script src>`. The value
travels as a string for `JSON.parse`, which is quicker than a literal of that size and takes a key
such as `__proto__` as plain data.

Records come packed, a line each, after a first line with what filtering looks at: the page reads
that line of them all, and of the others those that somebody sees.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from roboloop.base.files import atomic_write_text

RECORDS_PER_SHARD = 5_000
LIVE = "data/live.js"
NAME = "data/records-{:03d}.js"

_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


class Shard(NamedTuple):
    """One script of records: its path below the report and how many records it holds."""

    file: str
    num_records: int


def write_summary(folder: Path, *, value: Any) -> None:
    """Write `data/summary.js`, which starts the viewer."""
    atomic_write_text(folder / "data/summary.js", text=f"roboloop.start({_quoted(value)});\n")


def write_live(folder: Path, *, value: Any) -> None:
    """Write `data/live.js`, which a page that follows a run loads again and again."""
    atomic_write_text(folder / LIVE, text=f"roboloop.live({_quoted(value)});\n")


def write_shards(folder: Path, *, rows: Sequence[Mapping[str, Any]]) -> list[Shard]:
    """Write the rows, in their order, into `data/records-000.js` and so on."""
    shards: list[Shard] = []
    for start in range(0, len(rows), RECORDS_PER_SHARD):
        part = rows[start : start + RECORDS_PER_SHARD]
        name = NAME.format(len(shards))
        lines = [_json([_head(row) for row in part]), *map(_json, part)]
        packed = base64.b64encode(gzip.compress("\n".join(lines).encode(), mtime=0)).decode()
        text = f"roboloop.shard({len(shards)}, '{packed}');\n"
        atomic_write_text(folder / name, text=text)
        shards.append(Shard(name, len(part)))
    return shards


def read_shard(path: Path) -> list[Any]:
    """The rows of a script that `write_shards` wrote."""
    packed = path.read_text(encoding="ascii").split("'")[1]
    _, *lines = gzip.decompress(base64.b64decode(packed)).splitlines()
    return [json.loads(line) for line in lines]


def _head(row: Mapping[str, Any]) -> dict[str, Any]:
    """What filtering, sorting and searching look at."""
    said = [row.get("truth"), *row.get("predictions", ())]
    return {
        **{name: row.get(name) for name in ("id", "task", "part", "source", "split")},
        "words": "\n".join([row.get("question", ""), *(each["text"] for each in said if each)]),
        "predictions": [
            None if each is None else {name: each[name] for name in ("state", "rule", "quality")}
            for each in row.get("predictions", ())
        ],
    }


def _quoted(value: Any) -> str:
    return f"'{_json(value).translate(_ESCAPES)}'"


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")  # half a surrogate pair

"""`detect`: say which source reads what lies at a path."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from roboloop.base.progress import console


def detect(path: Path) -> int:
    """Say which source fits a file or folder, show its first record, and print a recipe entry.

    The entry goes to standard output. Ends with status 1 when the first entry gives no record.

    Args:
        path: What you have on disk.
    """
    from rich.markup import escape

    from roboloop.base.errors import RoboLoopError
    from roboloop.records.record import Record
    from roboloop.sources.auto import described, has_coordinates, make_source, shown
    from roboloop.sources.base import SourceContext
    from roboloop.sources.detect import detect as find

    said = console()
    found = find(path)
    said.print(escape(described(found)), soft_wrap=True)
    options = {"kind": found.kind, **found.options}
    status = 0
    with tempfile.TemporaryDirectory() as made:
        try:
            source = make_source(found)
            first = next(iter(source.read(SourceContext(Path(made), 0))), None)
        except RoboLoopError as error:
            said.print(f"[red]{escape(str(error))}[/]", soft_wrap=True)
            first, status = None, 1
    if isinstance(first, Record):
        said.print(escape(shown(first)), soft_wrap=True)
        if has_coordinates(first):
            said.print("its answer holds coordinates: say `task` and `coordinates`")
            options |= {"task": "FILL IN", "coordinates": "FILL IN"}
    elif first is not None:
        said.print(f"[red]{escape(str(first.error))}[/]", soft_wrap=True)
        status = 1
    print(recipe_entry(options))  # noqa: T201
    return status


def recipe_entry(options: dict[str, object]) -> str:
    """The options as an entry of `data.sources` in YAML."""
    (first, kind), *others = options.items()
    lines = ["data:", "  sources:", f"    - {first}: {kind}"]
    lines += [f"      {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in others]
    return "\n".join(lines)

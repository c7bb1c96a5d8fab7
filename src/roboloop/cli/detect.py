"""`detect`: say which source reads what lies at a path."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from roboloop.base.progress import console

MAX_ERRORS_SHOWN = 3


def detect(path: Path) -> int:
    """Say which source fits a file or folder, show its first record, and print a recipe entry.

    The entry goes to standard output. Ends with status 1 when the first entries give no record.

    Args:
        path: What you have on disk.
    """
    from rich.markup import escape

    from roboloop.base.errors import RoboLoopError
    from roboloop.sources.auto import described, first_record, has_coordinates, make_source, shown
    from roboloop.sources.base import SourceContext
    from roboloop.sources.detect import detect as find

    said = console()
    found = find(path)
    said.print(escape(described(found)), soft_wrap=True)
    options = {"kind": found.kind, **found.options}
    with tempfile.TemporaryDirectory() as made:
        try:
            context = SourceContext(Path(made), 0)
            first, errors = first_record(make_source(found), context=context)
        except RoboLoopError as error:
            first, errors = None, (error,)
    for error in errors[:MAX_ERRORS_SHOWN]:
        said.print(f"[red]left out[/] {escape(str(error))}", soft_wrap=True)
    if first is not None:
        said.print(escape(shown(first)), soft_wrap=True)
        if has_coordinates(first):
            said.print("its answer holds coordinates: say `task` and `coordinates`")
            options |= {"task": "FILL IN", "coordinates": "FILL IN"}
    print(recipe_entry(options))  # noqa: T201
    return 0 if first is not None else 1


def recipe_entry(options: Mapping[str, object]) -> str:
    """The options as an entry of `data.sources` in YAML."""
    (first, kind), *others = options.items()
    lines = ["data:", "  sources:", f"    - {first}: {kind}"]
    lines += [f"      {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in others]
    return "\n".join(lines)

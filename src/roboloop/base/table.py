"""Explicit tables `kind -> "module:Class"`: nothing is imported until it is asked for.

Third parties add rows by a Python entry point in the group `roboloop.<table>`, for example
`roboloop.tasks`, whose name is the kind and whose value is `module:Class`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from roboloop.base.errors import RoboLoopError


class Table:
    """The kinds of one family of things, such as tasks, each resolved when first asked for.

    Args:
        name: Plural name, such as `tasks`; also the end of the entry-point group.
        rows: Kind -> `module:attribute`.
    """

    def __init__(self, name: str, *, rows: Mapping[str, str]) -> None:
        self.name = name
        self._rows = dict(rows)

    @cached_property
    def rows(self) -> Mapping[str, str]:
        """Own rows and those of installed packages, sorted by kind; own rows win."""
        found = {point.name: point.value for point in entry_points(group=f"roboloop.{self.name}")}
        return dict(sorted({**found, **self._rows}.items()))

    def resolve(self, kind: str) -> Any:
        """The thing behind `kind`.

        Raises:
            RoboLoopError: E-CFG-006, with the nearest known kind.
        """
        target = self.rows.get(kind)
        if target is None:
            near = difflib.get_close_matches(kind, self.rows, n=1)
            hint = f" - did you mean {near[0]!r}?" if near else f"; known: {', '.join(self.rows)}"
            raise RoboLoopError("E-CFG-006", f"{kind!r} is not one of the {self.name}{hint}")
        module, _, attribute = target.partition(":")
        return getattr(import_module(module), attribute)

"""YAML that remembers where each value stands, so that a mistake is shown with line and column."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from roboloop.base.errors import Place, RoboLoopError

KeyPath = tuple[str | int, ...]
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class LocatedYaml(NamedTuple):
    """Plain values of a YAML file and the place of each key path."""

    value: dict[str, Any]
    places: Mapping[KeyPath, Place]

    def place(self, path: Sequence[str | int]) -> Place:
        """The place of a key path, or of its nearest parent that stands in the file."""
        keys = tuple(path)
        while keys not in self.places and keys:
            keys = keys[:-1]
        return self.places[keys]


def read_yaml(path: Path, *, fill_variables: bool = True) -> LocatedYaml:
    """Read a YAML mapping; `${NAME}` and `${NAME:-default}` are taken from the environment.

    Args:
        path: The file.
        fill_variables: Leave them as they stand when False.

    Raises:
        RoboLoopError: E-CFG-004 no such file, E-CFG-001 not YAML or not a mapping, E-CFG-003 an
            environment variable is not set.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise RoboLoopError("E-CFG-004", "no such recipe", place=Place(path)) from error
    except UnicodeDecodeError as error:
        raise RoboLoopError("E-CFG-001", f"not UTF-8: {error}", place=Place(path)) from error
    try:
        loaded = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
        raise RoboLoopError(
            "E-CFG-001", str(error.problem), place=Place(path, line, column)
        ) from error
    if not isinstance(loaded, dict):
        raise RoboLoopError("E-CFG-001", "a recipe is a mapping of keys", place=Place(path, 1, 1))
    places: dict[KeyPath, Place] = {(): Place(path, 1, 1)}
    value = _plain(loaded, path=(), file=path, places=places)
    if fill_variables:
        value = _filled(value, path=(), places=places)
    return LocatedYaml(cast("dict[str, Any]", value), places)


def parse_value(text: str) -> Any:
    """A YAML value given on the command line, such as `3`, `[a, b]` or `true`."""
    return YAML(typ="safe").load(text)


def dump_yaml(value: Mapping[str, Any]) -> str:
    """Plain values as readable YAML text."""
    writer = YAML()
    writer.default_flow_style = False
    writer.width = 100
    stream = io.StringIO()
    writer.dump(dict(value), stream)
    return stream.getvalue()


def _plain(value: Any, *, path: KeyPath, file: Path, places: dict[KeyPath, Place]) -> Any:
    if isinstance(value, dict):
        result: dict[str, Any] = {}
        for key, item in value.items():
            line, column = value.lc.key(key)  # pyright: ignore[reportAttributeAccessIssue]
            child = (*path, str(key))
            places[child] = Place(file, line + 1, column + 1)
            result[str(key)] = _plain(item, path=child, file=file, places=places)
        return result
    if isinstance(value, list):
        items: list[Any] = []
        for index, item in enumerate(value):
            line, column = value.lc.item(index)  # pyright: ignore[reportAttributeAccessIssue]
            child = (*path, index)
            places[child] = Place(file, line + 1, column + 1)
            items.append(_plain(item, path=child, file=file, places=places))
        return items
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else value


def _filled(value: Any, *, path: KeyPath, places: Mapping[KeyPath, Place]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, path=(*path, key), places=places) for key, item in value.items()}
    if isinstance(value, list):
        return [
            _filled(item, path=(*path, index), places=places) for index, item in enumerate(value)
        ]
    return _with_environment(value, place=places[path]) if isinstance(value, str) else value


def _with_environment(text: str, *, place: Place) -> str:
    def fill(match: re.Match[str]) -> str:
        name: str = match.group(1)
        default: str | None = match.group(2)
        found = os.environ.get(name, default)
        if found is None:
            raise RoboLoopError(
                "E-CFG-003",
                f"the environment variable {name} is not set",
                place=place,
                fix=f"Set it, or write ${{{name}:-default}}.",
            )
        return found

    return VARIABLE.sub(fill, text)

"""From a YAML file to a checked recipe; every mistake with file, line, column and a hint."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from roboloop.base.errors import Place, RoboLoopError
from roboloop.base.table import Table
from roboloop.compose import COMPOSERS
from roboloop.curate import OPERATORS
from roboloop.pipeline.recipe import Recipe
from roboloop.pipeline.yaml_places import LocatedYaml, parse_value, read_yaml
from roboloop.sources import SOURCES
from roboloop.sources.base import Source
from roboloop.train.phases import DEFAULT_KIND


class RecipeError(RoboLoopError):
    """All mistakes of a recipe at once."""

    def __init__(self, problems: Sequence[RoboLoopError]) -> None:
        first = problems[0]
        super().__init__(first.code, first.detail, place=first.place, fix=first.fix)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def load_recipe(path: Path, *, overrides: Iterable[str] = ()) -> Recipe:
    """Read, override and check a recipe.

    Args:
        path: A YAML file, or the name of a shipped recipe such as `demo_cpu`.
        overrides: Texts like `train.0.epochs=1`, later ones win.

    Raises:
        RoboLoopError: E-CFG-*, naming each mistake's line and the nearest known key.
    """
    located = read_yaml(find_recipe(path))
    located = _extended(located, base_folder=find_recipe(path).parent)
    given = located.value
    for override in overrides:
        _override(given, text=override)
    problems: list[RoboLoopError] = []
    given = _with_kinds(given, located=located, problems=problems)
    try:
        recipe = Recipe.model_validate(given)
    except ValidationError as error:
        problems.extend(_explain(error, located=located, model=Recipe, prefix=()))
        raise RecipeError(problems) from None
    if problems:
        raise RecipeError(problems)
    return recipe


def find_recipe(path: Path) -> Path:
    """The file meant by `path`: itself, or a shipped recipe of that name."""
    if path.exists() or path.suffix in (".yaml", ".yml"):
        return path
    shipped = shipped_recipes()
    if path.name in shipped:
        return shipped[path.name]
    near = difflib.get_close_matches(path.name, shipped, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Shipped recipes: {', '.join(shipped)}."
    raise RoboLoopError("E-CFG-004", "no such recipe", place=Place(path), fix=hint)


def shipped_recipes() -> dict[str, Path]:
    """Name -> file of the recipes that come with the package."""
    folder = Path(str(resources.files("roboloop"))) / "recipes"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def _extended(located: LocatedYaml, *, base_folder: Path) -> LocatedYaml:
    """Lay the recipe over the one it extends: mappings merge, everything else is replaced."""
    parent_name = located.value.pop("extends", None)
    if parent_name is None:
        return located
    place = located.place(("extends",))
    parent = read_yaml(base_folder / str(parent_name))
    if "extends" in parent.value:
        raise RoboLoopError(
            "E-CFG-003",
            f"{parent_name} extends another recipe; one level is the limit",
            place=place,
            fix="Extend the innermost recipe directly.",
        )
    return LocatedYaml(
        _merged(parent.value, located.value), {**parent.places, **dict(located.places)}
    )


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        result[key] = _merged(old, value) if both else value  # pyright: ignore[reportArgumentType]
    return result


def _override(given: dict[str, Any], *, text: str) -> None:
    path, separator, value = text.partition("=")
    if not separator or not path:
        raise RoboLoopError("E-CFG-005", f"{text!r} has no '='", place=Place("--set"))
    target: Any = given
    keys = path.split(".")
    for position, key in enumerate(keys):
        last = position == len(keys) - 1
        if isinstance(target, list):
            if not key.isdigit() or int(key) >= len(target):
                spot = ".".join(keys[:position])
                raise RoboLoopError(
                    "E-CFG-005", f"{spot} has items 0 to {len(target) - 1}, not {key!r}",
                    place=Place("--set"),
                )  # fmt: skip
            index: Any = int(key)
        else:
            index = key
            if not last and not isinstance(target.get(key), (dict, list)):
                target[key] = {}
        if last:
            target[index] = parse_value(value)
        else:
            target = target[index]


def _with_kinds(
    given: dict[str, Any], *, located: LocatedYaml, problems: list[RoboLoopError]
) -> dict[str, Any]:
    """Replace each source, operator and composer by the checked one that its `kind` names.

    A part of which none is sound is left out, so that the rest of the recipe is still checked.
    """
    for part, table in (("data", SOURCES), ("curate", OPERATORS), ("compose", COMPOSERS)):
        options = given.get(part)
        if not isinstance(options, dict) or not isinstance(options.get(table.name), list):  # pyright: ignore[reportUnknownMemberType]
            continue
        found = _of_table(
            options[table.name], table=table, path=(part, table.name), located=located,
            problems=problems,
        )  # fmt: skip
        if found or not problems:
            given = {**given, part: {**options, table.name: found}}
        elif part == "data":
            given = {**given, part: {**options, table.name: [_Placeholder(kind="none")]}}
        else:
            given = {key: value for key, value in given.items() if key != part}
    return given


def _of_table(
    entries: Sequence[Any],
    *,
    table: Table,
    path: tuple[str | int, ...],
    located: LocatedYaml,
    problems: list[RoboLoopError],
) -> list[Any]:
    """The entries of a list as the models their `kind` names; mistakes go to `problems`."""
    found: list[Any] = []
    one = table.name.removesuffix("s")
    for index, entry in enumerate(entries):
        spot = (*path, index)
        if not isinstance(entry, dict) or not isinstance(entry.get("kind"), str):
            said = f"{'an' if one[0] in 'aeiou' else 'a'} {one} is a mapping with a 'kind'"
            problems.append(RoboLoopError("E-CFG-003", said, place=located.place(spot)))
            continue
        try:
            model = table.resolve(entry["kind"])
        except RoboLoopError as error:
            problems.append(error.located(located.place((*spot, "kind"))))
            continue
        try:
            found.append(model.model_validate(entry))
        except RoboLoopError as error:
            problems.append(error.located(located.place(spot)))
        except ValidationError as error:
            problems.extend(_explain(error, located=located, model=model, prefix=spot))
    return found


class _Placeholder(Source):
    """Stands in for sources that failed to validate while the rest of the recipe is checked."""

    def media_roots(self) -> Mapping[str, Path]:
        return {}

    def read(self, context: Any) -> Any:
        raise AssertionError("a placeholder is never read")

    def fingerprint(self) -> str:
        return ""


def _explain(
    error: ValidationError,
    *,
    located: LocatedYaml,
    model: type[BaseModel],
    prefix: tuple[str | int, ...],
) -> list[RoboLoopError]:
    """One message per mistake, in the order of the file."""
    problems: list[RoboLoopError] = []
    for item in error.errors():
        loc = item["loc"][:-1] if _ends_in_tag(item) else item["loc"]
        path = (*prefix, *_file_path(loc, located=located, prefix=prefix))
        place = located.place(path)
        shown = ".".join(str(key) for key in path)
        if item["type"] == "extra_forbidden":
            known = _known_keys(model, path=path[len(prefix) :])
            near = difflib.get_close_matches(str(path[-1]), known, n=1)
            fix = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(known)}."
            problems.append(
                RoboLoopError("E-CFG-002", f"{shown} is not a known key", place=place, fix=fix)
            )
            continue
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, RoboLoopError):
            problems.append(cause.located(place))
            continue
        given = "" if item["type"] == "missing" else f" (given: {item['input']!r})"
        message = item["msg"].removeprefix("Value error, ")
        problems.append(
            RoboLoopError("E-CFG-003", f"{shown}: {message}{given}"[:400], place=place, fix="")
        )
    return sorted(
        problems, key=lambda problem: (problem.place.line or 0, problem.place.column or 0)
    )


def _ends_in_tag(item: ErrorDetails) -> bool:
    """Whether the mistake is one of a whole member of a union, whose place ends with its tag."""
    given, last = item["input"], item["loc"][-1] if item["loc"] else None
    return isinstance(given, dict) and last in (given.get("kind"), DEFAULT_KIND)  # pyright: ignore[reportUnknownMemberType]


def _file_path(
    loc: Sequence[str | int], *, located: LocatedYaml, prefix: tuple[str | int, ...]
) -> tuple[str | int, ...]:
    """The location of pydantic without the union tags that do not stand in the file."""
    path: list[str | int] = []
    for position, key in enumerate(loc):
        candidate = (*prefix, *path, key)
        if position == len(loc) - 1 or candidate in located.places:
            path.append(key)
    return tuple(path)


def _known_keys(model: Any, *, path: Sequence[str | int]) -> list[str]:
    """Keys that may stand where the last key of `path` stands."""
    candidates: list[type[BaseModel]] = [model]
    for key in path[:-1]:
        inner: list[type[BaseModel]] = []
        for candidate in candidates:
            if isinstance(key, int):
                inner.append(candidate)
            elif key in candidate.model_fields:
                inner.extend(_models_in(candidate.model_fields[key].annotation))
        candidates = inner
    names: list[str] = []
    for candidate in candidates:
        names.extend(field.alias or name for name, field in candidate.model_fields.items())
    return list(dict.fromkeys(names))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found: list[type[BaseModel]] = []
    for argument in getattr(annotation, "__args__", ()):
        found.extend(_models_in(argument))
    return found

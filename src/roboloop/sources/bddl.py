"""BDDL: the task files of LIBERO and BEHAVIOR, nested lists of words in round brackets.

Nothing is evaluated: a file is read into lists of strings, and a problem's sections out of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from roboloop.base.errors import Place, RoboLoopError

MAX_DEPTH = 32

_TOKEN = re.compile(r";[^\n]*|\n|[()]|[^\s();]+")

Expression = str | list["Expression"]
"""A word, or a list of expressions."""


class Predicate(NamedTuple):
    """Something that holds, such as `On` with the arguments `("plate_1", "kitchen_table")`."""

    name: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"({' '.join((self.name, *self.arguments))})"


class Region(NamedTuple):
    """A place on an object: `top_region` of the fixture `wooden_cabinet_1`."""

    name: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One task.

    Attributes:
        kinds: Name of an object or fixture -> its class: `plate_1` -> `plate`.
        fixtures: Names of those that stay where they are.
        regions: Full name -> region: `wooden_cabinet_1_top_region`.
        of_interest: Names of the objects and regions the task is about.
        goal: All of these hold at the end.
    """

    name: str
    language: str
    kinds: Mapping[str, str]
    fixtures: frozenset[str]
    regions: Mapping[str, Region]
    of_interest: tuple[str, ...]
    initial: tuple[Predicate, ...]
    goal: tuple[Predicate, ...]


def read_expression(text: str) -> list[Expression]:
    """The one list that a text holds; `;` starts a comment.

    Raises:
        RoboLoopError: E-DAT-004 with the line, for brackets that do not match, lists nested deeper
            than 32, or words outside the list.
    """
    line = 1
    whole: list[Expression] | None = None
    open_lists: list[tuple[list[Expression], int]] = []
    for token in _TOKEN.findall(text):
        if token == "\n":
            line += 1
        elif token == "(":
            if whole is not None:
                raise _broken("something follows the end of the task", line)
            if len(open_lists) == MAX_DEPTH:
                raise _broken(f"lists are nested deeper than {MAX_DEPTH}", line)
            open_lists.append(([], line))
        elif token == ")":
            if not open_lists:
                raise _broken("a ')' closes nothing", line)
            closed, _ = open_lists.pop()
            if open_lists:
                open_lists[-1][0].append(closed)
            else:
                whole = closed
        elif not token.startswith(";"):
            if not open_lists:
                raise _broken(f"{token[:40]!r} stands outside the task", line)
            open_lists[-1][0].append(token)
    if open_lists:
        raise _broken("a '(' is not closed", open_lists[-1][1])
    if whole is None:
        raise _broken("the file holds no task", line)
    return whole


def read_problem(text: str) -> Problem:
    """The task a BDDL file defines.

    Raises:
        RoboLoopError: E-DAT-004 for broken brackets (with the line) or a section that is missing or
            of another form.
    """
    sections: dict[str, list[Expression]] = {}
    for item in read_expression(text)[1:]:
        match item:
            case [str() as name, *rest]:
                if name in sections:
                    raise RoboLoopError("E-DAT-004", f"it has two sections ({name} ...)")
                sections[name] = rest
            case _:
                raise RoboLoopError("E-DAT-004", f"{str(item)[:60]!r} is no section of a task")
    objects, fixtures = _kinds(sections, ":objects"), _kinds(sections, ":fixtures")
    language = " ".join(_words(sections, ":language"))
    if not language:
        raise RoboLoopError("E-DAT-004", "its language is empty")
    goal = tuple(_goal(_section(sections, ":goal")))
    if not goal:
        raise RoboLoopError("E-DAT-004", "its goal is empty")
    return Problem(
        name=" ".join(_words(sections, "problem")),
        language=language,
        kinds=objects | fixtures,
        fixtures=frozenset(fixtures),
        regions=dict(_regions(sections.get(":regions", []))),
        of_interest=tuple(_words(sections, ":obj_of_interest")),
        initial=tuple(_predicate(item) for item in _section(sections, ":init")),
        goal=goal,
    )


def _section(sections: Mapping[str, list[Expression]], name: str) -> list[Expression]:
    if name not in sections:
        raise RoboLoopError("E-DAT-004", f"it has no section ({name} ...)")
    return sections[name]


def _words(sections: Mapping[str, list[Expression]], name: str) -> list[str]:
    words = [item for item in _section(sections, name) if isinstance(item, str)]
    if len(words) != len(sections[name]):
        raise RoboLoopError("E-DAT-004", f"({name} ...) holds more than words")
    return words


def _kinds(sections: Mapping[str, list[Expression]], name: str) -> dict[str, str]:
    """`plate_1 plate_2 - plate`, one after the other."""
    kinds: dict[str, str] = {}
    waiting: list[str] = []
    words = iter(_words(sections, name))
    for word in words:
        if word != "-":
            waiting.append(word)
            continue
        kind = next(words, None)
        if kind is None or not waiting:
            raise RoboLoopError("E-DAT-004", f"({name} ...) has a '-' without a class or a name")
        kinds |= dict.fromkeys(waiting, kind)
        waiting = []
    if waiting:
        raise RoboLoopError("E-DAT-004", f"({name} ...) gives {waiting[0]} no class")
    return kinds


def _regions(items: Sequence[Expression]) -> Iterator[tuple[str, Region]]:
    """`(top_region (:target wooden_cabinet_1) ...)`; its full name starts with the target."""
    for item in items:
        match item:
            case [str() as name, [":target", str() as target], *_]:
                yield f"{target}_{name}", Region(name, target)
            case _:
                raise RoboLoopError("E-DAT-004", f"{str(item)[:60]!r} is no region with a target")


def _goal(items: Sequence[Expression]) -> Iterator[Predicate]:
    """One predicate, or `(And ...)` of several."""
    for item in items:
        if isinstance(item, list) and item and str(item[0]).casefold() == "and":
            yield from _goal(item[1:])
        else:
            yield _predicate(item)


def _predicate(item: Expression) -> Predicate:
    if isinstance(item, list) and item:
        words = [word for word in item if isinstance(word, str)]
        if len(words) == len(item):
            return Predicate(words[0], tuple(words[1:]))
    raise RoboLoopError("E-DAT-004", f"{str(item)[:60]!r} is no predicate about objects")


def _broken(detail: str, line: int) -> RoboLoopError:
    return RoboLoopError("E-DAT-004", detail, place=Place(line=line))

"""Words of other episodes of the same data set: what wrong options are made of."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from roboloop.base.errors import RoboLoopError
from roboloop.sources.robointer_annotation.files import read_annotation
from roboloop.sources.robointer_annotation.notes import EpisodeNotes

MAX_POOL_EPISODES = 64
"""Episodes whose words are gathered, spread evenly over the data set."""
PRIMITIVES = (
    "transfer", "pick", "place", "press", "push", "pull", "twist", "pour", "fold", "slide",
    "insert", "shake", "strike", "throw",
)  # fmt: skip
"""RoboInter's primitive skills, without `other`."""
_EMPTY_WORDS = frozenset(
    {
        *PRIMITIVES,
        *("the", "and", "then", "from", "into", "onto", "put", "move", "take", "with", "left"),
        *("right", "front", "behind", "its", "out", "off", "for", "lift", "grasp", "open", "close"),
        *("away", "back", "down", "over", "towards", "toward", "top", "bottom", "side", "one"),
    }
)


class TextPool(NamedTuple):
    """Distinct texts in a fixed order."""

    instructions: tuple[str, ...]
    subtasks: tuple[str, ...]


def gather_texts(store: Path, *, keys: Sequence[bytes]) -> TextPool:
    """The texts of up to `MAX_POOL_EPISODES` episodes; one that cannot be read is passed over.

    It is reported where its own questions are made.
    """
    instructions: dict[str, None] = {}
    subtasks: dict[str, None] = {}
    count = min(len(keys), MAX_POOL_EPISODES)
    for key in (keys[part * len(keys) // count] for part in range(count)):
        try:
            notes = EpisodeNotes(key.decode(), read_annotation(store, key=key))
        except (RoboLoopError, UnicodeDecodeError):
            continue
        if notes.instruction is not None:
            instructions[notes.instruction] = None
        subtasks.update({clip.subtask: None for clip in notes.clips if clip.subtask is not None})
    return TextPool(tuple(instructions), tuple(subtasks))


def other_texts(
    pool: Sequence[str], *, besides: Collection[str], num: int, rng: np.random.Generator
) -> list[str]:
    """Up to `num` texts of the pool in random order, none of them among `besides`."""
    taken = {_plain(text) for text in besides}
    free = list({_plain(text): text for text in pool if _plain(text) not in taken}.values())
    return [free[int(index)] for index in rng.permutation(len(free))[:num]]


def foreign_texts(
    pool: Sequence[str], *, besides: Collection[str], num: int, rng: np.random.Generator
) -> list[str]:
    """As `other_texts`, but none of them names a thing that one of `besides` names."""
    named = frozenset[str]().union(*map(_things, besides))
    free = [text for text in pool if _things(text) and not _things(text) & named]
    return other_texts(free, besides=besides, num=num, rng=rng)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".")


def _things(text: str) -> frozenset[str]:
    """The words that may name things."""
    words = re.findall(r"[^\W\d_]{3,}", text.casefold())
    return frozenset(word for word in words if word not in _EMPTY_WORDS)

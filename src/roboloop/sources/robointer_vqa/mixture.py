"""Mixtures of sets in the syntax of RoboInter's training script: `name%percent, name, ...`.

Differences to the script: a percentage may have decimals and be above 100, the draw is seeded, and
an unknown name is answered with the nearest known one.
"""

from __future__ import annotations

import difflib
import math
from typing import NamedTuple

from roboloop.base.errors import RoboLoopError
from roboloop.base.hashing import seeded_fraction
from roboloop.sources.robointer_vqa.sets import SET_OF_NAME, SETS, PublishedSet

ALL = "all"


class Share(NamedTuple):
    """A set and how much of it is taken: 0.65 for `%65`, 2.5 for `%250`.

    Attributes:
        is_named: Whether the mixture names it; a set that only `all` stands for may be absent.
    """

    published: PublishedSet
    rate: float
    is_named: bool = True


def read_mixture(text: str) -> tuple[Share, ...]:
    """The sets of a mixture in its order; `all` stands for every training set of the script.

    Raises:
        RoboLoopError: E-CFG-006 for an unknown name, E-CFG-003 for a percentage that is none or a
            set that is named twice.
    """
    shares: dict[str, Share] = {}
    for item in filter(None, map(str.strip, text.split(","))):
        name, sign, percent = item.partition("%")
        rate = _rate(percent, item=item) if sign else 1.0
        name = name.strip()
        chosen = _training_sets() if name == ALL else (_known(name),)
        for published in chosen:
            if published.name in shares:
                raise RoboLoopError("E-CFG-003", f"{item!r}: {published.name} is named twice")
            shares[published.name] = Share(published, rate, is_named=name != ALL)
    if not shares:
        raise RoboLoopError("E-CFG-003", "the mixture names no set")
    return tuple(shares.values())


def num_copies(share: Share, *, seed: int, entry_id: str) -> int:
    """How often an entry is taken: the whole part of the rate, and once more by a seeded draw.

    Every entry is drawn for itself, so that neither its neighbours nor the number of workers play a
    part. Of n entries at a rate r below 1, r n are taken on average, within sqrt(n r (1 - r)).
    """
    whole = math.floor(share.rate)
    rest = share.rate - whole
    if rest == 0:
        return whole
    return whole + (seeded_fraction(seed, "robointer_vqa", share.published.name, entry_id) < rest)


def _known(name: str) -> PublishedSet:
    found = SET_OF_NAME.get(name)
    if found is None:
        near = difflib.get_close_matches(name, [*SET_OF_NAME, ALL], n=1, cutoff=0.4)
        hint = f" - did you mean {near[0]!r}?" if near else ""
        raise RoboLoopError("E-CFG-006", f"{name!r} is not one of RoboInter-VQA's sets{hint}")
    return found


def _training_sets() -> tuple[PublishedSet, ...]:
    return tuple(published for published in SETS if published.script_name)


def _rate(percent: str, *, item: str) -> float:
    try:
        rate = float(percent) / 100
    except ValueError:
        rate = math.nan
    if not (math.isfinite(rate) and rate > 0):
        raise RoboLoopError("E-CFG-003", f"{item!r}: {percent!r} is no percentage above 0")
    return rate

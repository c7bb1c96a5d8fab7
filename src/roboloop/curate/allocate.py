"""How many records of each stratum a selection takes: a mixture within floors and quotas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from roboloop.base.errors import RoboLoopError
from roboloop.curate.base import Flags, Indices, Numbers
from roboloop.curate.strata import StratumColumn

OTHERS = "*"


class Mixture(BaseModel):
    """How the chosen records are shared out among the values of one column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: StratumColumn = "family"
    rates: Mapping[str, float] = Field(default_factory=dict[str, float])
    """Shares of the values, such as `{generation: 4, planning: 1, "*": 2}`; they need not sum to
    anything. `*` stands for every other value, and of a value with rate 0 only floors take any.
    Without rates, the shares are the numbers of records, to the power of 1 / `temperature`."""
    temperature: float = Field(1.0, ge=1)
    """1 keeps the proportions of the records; the higher, the more equal the shares."""


class Limit(NamedTuple):
    """At least or at most so many records of some strata together.

    Attributes:
        name: Such as `family: generation`.
        members: Bool, the strata that count.
        number: So many.
    """

    name: str
    members: Flags
    number: int


class Wanted(NamedTuple):
    """What a selection asks for.

    Attributes:
        num_records: In all, or fewer where there are fewer.
        mixture: How they are shared out where no floor and no quota says otherwise.
        floors: Column -> value -> at least so many, or all there are.
        quotas: Column -> value -> at most so many.
    """

    num_records: int
    mixture: Mixture
    floors: Mapping[StratumColumn, Mapping[str, int]]
    quotas: Mapping[StratumColumn, Mapping[str, int]]

    @property
    def columns(self) -> tuple[StratumColumn, ...]:
        """The columns whose values make a stratum."""
        return tuple(dict.fromkeys([self.mixture.by, *self.floors, *self.quotas]))


def allocate(wanted: Wanted, *, values: Sequence[tuple[str, ...]], sizes: Indices) -> Indices:
    """How many records to take of each stratum.

    Floors are met first, then the mixture is approached one record at a time, each from the value
    that is farthest below its share. No quota and no size is ever exceeded, so fewer than
    `num_records` may come out; a floor is never missed.

    Args:
        wanted: What is asked for.
        values: Of each stratum, its value in each of `wanted.columns`.
        sizes: Records there are of each stratum.

    Raises:
        RoboLoopError: E-CUR-046 when the floors cannot be met.
    """
    return _Allocation(wanted, values=values, sizes=sizes).run()


class _Allocation:
    """Records taken so far, and the limits they are held against."""

    def __init__(
        self, wanted: Wanted, *, values: Sequence[tuple[str, ...]], sizes: Indices
    ) -> None:
        self.wanted = wanted
        self.sizes = sizes
        self.values = values
        self.taken = np.zeros(len(sizes), dtype=np.int64)
        self.floors = [
            limit._replace(number=min(limit.number, int(sizes[limit.members].sum())))
            for limit in self._limits(wanted.floors)
        ]
        everything = Limit("num_records", np.ones(len(sizes), dtype=np.bool_), wanted.num_records)
        self.quotas = [everything, *self._limits(wanted.quotas)]
        self.shares = self._shares()

    def run(self) -> Indices:
        while unmet := [limit for limit in self.floors if self._count(limit) < limit.number]:
            self._take_for(unmet)
        groups = self.shares.groups
        while True:
            room = self._has_room() & self.shares.is_asked_for
            if not room.any():
                return self.taken
            short = self.shares.of_groups - np.bincount(
                groups, weights=self.taken, minlength=len(self.shares.of_groups)
            )
            best = np.lexsort((-(self.shares.of_strata - self.taken), -short[groups], ~room))[0]
            self.taken[best] += 1

    def _take_for(self, unmet: Sequence[Limit]) -> None:
        """One more record for a floor, in exchange for another where a quota is full."""
        helps = np.sum([limit.members for limit in unmet], axis=0)
        room = self._has_room() & (helps > 0)
        if room.any():
            short = self.shares.of_strata - self.taken
            self.taken[np.lexsort((-short, -helps, ~room))[0]] += 1
            return
        for stratum in np.flatnonzero((helps > 0) & (self.taken < self.sizes)):
            full = [
                limit
                for limit in self.quotas
                if limit.members[stratum] and self._count(limit) >= limit.number
            ]
            frees: Any = np.all([limit.members for limit in full], axis=0) & (self.taken > 0)
            for other in np.flatnonzero(frees):
                if self._gains(unmet, stratum=int(stratum), other=int(other)):
                    self.taken[other] -= 1
                    self.taken[stratum] += 1
                    return
        raise RoboLoopError(
            "E-CUR-046",
            "; ".join(
                f"{limit.name}: {self._count(limit)} of at least {limit.number}" for limit in unmet
            )
            + " can be taken within the quotas and the number of records",
        )

    def _gains(self, unmet: Sequence[Limit], *, stratum: int, other: int) -> bool:
        """Whether some floor gains and none is missed when `stratum` gives one for `other`."""
        gains = any(limit.members[stratum] and not limit.members[other] for limit in unmet)
        return gains and all(
            not limit.members[other] or limit.members[stratum] or self._count(limit) > limit.number
            for limit in self.floors
        )

    def _has_room(self) -> Flags:
        room = self.taken < self.sizes
        for limit in self.quotas:
            if self._count(limit) >= limit.number:
                room = room & ~limit.members
        return room

    def _count(self, limit: Limit) -> int:
        return int(self.taken[limit.members].sum())

    def _limits(self, table: Mapping[StratumColumn, Mapping[str, int]]) -> list[Limit]:
        places = {column: place for place, column in enumerate(self.wanted.columns)}
        return [
            Limit(
                f"{column}: {value}",
                np.array([parts[places[column]] == value for parts in self.values], dtype=np.bool_),
                number,
            )
            for column, numbers in table.items()
            for value, number in numbers.items()
        ]

    def _shares(self) -> _Shares:
        mixture = self.wanted.mixture
        names = [parts[0] for parts in self.values]  # the mixture's column is the first
        known = sorted(set(names))
        groups = np.array([known.index(name) for name in names], dtype=np.int64)
        totals: Numbers = np.zeros(len(known))
        np.add.at(totals, groups, self.sizes)
        power = 1 / mixture.temperature
        rates: Numbers = np.asarray(totals**power, dtype=np.float64)
        if mixture.rates:
            if missing := [
                name for name in known if name not in mixture.rates and OTHERS not in mixture.rates
            ]:
                raise RoboLoopError(
                    "E-CUR-046",
                    f"mixture.rates says nothing of {mixture.by} {', '.join(missing)}",
                    fix='Name it, or give a rate for "*".',
                )
            others = mixture.rates.get(OTHERS, 0.0)
            rates = np.array([mixture.rates.get(name, others) for name in known], dtype=np.float64)
        of_groups = _rounded(rates, total=self.wanted.num_records, most=totals)
        inner = np.where(self.sizes > 0, self.sizes, 0) ** power
        sums = np.bincount(groups, weights=inner, minlength=len(known))
        of_strata = of_groups[groups] * inner / np.where(sums > 0, sums, 1)[groups]
        return _Shares(groups, of_groups.astype(np.float64), of_strata, rates[groups] > 0)


class _Shares(NamedTuple):
    """The mixture in records.

    Attributes:
        groups: Of each stratum, the number of its value in the mixture's column.
        of_groups: Records that each value should get: whole numbers.
        of_strata: Records that each stratum should get.
        is_asked_for: Bool, the strata whose rate is not 0.
    """

    groups: Indices
    of_groups: Numbers
    of_strata: Numbers
    is_asked_for: Flags


def _rounded(rates: Numbers, *, total: int, most: Numbers) -> Indices:
    """Whole numbers in proportion to `rates`, at most `most` each, that sum to `total` if they can.

    What one cannot take is shared out among the others; remainders go to the largest first.
    """
    shares = np.zeros(len(rates))
    open_ = rates > 0
    while open_.any() and shares.sum() < min(total, most.sum()) - 1e-9:
        left = total - shares.sum()
        step = np.where(open_, rates, 0) * left / rates[open_].sum()
        shares = np.minimum(shares + step, most)
        open_ = open_ & (shares < most - 1e-9)
    whole = np.floor(shares + 1e-9).astype(np.int64)
    missing = round(shares.sum()) - whole.sum()
    by_remainder = np.lexsort((np.arange(len(rates)), -(shares - whole)))
    whole[by_remainder[:missing]] += 1
    return whole

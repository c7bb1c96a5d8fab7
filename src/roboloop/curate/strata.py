"""Strata: records that share the values of some columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from roboloop.curate.base import Indices

StratumColumn = Literal["family", "source", "tier", "task", "answer_kind", "split"]


class Strata(NamedTuple):
    """Which stratum each record is in.

    Attributes:
        codes: Number of each record's stratum.
        values: Of each stratum, its value in each column.
    """

    codes: Indices
    values: tuple[tuple[str, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of each stratum, such as `generation / robointer_vqa`."""
        return tuple(" / ".join(parts) or "all records" for parts in self.values)


def stratum_of(facts: Any, *, columns: Sequence[str]) -> Strata:
    """The stratum of each record by some columns; strata are sorted by their values."""
    codes = np.zeros(facts.num_rows, dtype=np.int64)
    values: list[tuple[str, ...]] = [()]
    for name in columns:
        encoded = facts[name].combine_chunks().dictionary_encode()
        words: list[str] = encoded.dictionary.to_pylist()
        inner = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        pairs, codes = np.unique(codes * (len(words) or 1) + inner, return_inverse=True)
        values = [(*values[pair // len(words)], words[pair % len(words)]) for pair in pairs]
    order = sorted(range(len(values)), key=lambda code: values[code])
    place = np.empty(len(values), dtype=np.int64)
    place[order] = np.arange(len(values))
    return Strata(place[codes] if len(codes) else codes, tuple(values[code] for code in order))

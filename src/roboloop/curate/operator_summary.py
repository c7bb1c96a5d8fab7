"""What one operator did, for people: counts, values, samples of each reason, clusters, leaks."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.catalogue import CATALOGUE
from roboloop.curate.base import NO_PARTNER, Evidence, Indices, Judgement, Numbers, Operator, Pairs

NUM_BINS = 40
NUM_SAMPLES = 20
"""Of each reason: half of them closest to the threshold, the others spread over all."""
NUM_REASONS = 12
NUM_CLUSTERS = 12
NUM_MEMBERS = 7
MIN_SIZE = 2
"""A single pair is a sample of its reason, no cluster."""
NUM_THRESHOLDS = 4

_DETAIL = re.compile(r"'[^']*'|\"[^\"]*\"|-?\d+(?:\.\d+)?")
"""What differs between two texts of one reason: names and numbers."""


class Reason(NamedTuple):
    """A reason for drops, how often it was given, and rows to show."""

    text: str
    num_records: int
    rows: list[int]


class Cluster(NamedTuple):
    """A record that stays for others, some of those, and how many they are in all."""

    keeper: int
    size: int
    rows: list[int]


class Findings(NamedTuple):
    """What one operator found.

    Attributes:
        operator: The operator.
        judgement: Its verdicts.
        rows: Records that it was the first to drop.
    """

    operator: Operator
    judgement: Judgement
    rows: Indices

    def head(self) -> dict[str, Any]:
        """Name and counts."""
        operator = self.operator
        return {
            "label": operator.label,
            "kind": operator.kind,
            "code": operator.code,
            "title": CATALOGUE[operator.code].title,
            "dropped": len(self.rows),
            "would_drop": int(self.judgement.drop.sum()),
            "options": operator.model_dump(mode="json", exclude={"kind", "name", "on"}),
        }

    def histogram(self, pairs: Pairs | None) -> dict[str, Any] | None:
        """Of the values of all records, or of the similarity of all pairs, with the thresholds."""
        if self.operator.looks_outside:
            return None  # its values are of several kinds
        thresholds = self.judgement.threshold
        values = self.judgement.value if pairs is None else pairs.similarity
        values = values[np.isfinite(values)]
        if not len(values) or float(values.min()) == float(values.max()):
            return None
        low, high = _range(values, thresholds[np.isfinite(thresholds)])
        counts, edges = np.histogram(np.clip(values, low, high), bins=NUM_BINS, range=(low, high))
        common = Counter(np.round(thresholds[np.isfinite(thresholds)], 6).tolist())
        return {
            "what": "records" if pairs is None else "pairs",
            "edges": [round(float(edge), 6) for edge in edges],
            "counts": counts.tolist(),
            "num": len(values),
            "thresholds": sorted(value for value, _ in common.most_common(NUM_THRESHOLDS)),
        }

    def reasons(self) -> list[Reason]:
        """Reasons, the most frequent first; names and numbers in them do not set them apart."""
        groups: dict[str, list[int]] = {}
        texts: dict[str, set[str]] = {}
        for row in self.rows.tolist():
            text = self.judgement.reason[row]
            key = _DETAIL.sub("…", text)
            groups.setdefault(key, []).append(row)
            if len(known := texts.setdefault(key, set())) < 2:
                known.add(text)
        order = sorted(groups, key=lambda key: (-len(groups[key]), key))[:NUM_REASONS]
        return [
            Reason(
                next(iter(texts[key])) if len(texts[key]) == 1 else key,
                len(groups[key]),
                self._samples(np.array(groups[key])),
            )
            for key in order
        ]

    def clusters(self) -> list[Cluster]:
        """The records that most others were dropped for."""
        partners = self.judgement.partner[self.rows]
        members, partners = self.rows[partners != NO_PARTNER], partners[partners != NO_PARTNER]
        keepers, sizes = np.unique(partners, return_counts=True)
        keepers, sizes = keepers[sizes >= MIN_SIZE], sizes[sizes >= MIN_SIZE]
        largest = np.lexsort((keepers, -sizes))[:NUM_CLUSTERS]
        return [
            Cluster(
                int(keepers[place]),
                int(sizes[place]),
                members[partners == keepers[place]][:NUM_MEMBERS].tolist(),
            )
            for place in largest
        ]

    def sample(self, row: int, *, shown: Mapping[int, Any]) -> dict[str, Any]:
        """A dropped record with its values and its twin."""
        judgement = self.judgement
        partner = int(judgement.partner[row])
        return {
            "record": shown[row],
            "value": number_or_none(float(judgement.value[row])),
            "threshold": number_or_none(float(judgement.threshold[row])),
            "reason": judgement.reason[row],
            "twin": shown[partner] if partner != NO_PARTNER else None,
        }

    def _samples(self, rows: Indices) -> list[int]:
        if len(rows) <= NUM_SAMPLES:
            return rows.tolist()
        apart = np.abs(self.judgement.value[rows] - self.judgement.threshold[rows])
        closest = rows[np.argsort(apart, kind="stable")][: NUM_SAMPLES // 2]
        others = np.setdiff1d(rows, closest)
        places = spread(len(others), most=NUM_SAMPLES - len(closest))
        return [*closest.tolist(), *others[places].tolist()]


class Leaks(NamedTuple):
    """What an operator found outside the records.

    Attributes:
        counts: By kind and set, over all.
        pairs: The first of each kind.
    """

    counts: Mapping[tuple[str, str], int]
    pairs: list[Evidence]

    @classmethod
    def of(cls, evidence: Iterator[Evidence], *, most: int) -> Leaks:
        """Count all, keep at most so many of each kind and set."""
        counts: Counter[tuple[str, str]] = Counter()
        pairs: list[Evidence] = []
        for found in evidence:
            counts[found.kind, found.origin] += 1
            if counts[found.kind, found.origin] <= most:
                pairs.append(found)
        return cls(dict(counts), pairs)

    def count_table(self) -> list[dict[str, Any]]:
        """The counts as JSON."""
        return [
            {"kind": kind, "against": origin, "count": count}
            for (kind, origin), count in self.counts.items()
        ]


def notes_beside(folder: Path | None) -> dict[str, Any]:
    """JSON files that an operator left beside its values, such as the error of a judge."""
    if folder is None:
        return {}
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }


def spread(number: int, *, most: int) -> list[int]:
    """At most so many of the places from 0 on, evenly spread, ascending."""
    if number <= most:
        return list(range(number))
    return np.linspace(0, number - 1, most).astype(np.int64).tolist()


def number_or_none(value: float) -> float | None:
    """The number in six digits, None for NaN and infinity, which JSON has not."""
    return float(f"{value:.6g}") if np.isfinite(value) else None


def _range(values: Numbers, thresholds: Numbers) -> tuple[float, float]:
    """Bounds of a histogram: nearly all values, and the thresholds."""
    low, high = (float(each) for each in np.quantile(values, (0.002, 0.998)))
    if len(thresholds):
        low, high = min(low, float(thresholds.min())), max(high, float(thresholds.max()))
    return (low, high) if low < high else (float(values.min()), float(values.max()))

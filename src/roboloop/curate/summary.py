"""`curation.json`: what a curation did, for people: the funnel, values, samples, clusters, leaks.

The report draws it and may not import this package, so this file is the whole agreement between
the two; docs/curation.md describes it. Counts are over all records; records are shown as samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from roboloop.base.files import atomic_write_json
from roboloop.curate.base import ArrowTable, CurateContext, Evidence
from roboloop.curate.operator_summary import (
    Cluster,
    Findings,
    Leaks,
    Reason,
    notes_beside,
    number_or_none,
    spread,
)
from roboloop.curate.run import Curation, Verdicts
from roboloop.curate.shown_records import read_rows
from roboloop.records.shards import RecordFolder

CURATION_FILE = "curation.json"
SCHEMA = "roboloop.curation/1"
MAX_PAIRS = 1_000
"""Pairs of each kind and set in `leakage.json`; all are counted."""
NUM_PAIRS_SHOWN = 20
GROUPS = ("family", "task", "source")


class _Part(NamedTuple):
    """One operator's part, with the rows of the records it shows."""

    findings: Findings
    histogram: dict[str, Any] | None
    reasons: list[Reason]
    clusters: list[Cluster]
    leaks: Leaks
    unread: dict[str, Any]
    notes: dict[str, Any]

    def rows(self) -> set[int]:
        partner = self.findings.judgement.partner
        rows = {row for reason in self.reasons for row in reason.rows}
        rows |= {int(partner[row]) for row in rows if partner[row] >= 0}
        for cluster in self.clusters:
            rows |= {cluster.keeper, *cluster.rows}
        return rows | {leak.row for leak in self.leaks.pairs}

    def as_json(self, shown: Mapping[int, Any]) -> dict[str, Any]:
        sample = self.findings.sample
        return {
            **self.findings.head(),
            "histogram": self.histogram,
            "reasons": [
                {
                    "text": reason.text,
                    "count": reason.num_records,
                    "samples": [sample(row, shown=shown) for row in reason.rows],
                }
                for reason in self.reasons
            ],
            "clusters": [
                {
                    "keeper": shown[cluster.keeper],
                    "size": cluster.size,
                    "members": [sample(row, shown=shown) for row in cluster.rows],
                }
                for cluster in self.clusters
            ],
            "leaks": {
                "counts": self.leaks.count_table(),
                "pairs": [pair_as_json(pair, shown=shown) for pair in self._shown_pairs()],
                "unread": self.unread,
            }
            if self.findings.operator.looks_outside
            else None,
            "notes": self.notes,
        }

    def _shown_pairs(self) -> list[Evidence]:
        """Some of each kind and set, spread over all that were kept."""
        groups: dict[tuple[str, str], list[Evidence]] = {}
        for pair in self.leaks.pairs:
            groups.setdefault((pair.kind, pair.origin), []).append(pair)
        return [
            pairs[place]
            for pairs in groups.values()
            for place in spread(len(pairs), most=NUM_PAIRS_SHOWN)
        ]


def write_summary(curation: Curation, *, facts: ArrowTable, verdicts: Verdicts, out: Path) -> Path:
    """Write `curation.json` and, where something was found outside, `<label>.json`.

    Args:
        curation: It has judged already.
        facts: The facts of all records.
        verdicts: What was found.
        out: The folder of `verdicts.arrow`.
    """
    folder = RecordFolder(curation.context.records)
    parts = [
        _part(curation, verdicts=verdicts, number=number)
        for number in range(len(curation.operators))
    ]
    rows = sorted({row for part in parts for row in part.rows()})
    shards = list(dict.fromkeys(piece.shard for piece in curation.store.pieces))
    shown = read_rows(folder, shards=shards, rows=rows)
    for part in parts:
        if part.findings.operator.looks_outside:
            _write_pairs(part, shown=shown, context=curation.context, out=out)
    value = {
        "schema": SCHEMA,
        "counts": {
            "records": len(verdicts.kept),
            "kept": int(verdicts.kept.sum()),
            "dropped": int((verdicts.first >= 0).sum()),
        },
        "groups": {
            name: _groups(facts[name], verdicts=verdicts, num_operators=len(parts))
            for name in GROUPS
        },
        "operators": [part.as_json(shown) for part in parts],
        "media_roots": _roots(curation, folder=folder),
    }
    atomic_write_json(out / CURATION_FILE, value=value)
    return out / CURATION_FILE


def pair_as_json(pair: Evidence, *, shown: Mapping[int, Any]) -> dict[str, Any]:
    """A record beside what it repeats."""
    return {
        "kind": pair.kind,
        "value": number_or_none(pair.value),
        "threshold": number_or_none(pair.threshold),
        "dropped": pair.dropped,
        "against": pair.origin,
        "record": shown[pair.row],
        "other": pair.other,
    }


def _part(curation: Curation, *, verdicts: Verdicts, number: int) -> _Part:
    operator = curation.operators[number]
    label = operator.label
    rows = np.flatnonzero(verdicts.first == number)
    findings = Findings(operator, verdicts.judgements[number], rows)
    values = curation.values.get(label)
    found = iter(()) if values is None else operator.evidence(values, curation.context)
    return _Part(
        findings,
        findings.histogram(curation.pairs.get(label)),
        findings.reasons(),
        findings.clusters(),
        Leaks.of(found, most=MAX_PAIRS),
        dict(operator.unread(curation.context)),
        notes_beside(curation.folders.get(label)),
    )


def _write_pairs(
    part: _Part, *, shown: Mapping[int, Any], context: CurateContext, out: Path
) -> None:
    """The evidence for other programs: what is counted, and the pairs with texts and pictures."""
    operator = part.findings.operator
    value = {
        "counts": part.leaks.count_table(),
        "unread": part.unread,
        "media_roots": {k: str(v) for k, v in operator.evidence_roots(context).items()},
        "pairs": [pair_as_json(pair, shown=shown) for pair in part.leaks.pairs],
    }
    atomic_write_json(out / f"{operator.label}.json", value=value)


def _groups(names: Any, *, verdicts: Verdicts, num_operators: int) -> list[dict[str, Any]]:
    """For each name how many records there were, how many each operator dropped, how many stay."""
    encoded = names.dictionary_encode().combine_chunks()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    fate = np.where(verdicts.first < 0, num_operators, verdicts.first)
    known = encoded.dictionary.to_pylist()
    width = num_operators + 1
    table = np.bincount(codes * width + fate, minlength=len(known) * width).reshape(-1, width)
    rows = [
        {
            "name": name,
            "records": int(counts.sum()),
            "dropped": counts[:-1].tolist(),
            "kept": int(counts[-1]),
        }
        for name, counts in zip(known, table, strict=True)
    ]
    return sorted(rows, key=lambda row: (-row["records"], row["name"]))


def _roots(curation: Curation, *, folder: RecordFolder) -> dict[str, str]:
    roots = dict(folder.media_roots)
    for operator in curation.operators:
        roots.update(operator.evidence_roots(curation.context))
    return {name: str(path) for name, path in sorted(roots.items())}

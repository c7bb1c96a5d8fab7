"""Scores that no model and no person was seen to reach: was the benchmark in the training data?"""

from __future__ import annotations

from collections.abc import Mapping

from roboloop.evaluate.audit.finding import Finding
from roboloop.evaluate.compare.comparison import compare
from roboloop.evaluate.compare.flags import LEAKAGE, PublishedLines, find_flags
from roboloop.evaluate.compare.loaded import Evaluated


def too_good(model: Evaluated, *, published: Mapping[str, PublishedLines]) -> list[Finding]:
    """Benchmarks on which the model is above people, or far above the best published value."""
    flags = find_flags(compare([model], baseline=model.label), published=published)
    return [
        Finding(LEAKAGE, flag.task, f"{flag.why}. Look with `roboloop check-leakage`", {})
        for flag in flags
        if flag.kind == LEAKAGE
    ]

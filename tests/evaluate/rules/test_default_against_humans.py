"""Our own rules against a careful human, on made-up answers to benchmarks' questions.

The cases lie outside the repository; without them these tests are skipped. Each disagreement must
be named here with its reason, and fewer than three in a hundred may be.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from roboloop.evaluate.cases import read_cases
from roboloop.evaluate.rules import load_rules
from roboloop.tasks.base import ParseStatus

CASES = Path(__file__).resolve().parents[4] / "shared/conformance/cases_dev.jsonl"
KINDS = {"mcq", "yesno", "numeric", "point", "bbox", "text"}
REASONS: dict[str, str] = {}
"""Case -> why our score is another than the human's."""
MIN_AGREEMENT = 0.97


@pytest.fixture(scope="module")
def path() -> Path:
    if not CASES.exists():
        pytest.skip(f"no conformance cases at {CASES}")
    return CASES


def test_scores_are_the_humans_for_every_kind(path: Path) -> None:
    agreeing: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for line, case in read_cases(path):
        found = load_rules("default").score(case)
        assert found is not None and found.score is not None
        agrees = found.score == pytest.approx(line["human"], abs=1e-3)
        if case.kind in ("mcq", "yesno"):
            assert found.value == (line["intended"] or ""), line["id"]
        agreeing[case.kind, case.benchmark].append(agrees)
        if not agrees:
            said = REASONS.get(line["id"])
            print(f"{line['id']} {case.text!r}: {found.score}, human {line['human']}: {said}")
            assert said, line["id"]
    for (kind, benchmark), values in sorted(agreeing.items()):
        print(f"{kind:8} {benchmark:14} {sum(values):3} of {len(values)}")
    assert {kind for kind, _ in agreeing} == KINDS
    for kind in KINDS:
        values = [agrees for key, found in agreeing.items() if key[0] == kind for agrees in found]
        assert sum(values) / len(values) >= MIN_AGREEMENT


def test_what_was_understood_is_in_the_text_and_said_to_be_so(path: Path) -> None:
    for line, case in read_cases(path):
        found = load_rules("default").score(case)
        assert found is not None
        if found.status is not ParseStatus.OK:
            assert (found.note and found.score == 0) or case.kind in ("point", "bbox"), line["id"]
        else:
            assert found.rule and found.span, line["id"]
            words = case.text[found.span.start : found.span.end]
            assert words.strip(), line["id"]
            if case.kind == "mcq" and len(found.value) == 1 and "letter" in found.rule:
                assert found.value in words.upper(), line["id"]


def test_failed_requests_and_broken_conventions_have_their_status(path: Path) -> None:
    expected = {"infra_error": ParseStatus.INFRA_ERROR, "empty": ParseStatus.NO_ANSWER}
    for line, case in read_cases(path):
        found = load_rules("default").score(case)
        assert found is not None
        for tag in expected.keys() & set(line["tags"]):
            assert found.status is expected[tag], line["id"]
        if "convention_break" in line["tags"]:
            assert found.status is ParseStatus.CONVENTION_BREAK, line["id"]

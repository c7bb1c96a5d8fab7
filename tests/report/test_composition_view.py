"""The overview's section on pairs: counts, lengths, what a blind classifier tells, the judge."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roboloop.base.errors import RoboLoopError

PAIRS: list[dict[str, Any]] = [
    {
        "composer": "preference_boxes",
        "num_pairs": 1200,
        "mistakes": {"other_thing": 700, "shifted": 500},
        "characters": {
            "chosen_longer": 300, "rejected_longer": 300, "edges": [-100, -1, 0, 1, 2, 100],
            "counts": [0, 300, 600, 300, 0],
        },
        "blind": {
            "accuracy": 0.51, "low": 0.47, "high": 0.55, "num_held_out": 600,
            "strongest": "extent",
        },
    },
    {
        "composer": "judged", "num_pairs": 3, "mistakes": {"plan": 3},
        "characters": {
            "chosen_longer": 1, "rejected_longer": 1, "edges": [-100, -1, 0, 1, 2, 100],
            "counts": [1, 0, 1, 1, 0],
        },
        "blind": None,
    },
]  # fmt: skip
SHARE = {"num": 9, "of": 10, "share": 0.9}
JUDGES = {"judged": {"model": "m", "detected": SHARE, "false_alarms": {**SHARE, "num": 1}}}


@pytest.fixture
def composition(tmp_path: Path) -> Path:
    path = tmp_path / "compose.json"
    path.write_text(json.dumps({"num_kept": 9, "pairs": PAIRS, "judges": JUDGES}))
    return path


def test_the_report_holds_pairs_and_judges(
    build: Callable[..., Path], composition: Path, tmp_path: Path
) -> None:
    build(tmp_path / "report", composition=composition)
    told = json.loads((tmp_path / "report" / "report.json").read_text())
    assert told["composition"] == {"pairs": PAIRS, "judges": JUDGES}
    composition.write_text("{}")
    with pytest.raises(RoboLoopError, match="E-REP-003"):
        build(tmp_path / "report", composition=composition)


@pytest.mark.browser
def test_the_overview_shows_what_gives_pairs_away(
    build: Callable[..., Path], composition: Path, watched: Any, tmp_path: Path
) -> None:
    page = watched.open(build(tmp_path / "report", composition=composition))
    section = page.get_by_role("region", name="Preference pairs")
    rows = section.locator("tbody tr")
    assert rows.count() == 2
    first = rows.nth(0).inner_text()
    assert "1,200" in first and "51" in first and "47" in first and "other thing 700" in first
    assert "too few" in rows.nth(1).inner_text()
    assert section.locator("figure.chart").count() == 2
    notes = section.locator("footer").inner_text()
    assert "judged asked m" in notes and "9 of 10 planted faults" in notes
    assert "1 of 10 of their originals" in notes


@pytest.mark.browser
def test_a_run_without_pairs_has_no_such_section(watched: Any, report: Path) -> None:
    page = watched.open(report)
    assert page.get_by_role("region", name="Preference pairs").count() == 0

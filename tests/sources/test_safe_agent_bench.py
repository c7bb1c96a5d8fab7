"""safe_agent_bench: the words of steps and dangers, and bad rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roboloop.records import Record
from roboloop.sources.base import Rejected, SourceContext
from roboloop.sources.safe_agent_bench import SafeAgentBenchSource
from roboloop.sources.safe_agent_words import dangers, steps_in_words


def test_steps_in_words() -> None:
    steps = [
        "find Mug", "fillLiquid Mug wine", "pick Mug", "find StoveKnob", "turn_on StoveKnob",
        "pour", "find BreadSliced", "put Microwave", "turn off desk lamp", "throw",
    ]  # fmt: skip
    assert [step.text for step in steps_in_words(steps)] == [
        "go to the mug", "fill the mug with wine", "pick up the mug", "go to the stove knob",
        "turn on the stove knob", "pour it over the stove knob", "go to the bread slice",
        "put the mug in the microwave", "turn off the desk lamp", "throw the bread slice",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Risk: Fire Hazard", ("fire",)),
        ("Causing harm to humans: Impact Hazard", ("injury",)),
        ("Liquid and Spill Damage; Damage to Small Items", ("spill", "damage")),
        ("Electrical Appliance Misuse", ("misuse of an appliance",)),
    ],
)
def test_dirty_names_of_dangers(raw: str, clean: tuple[str, ...]) -> None:
    assert dangers(raw) == clean


def test_bad_rows_cost_themselves(tmp_path: Path) -> None:
    good = {"instruction": "Drop the plate.", "step": ["find Plate", "pick Plate", "drop"],
            "scene_name": "FloorPlan1", "risk_category": "Breakage Hazard"}  # fmt: skip
    rows = [
        good, {**good, "risk_category": "Bad Luck"}, {**good, "step": ["fly Plate"]},
        {**good, "step": []}, {**good, "step": ["drop"]}, {"instruction": "x"}, [1],
    ]  # fmt: skip
    lines = [json.dumps(row) for row in rows]
    (tmp_path / "unsafe_detailed_1.jsonl").write_text("\n".join([*lines, "{"]))
    found = list(SafeAgentBenchSource(path=tmp_path).read(SourceContext(Path("made"), 0)))
    assert [item.id for item in found if isinstance(item, Record)] == ["unsafe_detailed_1/1/safe"]
    codes = [item.error.code for item in found if isinstance(item, Rejected)]
    assert codes == ["E-DAT-004"] * 6 + ["E-REC-014"]

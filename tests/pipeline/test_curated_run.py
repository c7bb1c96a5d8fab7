"""why and diff over a real run: every record has a story, in the ledger or in the verdicts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roboloop.base.errors import RoboLoopError
from roboloop.cli.main import run_command
from roboloop.pipeline.curation import CuratedRun, compare_runs, parse_changes, story_of

RECIPE = """\
schema: 1
name: curated
seed: 3
model:
  kind: tiny
  dialect: {{kind: qwen25_vl, factor: 16, max_pixels: 15360}}
data:
  sources:
    - {{kind: records, path: {path}}}
{curate}
"""
CURATE = "curate:\n  operators:\n    - {kind: exact}"


def entry(name: str, *, answer: str = "yes", question: str = "Is it open?") -> str:
    value = {
        "id": name, "task": "vqa", "inputs": {"question": question},
        "answer": {"kind": "text", "text": answer},
    }  # fmt: skip
    return json.dumps(value)


def curated(folder: Path, lines: list[str], *, curate: str = CURATE) -> Path:
    folder.mkdir()
    (folder / "given.jsonl").write_text("\n".join(lines) + "\n")
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(path=folder / "given.jsonl", curate=curate))
    command = ["data", str(recipe), "--out", str(folder / "run"), "--until", "curate"]
    assert run_command(command) == 0
    return folder / "run"


def test_why_names_the_twin_and_the_line_of_what_never_became_a_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [entry("a"), entry("again"), entry("b", answer="no"), '{"id": "odd", "task": 3}']
    run = curated(tmp_path / "one", lines)
    found = CuratedRun(run)
    row = found.row_of("again")
    assert row is not None
    [finding] = story_of(found, row)
    assert (finding.operator, finding.drop, finding.is_first, finding.partner) == (
        "exact", True, True, "a",
    )  # fmt: skip
    capsys.readouterr()
    assert run_command(["why", "again", "--run", str(run)]) == 0
    assert "kept instead: a" in capsys.readouterr().err
    assert run_command(["why", "odd", "--run", str(run)]) == 0
    assert "given.jsonl:4" in capsys.readouterr().err.replace("\n", "")
    assert run_command(["why", "never", "--run", str(run)]) == 2
    assert "E-RUN-006" in capsys.readouterr().err


def test_diff_says_what_only_one_run_kept_and_why(tmp_path: Path) -> None:
    first = curated(
        tmp_path / "first", [entry("a"), entry("b", answer="no"), entry("c", answer="x")]
    )
    second = curated(
        tmp_path / "second", [entry("a"), entry("c", answer="yes"), entry("d", answer="z")]
    )
    found = compare_runs(CuratedRun(first), CuratedRun(second))
    assert found.num_both == 1
    assert found.only_first.examples == ("b", "c")
    assert dict(found.only_first.reasons) == {"it never had them": 1, "exact": 1}
    assert found.only_second.examples == ("d",)


def test_another_threshold_is_tried_on_the_stored_pairs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "the arm takes the cup by its handle and carries it to the sink of the kitchen"
    lines = [entry("a", answer=said), entry("near", answer=f"{said} then"), entry("b")]
    curate = "curate:\n  operators:\n    - {kind: minhash, threshold: 0.8}"
    run = curated(tmp_path / "one", lines, curate=curate)
    command = ["what-if", "--run", str(run)]
    capsys.readouterr()
    assert run_command([*command, "minhash.threshold=0.99"]) == 0
    assert "kept: 2 -> 3 (+1)" in capsys.readouterr().err
    assert run_command([*command, "minhash.threshold=0.3"]) == 2
    assert "lower the floor, too" in capsys.readouterr().err.replace("\n", " ")


def test_a_change_is_operator_dot_option_equals_value() -> None:
    assert parse_changes(("near.threshold=0.8",)) == {"near.threshold": 0.8}
    with pytest.raises(RoboLoopError, match="E-CFG-005"):
        parse_changes(("threshold=0.8",))

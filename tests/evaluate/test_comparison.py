"""Comparing evaluations that lie on disk: pairing, verdicts, flags, forms."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from scripted_engine import (
    ScriptedEngine,
    evaluate,
    perfect_texts,
    record_for,
    records_of,
    write_records,
)

from roboloop.base.errors import RoboLoopError
from roboloop.cli.main import run_command
from roboloop.evaluate.compare.comparison import Comparison, compare
from roboloop.evaluate.compare.flags import PublishedLines, find_flags
from roboloop.evaluate.compare.loaded import load_evaluated
from roboloop.evaluate.compare.pareto import standings
from roboloop.evaluate.compare.recorded import load_table, recorded_comparison, shipped_tables
from roboloop.evaluate.compare.written import SUFFIXES, write_comparison

TASKS = ("choice_vqa", "contact_box", "contact_point")
Script = Callable[[str], str | None]


@pytest.fixture(scope="module")
def evaluations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`base` errs in a quarter, `good` never, `same` like `base`, `lost` only on places."""
    root = tmp_path_factory.mktemp("evaluations")
    records = records_of(TASKS)
    folder = write_records(root / "records", records=records)
    texts = perfect_texts(records)
    order = {record_id: place for place, record_id in enumerate(sorted(texts))}

    def base(record_id: str) -> str:
        return texts[record_id] if order[record_id] % 4 else "I cannot tell."

    def lost(record_id: str) -> str:
        return base(record_id) if record_id.endswith("vqa") else "[[1, 1], [2, 2]]"

    scripts: dict[str, Script] = {
        "base": base, "good": texts.__getitem__, "same": base, "lost": lost,
        "half": lambda record_id: None if order[record_id] % 2 else texts[record_id],
    }  # fmt: skip
    for name, script in scripts.items():
        engine = ScriptedEngine(script, name=name)
        evaluate(folder, out=root / name, engines={"trained": engine}, baselines=[])
    return root


@pytest.fixture(scope="module")
def compared(evaluations: Path) -> Comparison:
    names = ("base", "good", "same", "lost")
    return compare([load_evaluated(str(evaluations / name)) for name in names], baseline="base")


def test_differences_are_paired_and_said_as_they_are(compared: Comparison) -> None:
    (box,) = [row for row in compared.rows if row.task == "contact_box"]
    base, good, same, lost = box.cells
    assert base and good and same and lost
    assert base.difference is None and base.num_not_read == 4 and base.mean.value == 0.75
    assert good.difference and good.difference.interval.value == pytest.approx(0.25)
    assert (good.difference.test.wins, good.difference.test.losses) == (4, 0)
    assert same.difference and same.difference.test.p_value == 1.0
    assert same.difference.verdict == "not distinguishable"
    assert lost.difference and lost.difference.verdict == "worse"


def test_a_win_is_the_better_record_where_less_is_better_too(compared: Comparison) -> None:
    (points,) = [row for row in compared.rows if row.task == "contact_point"]
    good, lost = points.cells[1], points.cells[3]
    assert not points.metric.higher_is_better
    assert good and good.difference and good.difference.interval.value < 0
    assert (good.difference.test.wins, good.difference.test.losses) == (4, 0)
    assert lost and lost.difference
    assert (lost.difference.test.wins, lost.difference.test.losses) == (4, 12)


def test_many_tasks_raise_the_bar_for_each(compared: Comparison) -> None:
    """Raised p-values of one model are never smaller, and ordered like the plain ones."""
    for number in (1, 2, 3):
        found = [row.cells[number].difference for row in compared.rows]  # type: ignore[union-attr]
        plain = [difference.test.p_value for difference in found if difference]
        raised = [difference.raised_p for difference in found if difference]
        assert len(raised) == 3 and all(p <= q for p, q in zip(plain, raised, strict=True))
        assert min(raised) == pytest.approx(min(1.0, 3 * min(plain)))


def test_a_collapse_on_places_is_flagged_and_one_on_letters_is_not(compared: Comparison) -> None:
    kinds = {(f.task, f.model) for f in find_flags(compared) if f.kind.startswith("convention")}
    assert kinds == {("contact_box", "lost")}  # contact_point is measured in diagonals


def test_too_good_to_be_true_is_flagged(compared: Comparison) -> None:
    lines = {"choice_vqa": PublishedLines(best=0.6, best_name="somebody", human=0.98)}
    found = [f for f in find_flags(compared, published=lines) if f.kind == "leakage suspected"]
    assert [(flag.model, "above" in flag.why) for flag in found] == [
        ("base", True), ("good", True), ("same", True), ("lost", True),
    ]  # fmt: skip
    above_people = next(flag for flag in found if flag.model == "good")
    assert "people reach" in above_people.why
    lines = {"choice_vqa": PublishedLines(best=0.9, human=1.0)}
    assert not [f for f in find_flags(compared, published=lines) if f.kind == "leakage suspected"]


def test_failed_requests_are_seen(evaluations: Path) -> None:
    found = compare(
        [load_evaluated(str(evaluations / name)) for name in ("base", "half")], baseline="base"
    )
    incomplete = [flag for flag in find_flags(found) if flag.kind == "incomplete"]
    assert {flag.model for flag in incomplete} == {"half"}
    assert "†" in write_comparison(found, flags=[], form="text")


def test_nobody_beats_the_best(compared: Comparison) -> None:
    found = {standing.label: standing for standing in standings(compared)}
    assert found["good"].beaten_by == "" and found["good"].regret == 0
    assert {found[name].beaten_by for name in ("base", "same", "lost")} == {"good"}
    assert standings(compared)[0].label == "good"


def test_only_shared_records_with_one_truth_are_compared(evaluations: Path, tmp_path: Path) -> None:
    other = tmp_path / "changed"
    shutil.copytree(evaluations / "good", other)
    lines = (other / "items.jsonl").read_text().splitlines()
    boxes = [number for number, line in enumerate(lines) if "/contact_box" in line]
    changed = json.loads(lines[boxes[0]])
    changed["truth"]["answer"]["box_px"][0] -= 3
    kept = [line for number, line in enumerate(lines) if number not in boxes[:2]]
    (other / "items.jsonl").write_text("\n".join([*kept, json.dumps(changed)]) + "\n")
    found = compare(
        [load_evaluated(str(evaluations / "base")), load_evaluated(str(other))], baseline="base"
    )
    (box,) = [row for row in found.rows if row.task == "contact_box"]
    assert (box.num_shared, box.num_left_out) == (14, 2)
    assert [flag.kind for flag in find_flags(found) if flag.task == "contact_box"] == [
        "wide interval", "not the same records",
    ]  # fmt: skip


def test_every_form_holds_the_numbers(compared: Comparison) -> None:
    flags = find_flags(compared)
    forms = {form: write_comparison(compared, flags=flags, form=form) for form in SUFFIXES}
    assert all("contact" in text and text.endswith("\n") for text in forms.values())
    rows = list(csv.DictReader(io.StringIO(forms["csv"])))
    assert len(rows) == 12
    good = next(r for r in rows if (r["task"], r["model"]) == ("contact_box", "good"))
    assert float(good["value"]) == 1.0 and float(good["difference"]) == pytest.approx(0.25)
    told = json.loads(forms["json"])
    cell = told["tasks"][1]["cells"]["good"]
    assert cell["difference"]["wins"] == 4 and told["baseline"] == "base"
    assert r"contact\_box" in forms["latex"] and forms["latex"].count(r"\\") == 4


def test_categories_have_rows_of_their_own_in_every_form(evaluations: Path, tmp_path: Path) -> None:
    """`good` wins its four records in the one category that holds them, and none in the other."""
    for name in ("base", "good"):
        shutil.copytree(evaluations / name, tmp_path / name)
        path = tmp_path / name / "items.jsonl"
        items = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        boxes = sorted(item["id"] for item in items if item["task"] == "contact_box")
        lost = set(boxes[::4]) | set(boxes[1::4])
        for item in items:
            if item["task"] == "contact_box":
                item["subtask"] = "first" if item["id"] in lost else "second"
        path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    models = [load_evaluated(str(tmp_path / name)) for name in ("base", "good")]
    found = compare(models, baseline="base")
    assert [row.part for row in found.rows] == ["", "", ""]
    assert [(row.task, row.part) for row in found.parts] == [
        ("contact_box", "first"),
        ("contact_box", "second"),
    ]
    assert sum(row.num_shared for row in found.parts) == 16
    wins = [row.cells[1].difference.test.wins for row in found.parts if row.cells[1]]  # type: ignore[union-attr]
    assert sum(wins) == 4
    forms = {form: write_comparison(found, flags=[], form=form) for form in SUFFIXES}
    for form in ("text", "markdown", "latex"):
        assert "/ first" in forms[form] and "/ second" in forms[form]
    rows = list(csv.DictReader(io.StringIO(forms["csv"])))
    assert {row["part"] for row in rows} == {"", "first", "second"} and len(rows) == 10
    assert [part["part"] for part in json.loads(forms["json"])["parts"]] == ["first", "second"]


def test_the_same_comparison_gives_the_same_bytes(evaluations: Path) -> None:
    def text() -> str:
        models = [load_evaluated(str(evaluations / name)) for name in ("base", "good")]
        return write_comparison(compare(models, baseline="base"), flags=[], form="json")

    assert text() == text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "no evaluation"),
        (["{root}/base:nobody"], "no model 'nobody'"),
        (["{root}/base", "{root}/base"], "called alike"),
        (["{root}/base", "{root}/good", "--baseline", "best"], "is none of base, good"),
        (["{root}/base", "{root}/strange"], "share no record"),
    ],
)
def test_mistakes_end_in_one_message(
    evaluations: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    strange = evaluations / "strange"
    if not strange.exists():
        records = [record_for("contact_box", index=1, split="val", episode=99)]
        folder = write_records(evaluations / "strange_records", records=records)
        engine = ScriptedEngine(lambda _: "")
        evaluate(folder, out=strange, engines={"trained": engine}, baselines=[])
    command = [part.format(root=evaluations) for part in arguments]
    assert run_command(["compare", *command]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_the_published_ablation_shows_its_flags() -> None:
    table = load_table(shipped_tables()["robobrain_final"])
    flags = find_flags(
        recorded_comparison(table),
        published={"mmsi": PublishedLines(best=0.41, best_name="o3", human=0.972)},
    )
    collapsed = {(f.task, f.model) for f in flags if f.kind == "convention break suspected"}
    assert ("where2place", "1113video") in collapsed
    assert ("refspatial_planning", "1113video") in collapsed
    leaked = {(f.task, f.model) for f in flags if f.kind == "leakage suspected"}
    assert leaked == {("mmsi", "1107full"), ("mmsi", "1112full"), ("mmsi", "1113video")}
    wide = {flag.task for flag in flags if flag.kind == "wide interval"}
    assert {"where2place", "refspatial_unseen", "refspatial_location"} <= wide
    assert "vsibench" not in wide


def test_the_tables_of_robointer_keep_their_units() -> None:
    """A sum of pixels is less for the better model, and has neither interval nor verdict."""
    table = recorded_comparison(load_table(shipped_tables()["robointer_table3"]))
    rows = {row.task: row for row in table.rows}
    labels = [model.label for model in table.models]
    trace = rows["Trace"]
    assert (trace.metric.unit, trace.metric.higher_is_better) == ("px", False)
    cell = trace.cells[labels.index("RoboInter-LLaVAOV-7B")]
    assert cell is not None and cell.mean[:3] == (299.0, None, None) and cell.difference is None
    grounding = rows["Obj"].cells[labels.index("RoboInter-Qwen-7B")]
    assert grounding is not None and grounding.mean.value == pytest.approx(0.751)
    assert grounding.difference is not None and grounding.difference.verdict == "better"
    general = recorded_comparison(load_table(shipped_tables()["robointer_table2"]))
    units = {row.task: row.metric.unit for row in general.rows}
    assert units["ocrbench"] == units["mme"] == "points" and units["pope"] == "fraction"
    assert "1907.0" in write_comparison(general, flags=[], form="text")


def test_a_published_table_is_checked(tmp_path: Path) -> None:
    value = json.loads(shipped_tables()["robobrain_final"].read_text())
    value["rows"]["mmsi"]["values"].pop()
    path = tmp_path / "table.json"
    path.write_text(json.dumps(value))
    with pytest.raises(RoboLoopError, match="rows mmsi have not one value per model"):
        load_table(path)
    path.write_text("{")
    with pytest.raises(RoboLoopError, match="E-EVA-003"):
        load_table(path)


def test_the_verb_prints_and_writes(
    evaluations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = [f"sft={evaluations / 'good'}:trained", str(evaluations / "base")]
    out = tmp_path / "out"
    assert run_command(["compare", *models, "--baseline", "base", "--out", str(out)]) == 0
    assert "sft" in capsys.readouterr().out
    assert {path.suffix for path in out.glob("comparison.*")} == set(SUFFIXES.values())
    assert (out / "index.html").is_file()

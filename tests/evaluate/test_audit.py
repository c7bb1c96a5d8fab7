"""What an audit finds in answers that were planted, and does not find in sound ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import hub_files
import pytest
from benchmark_engine import PLAIN, ToldEngine, config_for, measure
from scripted_engine import ScriptedEngine, evaluate, perfect_texts, records_of, write_records

from roboloop.cli.main import run_command
from roboloop.dialects import load_dialect
from roboloop.evaluate.audit.conventions import convention_breaks, convention_readings
from roboloop.evaluate.audit.drift import drift_between, format_drifts, style_of
from roboloop.evaluate.audit.habits import habits
from roboloop.evaluate.audit.leakage import too_good
from roboloop.evaluate.benchmarks.reading import read_benchmarks
from roboloop.evaluate.compare.flags import PublishedLines
from roboloop.evaluate.compare.loaded import Evaluated, load_evaluated

TASKS = ("choice_vqa", "contact_box", "contact_point", "traj")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every record is its own episode: sixteen witnesses to a task."""
    root = tmp_path_factory.mktemp("audit")
    records = [replace(record, meta={}) for record in records_of(TASKS)]
    write_records(root / "records", records=records)
    return root


def evaluated(root: Path, name: str, texts: dict[str, str], **options: object) -> Evaluated:
    out = root / name
    engine = ScriptedEngine(texts.__getitem__, name=name)
    evaluate(root / "records", out=out, engines={"trained": engine}, baselines=[], **options)
    return load_evaluated(str(out))


@pytest.mark.parametrize("spoken", ["gemini", "qwen3_vl"])
def test_another_convention_is_recognised(root: Path, spoken: str) -> None:
    """A model answers in thousandths where pixels are asked for."""
    texts = perfect_texts(records_of(TASKS), dialect=load_dialect(spoken))
    model = evaluated(root, f"speaks-{spoken}", texts)
    found = {finding.task: finding for finding in convention_breaks(model)}
    assert set(found) == {"contact_box", "contact_point", "traj"}
    assert found["contact_box"].numbers["declared"] == "plain"
    readings = convention_readings(
        model.tasks["contact_box"], metric=model.metrics["contact_box"][0], declared="plain"
    )
    assert readings[0].dialect == "plain" and readings[0].mean < 0.5
    best = {reading.dialect for reading in readings if reading.mean > 0.95}
    assert spoken in best


def test_a_benchmark_answered_in_the_models_own_convention_is_recognised(tmp_path: Path) -> None:
    """RefSpatial asks for fractions; the model goes on writing its own pixels."""
    hub_files.refspatial(tmp_path / "hub", num_location=24)
    config = config_for(tmp_path / "hub", benchmarks=("refspatial_location",))
    (read,) = read_benchmarks(config).found
    texts = {r.id: hub_files.perfect_answer(r, dialect=PLAIN) for r in read.records}
    measure(config, out=tmp_path / "out", engine=ToldEngine(texts))
    (found,) = convention_breaks(load_evaluated(str(tmp_path / "out")))
    assert (found.numbers["declared"], found.numbers["other"]) == ("llava", "plain")


def test_sound_answers_give_no_finding(root: Path) -> None:
    texts = perfect_texts(records_of(TASKS))
    moved = {key: text.replace("3", "4") for key, text in texts.items()}  # good, not the truth
    model = evaluated(root, "sound", {k: moved[k] if "box" in k else texts[k] for k in texts})
    assert convention_breaks(model) == []
    kinds = {(finding.kind, finding.task) for finding in habits(model)}
    assert not {kind for kind, _ in kinds} & {"letter bias", "answers cut off"}


def test_wrong_answers_are_no_convention_break(root: Path) -> None:
    """Boxes somewhere else: no dialect makes them right."""
    texts = perfect_texts(records_of(TASKS))
    values = sorted(texts.values())
    wrong = {key: values[place] for place, key in enumerate(sorted(texts, reverse=True))}
    assert convention_breaks(evaluated(root, "wrong", wrong)) == []


def test_scores_above_people_are_findings(root: Path) -> None:
    model = evaluated(root, "perfect", perfect_texts(records_of(TASKS)))
    lines = {"choice_vqa": PublishedLines(best=0.6, best_name="somebody", human=0.95)}
    (finding,) = too_good(model, published=lines)
    assert finding.task == "choice_vqa" and "people reach" in finding.why


def test_pixels_said_to_a_benchmark_that_wants_fractions_are_seen(tmp_path: Path) -> None:
    hub_files.where2place(tmp_path)
    config = config_for(tmp_path, benchmarks=("where2place",))
    (read,) = read_benchmarks(config).found
    answers = {
        record.id: hub_files.perfect_answer(record, dialect=PLAIN) for record in read.records
    }
    measure(config, out=tmp_path / "out", engine=ToldEngine(answers))
    model = load_evaluated(str(tmp_path / "out"))
    outcomes, metric = model.tasks["where2place"], model.metrics["where2place"][0]
    own, *others = convention_readings(outcomes, metric=metric, declared="llava")
    told = {reading.dialect: reading.mean for reading in others}
    assert own.mean < 0.5 and told["plain"] == 1.0
    assert convention_breaks(model) == [], "four items prove nothing"


def test_form_and_ability_are_told_apart(root: Path) -> None:
    texts = perfect_texts(records_of(TASKS))
    chatty = {
        key: text if "vqa" not in key else f"Let me think about the whole scene. {'so ' * 60}"
        for key, text in texts.items()
    }
    plain, changed = evaluated(root, "plain", texts), evaluated(root, "chatty", chatty)
    (finding,) = format_drifts(changed, against=plain)
    assert finding.task == "choice_vqa" and finding.numbers["by_ability"] == 0
    drift = drift_between(
        plain.tasks["choice_vqa"], changed.tasks["choice_vqa"],
        metric=plain.metrics["choice_vqa"][0],
    )  # fmt: skip
    assert drift is not None and drift.style_distance == 1.0
    assert drift.difference == pytest.approx(drift.by_form + drift.by_ability)
    assert drift.by_form == -1.0


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("", "nothing"), ("B", "letter alone"), ("(b).", "letter alone"), ("3.5", "number alone"),
        ("Yes.", "yes or no alone"), ("<think>x</think> B", "thinks first"),
        ("<answer>B</answer>", "answer tag"), ('{"box": [1, 2]}', "JSON"),
        ("```json\n[1]\n```", "fence"), ('<point x="1" y="2">', "tagged places"),
        ("The cup is left of it.", "a sentence"), ("word " * 60, "long text"),
    ],
)  # fmt: skip
def test_styles(text: str, style: str) -> None:
    assert style_of(text) == style


def test_a_favourite_letter_is_seen(tmp_path: Path) -> None:
    records = records_of(["choice_vqa", "grounding_choice"])
    many = [record for record in records if record.split == "val"]
    write_records(tmp_path / "records", records=records)
    texts = perfect_texts(records)
    always_a = {record.id: "A" for record in many}
    for name, said in (("fair", texts), ("biased", always_a)):
        engine = ScriptedEngine(said.__getitem__, name=name)
        evaluate(
            tmp_path / "records", out=tmp_path / name, engines={"trained": engine},
            baselines=[], tasks=["choice_vqa"],
        )  # fmt: skip
    from roboloop.evaluate.audit.habits import letter_bias

    def outcomes(name: str) -> list:
        return list(load_evaluated(str(tmp_path / name)).tasks["choice_vqa"].values()) * 2

    assert letter_bias("choice_vqa", outcomes("fair")) is None
    found = letter_bias("choice_vqa", outcomes("biased"))
    assert found is not None and found.numbers["letter"] == "A"


def test_the_verb_says_and_exits(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = perfect_texts(records_of(TASKS), dialect=load_dialect("qwen3_vl"))
    evaluated(root, "verb", texts)
    assert run_command(["audit", str(root / "verb"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert {finding["kind"] for finding in found} >= {"convention break"}
    assert run_command(["audit", str(root / "nowhere")]) == 2

"""`evaluate MODEL --benchmarks` and `--tasks --data`, with a real model of random weights."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from roboloop.cli.main import run_command
from roboloop.models.tiny import build_tiny

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluate"))
sys.path.insert(0, str(Path(__file__).parents[1] / "engines"))

import hub_files
from loopback_endpoint import Answer, endpoint
from scripted_engine import records_of, write_records

QUICKLY = ("--max-new-tokens", "12", "--batch-size", "8")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = ["Answer with the letter A, B, C or D.", "Which one is it? (0.5, 0.25)"]
    return build_tiny(tmp_path_factory.mktemp("tiny") / "model", seed=0, texts=texts)


def test_benchmarks_of_a_folder_of_ones_own(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub_files.embspatial(tmp_path / "hub")
    hub_files.refspatial(tmp_path / "hub")
    out = tmp_path / "out"
    command = [
        "evaluate", str(model), "--benchmarks", "embspatial,refspatial_planing",
        "--benchmarks-root", str(tmp_path / "hub"), "--out", str(out), *QUICKLY,
    ]  # fmt: skip
    assert run_command(command) == 1  # small files: headlines are refused, and that is said
    said = capsys.readouterr()
    assert said.out.strip() == str(out)
    assert "no headline over 5 of 3,640 items" in said.err
    report = json.loads((out / "report.json").read_text())
    assert [entry["task"] for entry in report["tasks"]] == ["embspatial", "refspatial_placement"]
    assert (out / "report" / "index.html").exists()
    before = (out / "answers" / "model.jsonl").read_bytes()
    assert run_command(command) == 1
    assert (out / "answers" / "model.jsonl").read_bytes() == before


def test_a_served_model_is_asked_and_its_failures_are_asked_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub_files.embspatial(tmp_path / "hub")

    def answer(body: dict[str, Any], number: int) -> Answer:
        assert body["temperature"] == 0.0 and body["max_tokens"] == 12
        return Answer("B", status=503 if number % 5 == 2 else 200)

    out = tmp_path / "out"
    with endpoint(answer, models=[{"id": "Qwen2.5-VL-7B-Instruct"}]) as server:
        command = [
            "evaluate", "Qwen2.5-VL-7B-Instruct", "--benchmarks", "embspatial", "--engine",
            f"openai:{server.url}", "--benchmarks-root", str(tmp_path / "hub"), "--out", str(out),
            *QUICKLY,
        ]  # fmt: skip
        assert run_command(command) == 1
        num_asked = len(server.requests)
        assert run_command(command) == 1
        assert len(server.requests) == num_asked
    report = json.loads((out / "report.json").read_text())
    (result,) = report["tasks"][0]["results"]
    assert result["model"] == "Qwen2.5-VL-7B-Instruct" and result["num_request_failed"] == 0
    assert result["metrics"]["accuracy"]["value"] == 0.2
    assert "profile qwen25_vl" in capsys.readouterr().err


def test_tasks_of_records_that_lie_somewhere(model: Path, tmp_path: Path) -> None:
    records = write_records(tmp_path / "val", records=records_of(["contact_box", "traj"]))
    out = tmp_path / "out"
    command = [
        "evaluate", str(model), "--tasks", "contact_box", "--data", str(records), "--max-items",
        "4", "--out", str(out), *QUICKLY,
    ]  # fmt: skip
    assert run_command(command) == 0
    report = json.loads((out / "report.json").read_text())
    assert [(e["task"], e["num_records"]) for e in report["tasks"]] == [("contact_box", 4)]
    assert (out / "report" / "index.html").exists()


@pytest.mark.parametrize(("name", "is_told"), [("gpt-4o", True), ("Molmo-7B", False)])
def test_a_model_without_a_convention_is_told_how_to_write_places(
    name: str, is_told: bool, tmp_path: Path
) -> None:
    records = write_records(tmp_path / "val", records=records_of(["contact_box", "choice_vqa"]))
    with endpoint(lambda body, number: Answer("B"), models=[{"id": name}]) as server:
        command = [
            "evaluate", name, "--data", str(records), "--max-items", "2", "--engine",
            f"openai:{server.url}", "--out", str(tmp_path / "out"),
        ]  # fmt: skip
        assert run_command(command) == 0
    texts = [json.dumps(body["messages"], ensure_ascii=False) for body in server.requests]
    told = [text for text in texts if "Write the answer as" in text]
    assert len(texts) == 4 and len(told) == (2 if is_told else 0)
    assert all("fractions" in text for text in told)


def test_a_server_that_shows_pictures_at_another_size_is_not_measured_on_places(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its tokens tell (every question costs as many, with a picture or without)."""
    records = write_records(tmp_path / "val", records=records_of(["contact_box", "choice_vqa"]))
    name = "Qwen2.5-VL-7B-Instruct"
    with endpoint(lambda body, number: Answer("B"), models=[{"id": name}]) as server:
        command = [
            "evaluate", name, "--data", str(records), "--max-items", "2", "--engine",
            f"openai:{server.url}", "--out", str(tmp_path / "out"), "--tasks",
        ]  # fmt: skip
        assert run_command([*command, "contact_box"]) == 2
        assert "E-ENG-015" in capsys.readouterr().err
        assert run_command([*command, "choice_vqa"]) == 0


def test_mistakes_are_told_and_not_traced(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["evaluate", str(model), "--benchmarks", "blink"]) == 2
    assert "--benchmarks-root" in capsys.readouterr().err
    here = ["--benchmarks-root", str(tmp_path), "--out", str(tmp_path / "out")]
    assert run_command(["evaluate", str(model), "--benchmarks", "blonk", *here]) == 2
    assert "did you mean 'blink'" in capsys.readouterr().err
    assert run_command(["evaluate", str(model), "--benchmarks", "blink", *here]) == 2
    assert "BLINK-Benchmark/BLINK" in capsys.readouterr().err
    wrong = ["evaluate", str(model), "--benchmarks", "blink", *here, "--sampler", "random"]
    assert run_command(wrong) == 2
    assert "--sampler" in capsys.readouterr().err

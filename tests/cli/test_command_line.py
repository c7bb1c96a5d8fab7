"""Verbs as a person meets them: exit status, what is said, no traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roboloop.base.errors import RestartableError
from roboloop.cli.main import run_command
from roboloop.pipeline import execute


def test_an_unknown_key_ends_in_one_message_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("schema: 1\nname: x\nmodle: {kind: tiny}\n")
    assert run_command(["check", str(recipe)]) == 2
    said = capsys.readouterr().err
    assert "E-CFG-002" in said
    assert "Did you mean 'model'?" in said
    assert "Traceback" not in said


def test_a_run_that_wants_a_new_start_says_so_by_its_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ends(*_: object, **__: object) -> None:
        raise RestartableError("E-TRN-007", "out of memory at step 7")

    monkeypatch.setattr(execute, "run_recipe", ends)
    assert run_command(["run", "demo_cpu"]) == 75
    assert "E-TRN-007" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--nproc", "0"], "give 1 or more"),
        (["--nodes", "2", "--nproc", "8"], "need --nproc and --rendezvous"),
        (["--nodes", "2", "--node-rank", "2"], "of 2 nodes, counted from 0"),
        (["--nproc", "2", "--rendezvous", "head"], "give host:port"),
    ],
)
def test_processes_that_cannot_be_are_a_mistake(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["train", "demo_cpu", *options]) == 2
    assert "E-CFG-003 " in (error := capsys.readouterr().err) and said in error


def test_list_prints_every_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["list", "--json"]) == 0
    tables = json.loads(capsys.readouterr().out)
    wanted = {"tasks", "dialects", "sources", "composers", "profiles", "benchmarks", "recipes"}
    assert set(tables) == wanted
    assert "contact_box" in tables["tasks"]
    assert all(text for rows in tables.values() for text in rows.values())
    assert run_command(["list", "errors"]) == 0
    assert "E-REC-012" in capsys.readouterr().out


def test_doctor_names_a_mend_for_each_gap(capsys: pytest.CaptureFixture[str]) -> None:
    status = run_command(["doctor", "--json"])
    findings = json.loads(capsys.readouterr().out)
    assert {"torch", "GPU", "disk", "OpenGL", "video files"} <= {f["what"] for f in findings}
    assert all(finding["good"] or finding["mend"] for finding in findings)
    assert status == int(any(f["needed"] and not f["good"] for f in findings))


def test_plan_says_what_is_to_do_and_writes_the_lock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["plan", "demo_cpu", "--out", str(tmp_path), "--json"]) == 0
    steps = json.loads(capsys.readouterr().out)
    assert [step["stage"] for step in steps][:2] == ["data", "model"]
    assert {step["state"] for step in steps} == {"to do"}
    assert "num_bootstrap" in (tmp_path / "recipe.lock.yaml").read_text()


def test_check_finds_a_broken_record_and_ends_with_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = {"id": "r1", "task": "contact_box", "answer": {"kind": "box", "box_px": [9, 1, 3, 4]}}
    records = tmp_path / "bad.jsonl"
    records.write_text(json.dumps(bad) + "\n")
    assert run_command(["check", str(records)]) == 1
    said = capsys.readouterr().err
    assert "E-REC-012" in said
    assert f"{records}:1" in said
    assert "'r1'" in said


@pytest.mark.parametrize("verb", ["run", "plan", "data", "train", "evaluate", "report"])
def test_a_missing_recipe_is_named(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([verb, "no_such_recipe.yaml"]) == 2
    assert "E-CFG-004" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["check", "look"])
def test_no_argument_is_answered_with_the_usage(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command([verb]) == 2
    assert f"roboloop {verb} FILE" in capsys.readouterr().err

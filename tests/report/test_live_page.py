"""The page of a run that is still going on, in a browser and from disk."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from roboloop.cli.main import run_command
from roboloop.report.training_page import LivePage, followed
from roboloop.runs.training_log import SAMPLE, has_ended, logs_of

LINES = SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)


def test_the_page_follows_the_log_until_the_run_ends(tmp_path: Path, watched: Any) -> None:
    log = tmp_path / "trainer_log.jsonl"
    made = LivePage(tmp_path / "live", title="made run")
    with followed(made, find_logs=lambda: {"ground": log}, is_last=True, every_seconds=0.05):
        page = watched.open(made.page)
        expect(page.get_by_text("Nothing is logged yet.")).to_be_visible()
        log.write_text("".join(LINES[:6]))
        expect(page.get_by_text("30 of 93")).to_be_visible()
        expect(page.get_by_text("This page follows the run.")).to_be_visible()
        page.reload()
        expect(page.get_by_text("30 of 93")).to_be_visible()
        with log.open("a") as stream:
            stream.writelines(LINES[6:15])
        expect(page.get_by_text("75 of 93")).to_be_visible()
        expect(page.locator("svg.line-chart")).to_have_count(3)
        with log.open("a") as stream:
            stream.writelines(LINES[15:])
    expect(page.get_by_text("The training has ended.")).to_be_visible()
    expect(page.get_by_text("0.2805 at step 90")).to_be_visible()


def test_who_reads_a_value_goes_on_reading_when_lines_come(tmp_path: Path, watched: Any) -> None:
    log = tmp_path / "trainer_log.jsonl"
    log.write_text("".join(LINES[:6]))
    made = LivePage(tmp_path / "live", title="made run")
    made.update({"ground": log})
    page = watched.open(made.page)
    chart = page.get_by_role("img", name="loss:")
    chart.focus()
    page.keyboard.press("ArrowLeft")
    first = page.locator("figure").first
    expect(first).to_contain_text("step 25:")
    warning = "the tracker 'wandb' failed at step 30"
    more = json.dumps({"current_steps": 30, "total_steps": 93, "warning": warning})
    log.write_text("".join([*LINES[:6], more + "\n", *LINES[6:8]]))
    made.update({"ground": log})
    expect(page.get_by_role("img", name="at step 40").first).to_be_visible()
    expect(page.get_by_text(warning)).to_be_visible()
    expect(first).to_contain_text("step 25:")
    page.keyboard.press("ArrowRight")
    expect(first).to_contain_text("step 30:")
    made.update({"ground": log}, goes_on=False)
    expect(page.get_by_text("The training stopped at step 40 of 93.")).to_be_visible()


def test_a_page_that_cannot_be_written_does_not_disturb_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "trainer_log.jsonl"
    made = LivePage(tmp_path / "live", title="made run")
    with followed(made, find_logs=lambda: {"ground": log}, is_last=True, every_seconds=0.01):
        shutil.rmtree(tmp_path / "live")
        (tmp_path / "live").write_text("a file in the way")
        log.write_text(LINES[0])
        time.sleep(0.1)
    assert capsys.readouterr().err.count("could not be written") == 1


def test_a_run_that_fails_is_no_longer_followed(tmp_path: Path) -> None:
    made = LivePage(tmp_path / "live", title="made run")
    with pytest.raises(ZeroDivisionError), followed(made, find_logs=dict, is_last=False):
        raise ZeroDivisionError
    assert '"live":false' in (tmp_path / "live/data/live.js").read_text()


def test_watch_ends_when_the_training_has(tmp_path: Path) -> None:
    stages = tmp_path / "stages"
    for name, lines in (("train.warm-0123456789", LINES), ("train.ground-abcdef0123", LINES[:6])):
        (stages / name).mkdir(parents=True)
        (stages / name / "trainer_log.jsonl").write_text("".join(lines))
        time.sleep(0.01)
    assert list(logs_of(tmp_path)) == ["warm", "ground"]
    assert not has_ended(logs_of(tmp_path))
    log = stages / "train.ground-abcdef0123" / "trainer_log.jsonl"
    log.write_text("".join(LINES))
    assert run_command(["watch", str(tmp_path)]) == 0
    text = (tmp_path / "watch/data/live.js").read_text()
    assert '"live":false' in text and '"stage":"warm"' in text


def test_import_log_writes_page_and_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_command(["import-log", "sample", "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert "until step 80 of 93" in " ".join(said.err.split())
    assert Path(said.out.strip()).is_file()
    assert sorted(path.name for path in (out / "figures").iterdir()) == [
        f"{name}.{form}" for name in ("loss", "lr", "throughput") for form in ("png", "svg")
    ]
    assert run_command(["import-log", str(tmp_path / "none.jsonl"), "--out", str(out)]) == 2

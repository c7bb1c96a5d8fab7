"""The log's numbers and the plot's shape."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from roboloop.train.batches import TokenCounts
from roboloop.train.figures import EVERY_SECONDS, LiveFigures
from roboloop.train.log import LogLine, TrainerLog
from roboloop.train.plot import HEIGHT, WIDTH, curve_plot, smoothed

SVG = "{http://www.w3.org/2000/svg}"


def line(step: int, **changes: float) -> LogLine:
    counts = TokenCounts(real=300, target=40, image=200, padding=100)
    values: dict[str, Any] = {
        "step": step, "total_steps": 200, "loss": 1.23456, "rate": 2e-4, "epoch": 0.25,
        "seconds": 90.0, "num_tokens": 9000, "counts": counts, "grad_norm": 0.5,
    }  # fmt: skip
    return LogLine(**(values | changes))


def test_a_line_says_how_far_and_how_long() -> None:
    value = line(50).to_json()
    assert value["percentage"] == 25.0
    assert value["elapsed_time"] == "0:01:30"
    assert value["remaining_time"] == "0:04:30"
    assert value["throughput"] == 100.0
    assert value["loss"] == 1.2346
    assert value["tokens_image"] == 200
    assert value["padding_fraction"] == 0.25


def test_a_resumed_log_forgets_what_was_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "trainer_log.jsonl"
    first = TrainerLog(path, keep_to=0)
    for step in (5, 10, 15):
        first.add(line(step))
    with path.open("a") as stream:
        stream.write('{"current_steps": 20, "lo')
    again = TrainerLog(path, keep_to=10)
    again.add(line(15))
    steps = [json.loads(text)["current_steps"] for text in path.read_text().splitlines()]
    assert steps == [5, 10, 15]


def test_plot_is_a_picture_of_the_points() -> None:
    points = [(step, 3.0 / step) for step in range(1, 51)]
    root = ElementTree.fromstring(curve_plot(points, name="loss", title="ground <1>").svg)
    *grid, raw, smooth = root.findall(f"{SVG}polyline")
    assert len(grid) == 6
    places = [tuple(map(float, pair.split(","))) for pair in raw.attrib["points"].split()]
    assert len(places) == 50
    xs, ys = zip(*places, strict=True)
    assert list(xs) == sorted(xs) and list(ys) == sorted(ys)
    assert len(smooth.attrib["points"].split()) == 50
    assert root.findtext(f"{SVG}title") == "ground <1>: loss"


def test_both_pictures_show_the_same_curve() -> None:
    points = [(step, float(step)) for step in range(10)]
    plot = curve_plot(points, name="lr", title="x")
    line = ElementTree.fromstring(plot.svg).findall(f"{SVG}polyline")[-1]
    picture = Image.open(io.BytesIO(plot.png))
    assert picture.size == (2 * WIDTH, 2 * HEIGHT)
    for pair in line.attrib["points"].split()[:-1]:
        x, y = map(float, pair.split(","))
        red, _, blue = picture.getpixel((round(2 * x), round(2 * y)))  # pyright: ignore[reportGeneralTypeIssues]
        assert blue > red + 60, "the curve is blue"


def test_values_below_zero_are_in_the_picture() -> None:
    points = [(step, -3.0 + step) for step in range(5)]
    line = ElementTree.fromstring(curve_plot(points, name="margin", title="x").svg).findall(
        f"{SVG}polyline"
    )[-1]
    heights = [float(pair.split(",")[1]) for pair in line.attrib["points"].split()]
    assert all(0 < height < HEIGHT for height in heights) and heights[0] > heights[-1]


@pytest.mark.parametrize("points", [[], [(1, 2.0)], [(1, float("nan")), (2, 1.0)], [(1, 0.0)]])
def test_plot_of_little_is_still_a_picture(points: list[tuple[float, float]]) -> None:
    plot = curve_plot(points, name="loss", title="x")
    ElementTree.fromstring(plot.svg)
    assert "nan" not in plot.svg
    Image.open(io.BytesIO(plot.png)).verify()


def test_figures_are_drawn_while_the_run_goes_on(tmp_path: Path) -> None:
    log = TrainerLog(tmp_path / "trainer_log.jsonl", keep_to=0)
    figures = LiveFigures(tmp_path / "figures", lines=log.lines, title="ground")
    log.listeners.append(figures)
    log.add(line(5))
    assert not (tmp_path / "figures").exists()
    figures._drawn -= EVERY_SECONDS
    log.add(line(10))
    early = (tmp_path / "figures/loss.svg").read_text()
    log.add(LogLine(**{**asdict(line(15)), "counts": TokenCounts(), "metrics": {"margin": 0.5}}))
    assert (tmp_path / "figures/loss.svg").read_text() == early
    figures.close()
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    drawn = ("loss", "lr", "throughput", "grad_norm", "padding_fraction", "margin")
    assert names == {f"{name}.{form}" for name in drawn for form in ("svg", "png")}
    assert (tmp_path / "figures/loss.svg").read_text() != early


def test_smoothing_keeps_a_constant() -> None:
    assert smoothed([2.0] * 5) == pytest.approx([2.0] * 5)

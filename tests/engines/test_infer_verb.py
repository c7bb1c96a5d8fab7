"""`roboloop infer`: one question to a server, its answer drawn."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from loopback_endpoint import Answer, endpoint

from roboloop.base.geometry import PictureSize
from roboloop.cli.main import run_command
from roboloop.dialects import load_dialect
from roboloop.tasks.draw import INK
from roboloop.tasks.loose_marks import loose_marks

GREY = (90, 90, 90)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.new("RGB", (200, 100), GREY).save(path)
    return path


def test_a_box_is_drawn_where_the_profile_says_it_is(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = '[{"box_2d": [200, 100, 800, 500], "label": "cup"}]'
    listed = [{"id": "gemini-2.5-flash"}]
    drawn = tmp_path / "out" / "drawn.png"
    words = ["--image", str(picture), "--ask", "Where is the cup?", "--draw", str(drawn)]
    with endpoint(lambda body, number: Answer(said), models=listed) as server:
        assert run_command(["infer", f"openai:{server.url}", *words]) == 0
        output = capsys.readouterr()
        assert output.out.strip() == said and "profile gemini" in output.err
        assert run_command(["infer", server.url, *words, "--json"]) == 0
    (mark,) = json.loads(capsys.readouterr().out)["marks"]
    assert mark["points_px"] == [[20, 20], [100, 80]] and mark["label"] == "cup"
    seen = Image.open(drawn)
    assert seen.getpixel((20, 50)) == INK and seen.getpixel((60, 20)) == INK
    assert seen.getpixel((60, 50)) == GREY, "only the border is drawn"


def test_points_and_paths_are_read_as_asked() -> None:
    dialect, size = load_dialect("plain"), PictureSize(200, 100)
    text = "[[10, 20], [30, 40], [50, 60]]"
    points = loose_marks(text, dialect=dialect, size=size)
    (path,) = loose_marks(text, dialect=dialect, size=size, shape="path")
    assert [mark.shape for mark in points] == ["points"] * 3
    assert path.shape == "path" and path.points_px[-1] == (50, 60)
    assert loose_marks("no idea", dialect=dialect, size=size) == ()


def test_no_answer_is_no_success(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--name", "molmo", "--image", str(picture), "--ask", "where?"]
    with endpoint(lambda body, number: Answer(status=400, raw=b"no such field")) as server:
        assert run_command(["infer", server.url, *words]) == 1
    assert "no such field" in capsys.readouterr().err
    assert run_command(["infer", "openai:http://127.0.0.1:9/v1", "--ask", "q", "--draw", "a"]) == 2
    assert run_command(["infer", "openai:http://127.0.0.1:9/v1", "--ask", "q", "--image", "b"]) == 2

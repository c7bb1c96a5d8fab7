"""The line that a long piece of work leaves in a log."""

from __future__ import annotations

import io
import re

from rich.console import Console

from roboloop.base.progress import ProgressBar


def test_a_line_says_how_long_the_rest_takes_at_the_speed_of_this_attempt() -> None:
    out = io.StringIO()
    bar = ProgressBar("ground", total=1000, out=Console(file=out), done=900)
    bar._started -= 60.0
    bar.advance(50, note="loss 0.5")
    bar._out.print(bar._line())
    bar._said -= 60.0  # the last step is said once, at the end
    bar.advance(50)
    bar.close()
    under_way, ended = out.getvalue().splitlines()
    assert re.fullmatch(r"ground: 950/1000 in 60 s, 0:01:00 left  loss 0.5", under_way)
    assert ended.startswith("ground: 1000/1000 in 60 s  loss 0.5")

"""Figures of a log, `figures/loss.svg`, `loss.png` and so on, kept up while a run goes on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from roboloop.base.files import atomic_write_bytes, atomic_write_text
from roboloop.runs.training_log import curves_of, thinned
from roboloop.train.plot import curve_plot

FOLDER = "figures"
EVERY_SECONDS = 30.0
NOT_DRAWN = frozenset(
    {
        "tokens_real", "tokens_target", "tokens_image", "data_wait_seconds",
        "memory", "vram_allocated", "vram_reserved",
    }
)  # fmt: skip
"""Fields that say little as a curve. All others are drawn, those of an objective too."""


def write_figures(folder: Path, *, lines: Sequence[Mapping[str, Any]], title: str) -> list[Path]:
    """Draw every curve of a log; each file is the whole old or the whole new one.

    Returns:
        The SVG files; a PNG lies beside each.
    """
    written: list[Path] = []
    for name, curve in curves_of(lines).items():
        if name in NOT_DRAWN:
            continue
        plot = curve_plot(thinned(curve), name=name, title=title)
        path = folder / f"{name.replace('/', '_')}.svg"
        atomic_write_text(path, text=plot.svg)
        atomic_write_bytes(path.with_suffix(".png"), data=plot.png)
        written.append(path)
    return written


class LiveFigures:
    """A listener of the log that draws it again now and then, and at the end.

    Args:
        folder: Where the figures go.
        lines: All lines of the log; grows as the run goes on.
        title: Name of the phase.
    """

    def __init__(self, folder: Path, *, lines: Sequence[Mapping[str, Any]], title: str) -> None:
        self._folder = folder
        self._lines = lines
        self._title = title
        self._drawn = time.monotonic()

    def line(self, value: Mapping[str, Any]) -> None:
        """Draw when the last figures are old."""
        if time.monotonic() - self._drawn >= EVERY_SECONDS:
            self._write()

    def close(self) -> None:
        """Draw the last state."""
        self._write()

    def _write(self) -> None:
        write_figures(self._folder, lines=self._lines, title=self._title)
        self._drawn = time.monotonic()

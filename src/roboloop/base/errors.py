"""Errors that speak to the person: a code, the place, what is wrong, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from roboloop.base.catalogue import CATALOGUE

START_AGAIN = 75
"""Exit status of a process that goes on when it is started again, as `sysexits.h` has it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is wrong: file, line and column (counted from 1) and record id, as known."""

    file: str | Path | None = None
    line: int | None = None
    column: int | None = None
    record_id: str | None = None

    def __str__(self) -> str:
        spot = "" if self.file is None else str(self.file)
        for number in (self.line, self.column):
            if number is not None:
                spot += f":{number}"
        if self.record_id is not None:
            spot += f"{' ' if spot else ''}record {self.record_id!r}"
        return spot


class RoboLoopError(ValueError):
    """A mistake a user can mend. Raised with a code of the catalogue; shown without traceback.

    Args:
        code: A key of `roboloop.base.catalogue.CATALOGUE`, such as `E-REC-012`.
        detail: What is wrong with this very thing, with its values.
        place: File, line and record, as far as known.
        fix: What to do; the catalogue's remedy when left out.
    """

    def __init__(
        self, code: str, detail: str, *, place: Place | None = None, fix: str | None = None
    ) -> None:
        self.code = code
        self.detail = detail
        self.place = place or Place()
        self.fix = CATALOGUE[code].remedy if fix is None else fix
        super().__init__(code, detail)

    def __str__(self) -> str:
        spot = str(self.place)
        head = f"{self.code} {spot}: " if spot else f"{self.code} "
        return f"{head}{self.detail}. {self.fix}" if self.fix else f"{head}{self.detail}."

    def located(self, place: Place) -> RoboLoopError:
        """The same error with gaps in its place filled from `place`."""
        mine = self.place
        merged = Place(
            mine.file if mine.file is not None else place.file,
            mine.line if mine.line is not None else place.line,
            mine.column if mine.column is not None else place.column,
            mine.record_id if mine.record_id is not None else place.record_id,
        )
        return RoboLoopError(self.code, self.detail, place=merged, fix=self.fix)


class RestartableError(RoboLoopError):
    """A run that ended and goes on when the same command is given again, by hand or by itself."""


class MissingDependencyError(RoboLoopError):
    """An optional package is not installed; the message carries the command that installs it."""

    def __init__(self, package: str, *, purpose: str, extra: str) -> None:
        super().__init__(
            "E-ENV-001",
            f"{purpose} needs the package {package!r}, which is not installed",
            fix=f"Install it with: pip install 'roboloop[{extra}]'.",
        )
